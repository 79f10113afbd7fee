//! A state as bytes without serde, for shells whose code has to be small.
//!
//! The form: what the checksum is over, in its order, then the checksum; each number in LEB128, an
//! address as the length of its key and the key.

use super::numbers::{ALL_LEVELS, Key, Sink, write};
use super::{LastTurn, Latency, Learned, State};
use crate::endpoint::Address;
use crate::health::{Condition, Held, Reason, Record, Rest, Rounds};
use crate::store::{List, Store};

impl<A: Address, S: Store> State<A, S> {
    /// Writes the state as bytes, in pieces, to `sink`; only this version reads them. Addresses are
    /// written as their [keys](Address::key).
    pub fn write(&self, sink: &mut dyn FnMut(&[u8])) {
        let mut bytes = Bytes(sink);
        write(self, &mut bytes);
        bytes.number(self.checksum);
    }

    /// Reads what [`write`](Self::write) wrote; `address` makes an address of its key. `None` if
    /// these are no such bytes; [`import`](crate::Balancer::import) checks what they say.
    pub fn read(bytes: &[u8], address: impl Fn(&[u8]) -> Option<A>) -> Option<Self> {
        let mut rest = Reader { bytes, failed: false };
        let version = rest.narrow();
        let mut endpoints = S::List::NEW;
        for _ in 0..rest.number() {
            let addr = address(rest.key()?)?;
            endpoints.try_push(rest.learned(addr)).ok()?;
        }
        let mut turns = [const { None }; _];
        for turn in &mut turns {
            if let Some(packed) = rest.optional() {
                let addr = address(rest.key()?)?;
                *turn = Some(LastTurn { addr, place: packed as u32, walk: (packed >> 32) as u32 });
            }
        }
        let rounds = rest.rounds();
        let checksum = rest.number();
        let state = Self { version, endpoints, turns, rounds, checksum, age: 0 };
        (rest.bytes.is_empty() && !rest.failed).then_some(state)
    }
}

struct Bytes<'a>(&'a mut dyn FnMut(&[u8]));

impl Sink for Bytes<'_> {
    fn number(&mut self, number: u64) {
        let mut rest = number;
        while rest > 0x7f {
            (self.0)(&[rest as u8 | 0x80]);
            rest >>= 7;
        }
        (self.0)(&[rest as u8]);
    }

    fn key(&mut self, write: &Key<'_>) {
        let mut length = 0;
        write(&mut |bytes| length += bytes.len() as u64);
        self.number(length);
        write(self.0);
    }
}

/// The bytes that are not read yet. What was not written like that is refused: no change goes
/// unnoticed. It is in the end: what cannot be read is 0 until then.
struct Reader<'a> {
    bytes: &'a [u8],
    failed: bool,
}

impl<'a> Reader<'a> {
    fn number(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let Some((&byte, rest)) = self.bytes.split_first() else { break };
            self.bytes = rest;
            let bits = u64::from(byte & 0x7f);
            // Neither more bits than there are, nor a last byte that says nothing.
            if bits << shift >> shift != bits || byte == 0 && shift > 0 {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return number;
            }
        }
        self.fail()
    }

    fn fail<T: Default>(&mut self) -> T {
        self.failed = true;
        self.bytes = &[];
        T::default()
    }

    fn narrow<T: TryFrom<u64> + Default>(&mut self) -> T {
        T::try_from(self.number()).unwrap_or_else(|_| self.fail())
    }

    fn flag(&mut self) -> bool {
        match self.number() {
            0 => false,
            1 => true,
            _ => self.fail(),
        }
    }

    fn optional(&mut self) -> Option<u64> {
        let (known, number) = (self.flag(), self.number());
        if !known && number > 0 {
            return self.fail();
        }
        known.then_some(number)
    }

    /// Returns the next key, unless it or what was before it cannot be read.
    fn key(&mut self) -> Option<&'a [u8]> {
        let length = self.narrow();
        let (key, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        (!self.failed).then_some(key)
    }

    fn learned<A>(&mut self, addr: A) -> Learned<A> {
        let (nanos, age, warming) = (self.optional(), self.number(), self.number());
        if nanos.is_none() && age > 0 {
            self.failed = true;
        }
        let latency = nanos.map(|nanos| Latency { nanos, age });
        let health = self.flag().then(|| self.record());
        Learned { addr, latency, health, warming }
    }

    fn record(&mut self) -> Record {
        let condition = match self.number() {
            0 => Condition::InService { served: self.optional() },
            1 => Condition::Overloaded { left: self.number() },
            2 => Condition::Ejected { reason: self.reason(), left: self.number() },
            3 => Condition::HalfOpen { reason: self.reason() },
            _ => Condition::InService { served: self.fail() },
        };
        Record {
            condition,
            since: self.number(),
            successes: self.narrow(),
            failures: self.narrow(),
            streak: self.narrow(),
            ejections: self.narrow(),
            began: self.number(),
            slow: self.flag(),
            heard: self.flag(),
            cancels: self.narrow(),
            held: self.held(),
        }
    }

    fn reason(&mut self) -> Reason {
        let reason = Reason::ALL.get(self.narrow::<usize>());
        self.failed |= reason.is_none();
        reason.copied().unwrap_or_default()
    }

    fn held(&mut self) -> Option<Held> {
        let held = Held::ALL.get(usize::try_from(self.optional()?).unwrap_or(usize::MAX));
        self.failed |= held.is_none();
        held.copied()
    }

    fn rounds(&mut self) -> Rounds {
        Rounds {
            interval_left: self.optional(),
            next_probe: self.narrow(),
            draws: self.narrow(),
            longest: self.narrow(),
            calm: self.flag().then(|| self.rest()),
        }
    }

    fn rest(&mut self) -> Rest {
        let level = match self.number() {
            ALL_LEVELS => None,
            level => level.try_into().map_or_else(|_| self.fail(), Some),
        };
        let packed: u32 = self.narrow();
        let undos = packed as u8;
        let most = (packed >> 8).try_into().unwrap_or_else(|_| self.fail());
        Rest { level, undos, most, left: self.number(), over: self.number() }
    }
}
