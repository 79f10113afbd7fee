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
pub use random::{Kind, Lost, draw, lose, loses, means, summary};
pub use sizes::{levels, levels_by_policy, small, spared, weighted};

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

/// Plays a scenario with some balancer.
pub type Play<'a> = &'a (dyn Fn(&Scenario, u64, &mut AnyBudget) -> Log + Sync);

/// Plays a scenario with the core's balancer.
pub fn play(scenario: &Scenario, seed: u64, budget: &mut AnyBudget) -> Log {
    run(scenario, seed, budget)
}
