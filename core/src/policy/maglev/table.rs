//! How Maglev's table is filled: in rounds, each endpoint taking the next free entry of a permutation of its own.

use core::cmp::Ordering;
use core::hash::Hasher;

use twox_hash::XxHash64;

use crate::policy::View;
use crate::store::{List, Store};

const FREE: u32 = u32::MAX;

pub(super) struct Host {
    place: u32,
    /// The next entry of its permutation, and the step from each to the next.
    entry: u32,
    step: u32,
    taken: u32,
    /// The round of its next turn, and its turn in a round.
    round: u64,
    turn: u32,
}

/// The hosts in the order of their keys.
pub(super) fn hosts<S: Store>(view: &View<'_>, size: u32) -> S::List<Host> {
    let mut hosts = <S::List<Host>>::default();
    for place in 0..view.len() {
        let entry = (view.id(place) % u64::from(size)) as u32;
        let mut key = XxHash64::with_seed(1);
        view.write_key(place, &mut |bytes| key.write(bytes));
        let step = (key.finish() % u64::from(size - 1)) as u32 + 1;
        // The store holds `size` entries, and there are no more hosts than that.
        let _ = hosts.try_push(Host { place: place as u32, entry, step, taken: 0, round: 1, turn: 0 });
    }
    let by_key = |a: &Host, b: &Host| compare_keys(view, a.place as usize, b.place as usize);
    if !hosts.is_sorted_by(|a, b| by_key(a, b).is_le()) {
        hosts.sort_with(by_key);
    }
    for (turn, host) in (0..).zip(hosts.iter_mut()) {
        host.turn = turn;
    }
    hosts
}

/// Fills `table` with the places of `hosts`, which are in the order of their turns.
///
/// In each round, Envoy lets those hosts take an entry whose weight times the round's number has reached the heaviest
/// weight times the entries they have. A heap of the rounds gives the same order of turns without asking every host in
/// every round, which would take n · m steps where one weight outweighs all others.
pub(super) fn fill(table: &mut [u32], hosts: &mut [Host], view: &View<'_>) {
    let heaviest = u64::from(view.weights().iter().copied().max().unwrap_or(1));
    let size = table.len() as u32;
    table.fill(FREE);
    for _ in 0..size {
        let Some(host) = hosts.first_mut() else { return };
        // There is a free entry, and as the size is a prime, the permutation comes to it.
        while table[host.entry as usize] != FREE {
            host.advance(size);
        }
        table[host.entry as usize] = host.place;
        host.advance(size);
        host.taken += 1;
        let weight = u64::from(view.weight(host.place as usize)).max(1);
        host.round = (host.round + 1).max((u64::from(host.taken) * heaviest).div_ceil(weight));
        sift_down(hosts);
    }
}

impl Host {
    fn advance(&mut self, size: u32) {
        self.entry += self.step;
        if self.entry >= size {
            self.entry -= size;
        }
    }

    fn is_before(&self, other: &Self) -> bool {
        (self.round, self.turn) < (other.round, other.turn)
    }
}

/// Restores a heap, the first turn on top, whose top has been put off.
fn sift_down(hosts: &mut [Host]) {
    let (mut at, mut child) = (0, 1);
    while child < hosts.len() {
        if child + 1 < hosts.len() && hosts[child + 1].is_before(&hosts[child]) {
            child += 1;
        }
        if !hosts[child].is_before(&hosts[at]) {
            return;
        }
        hosts.swap(at, child);
        (at, child) = (child, 2 * child + 1);
    }
}

/// Compares two keys byte by byte, reading both piecewise through a window, as they may be of any length.
fn compare_keys(view: &View<'_>, a: usize, b: usize) -> Ordering {
    let mut start = 0;
    loop {
        let (a, b) = (window(view, a, start), window(view, b, start));
        let order = a.cmp(&b);
        if order.is_ne() || a.is_empty() {
            return order;
        }
        start += a.len();
    }
}

/// Some bytes of a key from `start` on; none at its end.
fn window(view: &View<'_>, place: usize, start: usize) -> heapless::Vec<u8, 64> {
    let (mut window, mut at) = (heapless::Vec::new(), 0);
    view.write_key(place, &mut |bytes| {
        for &byte in bytes {
            if at >= start {
                // What does not fit is for the next window.
                let _ = window.push(byte);
            }
            at += 1;
        }
    });
    window
}

pub(super) const fn is_prime(number: u32) -> bool {
    let mut divisor = 2;
    while divisor * divisor <= number {
        if number.is_multiple_of(divisor) {
            return false;
        }
        divisor += 1;
    }
    number >= 2
}
