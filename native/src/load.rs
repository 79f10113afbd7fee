//! Requests in flight to an endpoint, and how long it takes to answer.

use core::time::Duration;

use evenkeel_core::load::{Estimate, Estimator, Ewma, Load as _};
use evenkeel_core::{Config, Instant, Outcome};

use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// What a pick reads of an endpoint, and a report writes.
///
/// The two halves of an estimate may be of different reports, and a report may be lost to another
/// at the same moment: an average does not mind.
#[derive(Debug)]
pub(crate) struct Load {
    in_flight: AtomicU32,
    /// The most requests in flight; `u32::MAX` for no limit.
    most: u32,
    nanos: AtomicU64,
    stamp: AtomicU64,
    /// It has only met requests at fault: how long others take is to be lent to it.
    borrows: AtomicBool,
    estimator: Estimator,
}

impl Load {
    pub(crate) fn new(config: &Config) -> Self {
        let most = config.max_in_flight;
        Self {
            in_flight: AtomicU32::new(0),
            most: if most == 0 { u32::MAX } else { most },
            nanos: AtomicU64::new(0),
            stamp: AtomicU64::new(0),
            borrows: AtomicBool::new(false),
            estimator: Ewma::tune(config),
        }
    }

    /// Counts a request that begins, be there room for it or not.
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    /// Counts a request that begins, if there is room for it. Tells that there is.
    #[inline]
    pub(crate) fn try_begin(&self) -> bool {
        if self.most == u32::MAX {
            self.begin();
            return true;
        }
        let one_more = |count| (count < self.most).then(|| count + 1);
        self.in_flight.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }

    /// Counts a request that ended.
    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// Learns from a request sent at `sent` that ended at `now`. Tells that an answer time is to be
    /// lent to it.
    #[must_use]
    pub(crate) fn observe(&self, sent: Instant, now: Instant, outcome: Outcome) -> bool {
        let mut estimate = self.estimate();
        self.estimator.observe(&mut estimate, sent, now, outcome);
        self.set(estimate);
        let borrows = outcome == Outcome::Ignorable && estimate.nanos == 0;
        if borrows {
            self.borrows.store(true, Relaxed);
        }
        borrows
    }

    /// Takes the answer time of others for its own, if it is to.
    pub(crate) fn borrow(&self, lent: impl FnOnce() -> Option<Estimate>) {
        if self.borrows.load(Relaxed)
            && self.borrows.swap(false, Relaxed)
            && self.nanos() == 0
            && let Some(lent) = lent()
        {
            self.set(lent);
        }
    }

    /// Forgets how long it took to answer: until it says so itself, others' time is to be lent.
    #[cfg(feature = "tonic")]
    pub(crate) fn forget(&self) {
        self.set(Estimate::default());
        self.borrows.store(true, Relaxed);
    }

    /// Takes over an answer time in nanoseconds of so many nanoseconds ago, unless it knows better.
    pub(crate) fn recall(&self, nanos: u64, age: u64, now: Instant) {
        if self.nanos() == 0 {
            self.set(Ewma::recall(&self.estimator, nanos, age, now));
        }
    }

    fn set(&self, estimate: Estimate) {
        self.nanos.store(estimate.nanos, Relaxed);
        self.stamp.store(estimate.stamp.as_nanos(), Relaxed);
    }

    #[inline]
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Tells that there is no room for another request.
    pub(crate) fn is_full(&self) -> bool {
        self.in_flight() >= self.most
    }

    #[inline]
    pub(crate) fn cost(&self, now: Instant) -> u64 {
        self.estimator.cost(self.estimate(), self.in_flight(), now)
    }

    /// Returns how long the endpoint takes to answer; `None` if that is unknown.
    pub(crate) fn latency(&self) -> Option<Duration> {
        let nanos = self.nanos();
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    /// Returns the same in nanoseconds; 0 if it is unknown.
    pub(crate) fn nanos(&self) -> u64 {
        self.nanos.load(Relaxed)
    }

    #[inline]
    pub(crate) fn estimate(&self) -> Estimate {
        let stamp = Instant::from_nanos(self.stamp.load(Relaxed));
        Estimate { nanos: self.nanos(), stamp }
    }
}
