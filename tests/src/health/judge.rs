//! How endpoints are judged in the model, put out and let back in.

use core::iter::repeat_n;

use evenkeel_core::health::Reason;
use evenkeel_core::{Book, Config, EventKind, Instant, Outcome, Slot};

use super::known::{Mark, State};
use super::model::{Model, Time, nanos};
use super::ours::SLOW;

impl Model {
    /// A request to `slot` ended that was sent at `sent`.
    pub(super) fn report(
        &mut self,
        now: Instant,
        slot: Slot,
        sent: Instant,
        decides: bool,
        outcome: Outcome,
    ) {
        let now = self.latest(now);
        self.learn(now, slot, sent, decides, outcome);
        self.settle(now);
    }

    fn learn(&mut self, now: Instant, slot: Slot, sent: Instant, decides: bool, outcome: Outcome) {
        let Some((&addr, known)) = self.known.iter().find(|(_, known)| known.slot == slot) else {
            return;
        };
        let (time, sent) = (self.time(now), self.time(sent));
        let asked = match outcome {
            Outcome::Overloaded { retry_after } => retry_after,
            Outcome::Success
            | Outcome::Failure
            | Outcome::TimedOut
            | Outcome::NeverSent
            | Outcome::Ignorable
            | Outcome::PushedBack
            | Outcome::Abandoned
            | Outcome::LostRace => None,
        };
        let came_back_since = known.state == State::In && known.ejections > 0 && sent < known.back;
        if came_back_since && self.follows(Book::Evenkeel) && asked.is_none() {
            return;
        }
        let (state, in_service) = (known.state, !known.out());
        let decides = decides && sent >= known.since;
        let failure = outcome.is_failure();
        let rest = asked.map_or(0, |rest| nanos(rest).min(nanos(self.config.max_retry_after)));
        if rest > 0 {
            self.rest(now, addr, time + rest, decides);
        } else if outcome == Outcome::Ignorable {
            // The request was at fault, and it answered.
            if in_service {
                self.answered(addr);
                self.at(addr).heard = true;
            } else if decides {
                self.come_back(now, addr);
            }
        } else if outcome.is_canceled() {
            if decides && matches!(state, State::Probing(_)) {
                if self.follows(Book::Evenkeel) {
                    let in_vain =
                        outcome == Outcome::Abandoned && time.saturating_sub(sent) >= SLOW;
                    let known = self.at(addr);
                    known.ejections = known.ejections.saturating_sub(u64::from(!in_vain));
                    self.put_out(now, addr, Reason::ProbeCanceled);
                } else {
                    self.open(now, addr);
                }
            } else if in_service {
                self.give_up(now, addr, outcome);
            }
        } else if in_service {
            if self.rules().is_some() {
                self.at(addr).log.push((time, if failure { Mark::Failure } else { Mark::Success }));
            }
            if failure {
                self.note_failure(addr, outcome, time, sent);
                self.judge_failure(now, addr);
            } else {
                self.answered(addr);
                self.at(addr).heard = true;
            }
        } else if decides && !failure {
            self.come_back(now, addr);
        } else if decides && matches!(state, State::Probing(_)) {
            self.put_out(now, addr, Reason::ProbeFailed);
        } else if self.follows(Book::Grpc) {
            self.at(addr)
                .log
                .push((time, if failure { Mark::LateFailure } else { Mark::LateSuccess }));
        }
    }

    fn rest(&mut self, now: Instant, addr: u8, until: Time, decides: bool) {
        let known = self.at(addr);
        let was_in = known.state == State::In;
        known.state = match known.state {
            State::In => State::Resting(until),
            State::Resting(before) if before < until => State::Resting(until),
            State::Out(before) if before < until => State::Out(until),
            State::Open => State::Out(until),
            State::Probing(_) if decides => State::Out(until),
            State::Resting(_) | State::Out(_) | State::Probing(_) => return,
        };
        let slot = known.slot;
        let until = self.clock(until);
        self.push(now, Some(slot), EventKind::Overloaded { until });
        self.dirty |= was_in;
    }

    /// What a failure of an endpoint in service comes to, at once.
    fn judge_failure(&mut self, now: Instant, addr: u8) {
        let Some(settings) = self.rules() else { return };
        let most = usize::from(settings.consecutive_failures);
        if settings.book == Book::Evenkeel {
            return self.judge(now, addr, &settings);
        }
        if most > 0 && self.known[&addr].streak() >= most {
            self.eject(now, addr, Reason::ConsecutiveFailures, 100);
            if settings.book == Book::Envoy {
                self.mark(now, addr, Mark::Bout);
            }
        }
    }

