//! Picks from the snapshot of the moment.

use core::convert::Infallible;
use core::ops::Deref;
use core::sync::atomic::Ordering::Relaxed;

use evenkeel_core::rand_core::{Rng as _, TryRng};
use evenkeel_core::retry::{Call, RetryPolicy};
use evenkeel_core::{Instant, Policy};

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
            Picking { shared, snapshot, stripe, now: None, key, avoid: &[], leave_level: false }
                .first()
        })
    }

    /// Picks a client for an attempt of a call that is sent at `now`.
    pub(crate) fn pick_with(
        &self,
        now: Instant,
        key: Option<u64>,
        call: &Call<impl Deref<Target = RetryPolicy>>,
    ) -> Result<Pick<'_, C, P>, PickError> {
        let (shared, seat) = (&*self.shared, self.seat());
        let stripe = &seat.stripe;
        let (avoid, leave_level) = (call.tried(), call.leaves_level());
        Pick::new(shared.snapshot.take(seat), |snapshot| {
            let now = Some(now);
            let request = Picking { shared, snapshot, stripe, now, key, avoid, leave_level };
            if avoid.is_empty() { request.first() } else { request.any() }
        })
    }

    /// Returns the source of chance of whichever thread draws.
    pub(crate) fn chance(&self) -> Chance<'_, C, P> {
        Chance(self)
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

/// The source of chance of whichever thread draws, for what outlives a pick and seldom draws.
pub(crate) struct Chance<'a, C, P>(&'a Balancer<C, P>);

impl<C: Send + Sync, P: Policy + Send + Sync> TryRng for Chance<'_, C, P> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.seat().stripe.rng().next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.seat().stripe.rng().next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.seat().stripe.rng().try_fill_bytes(bytes)
    }
}
