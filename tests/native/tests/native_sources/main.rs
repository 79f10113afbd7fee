//! Sources that say themselves when they have news.

mod boxed;
mod broken;
mod combine;
mod content;
mod file;
mod fixed;
mod large;
mod publisher;
mod removal;
mod watch;

use evenkeel::{Endpoint, Target};
pub(crate) use evenkeel_tests::bed::{
    Bed, PATIENCE, becomes, bed, error, known, status, tasks, tasks_become,
};

/// Reads a target, with weight 1.
pub(crate) fn at(target: &str) -> Endpoint<Target> {
    Endpoint::new(target.parse().unwrap())
}
