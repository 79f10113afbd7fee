//! A balancer's health as its documentation has it, from lists of what happened to each endpoint.
//!
//! Its time never goes back: it counts on where the balancer's clock does.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use evenkeel_core::event::EventKind;
use evenkeel_core::health::{Arithmetic, Health, OutlierDetection, Reason};
use evenkeel_core::{Endpoint, Instant, Slot, hash};

use super::Start;

/// Nanoseconds of the model's time.
pub(super) type Time = u64;

pub(super) struct Model {
    pub(super) settings: Option<OutlierDetection>,
    pub(super) max_retry_after: u64,
    seed: u64,
    draws: u32,
    /// How far the clock has gone back, in all.
    gone_back: u64,
    last: Instant,
    pub(super) known: BTreeMap<u8, Known>,
    pub(super) candidates: BTreeSet<u8>,
    pub(super) panic: bool,
    /// Whether somebody's health changed since the candidates were formed.
    pub(super) dirty: bool,
    next_probe: usize,
    pub(super) interval_end: Option<Time>,
    pub(super) events: VecDeque<(Instant, Option<Slot>, EventKind)>,
    lost: u32,
    room: usize,
}

pub(super) struct Known {
    pub(super) endpoint: Endpoint<u8>,
    pub(super) slot: Slot,
    pub(super) down: bool,
    pub(super) state: State,
    /// Why it was taken out last.
    pub(super) reason: Reason,
    /// When it was taken out, or its probe sent.
    pub(super) since: Time,
    /// Since when it has been in service; 0 for ever.
    pub(super) back: Time,
    /// What its next ejection time grows by.
    pub(super) ejections: u64,
    pub(super) log: Vec<(Time, Mark)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    In,
    Resting(Time),
    Out(Time),
    Open,
    Probing(Time),
}

/// What is written down of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Success,
    Failure,
    /// The same, of one that is out.
    LateSuccess,
    LateFailure,
    /// Failures in a row begin anew.
    Bout,
    /// Shares of failures begin anew.
    Window,
}

impl Known {
    fn new(endpoint: Endpoint<u8>, slot: Slot) -> Self {
        let (reason, log) = (Reason::ConsecutiveFailures, Vec::new());
        Self { endpoint, slot, down: false, state: State::In, reason, since: 0, back: 0, ejections: 0, log }
    }

    pub(super) fn out(&self) -> bool {
        !matches!(self.state, State::In | State::Resting(_))
    }

    fn eligible(&self) -> bool {
        self.endpoint.weight > 0 && !self.endpoint.draining
    }

    fn available(&self) -> bool {
        self.eligible() && self.state == State::In && !self.down
    }

    /// Failures in a row.
    pub(super) fn streak(&self) -> usize {
        let marks = self.log.iter().rev().map(|(_, mark)| mark);
        marks
            .take_while(|mark| !matches!(mark, Mark::Success | Mark::Bout))
            .filter(|mark| **mark == Mark::Failure)
            .count()
    }

    /// Successes and failures that are judged: all in the interval, or those within `length` of the first failure.
    pub(super) fn window(&self, length: Option<u64>) -> (u64, u64) {
        let begin = self.log.iter().rposition(|(_, mark)| *mark == Mark::Window).map_or(0, |place| place + 1);
        let (mut opened, mut counts) = (None, (0, 0));
        for &(at, mark) in &self.log[begin..] {
            let failure = match mark {
                Mark::Success | Mark::LateSuccess => false,
                Mark::Failure | Mark::LateFailure => true,
                Mark::Bout | Mark::Window => continue,
            };
            if let Some(length) = length {
                if opened.is_some_and(|opened| at.saturating_sub(opened) >= length) {
                    (opened, counts) = (None, (0, 0));
                }
                if opened.is_none() && !failure {
                    continue;
                }
                opened = opened.or(Some(at));
            }
            if failure { counts.1 += 1 } else { counts.0 += 1 }
        }
        counts
    }
}

