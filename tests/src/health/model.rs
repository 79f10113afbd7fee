//! A balancer's health as its documentation has it, from lists of what happened to each endpoint.
//!
//! Its time never goes back: it counts on where the balancer's clock does.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::known::{Known, Mark, State};
use super::ours::Calm;
use evenkeel_core::health::{Health, Reason};
use evenkeel_core::{Book, Config, Endpoint, EventKind, Instant, Slot, hash};

/// Nanoseconds of the model's time.
pub(super) type Time = u64;

pub(super) struct Model {
    pub(super) config: Config,
    draws: u32,
    /// How far the clock has gone back, in all.
    gone_back: u64,
    last: Instant,
    pub(super) known: BTreeMap<u8, Known>,
    pub(super) candidates: BTreeSet<u8>,
    pub(super) panic: bool,
    /// Somebody's health changed since the candidates were formed.
    pub(super) dirty: bool,
    next_probe: usize,
    pub(super) interval_end: Option<Time>,
    pub(super) calm: Option<Calm>,
    /// The longest row of cancellations that ended in an answer.
    pub(super) longest: u16,
    pub(super) events: VecDeque<(Instant, Option<Slot>, EventKind)>,
    lost: u32,
    room: usize,
}

impl Model {
    pub(super) fn new(config: Config, room: usize) -> Self {
        Self {
            config,
            draws: 0,
            gone_back: 0,
            last: Instant::ZERO,
            known: BTreeMap::new(),
            candidates: BTreeSet::new(),
            panic: false,
            dirty: false,
            next_probe: 0,
            interval_end: None,
            calm: None,
            longest: 0,
            events: VecDeque::new(),
            lost: 0,
            room: room.min(256),
        }
    }

    /// The settings, if they have any rule.
    pub(super) fn rules(&self) -> Option<Config> {
        Some(self.config).filter(has_rules)
    }

    /// The balancer hears of the time.
    pub(super) fn told(&mut self, now: Instant) {
        let back = self.last.saturating_since(now);
        if back >= Duration::from_secs(1) {
            self.gone_back += nanos(back);
        } else if back > Duration::ZERO {
            return;
        }
        self.last = now;
    }

    pub(super) fn time(&self, now: Instant) -> Time {
        now.as_nanos() + self.gone_back
    }

    /// The time as it counts: it stands still while the clock is a little behind.
    pub(super) fn latest(&self, now: Instant) -> Instant {
        now.max(self.last)
    }

    pub(super) fn clock(&self, time: Time) -> Instant {
        Instant::from_nanos(time - self.gone_back)
    }

    pub(super) fn health(&self, known: &Known) -> Health {
        match known.state {
            _ if known.down => Health::Down,
            State::In => Health::Healthy,
            State::Resting(until) => Health::Overloaded { until: self.clock(until) },
            State::Out(until) => Health::Ejected { reason: known.reason, until: self.clock(until) },
            State::Open => Health::HalfOpen,
            State::Probing(until) => Health::Probing { until: self.clock(until) },
        }
    }

