//! evenkeel for JavaScript: thin classes over [`evenkeel_core`], wrapped by the TypeScript in `ts/`.
//!
//! On the way of a request only numbers cross the boundary: times are milliseconds of the caller's clock, endpoints are
//! slot indices, picks and attempts are small integers that stand for tokens kept on this side. Nothing here panics: what
//! users give is checked in `ts/check.ts`, and whatever arrives all the same is clamped or ignored.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![forbid(unsafe_code)]
#![allow(clippy::float_cmp, reason = "in what wasm-bindgen writes for enums")]

extern crate alloc;

mod balancer;
mod budget;
mod call;
mod convert;
mod look;
mod settings;
mod state;
mod tickets;

pub use balancer::{Balancer, Outcome, Why};
pub use budget::Budget;
pub use call::{Call, End, StepKind, Verdict};

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
