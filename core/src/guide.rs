//! The guide: what goes beyond one type.
//!
//! 1. [The map and the run loop](run_loop)
//! 2. [Policies: which one](policies)
//! 3. [Health, and the books of rules](health)
//! 4. [Calls, budgets and hedges](calls)
//! 5. [Storage, kits and firmware](firmware)
//! 6. [Your own policy, source and settings](extending)
//! 7. [Costs](costs)
//! 8. [Decisions](decisions)
//!
//! [A picture of the modules](modules) says what takes from what.
//!
//! The modules have no code; every example in them is compiled and run by the tests.

/// Makes a page of the guide from a file.
macro_rules! pages {
    ($($name:ident: $file:literal;)*) => {$(
        #[doc = include_str!(concat!("../guide/", $file))]
        pub mod $name {}
    )*};
}

pages! {
    run_loop: "01-run-loop.md";
    policies: "02-policies.md";
    health: "03-health.md";
    calls: "04-calls.md";
    firmware: "05-firmware.md";
    extending: "06-extending.md";
    costs: "07-costs.md";
    decisions: "08-decisions.md";
}

/// The modules of this crate, as a picture: imports go one way, and no module is in a circle.
///
/// `cargo run -p evenkeel-modules -- --svg core/guide/modules.svg core/src` draws it, and
/// `tests/run lint` fails where it is out of date.
///
#[doc = include_str!("../guide/modules.svg")]
pub mod modules {}