    pub(super) fn end_interval(&mut self, now: Instant) {
        let Some(settings) = self.rules() else { return };
        let time = self.time(now);
        let addrs = self.by_slot();
        if settings.book == Book::Envoy {
            self.release_due(now, |until| until <= time);
        }
        let with_volume = self.with_volume(settings.failure_percentage_request_volume);
        if settings.success_rate {
            for addr in self.outliers(&settings) {
                if settings.book == Book::Evenkeel && !self.may_eject_for_share(now, addr) {
                    continue;
                }
                self.eject(now, addr, Reason::SuccessRate, settings.success_rate_enforcement);
            }
        }
        if settings.failure_percentage > 0
            && settings.book != Book::Evenkeel
            && with_volume.len() >= settings.failure_percentage_minimum_hosts as usize
        {
            let least = settings.failure_percentage_minimum_failures.into();
            for addr in with_volume {
                let (good, bad) = self.known[&addr].window(None);
                let share = u64::from(settings.failure_percentage) * (good + bad);
                let grpc = settings.book == Book::Grpc;
                let above = if grpc { bad * 100 > share } else { bad * 100 >= share };
                if above && bad >= least && !self.known[&addr].out() {
                    let enforcement = settings.failure_percentage_enforcement;
                    self.eject(now, addr, Reason::FailurePercentage, enforcement);
                }
            }
        }
        if settings.book != Book::Evenkeel {
            let all = settings.book == Book::Grpc;
            for known in self.known.values_mut().filter(|known| !known.out()) {
                let since =
                    if let State::Resting(until) = known.state { until } else { known.back };
                if all || since + nanos(settings.interval) <= time {
                    known.ejections = known.ejections.saturating_sub(1);
                }
            }
        }
        if settings.book == Book::Grpc {
            self.release_due(now, |until| until < time);
        }
        for addr in addrs {
            self.mark(now, addr, Mark::Window);
        }
    }

    fn release_due(&mut self, now: Instant, over: impl Fn(Time) -> bool) {
        for addr in self.by_slot() {
            if matches!(self.known[&addr].state, State::Out(until) if over(until)) {
                self.release(now, addr);
            }
        }
    }

    /// Lists who is compared with others: with so many requests, in the order of slots.
    fn with_volume(&self, volume: u32) -> Vec<u8> {
        let mut addrs = self.by_slot();
        addrs.retain(|addr| {
            let known = &self.known[addr];
            let (good, bad) = known.window(None);
            good + bad > 0
                && good + bad >= volume.into()
                && (self.follows(Book::Grpc) || !known.out())
        });
        addrs
    }

    /// Those in service whose success rate is too far below the others'.
    pub(super) fn outliers(&self, rules: &Config) -> Vec<u8> {
        let compared = self.with_volume(rules.success_rate_request_volume);
        if compared.len() < rules.success_rate_minimum_hosts as usize {
            return Vec::new();
        }
        // In 2^-24, as the documentation of the arithmetic says; the deviation of n rates is the
        // root of the sum over all pairs of their squared differences, divided by n.
        let counts: Vec<_> = compared.iter().map(|addr| self.known[addr].window(None)).collect();
        let rates: Vec<u128> = counts
            .iter()
            .map(|(good, bad)| (u128::from(*good) << 24) / u128::from(good + bad))
            .collect();
        let number = rates.len() as u128;
        let pairs = rates.iter().enumerate().flat_map(|(place, a)| repeat_n(a, place).zip(&rates));
        let deviation = pairs.map(|(a, b)| a.abs_diff(*b).pow(2)).sum::<u128>().isqrt();
        let mean = rates.iter().sum::<u128>();
        let far = |rate: u128| {
            1000 * number * rate + u128::from(rules.success_rate_stdev_per_mille) * deviation
                < 1000 * mean
        };
        let mut outliers = Vec::new();
        for (place, (addr, (good, bad))) in
            compared.into_iter().zip(counts.iter().copied()).enumerate()
        {
            check_far(&counts, place, rules, far(rates[place]));
            let low = 100 * good < u64::from(rules.success_rate_floor_percent) * (good + bad)
                && bad >= rules.success_rate_minimum_failures.into();
            if far(rates[place]) && low && !self.known[&addr].out() {
                outliers.push(addr);
            }
        }
        outliers
    }

    /// Ejects one that crossed a threshold, if so many may be.
    pub(super) fn eject(&mut self, now: Instant, addr: u8, reason: Reason, enforcement: u8) {
        let Some(settings) = self.rules() else { return };
        let out = self.known.values().filter(|known| known.out()).count();
        if self.known[&addr].out() || out >= most_out(&settings, self.known.len()) {
            return;
        }
        let ours = settings.book == Book::Evenkeel;
        if enforcement < 100 && (100 * self.draw(addr)) >> 32 >= enforcement.into() {
            if ours {
                self.mark(now, addr, Mark::Window);
            }
            return;
        }
        if ours {
            self.forgive(now, addr);
        }
        self.put_out(now, addr, reason);
    }

    pub(super) fn forgive(&mut self, now: Instant, addr: u8) {
        let (time, interval) = (self.time(now), nanos(self.config.interval));
        let known = self.at(addr);
        let since = if let State::Resting(until) = known.state { until } else { known.back };
        let intervals = time.saturating_sub(since) / interval;
        known.ejections = known.ejections.saturating_sub(intervals);
    }

