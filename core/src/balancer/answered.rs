//! Answers that go on after their head.

use super::{Balancer, Pick};
use crate::endpoint::Address;
use crate::kit::Kit;
use crate::outcome::Outcome;
use crate::policy::Policy;
use crate::store::Store;
use crate::time::Instant;

impl<A: Address, P: Policy + Clone, S: Kit, St: Store> Balancer<A, P, S, St> {
    /// Learns from the head of an answer whose body is still to come: health and answer times as
    /// from [`report`](Self::report), while the request goes on being in flight.
    ///
    /// The pick that comes back stands for the body. [`withdraw`](Self::withdraw) it when the body
    /// has ended or is not wanted any more: then nothing else is learned. A body that broke is
    /// reported as [`Outcome::Failure`]. Nothing comes back where the endpoint has left.
    ///
    /// ```
    /// use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, policy::LeastRequest};
    /// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    /// # let mut rng = ChaCha8Rng::seed_from_u64(1);
    ///
    /// let mut balancer: Balancer<&str, LeastRequest> = Balancer::new(LeastRequest::new());
    /// balancer.update(Instant::ZERO, [Endpoint::new("a")])?;
    /// let pick = balancer.pick(Instant::ZERO, &mut rng)?;
    /// let head = Instant::from_millis(20);
    /// let body = balancer.answered(head, pick, Outcome::Success).expect("it is there");
    /// let status = balancer.endpoints().next().expect("there is one");
    /// assert_eq!((status.stats.successes, status.stats.in_flight), (1, 1));
    /// balancer.withdraw(Instant::from_millis(5_000), body); // read to its end
    /// # assert_eq!(balancer.endpoints().next().expect("one").stats.in_flight, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn answered(&mut self, now: Instant, pick: Pick, outcome: Outcome) -> Option<Pick> {
        let Pick { slot, started, balancer, why, .. } = pick;
        self.report(now, pick, outcome);
        if balancer != self.id || !self.cluster.has(slot) {
            return None;
        }
        let (slot, full) = self.cluster.begin(slot.index())?;
        if full {
            self.change_room(slot);
        }
        Some(Pick { slot, started, balancer, why, decides: false })
    }
}
