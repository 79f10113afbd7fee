use super::two_choices::{best_of_all, better_of_two};
use super::{Cx, Policy, View};
use crate::load::InFlight;

/// Picks the candidate with fewer requests in flight for its weight: of two drawn at random, or of
/// all.
///
/// Compares (in flight + 1)/weight, so that idle candidates too get requests by their weights. Two
/// choices already keep the fullest endpoint close to the average, and clients that do not know of
/// each other do not all go to the same one, as they do when each looks for the least of all.
///
/// - Per pick: O(1): 64 random bits, two loads, two multiplications; by full scan O(n), with 32
///   random bits per tie.
/// - Per rebuild: nothing. Memory: none; rows count the requests in flight.
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
    /// Makes the policy that takes the better of two candidates drawn at random.
    pub const fn new() -> Self {
        Self
    }

    /// Makes the policy that takes the best of all candidates; ties are drawn fairly.
    pub const fn full_scan() -> LeastRequest<true> {
        LeastRequest
    }
}

impl<const SCAN: bool> Policy for LeastRequest<SCAN> {
    type Load = InFlight;

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    #[inline]
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        let load = |slot| {
            let (in_flight, weight) = view.in_flight_and_weight(slot);
            (u64::from(in_flight) + 1, weight)
        };
        // At most 2³² × (2³² − 1).
        let times = |load, weight| load * u64::from(weight);
        if SCAN { best_of_all(view, cx, load, times) } else { better_of_two(view, cx, load, times) }
    }
}
