use super::two_choices::{Load, best_of_all, better_of_two};
use super::{Cx, Policy, View};
use crate::time::Instant;

/// The candidate that is likely to answer sooner: of two drawn at random, or of all.
///
/// Compares cost/weight, where the cost is the candidate's usual answer time (a peak-sensitive moving average, see
/// [`Estimator`](crate::stats::Estimator)) times the requests that it would then have in flight. One that never answered
/// gets one request; until it has answered that, it loses to all others.
///
/// Failures count as slow answers, so that an endpoint which fails at once does not attract requests; how slow is
/// [`Latency::failure_penalty`](crate::stats::Latency::failure_penalty).
///
/// - Per pick: O(1): 64 random bits, and for each of two candidates two loads and some ten integer operations, none of them a
///   division; by full scan O(n), with 32 random bits per tie.
/// - Per rebuild: nothing. Memory: none; the balancer keeps 16 bytes per slot.
///
/// Of two, one to avoid loses to one that is not.
///
/// ```
/// use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, policy::PeakEwma};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut balancer: Balancer<&str, PeakEwma> = Balancer::new(PeakEwma::new());
/// balancer.update(Instant::ZERO, ["fast", "slow"].map(Endpoint::new))?;
///
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let probes = [balancer.pick(Instant::ZERO, &mut rng)?, balancer.pick(Instant::ZERO, &mut rng)?];
/// for probe in probes {
///     let slow = balancer.endpoint(&probe).is_some_and(|endpoint| endpoint.addr == "slow");
///     balancer.report(Instant::from_millis(if slow { 50 } else { 5 }), probe, Outcome::Success);
/// }
///
/// let now = Instant::from_millis(50);
/// let pick = balancer.pick(now, &mut rng)?;
/// assert_eq!(balancer.endpoint(&pick).map(|endpoint| endpoint.addr), Some("fast"));
/// # balancer.report(now, pick, Outcome::Success);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PeakEwma<const SCAN: bool = false>;

impl PeakEwma {
    /// The better of two candidates drawn at random.
    pub const fn new() -> Self {
        Self
    }

    /// The best of all candidates; ties are drawn fairly.
    pub const fn full_scan() -> PeakEwma<true> {
        PeakEwma
    }
}

impl<const SCAN: bool> Policy for PeakEwma<SCAN> {
    #[inline]
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
        Some(if SCAN { best_of_all::<Cost>(view, cx) } else { better_of_two::<Cost>(view, cx) })
    }

    fn hashes(&self) -> bool {
        false
    }

    fn rotates(&self) -> bool {
        false
    }
}

struct Cost(u64);

impl Load for Cost {
    type Scaled = u128;

    #[inline]
    fn of(view: &View<'_>, place: usize, now: Instant) -> Self {
        Self(view.cost(place, now))
    }

    #[inline]
    fn times(&self, weight: u32) -> u128 {
        u128::from(self.0) * u128::from(weight)
    }
}
