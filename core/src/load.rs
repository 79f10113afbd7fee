//! Loads: what rows keep for a policy of the requests to an endpoint. Nothing, the number in
//! flight, answer times, the hash of the address.
//!
//! The type of a policy's load says what it needs. What it does not name takes neither memory nor
//! code.

mod decay;
mod ewma;

use core::time::Duration;

use crate::outcome::Outcome;
use crate::settings::Settings;
use crate::time::Instant;
pub use ewma::{Estimate, Estimator, Ewma};

/// Keeps in each row what a policy needs.
pub trait Load: Copy + 'static {
    /// Of an endpoint that was never picked.
    const NEW: Self;
    /// The parts of it, for shells that keep them elsewhere.
    const NEEDS: Needs;
    /// Numbers that are derived once from the settings.
    type Tuning: Copy;
    /// Those derived from our defaults.
    const TUNING: Self::Tuning;

    /// Derives what the arithmetic needs from the settings.
    fn tune(settings: &impl Settings) -> Self::Tuning;

    /// Counts a request that begins.
    fn begin(&mut self) {}

    /// Learns from a request that was sent at `sent` and ended at `now`.
    fn end(&mut self, _by: &Self::Tuning, _sent: Instant, _now: Instant, _outcome: Outcome) {}

    /// Returns the requests in flight; 0 where they are not counted.
    fn in_flight(&self) -> u32 {
        0
    }

    /// Returns how long one more request would take: nanoseconds, times the requests that would
    /// share the endpoint; 0 where nothing is known. Reading it changes nothing.
    fn cost(&self, _by: &Self::Tuning, _now: Instant) -> u64 {
        0
    }

    /// Returns how long an answer takes; nothing where that is not kept.
    fn estimate(&self) -> Estimate {
        Estimate::NONE
    }

    /// Returns an estimate that is `age` nanoseconds old at `now`.
    fn recall(_by: &Self::Tuning, _nanos: u64, _age: u64, _now: Instant) -> Estimate {
        Estimate::NONE
    }

    /// Takes over how long an answer takes, where that is kept.
    fn set_estimate(&mut self, _estimate: Estimate) {}

    /// Takes the times that are kept along with a clock that went back by so much.
    fn turn_back(&mut self, _back: Duration) {}

    /// Returns the hash of the endpoint's address, where it is kept.
    fn id(&self) -> Option<u64> {
        None
    }

    /// Notes the hash of the endpoint's address, where it is kept.
    fn set_id(&mut self, _id: impl FnOnce() -> u64) {}
}

/// Says what a policy looks at beside the candidates and their weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Requests in flight are counted.
    pub in_flight: bool,
    /// Answers are timed, and the time of a pick matters.
    pub time: bool,
}

/// Nothing.
impl Load for () {
    const NEW: Self = ();
    const NEEDS: Needs = Needs { in_flight: false, time: false };
    type Tuning = ();
    const TUNING: () = ();

    fn tune(_: &impl Settings) {}
}

/// The number of requests in flight.
#[derive(Clone, Copy, Debug)]
pub struct InFlight(u32);

impl Load for InFlight {
    const NEW: Self = Self(0);
    const NEEDS: Needs = Needs { in_flight: true, time: false };
    type Tuning = ();
    const TUNING: () = ();

    fn tune(_: &impl Settings) {}

    #[inline]
    fn begin(&mut self) {
        self.0 = self.0.saturating_add(1);
    }

    #[inline]
    fn end(&mut self, (): &(), _sent: Instant, _now: Instant, _outcome: Outcome) {
        self.0 = self.0.saturating_sub(1);
    }

    #[inline]
    fn in_flight(&self) -> u32 {
        self.0
    }
}

/// Keeps `L`, and the hash of the address: made once when the endpoint comes.
#[derive(Clone, Copy, Debug)]
pub struct Hashed<L = ()> {
    load: L,
    /// In halves, least significant first: so rows have no gaps.
    id: [u32; 2],
}

impl<L: Load> Load for Hashed<L> {
    const NEW: Self = Self { load: L::NEW, id: [0; 2] };
    const NEEDS: Needs = L::NEEDS;
    type Tuning = L::Tuning;
    const TUNING: L::Tuning = L::TUNING;

    fn tune(settings: &impl Settings) -> L::Tuning {
        L::tune(settings)
    }

    #[inline]
    fn begin(&mut self) {
        self.load.begin();
    }

    #[inline]
    fn end(&mut self, by: &L::Tuning, sent: Instant, now: Instant, outcome: Outcome) {
        self.load.end(by, sent, now, outcome);
    }

    #[inline]
    fn in_flight(&self) -> u32 {
        self.load.in_flight()
    }

    #[inline]
    fn cost(&self, by: &L::Tuning, now: Instant) -> u64 {
        self.load.cost(by, now)
    }

    fn estimate(&self) -> Estimate {
        self.load.estimate()
    }

    fn recall(by: &L::Tuning, nanos: u64, age: u64, now: Instant) -> Estimate {
        L::recall(by, nanos, age, now)
    }

    fn set_estimate(&mut self, estimate: Estimate) {
        self.load.set_estimate(estimate);
    }

    fn turn_back(&mut self, back: Duration) {
        self.load.turn_back(back);
    }

    #[inline]
    fn id(&self) -> Option<u64> {
        let [low, high] = self.id;
        Some(u64::from(high) << 32 | u64::from(low))
    }

    fn set_id(&mut self, id: impl FnOnce() -> u64) {
        let id = id();
        self.id = [id as u32, (id >> 32) as u32];
    }
}
