//! Settings: as a type, whose methods the compiler folds, or as values at run time.
//!
//! [`Settings`] has a method for each, with our defaults. A type that fixes them costs neither
//! memory nor the code that it switches off: [`Defaults`], [`NoHealth`], or your own. [`Config`]
//! holds them as values. Both come from one list, and so do names, units, limits, the checks, the
//! form with serde and the options in JavaScript: see [`Config::SETTINGS`].

mod describe;
mod error;
#[expect(clippy::cast_lossless, reason = "a constant cannot convert by `From` yet")]
mod list;
#[cfg(feature = "serde")]
mod serial;

pub use describe::{Kind, Setting, Value};
pub use error::ConfigError;
pub(crate) use error::{at_least, at_most};
pub use list::{Config, Settings};

use crate::names::named;

/// Our defaults, fixed at compile time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults;

impl Settings for Defaults {}

/// Our defaults without health: endpoints are never ejected, and none is left alone because it
/// asked for it. What is not there takes no flash and no memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHealth;

impl Settings for NoHealth {}

/// The books of rules by which endpoints are ejected.
///
/// | | ours | Envoy | gRPC (A50) |
/// |---|---|---|---|
/// | judged | at each report | at the end of each interval (1) | at the end of each interval |
/// | counted | from a first failure, for one interval | in intervals | in intervals |
/// | failure percentage | at or above the threshold | at or above | above |
/// | rates of others | without ejected ones | without ejected ones | with ejected ones (2) |
/// | may be ejected | within the percentage (3) | within the percentage | below the percentage |
/// | crossed, but not ejected | judged again (4) | rows are counted anew | counted anew |
/// | ejection takes | base · 2ⁿ, the upper half at random | base · (n + 1) (5) | base · (n + 1) |
/// | n gets less by 1 | for each interval since it came back | at each end (6) | at each end |
/// | comes back | at the end of its time | at the end of an interval | a moment after that |
/// | breaks two rules at once | - | ejected once (7) | ejected once |
/// | sent before an ejection, ended after it | says nothing | counts once it is back | counts |
///
/// 1. Failures in a row at each report; gRPC knows none of those.
/// 2. Where they still answer.
/// 3. Of up to 4 endpoints at least half, never the only one.
/// 4. At the next failure; where chance decided, counted anew.
/// 5. Plus jitter; n grows no further than the longest time needs.
/// 6. At the end of each interval, the first one aside.
/// 7. By Envoy itself twice, and so for longer, and counted once for ever in the percentage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Book {
    /// Ours: reports take effect at once.
    #[default]
    Evenkeel,
    /// Envoy's outlier detection.
    Envoy,
    /// gRPC's, from its proposal A50.
    Grpc,
    /// Nobody's: endpoints are never ejected. Overloaded ones are left alone all the same.
    Off,
}

named!(all Book { Evenkeel => "evenkeel", Envoy => "envoy", Grpc => "grpc", Off => "off" });
