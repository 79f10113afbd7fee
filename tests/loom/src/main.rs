//! Models of what threads share: the balancer's own modules over loom's atomics, in every order with
//! a few interruptions. Not a test target: those would have the modules' own tests.
//!
//! arc-swap has no loom: in its place is a lock, so that the order of its loads and stores is tried,
//! and not how it does them. Everything around it is the balancer's.

#![deny(unsafe_code)]
#![expect(dead_code, reason = "the modules have more than the models need")]

// The name by which the modules ask for it.
extern crate self as arc_swap;

#[path = "../../../native/src/load.rs"]
mod load;
mod models;
#[path = "../../../native/src/pocket.rs"]
mod pocket;
#[path = "../../../native/src/published.rs"]
mod published;
mod snapshot;
mod stripe;
mod swap;
mod sync;
#[path = "../../../native/src/vitals.rs"]
mod vitals;

pub(crate) use swap::{ArcSwap, Guard};

/// How often a thread is interrupted where it would not have to wait, at most: without a bound, three
/// threads take hours.
const PREEMPTIONS: usize = 3;

fn main() {
    let trial = |(name, model): (&str, fn())| {
        libtest_mimic::Trial::test(name, move || {
            let mut builder = loom::model::Builder::new();
            builder.preemption_bound = Some(PREEMPTIONS);
            builder.check(model);
            Ok(())
        })
    };
    let arguments = libtest_mimic::Arguments::from_args();
    libtest_mimic::run(&arguments, models::ALL.map(trial).into()).exit();
}
