//! Picks from the snapshot of the moment.

use core::sync::atomic::Ordering::Relaxed;

use evenkeel_core::random::SplitMix64;
use evenkeel_core::{Policy, Slot};

use super::Balancer;
use super::picking::Picking;
use crate::error::PickError;
use crate::pick::Pick;
use crate::published::Seat;
use crate::shared::Shared;
use crate::stripe::Stripe;
use crate::tally::Tally;

impl<C: Send + Sync, P: Policy + Send + Sync> Balancer<C, P> {
    /// Picks a client. A [handle](Self::handle) does so in a fraction of the time.
    ///
    /// # Errors
    /// [`PickError`] when there is no client to pick; it says why.
    #[inline]
    pub fn pick(&self) -> Result<Pick<'_, C, P>, PickError> {
        self.pick_first(None)
    }

    /// Picks a client for a request with a key: policies that hash keep the requests of one key
    /// together. The key should be a hash itself, such as [`hash::str`](crate::core::hash::str)
    /// makes.
    ///
    /// # Errors
    /// [`PickError`] when there is no client to pick; it says why.
    #[inline]
    pub fn pick_for(&self, key: u64) -> Result<Pick<'_, C, P>, PickError> {
        self.pick_first(Some(key))
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the pick is copied through memory")]
    fn pick_first(&self, key: Option<u64>) -> Result<Pick<'_, C, P>, PickError> {
        let (shared, seat) = (&*self.shared, self.seat());
        let stripe = &seat.stripe;
        Pick::new(shared.snapshot.take(seat), |snapshot| {
            Picking { shared, snapshot, stripe, key, avoid: &[], leave_level: false }.first()
        })
    }

    pub(crate) fn pick_with(
        &self,
        key: Option<u64>,
        avoid: &[Slot],
        leave_level: bool,
    ) -> Result<Pick<'_, C, P>, PickError> {
        let (shared, seat) = (&*self.shared, self.seat());
        let stripe = &seat.stripe;
        Pick::new(shared.snapshot.take(seat), |snapshot| {
            let request = Picking { shared, snapshot, stripe, key, avoid, leave_level };
            if avoid.is_empty() { request.first() } else { request.any() }
        })
    }

    pub(crate) fn rng(&self) -> SplitMix64 {
        self.seat().stripe.fork()
    }

    /// Returns this thread's tally.
    #[inline]
    pub(crate) fn tally(&self) -> &Tally {
        self.seat().stripe.tally()
    }

    #[inline]
    fn seat(&self) -> &Seat<C, P> {
        let shared = &*self.shared;
        shared.seats.get_or(|| shared.snapshot.seat(shared.stripe()))
    }
}

impl<C, P> Shared<C, P> {
    /// Makes a stripe that differs from all others.
    pub(crate) fn stripe(&self) -> Stripe {
        let ordinal = self.striped.fetch_add(1, Relaxed);
        Stripe::new(self.seed.wrapping_add(ordinal), self.tallies.begin())
    }
}
