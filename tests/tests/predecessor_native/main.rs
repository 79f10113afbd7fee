//! The native cases of go-kit's own tests (N1-N5; N6 is a mapping of records and stands with the
//! core's cases), the native halves of its cache and endpointer cases, and the faults of its
//! clients that a shared balancer must not repeat.
//!
//! Time is tokio's paused clock, which jumps to the next timer when nothing else can run.

mod calls;
mod clients;
mod discovery;

use core::time::Duration;
use std::io;

use evenkeel::{AnyPolicy, Balancer, Target};

pub(crate) type Text = Balancer<String, AnyPolicy>;

/// A client that is its own address.
pub(crate) async fn text(target: Target) -> Result<String, io::Error> {
    Ok(target.to_string())
}

/// Lets everything run that can, then `seconds` pass.
pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// The addresses that are picked from.
pub(crate) fn endpoints<C, P: evenkeel::Policy>(balancer: &Balancer<C, P>) -> Vec<String> {
    balancer
        .endpoints()
        .into_iter()
        .filter(|status| status.candidate)
        .map(|status| status.target.to_string())
        .collect()
}
