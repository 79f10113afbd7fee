//! What a balancer must do, written down the simple way: a map and linear searches.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::balancer::Stats;
use evenkeel_core::{
    Balancer, Changes, Config, Endpoint, Outcome, Pick, PickError, Policy, Slot, Store, Why,
};

pub(super) struct Model {
    capacity: usize,
    known: BTreeMap<u8, Known>,
    /// Slots handed out so far: none is ever given to a second endpoint.
    given: BTreeSet<Slot>,
    /// The index of the slot that was picked last: round robin goes on behind it.
    last: Option<usize>,
}

struct Known {
    endpoint: Endpoint<u8>,
    /// The least index that was free when it came.
    index: usize,
    /// Not known between an endpoint's arrival and the comparison that follows.
    slot: Option<Slot>,
    stats: Stats,
}

impl Model {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, known: BTreeMap::new(), given: BTreeSet::new(), last: None }
    }

    /// The whole set is replaced: known endpoints first, then addresses in their order.
    pub(super) fn update(&mut self, records: &[Endpoint<u8>], changes: Changes) {
        let mut wanted: BTreeMap<u8, Endpoint<u8>> = BTreeMap::new();
        for &record in records {
            let best = wanted.entry(record.addr).or_insert(record);
            *best = [*best, record].into_iter().min_by_key(precedence).unwrap_or(record);
        }
        let mut order: Vec<u8> = wanted.keys().copied().collect();
        order.sort_by_key(|addr| !self.known.contains_key(addr));
        for addr in order.iter().skip(self.capacity) {
            wanted.remove(addr);
        }

        let mut expected = Changes::default();
        self.known.retain(|addr, _| {
            wanted.contains_key(addr) || {
                expected.removed += 1;
                false
            }
        });
        for (addr, endpoint) in wanted {
            self.put(addr, endpoint, &mut expected);
        }
        assert_eq!(changes.left_out == 0, order.len() <= self.capacity, "left out: {changes:?}");
        assert!(
            changes.left_out >= order.len().saturating_sub(self.capacity),
            "left out: {changes:?}"
        );
        expected.left_out = changes.left_out;
        assert_eq!(changes, expected);
    }

    /// One endpoint comes or changes; `None` = refused for want of room.
    pub(super) fn insert(&mut self, endpoint: Endpoint<u8>, changes: Option<Changes>) {
        let refused = self.known.len() >= self.capacity && !self.known.contains_key(&endpoint.addr);
        assert_eq!(changes.is_none(), refused, "inserting {endpoint:?}");
        let Some(changes) = changes else { return };
        let mut expected = Changes::default();
        self.put(endpoint.addr, endpoint, &mut expected);
        assert_eq!(changes, expected);
    }

    pub(super) fn remove(&mut self, addr: u8, removed: Option<Endpoint<u8>>) {
        let known = self.known.remove(&addr).map(|known| known.endpoint);
        assert_eq!(removed, known);
    }

    /// A pick went out, or did not.
    pub(super) fn picked(
        &mut self,
        pick: Result<&Pick, PickError>,
        avoid: &[Slot],
        leave_level: bool,
        round_robin: bool,
    ) {
        let candidates = self.candidates();
        let pick = match pick {
            Ok(pick) => pick,
            Err(error) => {
                let expected = if self.known.is_empty() {
                    PickError::NoEndpoints
                } else {
                    PickError::AllDrained
                };
                assert_eq!((error, candidates.is_empty()), (expected, true));
                return;
            }
        };
        let avoided = |addr: &u8| self.known[addr].slot.is_some_and(|slot| avoid.contains(&slot));
        let mut level = Vec::new();
        if !avoid.is_empty() && (leave_level || candidates.iter().all(avoided)) {
            level = self.next_level(avoided);
        }
        let next = !level.is_empty();
        let candidates = if next { level } else { candidates };
        let picked = candidates.iter().find(|addr| self.known[addr].slot == Some(pick.slot()));
        let addr = *picked
            .unwrap_or_else(|| panic!("{pick:?} is not among the candidates {candidates:?}"));
        let why = match (avoid.is_empty(), candidates.iter().all(avoided)) {
            (true, _) => Why::Policy,
            (false, true) => Why::LastResort,
            (false, false) => Why::Retry,
        };
        assert_eq!((pick.why(), avoided(&addr)), (why, why == Why::LastResort), "picked {addr}");

        // Where weights differ, a rotation by name honours them.
        let mut weights = candidates.iter().map(|addr| self.known[addr].endpoint.weight);
        let first = weights.next();
        if weights.any(|weight| Some(weight) != first) {
            self.last = None;
            return self.began(addr);
        }
        if let (true, Why::Policy, Some(last)) = (round_robin, why, self.last) {
            let next = candidates.iter().min_by_key(|addr| {
                let index = self.known[addr].index;
                (index <= last, index)
            });
            assert_eq!(Some(&addr), next, "round robin lost its place among {candidates:?}");
        }
        // A retry takes nobody's turn.
        if why == Why::Policy {
            self.last = Some(pick.slot().index());
        }
        self.began(addr);
    }

    fn began(&mut self, addr: u8) {
        if let Some(known) = self.known.get_mut(&addr) {
            known.stats.in_flight += 1;
        }
    }

    /// A pick came home.
    pub(super) fn reported(&mut self, slot: Slot, outcome: Outcome) {
        let Some(known) = self.known.values_mut().find(|known| known.slot == Some(slot)) else {
            return;
        };
        known.stats.in_flight -= 1;
        match outcome {
            Outcome::Success | Outcome::Ignorable | Outcome::PushedBack => {
                known.stats.successes += 1;
            }
            Outcome::Abandoned | Outcome::LostRace => known.stats.canceled += 1,
            Outcome::Failure
            | Outcome::TimedOut
            | Outcome::NeverSent
            | Outcome::Overloaded { .. } => known.stats.failures += 1,
        }
    }

    /// A pick came home unused.
    pub(super) fn undone(&mut self, slot: Slot) {
        if let Some(known) = self.known.values_mut().find(|known| known.slot == Some(slot)) {
            known.stats.in_flight -= 1;
        }
    }

    pub(super) fn endpoint(&self, slot: Slot) -> Option<&Endpoint<u8>> {
        self.known.values().find(|known| known.slot == Some(slot)).map(|known| &known.endpoint)
    }

    /// Compares everything a balancer shows, and learns the slots of the endpoints that have come.
    pub(super) fn compare<P: Policy + Clone, S: Store>(
        &mut self,
        balancer: &Balancer<u8, P, Config, S>,
    ) {
        let candidates = self.candidates();
        assert_eq!(
            (balancer.len(), balancer.is_empty()),
            (self.known.len(), self.known.is_empty())
        );
        for (status, (addr, known)) in balancer.endpoints().zip(&mut self.known) {
            assert_eq!(*status.endpoint, known.endpoint);
            assert_eq!(status.stats, known.stats, "{addr}");
            assert_eq!(status.candidate, candidates.contains(addr), "{addr} as a candidate");
            assert_eq!(status.slot.index(), known.index, "the slot of {addr}");
            match known.slot {
                Some(slot) => assert_eq!(status.slot, slot, "{addr} moved"),
                None => assert!(
                    self.given.insert(status.slot),
                    "{addr} got a slot that was in use before"
                ),
            }
            known.slot = Some(status.slot);
        }
    }

    /// The endpoints of the lowest priority that has one with a weight and not draining.
    fn candidates(&self) -> Vec<u8> {
        let endpoints = || self.known.values().map(|known| &known.endpoint);
        let eligible = || endpoints().filter(|endpoint| endpoint.weight > 0 && !endpoint.draining);
        let level = eligible().map(|endpoint| endpoint.priority).min();
        eligible()
            .filter(|endpoint| Some(endpoint.priority) == level)
            .map(|endpoint| endpoint.addr)
            .collect()
    }

    /// Those that are not avoided, of the first level beyond the candidates that has any.
    fn next_level(&self, avoided: impl Fn(&u8) -> bool) -> Vec<u8> {
        let endpoints = self.known.values().map(|known| known.endpoint);
        let eligible = endpoints.filter(|endpoint| endpoint.weight > 0 && !endpoint.draining);
        let eligible: Vec<_> = eligible.collect();
        let best = eligible.iter().map(|endpoint| endpoint.priority).min();
        let left = eligible
            .iter()
            .filter(|endpoint| Some(endpoint.priority) > best && !avoided(&endpoint.addr));
        let level = left.clone().map(|endpoint| endpoint.priority).min();
        left.filter(|endpoint| Some(endpoint.priority) == level).map(|it| it.addr).collect()
    }

    fn put(&mut self, addr: u8, endpoint: Endpoint<u8>, changes: &mut Changes) {
        let free = |index: &usize| self.known.values().all(|known| known.index != *index);
        let index = (0..=self.known.len()).find(free).expect("there are more slots");
        let known = self.known.entry(addr).or_insert_with(|| {
            changes.added += 1;
            Known { endpoint, index, slot: None, stats: Stats::default() }
        });
        changes.changed += usize::from(known.endpoint != endpoint);
        known.endpoint = endpoint;
    }
}

/// Which of two records of one address counts: the least.
fn precedence(endpoint: &Endpoint<u8>) -> (u16, Reverse<u32>, bool) {
    (endpoint.priority, Reverse(endpoint.weight), endpoint.draining)
}
