use super::two_choices::{best_of_all, better_of_two};
use super::{Cx, Policy, View};
use crate::load::Ewma;

/// Picks the candidate that is likely to answer sooner: of two drawn at random, or of all.
///
/// Compares cost/weight, where the cost is the candidate's usual answer time (a peak-sensitive
/// moving average, see [`Estimator`](crate::load::Estimator)) times the requests that it would then
/// have in flight. One that never answered gets one request; until it has answered that, it loses
/// to all others.
///
/// Failures count as slow answers, so that an endpoint which fails at once does not attract
/// requests; how slow is a setting, the failure penalty.
///
/// - Per pick: O(1): 64 random bits, and for each of two candidates two loads and some ten integer
///   operations, none of them a division; by full scan O(n), with 32 random bits per tie.
/// - Per rebuild: nothing. Memory: none; rows keep 24 bytes.
///
/// ```
/// use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, policy::PeakEwma};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut balancer: Balancer<&str, PeakEwma> = Balancer::new(PeakEwma::new());
/// balancer.update(Instant::ZERO, ["fast", "slow"].map(Endpoint::new))?;
///
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let first = [balancer.pick(Instant::ZERO, &mut rng)?, balancer.pick(Instant::ZERO, &mut rng)?];
/// for pick in first {
///     let slow = balancer.endpoint(&pick).is_some_and(|endpoint| endpoint.addr == "slow");
///     let now = Instant::from_millis(if slow { 50 } else { 5 });
///     balancer.report(now, pick, Outcome::Success);
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
    /// Makes the policy that takes the better of two candidates drawn at random.
    pub const fn new() -> Self {
        Self
    }

    /// Makes the policy that takes the best of all candidates; ties are drawn fairly.
    pub const fn full_scan() -> PeakEwma<true> {
        PeakEwma
    }
}

impl<const SCAN: bool> Policy for PeakEwma<SCAN> {
    type Load = Ewma;

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    #[inline]
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        let now = cx.now;
        let load = |slot| view.cost_and_weight(slot, now);
        let times = |load, weight| u128::from(load) * u128::from(weight);
        if SCAN { best_of_all(view, cx, load, times) } else { better_of_two(view, cx, load, times) }
    }
}
