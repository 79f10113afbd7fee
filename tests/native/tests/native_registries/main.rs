//! Registries as sources: real servers where they are to be had, and servers of ours that do all
//! that a server should not.
//!
//! Real sockets, so real time: each change is waited for.

mod consul;
mod etcd;
mod http;
mod kubernetes;
mod large;
mod secure;

use core::time::Duration;

use evenkeel::LongPollConfig;

pub(crate) use evenkeel_tests::bed::{
    Bed, PATIENCE, becomes, bed, error, known, status, tasks, tasks_become,
};
pub(crate) use evenkeel_tests::servers::certificates::certificates;

/// Waits of milliseconds where they are seconds.
pub(crate) fn quick() -> LongPollConfig {
    LongPollConfig {
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(1_500),
        refill: Duration::from_millis(10),
        backoff_base: Duration::from_millis(10),
        backoff_max: Duration::from_millis(50),
        ..LongPollConfig::default()
    }
}

/// Waits until nothing is wrong any more.
pub(crate) async fn well(bed: &Bed) {
    status(bed, |status| status.error.is_none() && status.queries > 0).await;
}
