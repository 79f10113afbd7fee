//! Gives new endpoints their share bit by bit.
//!
//! An endpoint that comes, or comes back from draining, weight 0 or an ejection, warms up: its
//! weight grows in tenths, from one tenth to the whole, within the time that is set. While any
//! candidate of a group warms up, the others weigh ten times their weight, so that tenths are whole
//! numbers; where that is too large a number, tenths are rounded down, to 1 at least.
//!
//! With a time of 100 s, an endpoint of weight 3 beside others of weight 3 weighs 3 to their 30 for
//! 20 s, then 6, 9 and so on every 10 s; after 100 s all weigh 3 again.
//!
//! Endpoints do not warm up if there was no candidate before (a cold client learns of all at once),
//! nor as long as more than half of their group would. Endpoints that came at different times take
//! their steps together, up to a tenth of the time late, so that there are never more than ten
//! rebuilds in it beside those for updates. Policies that ignore weights ignore this.

use crate::part::{Absent, Fresh, Part, Present};
use crate::settings::Settings;
use crate::time::{Instant, Ticks};

/// In how many steps an endpoint reaches its weight.
const STEPS: Ticks = 10;

/// Keeps a slow start in a row: the weight in effect and the end, or nothing.
#[doc(hidden)]
pub trait Warmth: 'static {
    /// Weights may differ from those of the endpoints.
    const ON: bool;
    /// When a candidate is due to weigh more.
    type Step: Part<Option<Instant>>;
    /// The weight in effect, where it is not the endpoint's own.
    type Weight: Part<u32> + Copy + core::fmt::Debug;
    /// The time at which an endpoint has warmed up that does.
    type End: Part<Instant> + Copy + core::fmt::Debug;
}

/// The time at which an endpoint has warmed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WarmAt {
    /// It is warm.
    Now,
    /// Then.
    Then(Instant),
    /// It drains, or has weight 0: it will begin when that is over.
    Out,
}

impl Fresh for Option<Instant> {
    const NEW: Self = None;
}

impl Fresh for Instant {
    const NEW: Self = Self::ZERO;
}

impl Fresh for u32 {
    const NEW: Self = 0;
}

impl Warmth for () {
    const ON: bool = false;
    type Step = Absent;
    type Weight = Absent;
    type End = Absent;
}

/// Endpoints may warm up.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Warming {}

impl Warmth for Warming {
    const ON: bool = true;
    type Step = Present<Option<Instant>>;
    type Weight = Present<u32>;
    type End = Present<Instant>;
}

/// Tells that endpoints warm up.
#[inline]
pub(crate) fn is_on<W: Warmth>(settings: &impl Settings) -> bool {
    W::ON && !settings.slow_start().is_zero()
}

/// Returns the time between two steps.
pub(crate) fn tick(settings: &impl Settings) -> Ticks {
    let window = settings.ticks(settings.slow_start());
    // A tenth rounded up, without a division of 64 bits where that is long.
    window / STEPS + Ticks::from(!window.is_multiple_of(STEPS))
}

/// Returns how many tenths of its weight an endpoint has at `now` that has warmed up at `end`, and
/// when it gets the next.
pub(crate) fn step(settings: &impl Settings, end: Instant, now: Instant) -> (u32, Instant) {
    let tick = tick(settings).max(1);
    let left = end.since(now).div_ceil(tick);
    // The first tenth is the least, so it lasts until the second is due.
    let next = tick.saturating_mul(left.saturating_sub(1).min(STEPS - 2));
    (STEPS.saturating_sub(left).max(1) as u32, end.earlier(next))
}

/// Returns `tenths` of a weight, in units that are `whole` numbers or not.
pub(crate) fn weigh(weight: u32, tenths: u32, whole: bool) -> u32 {
    if whole {
        return weight.saturating_mul(tenths);
    }
    (u64::from(weight) * u64::from(tenths) / 10).max(1) as u32
}
