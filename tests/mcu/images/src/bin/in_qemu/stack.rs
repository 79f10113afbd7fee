//! How much stack a function takes.

use core::arch::asm;

/// The most that can be seen, in bytes.
const DEPTH: usize = 4096;
const PAINT: u32 = 0x5741_5453;

/// Runs a function, and tells how many bytes of stack it took: the paint is gone from those.
#[inline(never)]
pub(crate) fn stack_of<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let bottom = stack_pointer().wrapping_sub(DEPTH / size_of::<u32>());
    for index in 0..DEPTH / size_of::<u32>() {
        // SAFETY: the RAM below the stack pointer is free. Both machines have more than `DEPTH` of
        // it, this function's frame is above, and no interrupt is enabled.
        unsafe { bottom.wrapping_add(index).write_volatile(PAINT) }
    }
    let done = run();
    let mut left = 0;
    // SAFETY: as above; what was just painted is read.
    while left < DEPTH && unsafe { bottom.wrapping_byte_add(left).read_volatile() } == PAINT {
        left += size_of::<u32>();
    }
    (done, DEPTH - left)
}

#[expect(clippy::inline_always, reason = "a frame of its own would be below the pointer it tells")]
#[inline(always)]
fn stack_pointer() -> *mut u32 {
    let pointer;
    // SAFETY: a register is read.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
        #[cfg(target_arch = "riscv32")]
        asm!("mv {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}
