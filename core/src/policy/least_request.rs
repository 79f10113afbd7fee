use super::two_choices::{Load, best_of_all, better_of_two};
use super::{Cx, Policy, View};
use crate::time::Instant;

/// The candidate with fewer requests in flight for its weight: of two drawn at random, or of all.
///
/// Compares (in flight + 1)/weight, so that idle candidates too get requests by their weights. Two choices
/// already keep the fullest endpoint close to the average, and clients that do not know of each other do not all go
/// to the same one, as they do when each looks for the least of all.
///
/// - Per pick: O(1): 64 random bits, two loads, two multiplications; by full scan O(n), with 32 random bits per tie.
/// - Per rebuild: nothing. Memory: none; the balancer counts the requests in flight.
///
/// Of two, one to avoid loses to one that is not.
///
/// ```
/// use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, policy::LeastRequest};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut balancer: Balancer<&str, LeastRequest> = Balancer::new(LeastRequest::new());
/// balancer.update(Instant::ZERO, ["a", "b"].map(Endpoint::new))?;
///
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let one = balancer.pick(Instant::ZERO, &mut rng)?;
/// let other = balancer.pick(Instant::ZERO, &mut rng)?;
/// assert_ne!(one.slot(), other.slot());
/// balancer.report(Instant::ZERO, one, Outcome::Success);
/// balancer.report(Instant::ZERO, other, Outcome::Success);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastRequest<const SCAN: bool = false>;

impl LeastRequest {
    /// The better of two candidates drawn at random.
    pub const fn new() -> Self {
        Self
    }

    /// The best of all candidates; ties are drawn fairly.
    pub const fn full_scan() -> LeastRequest<true> {
        LeastRequest
    }
}

impl<const SCAN: bool> Policy for LeastRequest<SCAN> {
    #[inline]
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
        Some(if SCAN { best_of_all::<InFlight>(view, cx) } else { better_of_two::<InFlight>(view, cx) })
    }

    fn timed(&self) -> bool {
        false
    }

    fn hashes(&self) -> bool {
        false
    }

    fn rotates(&self) -> bool {
        false
    }
}

/// Requests in flight, with the one to be sent.
struct InFlight(u64);

impl Load for InFlight {
    type Scaled = u64;

    #[inline]
    fn of(view: &View<'_>, place: usize, _now: Instant) -> Self {
        Self(u64::from(view.in_flight(place)) + 1)
    }

    #[inline]
    fn times(&self, weight: u32) -> u64 {
        // At most 2³² × (2³² − 1).
        self.0 * u64::from(weight)
    }
}
