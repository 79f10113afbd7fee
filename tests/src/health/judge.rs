//! How endpoints are judged in the model, put out and let back in.

use core::iter::repeat_n;

use evenkeel_core::event::EventKind;
use evenkeel_core::health::{Arithmetic, OutlierDetection, Reason, SuccessRate};
use evenkeel_core::{Instant, Outcome, Slot};

use super::model::{Mark, Model, State, Time, in_intervals, nanos};

impl Model {
    /// A request to `slot` ended that was sent at `sent`.
    pub(super) fn report(&mut self, now: Instant, slot: Slot, sent: Instant, decides: bool, outcome: Outcome) {
        let Some((&addr, known)) = self.known.iter().find(|(_, known)| known.slot == slot) else { return };
        let (time, sent) = (self.time(now), self.time(sent));
        let asked = match outcome {
            Outcome::Overloaded { retry_after } => retry_after,
            _ => None,
        };
        let came_back_since = known.state == State::In && known.ejections > 0 && sent < known.back;
        if came_back_since && self.follows(Arithmetic::Evenkeel) && asked.is_none() {
            return;
        }
        let (state, in_service) = (known.state, !known.out());
        let decides = decides && sent >= known.since;
        let failure = outcome != Outcome::Success;
        let rest = asked.map_or(0, |rest| nanos(rest).min(self.max_retry_after));
        if rest > 0 {
            self.rest(now, addr, time + rest, decides);
        } else if outcome == Outcome::Canceled {
            if decides && matches!(state, State::Probing(_)) {
                self.at(addr).state = State::Open;
            }
        } else if in_service {
            if self.settings.is_some() {
                self.at(addr).log.push((time, if failure { Mark::Failure } else { Mark::Success }));
            }
            if failure {
                self.judge_failure(now, addr);
            }
        } else if decides && !failure {
            self.readmit(now, addr);
        } else if decides && matches!(state, State::Probing(_)) {
            self.put_out(now, addr, Reason::ProbeFailed);
        } else if self.follows(Arithmetic::Grpc) {
            self.at(addr).log.push((time, if failure { Mark::LateFailure } else { Mark::LateSuccess }));
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
            _ => return,
        };
        let slot = known.slot;
        self.dirty |= was_in;
        let until = self.clock(until);
        self.push(now, Some(slot), EventKind::Overloaded { until });
    }

    /// What a failure of an endpoint in service comes to, at once.
    fn judge_failure(&mut self, now: Instant, addr: u8) {
        let Some(settings) = self.settings else { return };
        let ours = settings.arithmetic == Arithmetic::Evenkeel;
        let most = usize::from(settings.consecutive_failures);
        let length = (!in_intervals(&settings)).then(|| nanos(settings.interval));
        if most > 0 && self.known[&addr].streak() >= most {
            self.eject(now, addr, Reason::ConsecutiveFailures, 100);
            if settings.arithmetic == Arithmetic::Envoy {
                self.mark(now, addr, Mark::Bout);
            }
        } else if let Some(rule) = settings.failure_percentage.filter(|_| ours) {
            let (good, bad) = self.known[&addr].window(length);
            let enough = good + bad >= rule.request_volume.into() && bad >= rule.minimum_failures.into();
            if enough && bad * 100 >= u64::from(rule.threshold) * (good + bad) {
                self.eject(now, addr, Reason::FailurePercentage, rule.enforcement);
            }
        }
        if let Some(rule) = settings.success_rate.filter(|_| ours && !self.known[&addr].out()) {
            let bad = self.known[&addr].window(None).1;
            if bad > 0
                && bad.is_multiple_of(rule.minimum_failures.max(1).into())
                && self.outliers(&rule).contains(&addr)
            {
                self.eject(now, addr, Reason::SuccessRate, rule.enforcement);
            }
        }
    }