impl Model {
    pub(super) fn new(start: &Start, room: usize) -> Self {
        Self {
            settings: start.settings.filter(has_rules),
            max_retry_after: nanos(start.max_retry_after),
            seed: start.seed,
            draws: 0,
            gone_back: 0,
            last: Instant::ZERO,
            known: BTreeMap::new(),
            candidates: BTreeSet::new(),
            panic: false,
            dirty: false,
            next_probe: 0,
            interval_end: None,
            events: VecDeque::new(),
            lost: 0,
            room: room.min(256),
        }
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

    /// When something is due, at the latest. Candidates are to be formed at once: by the latest time that was told, less than 1 s ahead.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        if self.dirty {
            return Some(now + Duration::from_nanos(999_999_999));
        }
        let timed = self.settings.is_some_and(|settings| settings.arithmetic != Arithmetic::Evenkeel);
        let ends = self.known.values().filter_map(|known| match known.state {
            State::Resting(until) | State::Probing(until) => Some(until),
            State::Out(until) if !timed => Some(until),
            _ => None,
        });
        ends.chain(self.interval_end).min().map(|end| self.clock(end).max(now))
    }

    /// The set is `listed` now. Tells whether that is a change.
    pub(super) fn set(&mut self, now: Instant, listed: &[(Slot, Endpoint<u8>)]) -> bool {
        let stays = |slot| listed.iter().any(|(known, _)| *known == slot);
        let gone: Vec<_> = self.known.iter().filter(|(_, known)| !stays(known.slot)).map(|(addr, _)| *addr).collect();
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

    /// Forms the candidates.
    pub(super) fn form(&mut self, now: Instant) {
        let members = |fits: fn(&Known) -> bool| {
            let fitting = || self.known.values().filter(|known| fits(known)).map(|known| known.endpoint);
            let level = fitting().map(|endpoint| endpoint.priority).min();
            fitting().filter(|endpoint| Some(endpoint.priority) == level).map(|endpoint| endpoint.addr).collect()
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
        let settings = self.settings.filter(in_intervals);
        self.interval_end = settings.map(|settings| self.time(now) + nanos(settings.interval));
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let time = self.time(now);
        let timed = self.settings.is_some_and(|settings| settings.arithmetic != Arithmetic::Evenkeel);
        for addr in self.by_slot() {
            match self.known[&addr].state {
                State::Resting(until) if until <= time => self.readmit(now, addr),
                State::Out(until) if until <= time && !timed => self.release(now, addr),
                State::Probing(until) if until <= time => self.put_out(now, addr, Reason::ProbeTimedOut),
                _ => {}
            }
        }
        if self.interval_end.is_some_and(|end| end <= time) {
            self.end_interval(now);
            self.begin_interval(now);
        }
        if self.dirty {
            self.form(now);
        }
    }

    /// The endpoint that is probed by a pick, if one is.
    pub(super) fn probe(&mut self, now: Instant) -> Option<u8> {
        let worst = self.worst();
        let open = |addr: &u8| {
            let known = &self.known[addr];
            known.state == State::Open && !known.down && known.eligible() && known.endpoint.priority <= worst
        };
        let open: Vec<_> = self.by_slot().into_iter().filter(open).collect();
        let index = |addr: &u8| self.known[addr].slot.index();
        let addr = *open.iter().find(|addr| index(addr) >= self.next_probe).or(open.first())?;
        let time = self.time(now);
        let timeout = nanos(self.settings.map_or(OutlierDetection::EVENKEEL, |settings| settings).probe_timeout);
        let known = self.known.get_mut(&addr)?;
        (known.state, known.since) = (State::Probing(time + timeout), time);
        let slot = known.slot;
        self.next_probe = slot.index() + 1;
        self.push(now, Some(slot), EventKind::Probing);
        Some(addr)
    }

    pub(super) fn worst(&self) -> u16 {
        self.candidates.iter().map(|addr| self.known[addr].endpoint.priority).max().unwrap_or(u16::MAX)
    }

    /// What active checks found.
    pub(super) fn set_down(&mut self, now: Instant, addr: u8, down: bool) {
        let was_down = self.known[&addr].down;
        if !down && self.known[&addr].out() {
            self.readmit(now, addr);
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
            self.push(now, Some(slot), if down { EventKind::Down } else { EventKind::Readmitted });
        }
    }

    /// Other settings, or none.
    pub(super) fn configure(&mut self, now: Instant, settings: Option<OutlierDetection>) {
        let settings = settings.filter(has_rules);
        let before = core::mem::replace(&mut self.settings, settings);
        let lengths = (before.filter(in_intervals), settings.filter(in_intervals));
        if let (Some(before), Some(after), Some(end)) = (lengths.0, lengths.1, self.interval_end) {
            self.interval_end = Some(end - nanos(before.interval) + nanos(after.interval));
        } else {
            self.begin_interval(now);
            let time = self.time(now);
            self.known.values_mut().for_each(|known| known.log.push((time, Mark::Window)));
        }
        if settings.is_some() {
            return;
        }
        for addr in self.by_slot() {
            if self.known[&addr].out() {
                self.readmit(now, addr);
            }
            let known = self.at(addr);
            known.ejections = 0;
            known.log.clear();
        }
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
        hash::mix(self.seed, index << 32 | u64::from(self.draws)) >> 32
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

fn has_rules(settings: &OutlierDetection) -> bool {
    (settings.consecutive_failures, settings.failure_percentage, settings.success_rate) != (0, None, None)
}

/// Whether all outcomes are counted, in intervals that all endpoints share.
pub(super) fn in_intervals(settings: &OutlierDetection) -> bool {
    settings.arithmetic != Arithmetic::Evenkeel || settings.success_rate.is_some()
}
