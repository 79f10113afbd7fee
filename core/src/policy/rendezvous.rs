use super::fixed_log::minus_ln;
use super::{Cx, InvalidParameter, Policy, View, slots};
use crate::hash;
use crate::load::{Hashed, InFlight, Needs};

/// Orders the endpoints for each key, and picks the first: highest random weight (Thaler and
/// Ravishankar, 1998).
///
/// The order is that of the scores w / −ln(u), where w is the endpoint's weight and u in 0..1 a
/// hash of key and endpoint (Schindelhauer and Schomaker, 2005). So each endpoint gets its weight's
/// share of the keys; one that leaves gives its keys, and no others, to the rest by their weights;
/// one that comes takes its share and moves nothing else. A key whose endpoint was tried goes to
/// the next of its order. Requests without a key go by a random one.
///
/// O(n) per pick: a hash per endpoint, and a logarithm for some where weights differ. No rebuild,
/// no memory.
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
    /// Makes the policy, without a limit on what one endpoint may get.
    pub const fn new() -> Self {
        Self { factor_percent: None }
    }

    /// Makes the policy with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2018): a popular
    /// key does not overload its endpoint, but overflows to the next of its order.
    ///
    /// No endpoint gets a request while it has `factor_percent` / 100 of its fair share of all
    /// requests in flight, the new one included, rounded up. 100 is the most even, 125 to 200 keep
    /// most keys where they are. Takes two passes. Where endpoints were tried, it is the fair share
    /// among the others.
    ///
    /// # Errors
    /// [`InvalidParameter`] when the factor is below 100: not all requests would find a place.
    pub const fn bounded(factor_percent: u32) -> Result<Self, InvalidParameter> {
        let most = u32::MAX as u64;
        match InvalidParameter::check("factor_percent", factor_percent as u64, 100, most) {
            Ok(()) => Ok(Self { factor_percent: Some(factor_percent) }),
            Err(invalid) => Err(invalid),
        }
    }

    /// Returns the factor of the bound in percent, if loads are bounded.
    pub const fn bound(&self) -> Option<u32> {
        self.factor_percent
    }
}

impl Policy for Rendezvous {
    type Load = Hashed<InFlight>;

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    #[inline]
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        let key = cx.key_or_random();
        match self.factor_percent {
            Some(factor_percent) => first_below(view, key, factor_percent),
            None => first(view, key, None),
        }
    }

    fn needs(&self) -> Needs {
        Needs { in_flight: self.factor_percent.is_some(), ..Needs::default() }
    }
}

/// Returns the first of the key's order that is below its bound.
#[inline(never)]
fn first_below(view: &dyn View, key: u64, factor_percent: u32) -> Option<usize> {
    let bound = Bound::new(view, factor_percent);
    // With more than 2³² requests in flight, all may be full.
    first(view, key, Some(&bound)).or_else(|| first(view, key, None))
}

/// Returns the first of the key's order among the slots that `admit` lets through.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[allow(clippy::inline_always, reason = "a bound that is not there costs nothing")]
fn first(view: &dyn View, key: u64, bound: Option<&Bound>) -> Option<usize> {
    let all = (0..view.len()).filter_map(|place| view.at_with_weight_and_id(place));
    let admits = |slot| bound.is_none_or(|bound| bound.admits(view, slot));
    let mut candidates = all.filter(|&(slot, ..)| admits(slot)).map(|(slot, weight, id)| Score {
        slot,
        weight,
        hash: hash::mix(key, id),
        log: None,
    });
    let mut leader = candidates.next()?;
    for mut candidate in candidates {
        if candidate.beats(&mut leader) {
            leader = candidate;
        }
    }
    Some(leader.slot)
}

/// w / −ln(u), never divided out.
struct Score {
    slot: usize,
    weight: u32,
    hash: u64,
    /// −ln(u), once it was needed.
    log: Option<u64>,
}

impl Score {
    /// Tells that it is the higher one; equal scores go by the hash, then to the earlier slot.
    #[inline]
    fn beats(&mut self, other: &mut Self) -> bool {
        // −ln(u) never grows with the hash, so that most pairs need no logarithm.
        if self.weight == other.weight {
            return self.hash > other.hash;
        }
        if (self.weight > other.weight) == (self.hash > other.hash) {
            return self.weight > other.weight;
        }
        self.beats_by_logarithm(other)
    }

    #[inline(never)]
    fn beats_by_logarithm(&mut self, other: &mut Self) -> bool {
        let (ours, theirs) = (self.crossed(other), other.crossed(self));
        ours > theirs || ours == theirs && self.hash > other.hash
    }

    fn crossed(&self, other: &mut Self) -> u128 {
        let log = *other.log.get_or_insert_with(|| minus_ln(other.hash));
        u128::from(self.weight) * u128::from(log)
    }
}

/// The most in flight to each endpoint, as Envoy rounds it: room · w / Σw, rounded up, where room
/// is (in flight + 1) · factor, rounded up.
struct Bound {
    room: u64,
    weights: u64,
}

impl Bound {
    fn new(view: &dyn View, factor_percent: u32) -> Self {
        let in_flight: u64 = slots(view).map(|slot| u64::from(view.in_flight(slot))).sum();
        let weights = slots(view).map(|slot| u64::from(view.weight(slot))).sum();
        let room = (in_flight + 1).saturating_mul(factor_percent.into()).div_ceil(100);
        Self { room, weights }
    }

    /// Tells that in flight < room · w / Σw: as all limits together are above what is in flight,
    /// one endpoint always has room.
    fn admits(&self, view: &dyn View, slot: usize) -> bool {
        let in_flight = u128::from(view.in_flight(slot));
        in_flight * u128::from(self.weights) < u128::from(self.room) * u128::from(view.weight(slot))
    }
}