    /// Ejects one, or lets a probe fail.
    pub(super) fn put_out(&mut self, now: Instant, addr: u8, reason: Reason) {
        let Some(settings) = self.rules() else { return };
        let before = self.known[&addr].ejections;
        let (base, most) = (nanos(settings.base_ejection_time), nanos(settings.max_ejection_time));
        let random = |whole: u64, bits: u64| ((u128::from(whole) * u128::from(bits)) >> 32) as u64;
        let (length, ejections) = match settings.book {
            Book::Evenkeel => {
                let longer = |whole: u64, _| whole.saturating_add(whole.div_ceil(2) + whole / 8);
                let whole = (0..before).fold(base, longer).min(most);
                (whole - random(whole / 2, self.draw(addr)), (before + 1).min(63))
            }
            Book::Envoy | Book::Grpc | Book::Off => {
                let most = most.max(base);
                let grows = settings.book == Book::Grpc || base * before < most + base;
                let ejections = before + u64::from(grows);
                ((base * ejections).min(most), ejections)
            }
        };
        let jitter = random(nanos(settings.max_ejection_jitter), self.draw(addr));
        let time = self.time(now);
        let known = self.at(addr);
        let rests = if let State::Resting(until) = known.state { until } else { 0 };
        if !known.out() {
            known.began = time;
        }
        known.cancels = 0;
        let served = !known.out();
        let until = rests.max(time + length + jitter);
        (known.state, known.reason, known.since, known.ejections) =
            (State::Out(until), reason, time, ejections);
        let slot = known.slot;
        self.mark(now, addr, Mark::Bout);
        if settings.book == Book::Evenkeel {
            self.mark(now, addr, Mark::Window);
        }
        if served && settings.book == Book::Evenkeel {
            self.await_answers();
        }
        let until = self.clock(until);
        self.push(now, Some(slot), EventKind::Ejected { reason, until });
        self.dirty = true;
    }

    /// The time of an ejection is over.
    pub(super) fn release(&mut self, now: Instant, addr: u8) {
        if self.config.half_open {
            self.open(now, addr);
        } else {
            self.readmit(now, addr);
        }
    }

    /// The next request to it is a probe.
    pub(super) fn open(&mut self, now: Instant, addr: u8) {
        let known = self.at(addr);
        known.state = State::Open;
        let slot = known.slot;
        self.push(now, Some(slot), EventKind::HalfOpen);
    }

    pub(super) fn readmit(&mut self, now: Instant, addr: u8) {
        let time = self.time(now);
        let known = self.at(addr);
        known.cancels = 0;
        (known.state, known.back) = (State::In, time);
        let (slot, down) = (known.slot, known.down);
        self.mark(now, addr, Mark::Bout);
        self.mark(now, addr, Mark::Window);
        if !down {
            self.push(now, Some(slot), EventKind::Readmitted);
        }
        self.dirty = true;
    }

    fn mark(&mut self, now: Instant, addr: u8, mark: Mark) {
        let time = self.time(now);
        self.at(addr).log.push((time, mark));
    }

    pub(super) fn follows(&self, book: Book) -> bool {
        self.rules().is_some_and(|settings| settings.book == book)
    }
}

/// Returns how many of `hosts` endpoints may be out at once.
fn most_out(settings: &Config, hosts: usize) -> usize {
    let percent = usize::from(settings.max_ejection_percent);
    let least = usize::from(settings.always_eject_one);
    match settings.book {
        Book::Evenkeel if hosts == 1 => 0,
        Book::Evenkeel if hosts <= 4 && percent > 0 => (hosts * percent.max(50) / 100).max(least),
        Book::Grpc => (hosts * percent).div_ceil(100).max(least),
        Book::Evenkeel | Book::Envoy | Book::Off => (hosts * percent / 100).max(least),
    }
}

/// The rule as it is published, in floating point: where it is not close, both agree.
fn check_far(counts: &[(u64, u64)], place: usize, rules: &Config, far: bool) {
    let float = |number: u64| f64::from(u32::try_from(number).expect("few requests"));
    let rate = |(good, bad): &(u64, u64)| float(*good) / float(good + bad);
    let number = float(counts.len() as u64);
    let mean = counts.iter().map(rate).sum::<f64>() / number;
    let variance = counts.iter().map(|counts| (rate(counts) - mean).powi(2)).sum::<f64>() / number;
    let threshold = mean - f64::from(rules.success_rate_stdev_per_mille) / 1000.0 * variance.sqrt();
    let margin = rate(&counts[place]) - threshold;
    let unit = (2.0 + f64::from(rules.success_rate_stdev_per_mille) / 1000.0) * 1e-6;
    assert!(
        margin.abs() < unit || far == (margin < 0.0),
        "{margin} from the threshold, of {counts:?}"
    );
}