    pub(super) fn end_interval(&mut self, now: Instant) {
        let Some(settings) = self.settings else { return };
        let time = self.time(now);
        let addrs = self.by_slot();
        if settings.arithmetic == Arithmetic::Envoy {
            self.release_due(now, |until| until <= time);
        }
        let volume = settings.failure_percentage.map_or(0, |rule| rule.request_volume);
        let with_volume = self.with_volume(volume);
        if let Some(rule) = settings.success_rate {
            for addr in self.outliers(&rule) {
                self.eject(now, addr, Reason::SuccessRate, rule.enforcement);
            }
        }
        let percentage = settings.failure_percentage.filter(|_| settings.arithmetic != Arithmetic::Evenkeel);
        if let Some(rule) = percentage.filter(|rule| with_volume.len() >= rule.minimum_hosts as usize) {
            for addr in with_volume {
                let (good, bad) = self.known[&addr].window(None);
                let percent = |share: u64| share * (good + bad);
                let above = match settings.arithmetic {
                    Arithmetic::Grpc => bad * 100 > percent(rule.threshold.into()),
                    _ => bad * 100 >= percent(rule.threshold.into()),
                };
                if above && bad >= rule.minimum_failures.into() && !self.known[&addr].out() {
                    self.eject(now, addr, Reason::FailurePercentage, rule.enforcement);
                }
            }
        }
        if settings.arithmetic != Arithmetic::Evenkeel {
            let all = settings.arithmetic == Arithmetic::Grpc;
            for known in self.known.values_mut().filter(|known| !known.out()) {
                let since = if let State::Resting(until) = known.state { until } else { known.back };
                if all || since + nanos(settings.interval) <= time {
                    known.ejections = known.ejections.saturating_sub(1);
                }
            }
        }
        if settings.arithmetic == Arithmetic::Grpc {
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

    /// Who is compared with others: with so many requests, in the order of slots.
    fn with_volume(&self, volume: u32) -> Vec<u8> {
        let mut addrs = self.by_slot();
        addrs.retain(|addr| {
            let known = &self.known[addr];
            let (good, bad) = known.window(None);
            good + bad > 0 && good + bad >= volume.into() && (self.follows(Arithmetic::Grpc) || !known.out())
        });
        addrs
    }

    /// Those in service whose success rate is too far below the others'.
    fn outliers(&self, rule: &SuccessRate) -> Vec<u8> {
        let compared = self.with_volume(rule.request_volume);
        if compared.len() < rule.minimum_hosts as usize {
            return Vec::new();
        }
        // In 2^-24, as the documentation of the arithmetic says; the deviation of n rates is the root of the sum over all pairs
        // of their squared differences, divided by n.
        let counts: Vec<_> = compared.iter().map(|addr| self.known[addr].window(None)).collect();
        let rates: Vec<u128> =
            counts.iter().map(|(good, bad)| (u128::from(*good) << 24) / u128::from(good + bad)).collect();
        let number = rates.len() as u128;
        let pairs = rates.iter().enumerate().flat_map(|(place, a)| repeat_n(a, place).zip(&rates));
        let deviation = pairs.map(|(a, b)| a.abs_diff(*b).pow(2)).sum::<u128>().isqrt();
        let mean = rates.iter().sum::<u128>();
        let far = |rate: u128| 1000 * number * rate + u128::from(rule.stdev_factor) * deviation < 1000 * mean;
        let mut outliers = Vec::new();
        for (place, (addr, (good, bad))) in compared.into_iter().zip(counts.iter().copied()).enumerate() {
            check_far(&counts, place, rule, far(rates[place]));
            let low = 100 * good < u64::from(rule.floor) * (good + bad) && bad >= rule.minimum_failures.into();
            if far(rates[place]) && low && !self.known[&addr].out() {
                outliers.push(addr);
            }
        }
        outliers
    }

    /// Ejects one that crossed a threshold, if so many may be.
    fn eject(&mut self, now: Instant, addr: u8, reason: Reason, enforcement: u8) {
        let Some(settings) = self.settings else { return };
        let out = self.known.values().filter(|known| known.out()).count();
        if self.known[&addr].out() || out >= most_out(&settings, self.known.len()) {
            return;
        }
        let ours = settings.arithmetic == Arithmetic::Evenkeel;
        if enforcement < 100 && (100 * self.draw(addr)) >> 32 >= enforcement.into() {
            if ours {
                self.mark(now, addr, Mark::Window);
            }
            return;
        }
        if ours {
            let time = self.time(now);
            let known = self.at(addr);
            let since = if let State::Resting(until) = known.state { until } else { known.back };
            let intervals = time.saturating_sub(since) / nanos(settings.interval);
            known.ejections = known.ejections.saturating_sub(intervals);
        }
        self.put_out(now, addr, reason);
    }

    /// Ejects one, or lets a probe fail.
    pub(super) fn put_out(&mut self, now: Instant, addr: u8, reason: Reason) {
        let Some(settings) = self.settings else { return };
        let before = self.known[&addr].ejections;
        let (base, most) = (nanos(settings.base_ejection_time), nanos(settings.max_ejection_time));
        let random = |whole: u64, bits: u64| ((u128::from(whole) * u128::from(bits)) >> 32) as u64;
        let (length, ejections) = match settings.arithmetic {
            Arithmetic::Evenkeel => {
                let whole = (0..before).fold(base, |whole, _| whole.saturating_mul(2)).min(most);
                (whole - random(whole / 2, self.draw(addr)), (before + 1).min(63))
            }
            arithmetic => {
                let most = most.max(base);
                let grows = arithmetic == Arithmetic::Grpc || base * before < most + base;
                let ejections = before + u64::from(grows);
                ((base * ejections).min(most), ejections)
            }
        };
        let jitter = random(nanos(settings.max_ejection_jitter), self.draw(addr));
        let time = self.time(now);
        let known = self.at(addr);
        let rests = if let State::Resting(until) = known.state { until } else { 0 };
        let until = rests.max(time + length + jitter);
        (known.state, known.reason, known.since, known.ejections) = (State::Out(until), reason, time, ejections);
        let slot = known.slot;
        self.mark(now, addr, Mark::Bout);
        if settings.arithmetic == Arithmetic::Evenkeel {
            self.mark(now, addr, Mark::Window);
        }
        self.dirty = true;
        let until = self.clock(until);
        self.push(now, Some(slot), EventKind::Ejected { reason, until });
    }

    /// The time of an ejection is over.
    pub(super) fn release(&mut self, now: Instant, addr: u8) {
        if self.settings.is_some_and(|settings| settings.half_open) {
            self.at(addr).state = State::Open;
        } else {
            self.readmit(now, addr);
        }
    }

    pub(super) fn readmit(&mut self, now: Instant, addr: u8) {
        let time = self.time(now);
        let known = self.at(addr);
        (known.state, known.back) = (State::In, time);
        let (slot, down) = (known.slot, known.down);
        self.mark(now, addr, Mark::Bout);
        self.mark(now, addr, Mark::Window);
        self.dirty = true;
        if !down {
            self.push(now, Some(slot), EventKind::Readmitted);
        }
    }

    fn mark(&mut self, now: Instant, addr: u8, mark: Mark) {
        let time = self.time(now);
        self.at(addr).log.push((time, mark));
    }

    fn follows(&self, arithmetic: Arithmetic) -> bool {
        self.settings.is_some_and(|settings| settings.arithmetic == arithmetic)
    }
}

/// How many of `hosts` endpoints may be out at once.
fn most_out(settings: &OutlierDetection, hosts: usize) -> usize {
    let percent = usize::from(settings.max_ejection_percent);
    let least = usize::from(settings.always_eject_one);
    match settings.arithmetic {
        Arithmetic::Evenkeel if hosts == 1 => 0,
        Arithmetic::Evenkeel if hosts <= 4 && percent > 0 => (hosts * percent.max(50) / 100).max(least),
        Arithmetic::Grpc => (hosts * percent).div_ceil(100).max(least),
        _ => (hosts * percent / 100).max(least),
    }
}

/// The rule as it is published, in floating point: where it is not close, both agree.
fn check_far(counts: &[(u64, u64)], place: usize, rule: &SuccessRate, far: bool) {
    let float = |number: u64| f64::from(u32::try_from(number).expect("few requests"));
    let rate = |(good, bad): &(u64, u64)| float(*good) / float(good + bad);
    let number = float(counts.len() as u64);
    let mean = counts.iter().map(rate).sum::<f64>() / number;
    let variance = counts.iter().map(|counts| (rate(counts) - mean).powi(2)).sum::<f64>() / number;
    let threshold = mean - f64::from(rule.stdev_factor) / 1000.0 * variance.sqrt();
    let margin = rate(&counts[place]) - threshold;
    let unit = (2.0 + f64::from(rule.stdev_factor) / 1000.0) * 1e-6;
    assert!(margin.abs() < unit || far == (margin < 0.0), "{margin} from the threshold, of {counts:?}");
}