    /// Returns when something is due, at the latest.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let timed = self.rules().is_some_and(|rules| rules.book != Book::Evenkeel);
        let ends = self.known.values().filter_map(|known| match known.state {
            State::Resting(until) | State::Probing(until) => Some(until),
            State::Out(until) if !timed => Some(until),
            State::In | State::Out(_) | State::Open => None,
        });
        ends.chain(self.interval_end).min().map(|end| self.clock(end).max(now))
    }

    /// The set is `listed` now. Tells whether that is a change.
    pub(super) fn set(&mut self, now: Instant, listed: &[(Slot, Endpoint<u8>)]) -> bool {
        let now = self.latest(now);
        let stays = |slot| listed.iter().any(|(known, _)| *known == slot);
        let mut gone = self.by_slot();
        gone.retain(|addr| !stays(self.known[addr].slot));
        let mut changed = !gone.is_empty();
        for addr in gone {
            let slot = self.known.remove(&addr).map(|known| known.slot);
            self.push(now, slot, EventKind::Removed);
        }
        for &(slot, endpoint) in listed {
            if let Some(known) = self.known.get_mut(&endpoint.addr) {
                changed |= known.endpoint != endpoint;
                known.endpoint = endpoint;
                continue;
            }
            self.known.insert(endpoint.addr, Known::new(endpoint, slot));
            self.push(now, Some(slot), EventKind::Added);
            changed = true;
        }
        if changed {
            self.form(now);
        }
        changed
    }

    /// Forms the candidates, if somebody's health changed.
    pub(super) fn settle(&mut self, now: Instant) {
        if self.dirty {
            self.form(now);
        }
    }

    /// Forms the candidates.
    pub(super) fn form(&mut self, now: Instant) {
        let members = |fits: fn(&Known) -> bool| {
            let fitting =
                || self.known.values().filter(|known| fits(known)).map(|known| known.endpoint);
            let level = fitting().map(|endpoint| endpoint.priority).min();
            fitting()
                .filter(|endpoint| Some(endpoint.priority) == level)
                .map(|endpoint| endpoint.addr)
                .collect()
        };
        let mut candidates: BTreeSet<u8> = members(Known::available);
        let panic = candidates.is_empty();
        if panic {
            candidates = members(Known::eligible);
        }
        let panic = panic && !candidates.is_empty();
        (self.candidates, self.dirty) = (candidates, false);
        if panic != self.panic {
            self.panic = panic;
            self.push(now, None, if panic { EventKind::PanicOn } else { EventKind::PanicOff });
        }
        if self.interval_end.is_none() {
            self.begin_interval(now);
        }
    }

    pub(super) fn begin_interval(&mut self, now: Instant) {
        let rules = self.rules().filter(in_intervals);
        self.interval_end = rules.map(|rules| self.time(now) + nanos(rules.interval));
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let now = self.latest(now);
        let time = self.time(now);
        let timed = self.rules().is_some_and(|rules| rules.book != Book::Evenkeel);
        for addr in self.by_slot() {
            match self.known[&addr].state {
                State::Resting(until) if until <= time => self.readmit(now, addr),
                State::Out(until) if until <= time && !timed => self.release(now, addr),
                State::Probing(until) if until <= time => {
                    self.put_out(now, addr, Reason::ProbeTimedOut);
                }
                State::In | State::Open | State::Resting(_) | State::Out(_) | State::Probing(_) => {
                }
            }
        }
        if self.interval_end.is_some_and(|end| end <= time) {
            self.end_interval(now);
            self.begin_interval(now);
        }
        self.settle(now);
    }

    /// The endpoint that is probed by a pick, if one is.
    pub(super) fn probe(&mut self, now: Instant) -> Option<u8> {
        let worst = self.worst();
        let open = |addr: &u8| {
            let known = &self.known[addr];
            known.state == State::Open
                && !known.down
                && known.eligible()
                && known.endpoint.priority <= worst
        };
        let open: Vec<_> = self.by_slot().into_iter().filter(open).collect();
        let index = |addr: &u8| self.known[addr].slot.index();
        let addr = *open.iter().find(|addr| index(addr) >= self.next_probe).or(open.first())?;
        let (sent, now) = (self.time(now), self.latest(now));
        let until = self.time(now) + nanos(self.config.probe_timeout);
        let known = self.known.get_mut(&addr)?;
        (known.state, known.since) = (State::Probing(until), sent);
        let slot = known.slot;
        self.next_probe = slot.index() + 1;
        self.push(now, Some(slot), EventKind::Probing);
        Some(addr)
    }

    /// Those in service of the first level beyond the candidates that has others.
    pub(super) fn next_level(&self, avoids: impl Fn(u8) -> bool) -> BTreeSet<u8> {
        let worst = self.worst();
        let beyond = |known: &&Known| {
            let Endpoint { addr, priority, .. } = known.endpoint;
            known.available() && priority > worst && !avoids(addr)
        };
        let beyond = self.known.values().filter(beyond);
        let level = beyond.clone().map(|known| known.endpoint.priority).min();
        beyond
            .filter(|known| Some(known.endpoint.priority) == level)
            .map(|known| known.endpoint.addr)
            .collect()
    }

    /// Those that are ejected, but not down, of the best level that has any not to be avoided.
    pub(super) fn ejected(&self, avoids: impl Fn(u8) -> bool) -> BTreeSet<u8> {
        let spare = self.known.values().filter(|known| {
            known.out() && !known.down && known.eligible() && !avoids(known.endpoint.addr)
        });
        let level = spare.clone().map(|known| known.endpoint.priority).min();
        spare
            .filter(|known| Some(known.endpoint.priority) == level)
            .map(|known| known.endpoint.addr)
            .collect()
    }

    /// The worst priority among the candidates.
    pub(super) fn worst(&self) -> u16 {
        self.candidates
            .iter()
            .map(|addr| self.known[addr].endpoint.priority)
            .max()
            .unwrap_or(u16::MAX)
    }

    /// What active checks found.
    pub(super) fn set_down(&mut self, now: Instant, addr: u8, down: bool) {
        let now = self.latest(now);
        let was_down = self.known[&addr].down;
        let was_out = self.known[&addr].out();
        let timed = self.rules().is_some_and(|rules| rules.book != Book::Evenkeel);
        if !down && was_out && self.config.check_readmits {
            self.readmit(now, addr);
        } else if !down
            && self.config.half_open
            && !timed
            && matches!(self.known[&addr].state, State::Out(_))
        {
            self.open(now, addr);
        }
        if was_down != down {
            let time = self.time(now);
            let known = self.at(addr);
            known.down = down;
            if known.state == State::In {
                known.back = time;
            }
            let slot = known.slot;
            self.dirty = true;
            let out = self.known[&addr].out();
            if down {
                self.push(now, Some(slot), EventKind::Down);
            } else if !out {
                self.push(now, Some(slot), EventKind::Readmitted);
            }
        }
        self.settle(now);
    }

    /// Other settings.
    pub(super) fn configure(&mut self, now: Instant, config: Config) {
        let now = self.latest(now);
        let before = self.rules().filter(in_intervals);
        self.config = config;
        let after = self.rules().filter(in_intervals);
        if let (Some(before), Some(after), Some(end)) = (before, after, self.interval_end) {
            self.interval_end = Some(end - nanos(before.interval) + nanos(after.interval));
        } else {
            self.begin_interval(now);
            let time = self.time(now);
            self.known.values_mut().for_each(|known| known.log.push((time, Mark::Window)));
        }
        if self.rules().is_none() {
            for addr in self.by_slot() {
                if self.known[&addr].out() {
                    self.readmit(now, addr);
                }
                let known = self.at(addr);
                known.ejections = 0;
                known.cancels = 0;
                known.log.clear();
            }
        }
        self.settle(now);
    }

    /// The addresses in the order of slots, in which endpoints are looked at.
    pub(super) fn by_slot(&self) -> Vec<u8> {
        let mut addrs: Vec<u8> = self.known.keys().copied().collect();
        addrs.sort_by_key(|addr| self.known[addr].slot.index());
        addrs
    }

    pub(super) fn at(&mut self, addr: u8) -> &mut Known {
        self.known.get_mut(&addr).expect("it is known")
    }

    /// 32 random bits: of the seed, the slot, and how many were drawn before.
    pub(super) fn draw(&mut self, addr: u8) -> u64 {
        self.draws += 1;
        let index = self.known[&addr].slot.index() as u64;
        hash::mix(self.config.seed, index << 32 | u64::from(self.draws)) >> 32
    }

    pub(super) fn push(&mut self, at: Instant, slot: Option<Slot>, kind: EventKind) {
        self.events.push_back((at, slot, kind));
        if self.events.len() > self.room {
            self.events.pop_front();
            self.lost += 1;
        }
    }

    /// The events so far, the number of those lost first.
    pub(super) fn drain(&mut self) -> Vec<(Instant, Option<Slot>, EventKind)> {
        let mut events = Vec::from(core::mem::take(&mut self.events));
        let lost = core::mem::take(&mut self.lost);
        if lost > 0 {
            let at = events.first().map_or(Instant::ZERO, |(at, _, _)| *at);
            events.insert(0, (at, None, EventKind::Lost(lost)));
        }
        events
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn has_rules(rules: &Config) -> bool {
    let Config { consecutive_failures, failure_percentage, success_rate, .. } = *rules;
    rules.book != Book::Off
        && (consecutive_failures, failure_percentage, success_rate) != (0, 0, false)
}

/// Tells that all outcomes are counted, in intervals that all endpoints share.
pub(super) fn in_intervals(rules: &Config) -> bool {
    rules.book != Book::Evenkeel || rules.success_rate
}
