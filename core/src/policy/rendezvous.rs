use super::fixed_log::minus_ln;
use super::{Cx, InvalidParameter, Policy, View};
use crate::hash;

/// Each key has an order of the endpoints, and goes to the first: highest random weight (Thaler and Ravishankar, 1998).
///
/// The order is that of the scores w / −ln(u), where w is the endpoint's weight and u in 0..1 a hash of key and endpoint
/// (Schindelhauer and Schomaker, 2005). So each endpoint gets its weight's share of the keys; one that leaves gives its
/// keys, and no others, to the rest by their weights; one that comes takes its share and moves nothing else. A place to
/// avoid sends a key to the next endpoint of its order. Requests without a key go by a random one.
///
/// O(n) per pick: a hash per endpoint, and a logarithm for some where weights differ. No rebuild, no memory.
///
/// ```
/// use evenkeel_core::{Balancer, Endpoint, Instant, Request, hash, policy::Rendezvous};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
///
/// let mut balancer: Balancer<&str, Rendezvous> = Balancer::new(Rendezvous::new());
/// balancer.update(Instant::ZERO, ["a", "b", "c"].map(Endpoint::new))?;
///
/// let request = Request { key: Some(hash::str("user 7")), ..Request::at(Instant::ZERO) };
/// let pick = balancer.pick_with(request, &mut rng)?;
/// let again = balancer.pick_with(request, &mut rng)?;
/// assert_eq!(balancer.endpoint(&pick), balancer.endpoint(&again));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Rendezvous {
    factor_percent: Option<u32>,
}

impl Rendezvous {
    /// The policy, without a limit on what one endpoint may get.
    pub const fn new() -> Self {
        Self { factor_percent: None }
    }

    /// The policy with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2018): a popular key does not overload its
    /// endpoint, but overflows to the next of its order.
    ///
    /// No endpoint gets a request while it has `factor_percent` / 100 of its fair share of all requests in flight, the new
    /// one included, rounded up. 100 is the most even, 125 to 200 keep most keys where they are. Takes two passes.
    ///
    /// # Errors
    /// [`InvalidParameter`] when the factor is below 100: not all requests would find a place.
    pub const fn bounded(factor_percent: u32) -> Result<Self, InvalidParameter> {
        match InvalidParameter::check("factor_percent", factor_percent as u64, 100, u32::MAX as u64) {
            Ok(()) => Ok(Self { factor_percent: Some(factor_percent) }),
            Err(invalid) => Err(invalid),
        }
    }

    /// The factor of the bound in percent, if loads are bounded.
    pub const fn bound(&self) -> Option<u32> {
        self.factor_percent
    }
}

impl Policy for Rendezvous {
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
        let key = cx.key_or_random();
        let allowed = |place| view.avoided() == 0 || view.allowed(place);
        if let Some(factor_percent) = self.factor_percent {
            let bound = Bound::new(view, factor_percent);
            // Only where places are to be avoided can all others be full.
            let admitted = first(view, key, |place| allowed(place) && bound.admits(view, place));
            if admitted.is_some() {
                return admitted;
            }
        }
        first(view, key, allowed).or_else(|| first(view, key, |_| true))
    }

    fn counts(&self) -> bool {
        self.factor_percent.is_some()
    }

    fn timed(&self) -> bool {
        false
    }

    fn rotates(&self) -> bool {
        false
    }
}

/// The first of the key's order among the places that `admit` lets through.
fn first(view: &View<'_>, key: u64, admit: impl Fn(usize) -> bool) -> Option<usize> {
    let mut candidates = (0..view.len()).filter(|&place| admit(place)).map(|place| Score::new(view, key, place));
    let mut leader = candidates.next()?;
    for mut candidate in candidates {
        if candidate.beats(&mut leader) {
            leader = candidate;
        }
    }
    Some(leader.place)
}

/// w / −ln(u), never divided out.
struct Score {
    place: usize,
    weight: u32,
    hash: u64,
    /// −ln(u), once it was needed.
    log: Option<u64>,
}

impl Score {
    fn new(view: &View<'_>, key: u64, place: usize) -> Self {
        Self { place, weight: view.weight(place), hash: hash::mix(key, view.id(place)), log: None }
    }

    /// Whether it is the higher one; equal scores go by the hash, then to the earlier place.
    fn beats(&mut self, other: &mut Self) -> bool {
        // −ln(u) never grows with the hash, so that most pairs need no logarithm.
        if self.weight == other.weight {
            return self.hash > other.hash;
        }
        if (self.weight > other.weight) == (self.hash > other.hash) {
            return self.weight > other.weight;
        }
        let (ours, theirs) = (self.crossed(other), other.crossed(self));
        ours > theirs || ours == theirs && self.hash > other.hash
    }

    fn crossed(&self, other: &mut Self) -> u128 {
        u128::from(self.weight) * u128::from(*other.log.get_or_insert_with(|| minus_ln(other.hash)))
    }
}

/// What each endpoint may have in flight, as Envoy rounds it: slots = ⌈⌈(in flight + 1) · factor⌉ · w / Σw⌉.
struct Bound {
    slots: u64,
    weights: u64,
}

impl Bound {
    fn new(view: &View<'_>, factor_percent: u32) -> Self {
        let in_flight: u64 = (0..view.len()).map(|place| u64::from(view.in_flight(place))).sum();
        let slots = (in_flight + 1).saturating_mul(factor_percent.into()).div_ceil(100);
        Self { slots, weights: view.weights().iter().copied().map(u64::from).sum() }
    }

    /// in flight < slots · w / Σw: as all limits together are above what is in flight, one endpoint always has room.
    fn admits(&self, view: &View<'_>, place: usize) -> bool {
        u128::from(view.in_flight(place)) * u128::from(self.weights)
            < u128::from(self.slots) * u128::from(view.weight(place))
    }
}
