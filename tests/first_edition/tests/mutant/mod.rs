//! The first edition, changed a little.

use core::time::Duration;

use evenkeel_editions::chance::Chance;
use evenkeel_editions::edition::{
    Addr, BudgetSettings, CallSettings, Edition, Entry, Event, Look, Picked, Request, Row,
    Settings, Step,
};
use evenkeel_editions::first::make;
use first::health::OutlierDetection;
use first::retry::Verdict;
use first::{Endpoint, EventKind, Instant, Outcome, PickError};

macro_rules! kinds {
    ($($kind:ident),*; $($harmless:ident),*) => {
        /// What is changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($harmless,)* $($kind),* }

        impl Kind {
            /// Those that make a difference.
            pub(crate) const ALL: [Self; [$(stringify!($kind)),*].len()] = [$(Self::$kind),*];
        }
    };
}

kinds! {
    OneFailureMore, LongerBase, LongerProbe, LargerShare, OneAlways, ReturnsAtOnce, ShorterRest,
    HigherThreshold, WiderDeviation, LongerInterval, LargerSubset, LongerSlowStart,
    MoreForZones, OtherFactor, NoBound, LosesReports, CanceledFails, NeverDown, ForgetsTried,
    LateProbes, DearerRetries, DearerFailures, OneAttemptMore, LongerAttempts,
    NoSpread, LongerCalls, SendsAgain;
    None, OtherSeed, OtherSlots
}

/// A nanosecond.
const MOMENT: Duration = Duration::from_nanos(1);

pub(crate) struct Mutant {
    kind: Kind,
    inner: Box<dyn Edition>,
    reports: u32,
    began: bool,
    events: Vec<Event>,
}

impl Mutant {
    pub(crate) fn make(kind: Kind, settings: &Settings) -> Box<dyn Edition> {
        let mut settings = settings.clone();
        mutate(kind, &mut settings);
        Box::new(Self {
            kind,
            inner: make(&settings),
            reports: 0,
            began: false,
            events: Vec::new(),
        })
    }
}

fn mutate(kind: Kind, settings: &mut Settings) {
    let config = &mut settings.config;
    if let Some(rules) = &mut config.outlier_detection {
        mutate_rules(kind, rules);
    }
    match kind {
        Kind::ShorterRest => config.max_retry_after = config.max_retry_after.saturating_sub(MOMENT),
        Kind::LargerSubset => config.subset = config.subset.map(|subset| subset + 1),
        Kind::LongerSlowStart => {
            config.slow_start.iter_mut().for_each(|slow| slow.window += Duration::from_millis(10));
        }
        Kind::MoreForZones => config.zone.iter_mut().for_each(|zone| zone.min_endpoints += 1),
        Kind::OtherFactor => {
            if let first::tier::Levels::Overprovisioned { factor, .. } = &mut config.levels {
                *factor += 30;
            }
        }
        Kind::NoBound => settings.bound_percent = None,
        Kind::OtherSeed => config.seed ^= 1,
        Kind::DearerRetries => {
            if let BudgetSettings::Retry { can_retry, .. } = &mut settings.budget {
                *can_retry = can_retry.saturating_sub(1);
            }
        }
        Kind::DearerFailures => {
            if let BudgetSettings::Throttle { token_ratio, .. } = &mut settings.budget {
                *token_ratio = (*token_ratio - 1).max(1);
            }
        }
        _ => {}
    }
}

fn mutate_rules(kind: Kind, rules: &mut OutlierDetection) {
    match kind {
        Kind::OneFailureMore if rules.consecutive_failures > 0 => rules.consecutive_failures += 1,
        Kind::LongerBase => {
            rules.base_ejection_time += MOMENT;
            rules.max_ejection_time += MOMENT;
        }
        Kind::LongerProbe => rules.probe_timeout += MOMENT,
        Kind::LargerShare => {
            rules.max_ejection_percent = (rules.max_ejection_percent + 20).min(100);
        }
        Kind::OneAlways => rules.always_eject_one ^= true,
        Kind::ReturnsAtOnce => rules.half_open ^= true,
        Kind::HigherThreshold => {
            rules
                .failure_percentage
                .iter_mut()
                .for_each(|rule| rule.threshold = (rule.threshold + 1).min(100));
        }
        Kind::WiderDeviation => {
            rules.success_rate.iter_mut().for_each(|rule| rule.stdev_factor += 50);
        }
        Kind::LongerInterval => rules.interval += MOMENT,
        _ => {}
    }
}

