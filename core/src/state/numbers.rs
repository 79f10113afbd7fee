//! All that a state says, as numbers and keys in a fixed order: what its checksum is over, and what
//! its bytes are made of.

use super::{LastTurn, Latency, Learned, State};
use crate::endpoint::Address;
use crate::health::{Condition, Record, Rest, Rounds};
use crate::store::Store;

/// Stands for all levels where a level is a number.
pub(super) const ALL_LEVELS: u64 = 1 << 16;

/// Writes the bytes of a key, in pieces.
pub(super) type Key<'a> = dyn Fn(&mut dyn FnMut(&[u8])) + 'a;

/// Takes numbers and keys.
pub(super) trait Sink {
    fn number(&mut self, number: u64);

    /// Takes the key of an address, which `write` gives, as often as it is called.
    fn key(&mut self, write: &Key<'_>);
}

impl dyn Sink + '_ {
    fn optional(&mut self, number: Option<u64>) {
        self.number(number.is_some().into());
        self.number(number.unwrap_or(0));
    }

    fn address<A: Address>(&mut self, addr: &A) {
        self.key(&|sink| addr.key(sink));
    }

    fn learned<A: Address>(&mut self, learned: &Learned<A>) {
        self.address(&learned.addr);
        self.optional(learned.latency.map(|Latency { nanos, .. }| nanos));
        self.number(learned.latency.map_or(0, |Latency { age, .. }| age));
        self.number(learned.warming);
        self.number(learned.health.is_some().into());
        let Some(record) = learned.health else { return };
        let Record { condition, since, successes, failures, streak, ejections, .. } = record;
        let Record { began, slow, heard, cancels, held, .. } = record;
        match condition {
            Condition::InService { served } => {
                self.number(0);
                self.optional(served);
            }
            Condition::Overloaded { left } => {
                self.number(1);
                self.number(left);
            }
            Condition::Ejected { reason, left } => {
                self.number(2);
                self.number(reason.index().into());
                self.number(left);
            }
            Condition::HalfOpen { reason } => {
                self.number(3);
                self.number(reason.index().into());
            }
        }
        self.number(since);
        self.number(successes.into());
        self.number(failures.into());
        self.number(streak.into());
        self.number(ejections.into());
        self.number(began);
        self.number(slow.into());
        self.number(heard.into());
        self.number(cancels.into());
        self.optional(held.map(|held| held.index().into()));
    }
}

/// Gives all of a state to `sink`, except its checksum and its age.
pub(super) fn write<A: Address, S: Store>(state: &State<A, S>, sink: &mut dyn Sink) {
    sink.number(state.version.into());
    sink.number(state.endpoints.len() as u64);
    for learned in state.endpoints.iter() {
        sink.learned(learned);
    }
    for turn in &state.turns {
        sink.optional(
            turn.as_ref()
                .map(|LastTurn { place, walk, .. }| u64::from(*walk) << 32 | u64::from(*place)),
        );
        if let Some(LastTurn { addr, .. }) = turn {
            sink.address(addr);
        }
    }
    let Rounds { interval_left, next_probe, draws, longest, calm } = state.rounds;
    sink.optional(interval_left);
    sink.number(next_probe.into());
    sink.number(draws.into());
    sink.number(longest.into());
    sink.number(calm.is_some().into());
    if let Some(Rest { level, undos, most, left, over }) = calm {
        sink.number(level.map_or(ALL_LEVELS, u64::from));
        // One number: a state that has no `most` is as it was.
        sink.number(u64::from(most) << 8 | u64::from(undos));
        sink.number(left);
        sink.number(over);
    }
}
