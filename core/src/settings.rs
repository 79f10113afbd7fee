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
/// | judged | at each report | failures in a row at each report, the rest at the end of each interval | the same; it knows no failures in a row |
/// | counted | from an endpoint's first failure, for one interval | in intervals | in intervals |
/// | failure percentage | at or above the threshold | at or above | above |
/// | rates of others | without ejected ones | without ejected ones | with ejected ones, where they still answer |
/// | may be ejected | while it stays within the percentage; of up to 4 endpoints at least half, never the only one | while it stays within the percentage | while the percentage is not reached |
/// | crossed, but not ejected | judged again at the next failure; where chance decided, counted anew | failures in a row are counted anew | counted anew |
/// | ejection takes | base · 2ⁿ, the upper half at random | base · (n + 1), plus jitter; n grows no further than the longest time needs | base · (n + 1) |
/// | n gets less | by 1 for each interval since it came back | by 1 at the end of each interval, the first one aside | by 1 at the end of each interval |
/// | comes back | at the end of its time | at the end of an interval | at the end of an interval, a moment later |
/// | breaks two rules at the end of an interval | - | ejected once; by Envoy twice, and so for longer, and counted once for ever in the percentage | ejected once |
/// | sent before an ejection, ended after it | says nothing | counts once the endpoint is back | counts |
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