impl Edition for Mutant {
    fn update(&mut self, now: Instant, endpoints: &[Endpoint<Addr>]) -> [usize; 4] {
        if self.kind == Kind::OtherSlots && !self.began {
            self.began = true;
            for endpoint in endpoints.iter().rev() {
                self.inner.insert(now, *endpoint);
            }
            // With few, there may have been panic; how it ended is what counts.
            self.inner.events(&mut self.events);
            let panic = self.events.iter().rfind(|event| event.kind != EventKind::Added).copied();
            self.events.retain(|event| event.kind == EventKind::Added);
            self.events.extend(panic.filter(|event| event.kind == EventKind::PanicOn));
            return [endpoints.len(), 0, 0, 0];
        }
        self.inner.update(now, endpoints)
    }

    fn insert(&mut self, now: Instant, endpoint: Endpoint<Addr>) -> [usize; 4] {
        self.inner.insert(now, endpoint)
    }

    fn remove(&mut self, now: Instant, addr: Addr) -> bool {
        self.inner.remove(now, addr)
    }

    fn set_down(&mut self, now: Instant, addr: Addr, down: bool) {
        self.inner.set_down(now, addr, down && self.kind != Kind::NeverDown);
    }

    fn configure(&mut self, now: Instant, rules: Option<OutlierDetection>) {
        let rules = rules.map(|mut rules| {
            mutate_rules(self.kind, &mut rules);
            rules
        });
        self.inner.configure(now, rules);
    }

    fn goes_on(&mut self, request: &Request<'_>) -> bool {
        self.inner.goes_on(request)
    }

    fn pick(&mut self, request: &Request<'_>, chance: &mut Chance) -> Result<Picked, PickError> {
        let call = request.call.filter(|_| self.kind != Kind::ForgetsTried);
        self.inner.pick(&Request { call, ..*request }, chance)
    }

    fn report(&mut self, now: Instant, pick: usize, outcome: Outcome) {
        self.reports += 1;
        let outcome = match outcome {
            Outcome::Canceled if self.kind == Kind::CanceledFails => Outcome::Failure,
            Outcome::Failure
                if self.kind == Kind::LosesReports && self.reports.is_multiple_of(100) =>
            {
                Outcome::Canceled
            }
            outcome => outcome,
        };
        let late = Duration::from_nanos(u64::from(self.kind == Kind::LateProbes));
        self.inner.report(now + late, pick, outcome);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.inner.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.inner.poll_timeout()
    }

    fn list(&self, rows: &mut Vec<Row>) {
        self.inner.list(rows);
    }

    fn events(&mut self, events: &mut Vec<Event>) {
        events.append(&mut self.events);
        self.inner.events(events);
    }

    fn call(&mut self, now: Instant, settings: &CallSettings) -> usize {
        let mut settings = *settings;
        match self.kind {
            Kind::OneAttemptMore => settings.attempts += 1,
            Kind::LongerAttempts => {
                settings.attempt_timeout.iter_mut().for_each(|timeout| *timeout += MOMENT);
            }
            Kind::LongerCalls => settings.timeout.iter_mut().for_each(|timeout| *timeout += MOMENT),
            Kind::NoSpread => settings.retry_after_jitter = false,
            _ => {}
        }
        self.inner.call(now, &settings)
    }

    fn poll(&mut self, call: usize, now: Instant, chance: &mut Chance) -> Step {
        self.inner.poll(call, now, chance)
    }

    fn started(&mut self, call: usize, attempt: usize, pick: usize) {
        self.inner.started(call, attempt, pick);
    }

    fn no_endpoint(&mut self, call: usize, now: Instant) {
        self.inner.no_endpoint(call, now);
    }

    fn on_outcome(&mut self, call: usize, now: Instant, attempt: usize, verdict: Verdict) {
        let verdict = if self.kind == Kind::SendsAgain && verdict == Verdict::Fatal {
            Verdict::Retry
        } else {
            verdict
        };
        self.inner.on_outcome(call, now, attempt, verdict);
    }

    fn look(&self, call: usize) -> Look {
        self.inner.look(call)
    }

    fn account(&mut self, entries: &mut Vec<Entry>) {
        self.inner.account(entries);
    }

    fn left(&self, now: Instant) -> u64 {
        self.inner.left(now)
    }

    fn outcome(&self, verdict: Verdict) -> Outcome {
        self.inner.outcome(verdict)
    }
}
