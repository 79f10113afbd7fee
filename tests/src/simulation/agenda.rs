//! What is going to happen.

use core::cmp::Ordering;
use std::collections::BinaryHeap;

use evenkeel_core::Instant;

/// What is going to happen; of things at the same time, that which was planned first.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    heap: BinaryHeap<Planned<T>>,
    planned: u64,
}

#[derive(Debug)]
struct Planned<T> {
    /// The time, and how many were planned before.
    key: u128,
    event: T,
}

impl<T> Agenda<T> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), planned: 0 }
    }

    pub(super) fn add(&mut self, at: Instant, event: T) {
        self.heap.push(Planned {
            key: u128::from(at.as_nanos()) << 64 | u128::from(self.planned),
            event,
        });
        self.planned += 1;
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(Planned::at)
    }

    pub(super) fn next(&mut self) -> Option<(Instant, T)> {
        self.heap.pop().map(|planned| (planned.at(), planned.event))
    }
}

impl<T> Planned<T> {
    fn at(&self) -> Instant {
        Instant::from_nanos((self.key >> 64) as u64)
    }
}

impl<T> Ord for Planned<T> {
    /// The earlier is the greater, as the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}

impl<T> PartialOrd for Planned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    fn le(&self, other: &Self) -> bool {
        other.key <= self.key
    }
}

impl<T> PartialEq for Planned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Planned<T> {}
