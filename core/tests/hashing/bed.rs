//! A view of endpoints without a balancer around it, and what the tests ask of it.

use evenkeel_core::cluster::Group;
use evenkeel_core::policy::{Loads, Turn};
use evenkeel_core::{Address, Cx, Endpoint, EndpointSet, Instant, Policy, Slot, TableFull, View};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub(crate) struct Bed<A: Address> {
    set: EndpointSet<A>,
    slots: Vec<Slot>,
    pub(crate) weights: Vec<u32>,
    pub(crate) ids: Vec<u64>,
    pub(crate) in_flight: Vec<u32>,
    /// The place of each slot.
    places: Vec<usize>,
}

impl<A: Address> Bed<A> {
    pub(crate) fn new(endpoints: impl IntoIterator<Item = (A, u32)>) -> Self {
        let mut set = EndpointSet::new();
        let changes = set.update(endpoints.into_iter().map(|(addr, weight)| Endpoint::new(addr).with_weight(weight)));
        let slots: Vec<Slot> = set.iter().map(|(slot, _)| slot).collect();
        let weights = set.iter().map(|(_, endpoint)| endpoint.weight).collect();
        let ids = slots.iter().filter_map(|&slot| set.id(slot)).collect();
        let mut places = vec![0; changes.added];
        slots.iter().enumerate().for_each(|(place, slot)| places[slot.index()] = place);
        Self { set, slots, weights, ids, in_flight: vec![0; changes.added], places }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn addr(&self, place: usize) -> A {
        self.set.get(self.slots[place]).map(|endpoint| endpoint.addr.clone()).expect("a place of the bed")
    }

    pub(crate) fn view<R>(&self, avoid: &[usize], with: impl FnOnce(&View<'_>) -> R) -> R {
        let avoid: Vec<Slot> = avoid.iter().map(|&place| self.slots[place]).collect();
        let group = Group { slots: &self.slots, weights: &self.weights, ids: &self.ids, share: 100, panic: false };
        with(&View::new(group, self, &self.set, &avoid))
    }

    pub(crate) fn rebuild(&self, policy: &mut impl Policy) -> Result<(), TableFull> {
        self.view(&[], |view| policy.rebuild(view))
    }

    /// `policy`, rebuilt for these endpoints.
    pub(crate) fn built<P: Policy>(&self, mut policy: P) -> P {
        self.rebuild(&mut policy).expect("the table is large enough");
        policy
    }

    pub(crate) fn try_pick(&self, policy: &impl Policy, key: Option<u64>, avoid: &[usize]) -> Option<usize> {
        let (mut turn, mut rng) = (Turn::UNSET, ChaCha8Rng::seed_from_u64(7));
        self.view(avoid, |view| policy.pick(view, &mut Cx::new(Instant::ZERO, key, &mut turn, &mut rng)))
    }

    pub(crate) fn pick(&self, policy: &impl Policy, key: u64) -> usize {
        self.pick_avoiding(policy, key, &[])
    }

    pub(crate) fn pick_avoiding(&self, policy: &impl Policy, key: u64, avoid: &[usize]) -> usize {
        self.try_pick(policy, Some(key), avoid).filter(|&place| place < self.len()).expect("a pick in the view")
    }
}

impl<A: Address> Loads for Bed<A> {
    fn in_flight(&self, index: usize) -> u32 {
        self.in_flight[self.places[index]]
    }
}

/// `count` random keys from `seed`.
pub(crate) fn keys(seed: u64, count: usize) -> impl Iterator<Item = u64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(move |_| rng.next_u64())
}

/// Fails where the chi-square statistic of the counts is one that chance exceeds in 1 of 1,000,000 runs: Wilson and
/// Hilferty's approximation to the quantile, for which the normal distribution's is 4.7534.
pub(crate) fn assert_shares(counts: &[u64], weights: &[u64]) {
    let (total, sum) = (counts.iter().sum::<u64>() as f64, weights.iter().sum::<u64>() as f64);
    let expected = |weight: u64| total * weight as f64 / sum;
    let statistic: f64 = counts
        .iter()
        .zip(weights)
        .map(|(&count, &weight)| (count as f64 - expected(weight)).powi(2) / expected(weight))
        .sum();
    let freedom = (counts.len() - 1) as f64;
    let spread = 2.0 / (9.0 * freedom);
    let limit = freedom * (1.0 - spread + 4.7534 * spread.sqrt()).powi(3);
    assert!(statistic < limit, "chi-square {statistic:.1} of {freedom} degrees of freedom, limit {limit:.1}");
}
