//! Things that happen to a balancer, as chance has it.

use core::time::Duration;

use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::{Config, Endpoint, Outcome, Zone};
use rand_chacha::ChaCha8Rng;

use super::settings::settings;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Update(Vec<Endpoint<u16>>),
    Insert(Endpoint<u16>),
    Remove(u16),
    /// With a key, and so many of the slots that were picked last to avoid.
    Pick {
        key: Option<u64>,
        avoid: usize,
    },
    /// The request picked so many before the last one still under way ends.
    Report {
        back: usize,
        outcome: Outcome,
    },
    /// An active check of the endpoint at this place of the list.
    Down {
        place: usize,
        down: bool,
    },
    Timeout,
    Configure(Box<Config>),
}

/// Addresses are below this number: each store has a slot for each.
pub(crate) const ADDRESSES: u32 = 20;

/// A source of steps.
pub(crate) struct Script {
    rng: ChaCha8Rng,
    /// Settings change in it, and the clock goes back.
    wild: bool,
    /// Which endpoints are bad at the moment: a bit for each address.
    bad: u32,
    steps: u32,
}

impl Script {
    pub(crate) fn new(seed: u64, wild: bool) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { rng, wild, bad: 0, steps: 0 }
    }

    fn below(&mut self, n: u32) -> u32 {
        self.rng.next_u32() % n
    }

    fn endpoint(&mut self) -> Endpoint<u16> {
        let weight = [1, 1, 1, 2, 3, 0][self.below(6) as usize];
        let priority = [0, 0, 0, 0, 1, 7][self.below(6) as usize];
        let zone = Zone::new(self.below(4) as u16);
        let endpoint = Endpoint::new(self.below(ADDRESSES) as u16).with_weight(weight);
        endpoint.with_priority(priority).with_zone(zone).with_draining(self.below(12) == 0)
    }

    /// Returns how much later the next step is, in milliseconds; less than 0 where the clock goes
    /// back.
    pub(crate) fn pause(&mut self) -> i64 {
        match self.below(1_000) {
            0..=499 => 0,
            500..=799 => self.below(50).into(),
            800..=979 => self.below(1_500).into(),
            980..=996 => self.below(12_000).into(),
            997 if self.wild => -i64::from(self.below(900)),
            998 if self.wild => -i64::from(self.below(100_000)),
            _ => self.below(400_000).into(),
        }
    }

    /// Returns the next step. `addr_of` knows the address of the request under way at a place
    /// counted from the last.
    pub(crate) fn step(&mut self, open: usize, addr_of: impl Fn(usize) -> Option<u16>) -> Step {
        self.steps += 1;
        if self.steps % 150 == 1 {
            self.bad = self.rng.next_u32() & self.rng.next_u32();
        }
        if self.steps == 1 {
            let count = self.below(ADDRESSES);
            return Step::Update((0..count).map(|_| self.endpoint()).collect());
        }
        match self.below(1_000) {
            0..=9 => {
                let count = self.below(ADDRESSES);
                Step::Update((0..count).map(|_| self.endpoint()).collect())
            }
            10..=24 => Step::Insert(self.endpoint()),
            25..=34 => Step::Remove(self.below(ADDRESSES) as u16),
            35..=44 => {
                let down = self.below(2) == 0;
                Step::Down { place: self.below(ADDRESSES) as usize, down }
            }
            45..=70 => Step::Timeout,
            71..=72 if self.wild => Step::Configure(Box::new(settings(&mut self.rng))),
            73..=560 => {
                let key = (self.below(3) == 0).then(|| self.rng.next_u64());
                let avoid = self.below(12).saturating_sub(7) as usize;
                Step::Pick { key, avoid }
            }
            _ if open == 0 => Step::Timeout,
            draw => {
                let back = self.below(open as u32) as usize;
                let bad = addr_of(back).is_some_and(|addr| self.bad >> addr & 1 == 1);
                let seconds = u64::from(draw % 9);
                let outcome = match draw % 16 {
                    0 => Outcome::Abandoned,
                    1 => Outcome::Overloaded { retry_after: None },
                    2 if bad => {
                        Outcome::Overloaded { retry_after: Some(Duration::from_secs(seconds)) }
                    }
                    3 => Outcome::Failure,
                    _ if bad => Outcome::Failure,
                    _ => Outcome::Success,
                };
                Step::Report { back, outcome }
            }
        }
    }
}
