//! evenkeel for JavaScript: functions on numbers over [`evenkeel_core`], wrapped by the TypeScript
//! in `ts/`.
//!
//! Only numbers cross the boundary: times are milliseconds of the caller's clock, what JavaScript
//! holds (balancers, calls, budgets, URLs) and tokens (picks, attempts) are small integers that
//! stand for what is kept on this side, endpoints are slot indices, and what has a name in the core
//! is its `index()` there. Text goes through [one memory](memory) that both sides write. Nothing
//! here panics: what users give is checked in `ts/`, and whatever arrives all the same is clamped
//! or ignored.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod balancer;
pub mod budget;
pub mod call;
pub mod configure;
mod convert;
pub mod endpoints;
#[cfg(feature = "full")]
mod fault;
pub mod look;
pub mod memory;
mod names;
mod parts;
pub mod request;
mod slab;
#[cfg(feature = "full")]
pub mod state;
mod tickets;
pub mod url;

pub use call::{DETAILS, STEPS};
pub use look::{ENDPOINT_COLUMNS, EVENT_COLUMNS};
pub use names::verdict;
pub use parts::FEW_POLICIES;
pub use tickets::{SLOTS, TICKETS, WHYS};

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
