//! A view of endpoints without a balancer around it, and what the tests ask of it.

use core::convert::Infallible;

use evenkeel_core::load::Needs;
use evenkeel_core::slot::Turn;
use evenkeel_core::{Address, Cx, Instant, Policy, TableFull, View, hash};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng, TryRng};

/// Endpoints by place: in the order of their addresses.
pub(crate) struct Fixture<A: Address> {
    addrs: Vec<A>,
    pub(crate) weights: Vec<u32>,
    pub(crate) ids: Vec<u64>,
    pub(crate) in_flight: Vec<u32>,
    pub(crate) costs: Vec<u64>,
    /// The slot of each place, and all slots in their order.
    slots: Vec<usize>,
    sorted: Vec<usize>,
    /// The place of each slot.
    places: Vec<Option<usize>>,
}

impl<A: Address> Fixture<A> {
    /// Puts the endpoints into every other slot, the last address first: what clients must agree on
    /// does not depend on slots.
    pub(crate) fn new(endpoints: impl IntoIterator<Item = (A, u32)>) -> Self {
        Self::with_slots(endpoints, |place, len| 2 * (len - place) + 1)
    }

    /// Puts each endpoint into the slot of its place.
    pub(crate) fn in_order(endpoints: impl IntoIterator<Item = (A, u32)>) -> Self {
        Self::with_slots(endpoints, |place, _| place)
    }

    fn with_slots(
        endpoints: impl IntoIterator<Item = (A, u32)>,
        slot: impl Fn(usize, usize) -> usize,
    ) -> Self {
        let mut endpoints: Vec<(A, u32)> = endpoints.into_iter().collect();
        endpoints.sort();
        let (addrs, weights): (Vec<A>, Vec<u32>) = endpoints.into_iter().unzip();
        let len = addrs.len();
        let slots: Vec<usize> = (0..len).map(|place| slot(place, len)).collect();
        let mut sorted = slots.clone();
        sorted.sort_unstable();
        let mut places = vec![None; sorted.last().map_or(0, |last| last + 1)];
        slots.iter().enumerate().for_each(|(place, &slot)| places[slot] = Some(place));
        let ids = addrs.iter().map(|addr| hash::bytes(&key(addr))).collect();
        let (in_flight, costs) = (vec![0; len], vec![0; len]);
        Self { addrs, weights, ids, in_flight, costs, slots, sorted, places }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn addr(&self, place: usize) -> A {
        self.addrs[place].clone()
    }

    /// What a policy sees when a call has tried the endpoints at these places: the others, or all
    /// where there are no others.
    pub(crate) fn view(&self, tried: &[usize]) -> impl View + '_ {
        let mut tried: Vec<usize> = tried.iter().map(|&place| self.slots[place]).collect();
        tried.sort_unstable();
        tried.dedup();
        if tried.len() == self.len() {
            tried.clear();
        }
        let of_view = |slot: &usize| tried.binary_search(slot).is_err();
        let left = self.sorted.iter().copied().filter(of_view);
        let left = if tried.is_empty() { None } else { Some(left.collect()) };
        Seen { fixture: self, left }
    }

    pub(crate) fn rebuild(&self, policy: &mut impl Policy) -> Result<(), TableFull> {
        policy.rebuild(&self.view(&[]))
    }

    /// `policy`, rebuilt for these endpoints.
    pub(crate) fn built<P: Policy>(&self, mut policy: P) -> P {
        self.rebuild(&mut policy).expect("the table is large enough");
        policy
    }

    /// The place that is picked with this context.
    pub(crate) fn pick_with(
        &self,
        policy: &impl Policy,
        tried: &[usize],
        cx: &mut Cx<'_>,
    ) -> Option<usize> {
        let view = self.view(tried);
        let slot = policy.pick(&view, cx)?;
        assert!(view.has(slot), "slot {slot} is not in the view");
        self.places[slot]
    }

    pub(crate) fn try_pick(
        &self,
        policy: &impl Policy,
        key: Option<u64>,
        tried: &[usize],
    ) -> Option<usize> {
        let (mut turn, mut rng) = (Turn::START, ChaCha8Rng::seed_from_u64(7));
        self.pick_with(policy, tried, &mut Cx::new(Instant::ZERO, key, &mut turn, &mut rng))
    }

