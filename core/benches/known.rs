//! What a policy is given, without a balancer around it.

use evenkeel_core::load::{Estimate, Estimator};
use evenkeel_core::slot::Turn;
use evenkeel_core::{Config, Instant, View, hash};

/// Candidates and their loads, as a balancer knows them.
pub(crate) struct Known {
    weights: Vec<u32>,
    in_flight: Vec<u32>,
    estimates: Vec<Estimate>,
    estimator: Estimator,
    ids: Vec<u64>,
}

impl Known {
    pub(crate) fn new(n: u32, weight: impl Fn(u32) -> u32, load: impl Fn(u32) -> u32) -> Self {
        let nanos = |i| 1_000_000 * u64::from(1 + i % 7);
        let estimate = |i| Estimate { nanos: nanos(i), stamp: Instant::ZERO };
        let Config { latency_tau, latency_floor, failure_penalty, .. } = Config::DEFAULT;
        let estimator = Estimator::new(latency_tau, latency_floor, failure_penalty);
        Self {
            weights: (0..n).map(weight).collect(),
            in_flight: (0..n).map(load).collect(),
            estimates: (0..n).map(estimate).collect(),
            estimator,
            ids: (0..n).map(|i| hash::bytes(&i.to_be_bytes())).collect(),
        }
    }
}

impl View for Known {
    #[inline]
    fn len(&self) -> usize {
        self.in_flight.len()
    }

    #[inline]
    fn at(&self, place: usize) -> Option<usize> {
        (place < self.len()).then_some(place)
    }

    #[inline]
    fn has(&self, slot: usize) -> bool {
        slot < self.len()
    }

    #[inline]
    fn is_cut(&self) -> bool {
        false
    }

    #[inline]
    fn next(&self, turn: &mut Turn) -> Option<usize> {
        let slot = turn.slot().map_or(0, |slot| slot + 1);
        let slot = if slot < self.len() { slot } else { 0 };
        *turn = Turn::had(slot, slot);
        Some(slot)
    }

    #[inline]
    fn weight(&self, slot: usize) -> u32 {
        self.weights.get(slot).copied().unwrap_or(0)
    }

    #[inline]
    fn in_flight(&self, slot: usize) -> u32 {
        self.in_flight.get(slot).copied().unwrap_or(0)
    }

    #[inline]
    fn cost(&self, slot: usize, now: Instant) -> u64 {
        let estimate = self.estimates.get(slot).copied().unwrap_or_default();
        self.estimator.cost(estimate, self.in_flight(slot), now)
    }

    #[inline]
    fn id(&self, slot: usize) -> u64 {
        self.ids.get(slot).copied().unwrap_or(0)
    }

    fn write_key(&self, slot: usize, sink: &mut dyn FnMut(&[u8])) {
        sink(&(slot as u32).to_be_bytes());
    }

    fn after(&self, slot: Option<usize>) -> Option<usize> {
        self.at(slot.map_or(0, |slot| slot + 1))
    }
}
