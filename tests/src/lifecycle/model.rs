//! What a balancer must do, written down the simple way: a map and linear searches.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::stats::Stats;
use evenkeel_core::{Balancer, Changes, Endpoint, Outcome, Pick, PickError, Policy, Slot, Store, Why};

pub(super) struct Model {
    capacity: usize,
    counts: bool,
    known: BTreeMap<u8, Known>,
    /// Slots handed out so far: none is ever given to a second endpoint.
    given: BTreeSet<Slot>,
    /// The address whose turn is next, where round robin promises one.
    next: Option<u8>,
}

struct Known {
    endpoint: Endpoint<u8>,
    /// Not known between an endpoint's arrival and the comparison that follows.
    slot: Option<Slot>,
    stats: Stats,
}

impl Known {
    fn new(endpoint: Endpoint<u8>) -> Self {
        Self { endpoint, slot: None, stats: Stats::default() }
    }
}

impl Model {
    pub(super) fn new(capacity: usize, counts: bool) -> Self {
        Self { capacity, counts, known: BTreeMap::new(), given: BTreeSet::new(), next: None }
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
        assert!(changes.left_out >= order.len().saturating_sub(self.capacity), "left out: {changes:?}");
        expected.left_out = changes.left_out;
        assert_eq!(changes, expected);
        self.turn_after(changes);
    }

    /// One endpoint comes or changes; `None` = refused for want of room.
    pub(super) fn insert(&mut self, endpoint: Endpoint<u8>, changes: Option<Changes>) {
        let refused = self.known.len() >= self.capacity && !self.known.contains_key(&endpoint.addr);
        assert_eq!(changes.is_none(), refused, "inserting {endpoint:?}");
        let Some(changes) = changes else { return };
        let mut expected = Changes::default();
        self.put(endpoint.addr, endpoint, &mut expected);
        assert_eq!(changes, expected);
        self.turn_after(changes);
    }

    pub(super) fn remove(&mut self, addr: u8, removed: Option<Endpoint<u8>>) {
        let known = self.known.remove(&addr).map(|known| known.endpoint);
        assert_eq!(removed, known);
        self.turn_after(Changes { removed: usize::from(known.is_some()), ..Changes::default() });
    }

    /// A pick went out, or did not.
    pub(super) fn picked(&mut self, pick: Result<&Pick, PickError>, avoid: &[Slot], round_robin: bool) {
        let candidates = self.candidates();
        let pick = match pick {
            Ok(pick) => pick,
            Err(error) => {
                let expected = if self.known.is_empty() { PickError::NoEndpoints } else { PickError::AllDrained };
                assert_eq!((error, candidates.is_empty()), (expected, true));
                return;
            }
        };
        let avoided = |addr: &u8| self.known[addr].slot.is_some_and(|slot| avoid.contains(&slot));
        let picked = candidates.iter().find(|addr| self.known[addr].slot == Some(pick.slot()));
        let addr = *picked.unwrap_or_else(|| panic!("{pick:?} is not among the candidates {candidates:?}"));
        let why = match (avoid.is_empty(), candidates.iter().all(avoided)) {
            (true, _) => Why::Policy,
            (false, true) => Why::LastResort,
            (false, false) => Why::Retry,
        };
        assert_eq!((pick.why(), avoided(&addr)), (why, why == Why::LastResort), "picked {addr}");

        if let (true, true, Some(next)) = (round_robin, avoid.is_empty(), self.next) {
            assert_eq!(addr, next, "round robin lost its place among {candidates:?}");
        }
        self.next = if avoid.is_empty() { first_from(&candidates, addr + 1) } else { None };
        if self.counts
            && let Some(known) = self.known.get_mut(&addr)
        {
            known.stats.in_flight += 1;
        }
    }

    /// A pick came home.
    pub(super) fn reported(&mut self, slot: Slot, outcome: Outcome) {
        let counts = self.counts;
        let Some(known) = self.known.values_mut().find(|known| known.slot == Some(slot)) else { return };
        known.stats.in_flight -= u32::from(counts);
        match outcome {
            Outcome::Success => known.stats.successes += 1,
            Outcome::Canceled => known.stats.canceled += 1,
            _ => known.stats.failures += 1,
        }
    }

    pub(super) fn endpoint(&self, slot: Slot) -> Option<&Endpoint<u8>> {
        self.known.values().find(|known| known.slot == Some(slot)).map(|known| &known.endpoint)
    }

    /// Compares everything a balancer shows, and learns the slots of the endpoints that have come.
    pub(super) fn compare<P: Policy, S: Store>(&mut self, balancer: &Balancer<u8, P, S>) {
        let candidates = self.candidates();
        assert_eq!((balancer.len(), balancer.is_empty()), (self.known.len(), self.known.is_empty()));
        for (status, (addr, known)) in balancer.endpoints().zip(&mut self.known) {
            assert_eq!(*status.endpoint, known.endpoint);
            assert_eq!(status.stats, known.stats, "{addr}");
            assert_eq!(status.candidate, candidates.contains(addr), "{addr} as a candidate");
            match known.slot {
                Some(slot) => assert_eq!(status.slot, slot, "{addr} moved"),
                None => assert!(self.given.insert(status.slot), "{addr} got a slot that was in use before"),
            }
            known.slot = Some(status.slot);
        }
    }

    /// The endpoints of the lowest priority that has one with a weight and not draining.
    fn candidates(&self) -> Vec<u8> {
        let endpoints = || self.known.values().map(|known| &known.endpoint);
        let eligible = || endpoints().filter(|endpoint| endpoint.weight > 0 && !endpoint.draining);
        let level = eligible().map(|endpoint| endpoint.priority).min();
        eligible().filter(|endpoint| Some(endpoint.priority) == level).map(|endpoint| endpoint.addr).collect()
    }

    fn put(&mut self, addr: u8, endpoint: Endpoint<u8>, changes: &mut Changes) {
        let known = self.known.entry(addr).or_insert_with(|| {
            changes.added += 1;
            Known::new(endpoint)
        });
        changes.changed += usize::from(known.endpoint != endpoint);
        known.endpoint = endpoint;
    }

    /// Round robin goes on at the endpoint that was next, or the one after it.
    fn turn_after(&mut self, changes: Changes) {
        if !changes.is_empty() {
            self.next = self.next.and_then(|next| first_from(&self.candidates(), next));
        }
    }
}

/// Which of two records of one address counts: the least.
fn precedence(endpoint: &Endpoint<u8>) -> (u16, Reverse<u32>, bool) {
    (endpoint.priority, Reverse(endpoint.weight), endpoint.draining)
}

/// The first candidate at or after `addr`, going round.
fn first_from(candidates: &[u8], addr: u8) -> Option<u8> {
    candidates.iter().find(|&&candidate| candidate >= addr).or(candidates.first()).copied()
}
