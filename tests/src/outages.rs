//! Outages that users have, as simulations: what ejection makes of them.
//!
//! ```
//! use evenkeel_tests::outages::{Figure, OURS, Outage, hung, measure, play};
//!
//! let outage = Outage::new("two of ten hang")
//!     .hosts(10)
//!     .load(70)
//!     .fault(hung(2), 20..40)
//!     .seconds(60)
//!     .shows(Figure::Before);
//! let figures = measure(&outage, OURS.1, &play);
//! assert_eq!(figures.of(Figure::Before), Some(0));
//! ```

mod figures;
pub mod first;
mod named;
mod outage;
mod random;
mod sizes;

use evenkeel_core::retry::AnyBudget;
use evenkeel_core::{Book, Config};

use crate::simulation::{Log, Scenario, run};

pub use figures::{Column, Figure, Figures, column, lines, measure, table};
pub use named::named;
pub use outage::{Outage, Trouble, dead, failing, flapping, hung, refusing, restarting, slow};
pub use random::{FRESH, Kind, Lost, SEEDS, draw, draw_with_backups, lose, loses, means, summary};
pub use sizes::{black_hole, levels, levels_by_policy, moving, small, spared, weighted};

/// The name of rules of outlier detection, and settings with them.
pub type Detection = (&'static str, Config);
/// None is ejected.
pub const OFF: Detection = ("off", Config { book: Book::Off, ..Config::DEFAULT });
/// Ours, with our defaults.
pub const OURS: Detection = ("ours", Config::DEFAULT);
/// Envoy's.
pub const ENVOY: Detection = ("Envoy's", Config::ENVOY);
/// gRPC's.
pub const GRPC: Detection = ("gRPC's", Config::GRPC);
/// The rules of the core's first edition, which is not in this workspace.
pub const FIRST_EDITION: &str = "first edition";

/// All outages by sections, each with its title.
pub fn sections() -> [(&'static str, Vec<Outage>); 8] {
    [
        ("What must go well", named()),
        (
            "All primaries are out for 30 s; any number of workers, 16 callers, up to 3 attempts",
            levels(),
        ),
        ("The same by other policies", levels_by_policy()),
        (
            "Some of 10 primaries are in trouble for 30 s, and 2 backups are well; 8 workers each, \
             30 % load, up to 3 attempts",
            spared(),
        ),
        (
            "Some hosts are out for 120 s (9 of 10: 300 s); any number of workers, one attempt, \
             1 ms (1 caller) or 16 ms",
            small(),
        ),
        (
            "Some of 10 hosts that can do as much as they weigh, 100 or 10, are out for 60 s; \
             weights move every second, one attempt",
            weighted(),
        ),
        ("The same at other rates of change: 1 of 2 heavy ones dead, weights move", moving()),
        (
            "One host fails everything after 1 ms from the start on (as in black_hole.txt); any number \
             of workers, 30 calls per second and host, one attempt",
            black_hole(),
        ),
    ]
}

/// Plays a scenario with some balancer.
pub type Play<'a> = &'a (dyn Fn(&Scenario, u64, &mut AnyBudget) -> Log + Sync);

/// Plays a scenario with the core's balancer.
pub fn play(scenario: &Scenario, seed: u64, budget: &mut AnyBudget) -> Log {
    run(scenario, seed, budget)
}
