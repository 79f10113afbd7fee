//! evenkeel for JavaScript: thin classes over [`evenkeel_core`], wrapped by the TypeScript in `ts/`.
//!
//! Only numbers cross the boundary on the way of a request: times are milliseconds of the caller's
//! clock, endpoints are slot indices, picks and attempts are small integers that stand for tokens
//! kept on this side, and what has a name in the core is its `index()` there. Nothing here panics:
//! what users give is checked in `ts/`, and whatever arrives all the same is clamped or ignored.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod balancer;
mod budget;
mod call;
mod convert;
#[cfg(feature = "full")]
mod fault;
mod look;
mod names;
mod parts;
mod random;
#[cfg(feature = "full")]
mod state;
mod tickets;

pub use balancer::Balancer;
pub use budget::Budget;
pub use call::{Call, DETAILS, STEPS};
pub use look::{ENDPOINT_COLUMNS, EVENT_COLUMNS};
pub use names::verdict;
pub use tickets::{SLOTS, TICKETS, WHYS};

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
