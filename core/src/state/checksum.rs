use super::{LastTurn, Latency, Learned, State};
use crate::endpoint::Address;
use crate::hash::Xxh64;
use crate::health::{Condition, Record, Rest, Rounds};
use crate::store::Store;

/// Returns XXH64 over all of a state, except its checksum and its age: numbers as 8 bytes, most
/// significant first; addresses as their keys, their length after them.
pub(super) fn of<A: Address, S: Store>(state: &State<A, S>) -> u64 {
    let mut sum = Sum(Xxh64::new(0));
    sum.number(state.version.into());
    sum.number(state.endpoints.len() as u64);
    state.endpoints.iter().for_each(|learned| sum.learned(learned));
    for turn in &state.turns {
        sum.optional(
            turn.as_ref()
                .map(|LastTurn { place, walk, .. }| u64::from(*walk) << 32 | u64::from(*place)),
        );
        if let Some(LastTurn { addr, .. }) = turn {
            sum.address(addr);
        }
    }
    let Rounds { interval_left, next_probe, draws, longest, calm } = state.rounds;
    sum.optional(interval_left);
    sum.number(next_probe.into());
    sum.number(draws.into());
    sum.number(longest.into());
    sum.number(calm.is_some().into());
    if let Some(Rest { level, undos, left, over }) = calm {
        sum.number(level.into());
        sum.number(undos.into());
        sum.number(left);
        sum.number(over);
    }
    sum.0.finish()
}

struct Sum(Xxh64);

impl Sum {
    fn number(&mut self, number: u64) {
        self.0.write(&number.to_be_bytes());
    }

    fn optional(&mut self, number: Option<u64>) {
        self.number(number.is_some().into());
        self.number(number.unwrap_or(0));
    }

    fn address<A: Address>(&mut self, addr: &A) {
        let mut length = 0;
        addr.key(&mut |bytes| {
            self.0.write(bytes);
            length += bytes.len() as u64;
        });
        self.number(length);
    }

    fn learned<A: Address>(&mut self, learned: &Learned<A>) {
        self.address(&learned.addr);
        self.optional(learned.latency.map(|Latency { nanos, .. }| nanos));
        self.number(learned.latency.map_or(0, |Latency { age, .. }| age));
        self.number(learned.warming);
        self.number(learned.health.is_some().into());
        let Some(record) = learned.health else { return };
        let Record { condition, since, successes, failures, streak, ejections, .. } = record;
        let Record { began, slow, cancels, held, .. } = record;
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
        self.number(cancels.into());
        self.optional(held.map(|held| held.index().into()));
    }
}