    pub(crate) fn pick(&self, policy: &impl Policy, key: u64) -> usize {
        self.pick_avoiding(policy, key, &[])
    }

    pub(crate) fn pick_avoiding(&self, policy: &impl Policy, key: u64, tried: &[usize]) -> usize {
        self.try_pick(policy, Some(key), tried).expect("a pick in the view")
    }

    fn at<T: Copy>(&self, list: &[T], slot: usize) -> Option<T> {
        self.places.get(slot).copied().flatten().map(|place| list[place])
    }
}

fn key(addr: &impl Address) -> Vec<u8> {
    let mut key = Vec::new();
    addr.key(&mut |bytes| key.extend_from_slice(bytes));
    key
}

/// A fixture, or what is left of its slots.
struct Seen<'a, A: Address> {
    fixture: &'a Fixture<A>,
    left: Option<Vec<usize>>,
}

impl<A: Address> Seen<'_, A> {
    fn slots(&self) -> &[usize] {
        self.left.as_ref().unwrap_or(&self.fixture.sorted)
    }
}

impl<A: Address> View for Seen<'_, A> {
    fn len(&self) -> usize {
        self.slots().len()
    }

    fn at(&self, place: usize) -> Option<usize> {
        self.slots().get(place).copied()
    }

    fn has(&self, slot: usize) -> bool {
        self.slots().binary_search(&slot).is_ok()
    }

    fn is_cut(&self) -> bool {
        self.left.is_some()
    }

    fn next(&self, turn: &mut Turn) -> Option<usize> {
        let behind = |last| self.slots().partition_point(|&slot| slot <= last);
        let place = turn.slot().map_or(0, behind) % self.len();
        *turn = Turn::had(self.slots()[place], place);
        turn.slot()
    }

    fn weight(&self, slot: usize) -> u32 {
        self.fixture.at(&self.fixture.weights, slot).unwrap_or_default()
    }

    fn in_flight(&self, slot: usize) -> u32 {
        self.fixture.at(&self.fixture.in_flight, slot).unwrap_or_default()
    }

    fn cost(&self, slot: usize, _now: Instant) -> u64 {
        self.fixture.at(&self.fixture.costs, slot).unwrap_or_default()
    }

    fn id(&self, slot: usize) -> u64 {
        self.fixture.at(&self.fixture.ids, slot).unwrap_or_default()
    }

    fn write_key(&self, slot: usize, sink: &mut dyn FnMut(&[u8])) {
        if let Some(Some(place)) = self.fixture.places.get(slot) {
            self.fixture.addrs[*place].key(sink);
        }
    }

    fn after(&self, slot: Option<usize>) -> Option<usize> {
        let start = match slot {
            None => 0,
            Some(slot) => self.fixture.places.get(slot).copied().flatten()? + 1,
        };
        self.fixture.slots[start..].iter().copied().find(|&slot| self.has(slot))
    }
}

/// Chance that first says 0, so that rotations begin at the first place of their cycle.
pub(crate) struct FromZero(pub(crate) ChaCha8Rng, bool);

impl FromZero {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed), true)
    }
}

impl TryRng for FromZero {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let word = self.0.next_u32();
        Ok(if core::mem::take(&mut self.1) { 0 } else { word })
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let word = self.0.next_u64();
        Ok(if core::mem::take(&mut self.1) { 0 } else { word })
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

/// `count` random keys from `seed`.
pub(crate) fn keys(seed: u64, count: usize) -> impl Iterator<Item = u64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(move |_| rng.next_u64())
}

/// What a policy that looks at nothing needs.
pub(crate) const NOTHING: Needs = Needs { in_flight: false, time: false };

/// Fails where the chi-square statistic of the counts is one that chance exceeds in 1 of 1,000,000
/// runs: Wilson and Hilferty's approximation to the quantile, for which the normal distribution's
/// is 4.7534.
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
    assert!(
        statistic < limit,
        "chi-square {statistic:.1} of {freedom} degrees of freedom, limit {limit:.1}"
    );
}
