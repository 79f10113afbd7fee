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
        let mut rest = Reader(bytes);
        let version = rest.narrow()?;
        let mut endpoints = S::List::NEW;
        for _ in 0..rest.number()? {
            let addr = address(rest.key()?)?;
            endpoints.try_push(rest.learned(addr)?).ok()?;
        }
        let mut turns = [const { None }; _];
        for turn in &mut turns {
            if let Some(packed) = rest.optional()? {
                let addr = address(rest.key()?)?;
                *turn = Some(LastTurn { addr, place: packed as u32, walk: (packed >> 32) as u32 });
            }
        }
        let rounds = rest.rounds()?;
        let checksum = rest.number()?;
        let state = Self { version, endpoints, turns, rounds, checksum, age: 0 };
        rest.0.is_empty().then_some(state)
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
/// unnoticed.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            // Neither more bits than there are, nor a last byte that says nothing.
            if bits << shift >> shift != bits || byte == 0 && shift > 0 {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn narrow<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.number()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    #[expect(clippy::option_option, reason = "the outer one is none for what cannot be read")]
    fn optional(&mut self) -> Option<Option<u64>> {
        match (self.flag()?, self.number()?) {
            (true, number) => Some(Some(number)),
            (false, number) => (number == 0).then_some(None),
        }
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(self.narrow::<usize>()?).copied()
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let length = self.narrow()?;
        let (key, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(key)
    }

    fn learned<A>(&mut self, addr: A) -> Option<Learned<A>> {
        let (nanos, age, warming) = (self.optional()?, self.number()?, self.number()?);
        if nanos.is_none() && age > 0 {
            return None;
        }
        let latency = nanos.map(|nanos| Latency { nanos, age });
        let health = if self.flag()? { Some(self.record()?) } else { None };
        Some(Learned { addr, latency, health, warming })
    }

    fn record(&mut self) -> Option<Record> {
        let condition = match self.number()? {
            0 => Condition::InService { served: self.optional()? },
            1 => Condition::Overloaded { left: self.number()? },
            2 => Condition::Ejected { reason: self.of(Reason::ALL)?, left: self.number()? },
            3 => Condition::HalfOpen { reason: self.of(Reason::ALL)? },
            _ => return None,
        };
        Some(Record {
            condition,
            since: self.number()?,
            successes: self.narrow()?,
            failures: self.narrow()?,
            streak: self.narrow()?,
            ejections: self.narrow()?,
            began: self.number()?,
            slow: self.flag()?,
            heard: self.flag()?,
            cancels: self.narrow()?,
            held: match self.optional()? {
                Some(held) => Some(*Held::ALL.get(usize::try_from(held).ok()?)?),
                None => None,
            },
        })
    }

    fn rounds(&mut self) -> Option<Rounds> {
        Some(Rounds {
            interval_left: self.optional()?,
            next_probe: self.narrow()?,
            draws: self.narrow()?,
            longest: self.narrow()?,
            calm: if self.flag()? { Some(self.rest()?) } else { None },
        })
    }

    fn rest(&mut self) -> Option<Rest> {
        let level = match self.number()? {
            ALL_LEVELS => None,
            level => Some(level.try_into().ok()?),
        };
        let packed: u32 = self.narrow()?;
        let (undos, most) = (packed as u8, (packed >> 8).try_into().ok()?);
        Some(Rest { level, undos, most, left: self.number()?, over: self.number()? })
    }
}
