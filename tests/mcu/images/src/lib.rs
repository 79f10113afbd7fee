//! Images: what the core takes on a microcontroller, linked without start-up code. `tests/run mcu`
//! holds each to the limits of `limits.txt`, and none links that can panic.
#![cfg(target_os = "none")]
#![no_std]

pub mod board;
pub mod full_path;

/// How many endpoints an image has room for.
pub const ROOM: usize = 8;

/// Makes a program of a function and of the statics that it works on, each with its first value.
///
/// Its panic handler calls a function that is nowhere: the image links only if no panic is
/// reachable.
#[macro_export]
macro_rules! image {
    ($run:path $(, $kind:ty = $first:expr)* $(,)?) => {
        #[unsafe(no_mangle)]
        extern "C" fn _start() -> ! {
            $run($({
                static mut STATE: $kind = $first;
                // SAFETY: a board starts its program once, and nobody else can name this.
                unsafe { &mut *&raw mut STATE }
            }),*)
        }

        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
            unsafe extern "C" {
                safe fn a_panic_is_reachable(info: *const ()) -> !;
            }
            a_panic_is_reachable(core::ptr::from_ref(info).cast())
        }
    };
}
