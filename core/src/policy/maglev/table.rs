//! Fills Maglev's table: in rounds, each endpoint taking the next free entry of a
//! permutation of its own.

use core::cmp::Ordering;
use core::mem;

use crate::hash::Xxh64;
use crate::policy::{View, by_address};
use crate::store::{List, Store};

/// No slot.
const FREE: u32 = u32::MAX;

pub(super) struct Host {
    slot: u32,
    weight: u32,
    /// The next entry of its permutation, and the step from each to the next.
    entry: u32,
    step: u32,
    taken: u32,
    /// Its turn in a round, and the round of its next turn.
    turn: u32,
    round: u64,
}

/// Returns the hosts in the order of their keys.
pub(super) fn hosts<S: Store>(view: &dyn View, size: u32) -> S::List<Host> {
    let mut hosts = <S::List<Host>>::NEW;
    hosts.expect(view.len());
    for slot in by_address(view) {
        let entry = (view.id(slot) % u64::from(size.max(1))) as u32;
        let mut key = Xxh64::new(1);
        view.write_key(slot, &mut |bytes| key.write(bytes));
        let step = (key.finish() % u64::from(size.saturating_sub(1).max(1))) as u32 + 1;
        let (slot, weight) = (slot as u32, view.weight(slot).max(1));
        // The store holds `size` entries, and there are no more hosts than that.
        let _ = hosts.try_push(Host { slot, weight, entry, step, taken: 0, turn: 0, round: 1 });
    }
    let by_key = |a: &Host, b: &Host| compare_keys(view, a.slot as usize, b.slot as usize);
    if !hosts.is_sorted_by(|a, b| by_key(a, b).is_le()) {
        hosts.sort_with(by_key);
    }
    for (turn, host) in (0..).zip(hosts.iter_mut()) {
        host.turn = turn;
    }
    hosts
}

/// Fills `table` with the slots of `hosts`, which are in the order of their turns.
///
/// In each round, Envoy lets those hosts take an entry whose weight times the round's number has
/// reached the heaviest weight times the entries they have. A heap of the rounds gives the same
/// order of turns without asking every host in every round, which would take n · m steps where one
/// weight outweighs all others.
pub(super) fn fill(table: &mut [u32], hosts: &mut [Host]) {
    let heaviest = u64::from(hosts.iter().map(|host| host.weight).max().unwrap_or(1));
    let size = table.len() as u32;
    table.fill(FREE);
    for _ in 0..size {
        let Some(host) = hosts.first_mut() else { return };
        // There is a free entry, and as the size is a prime, the permutation comes to it.
        while table.get(host.entry as usize).is_some_and(|&slot| slot != FREE) {
            host.advance(size);
        }
        if let Some(free) = table.get_mut(host.entry as usize) {
            *free = host.slot;
        }
        host.advance(size);
        host.taken += 1;
        let due = (u64::from(host.taken) * heaviest).div_ceil(u64::from(host.weight.max(1)));
        host.round = due.max(host.round + 1);
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
    let mut at = 0;
    loop {
        let mut child = 2 * at + 1;
        if let Some([left, right]) = hosts.get(child..child + 2) {
            child += usize::from(right.is_before(left));
        }
        let Some([parent, .., child_host]) = hosts.get_mut(at..=child) else { return };
        if !child_host.is_before(parent) {
            return;
        }
        mem::swap(parent, child_host);
        at = child;
    }
}

/// Compares two keys byte by byte, reading both piecewise through a window, as they may be of any
/// length.
fn compare_keys(view: &dyn View, a: usize, b: usize) -> Ordering {
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

/// Returns some bytes of a key from `start` on; none at its end.
fn window(view: &dyn View, slot: usize, start: usize) -> heapless::Vec<u8, 64> {
    let (mut window, mut at) = (heapless::Vec::new(), 0);
    view.write_key(slot, &mut |bytes| {
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
