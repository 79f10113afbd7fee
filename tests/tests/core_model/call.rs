//! `Call` against a plain reference model of one call.
//!
//! The model knows no points in time: it counts how long the call has been under way. A clock that goes backwards adds
//! nothing to that.

use core::time::Duration;

use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::{Attempt, Backoff, Budget, Call, End, RetryPolicy, Step, Verdict};
use evenkeel_core::{Endpoint, EndpointSet, Instant, Outcome, Slot};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;

use super::config;
use super::reference::{Doing, Expected, Model, Settings};

const START: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[derive(Clone, Debug)]
enum Event {
    Poll,
    /// Polls after as long as the last poll said to wait.
    Sleep,
    Ahead(Duration),
    Back(Duration),
    Outcome(Verdict),
    /// Something is heard of an attempt that is over.
    Stale(Verdict),
    Started(usize),
    NoEndpoint,
}

fn time() -> impl Strategy<Value = Duration> {
    let year = 365 * 24 * 3600 * 1_000_000_000;
    prop_oneof![8 => 1..500_000_000_u64, 2 => 1..10_000_u64, 1 => Just(0), 1 => Just(year)]
        .prop_map(Duration::from_nanos)
}

fn settings() -> impl Strategy<Value = Settings> {
    let backoff = prop_oneof![
        Just(Backoff::None),
        time().prop_map(Backoff::Constant),
        (time(), time()).prop_map(|(a, b)| Backoff::exponential(a.min(b), a.max(b))),
    ];
    let timeout = || prop::option::of(time().prop_filter("a timeout is above 0", |time| !time.is_zero()));
    let budget = prop_oneof![3 => Just(u32::MAX), 1 => 0..3_u32];
    (1..12_u32, timeout(), timeout(), backoff, budget, any::<u64>(), verdict()).prop_map(
        |(attempts, timeout, attempt_timeout, backoff, budget, seed, habit)| Settings {
            attempts,
            timeout,
            attempt_timeout,
            backoff,
            budget,
            seed,
            habit,
        },
    )
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        1 => Just(Verdict::Success),
        8 => Just(Verdict::Retry),
        3 => time().prop_map(Verdict::RetryAfter),
        1 => Just(Verdict::Fatal),
        4 => Just(Verdict::NeverSent),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => Just(Event::Poll),
        8 => Just(Event::Sleep),
        2 => time().prop_map(Event::Ahead),
        2 => time().prop_map(Event::Back),
        8 => verdict().prop_map(Event::Outcome),
        1 => verdict().prop_map(Event::Stale),
        4 => (0..12_usize).prop_map(Event::Started),
        1 => prop::bool::weighted(0.3).prop_map(|none| if none { Event::NoEndpoint } else { Event::Poll }),
    ];
    prop::collection::vec(event, 1..80)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn call(settings in settings(), events in events()) {
        let mut run = Run::new(&settings);
        for event in &events {
            run.event(event);
        }
        run.finish();
    }
}

/// Counts what the call tells it.
#[derive(Default)]
struct Account {
    calls: u32,
    verdicts: u32,
    withdrawn: u32,
    tokens: u32,
}

impl Budget for Account {
    fn on_call(&mut self, _now: Instant) {
        self.calls += 1;
    }

    fn on_verdict(&mut self, _now: Instant, _verdict: Verdict) {
        self.verdicts += 1;
    }

    fn withdraw(&mut self, _now: Instant) -> bool {
        let granted = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        self.withdrawn += u32::from(granted);
        granted
    }
}

struct Run<'a> {
    call: Call,
    model: Model<'a>,
    account: Account,
    rng: ChaCha8Rng,
    now: Instant,
    /// What the call was told last: only what it learns of can move it.
    told: Instant,
    wake: Instant,
    slots: Vec<Slot>,
    open: Option<Attempt>,
    stale: Option<Attempt>,
    /// Attempts sent and ended, whatever they were called.
    begun: u32,
    ended: u32,
}

impl<'a> Run<'a> {
    fn new(settings: &'a Settings) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(settings.seed);
        let mut policy = RetryPolicy::new(settings.attempts).and_then(|policy| policy.with_backoff(settings.backoff));
        if let Some(timeout) = settings.timeout {
            policy = policy.and_then(|policy| policy.with_timeout(timeout));
        }
        if let Some(timeout) = settings.attempt_timeout {
            policy = policy.and_then(|policy| policy.with_attempt_timeout(timeout));
        }
        let mut set: EndpointSet<u8> = EndpointSet::new();
        let _ = set.update((0..12).map(Endpoint::new));
        let now = Instant::ZERO + START;
        Self {
            call: Call::new(&policy.expect("good settings"), now),
            model: Model {
                settings,
                rng: rng.clone(),
                elapsed: Duration::ZERO,
                sent: 0,
                free: 0,
                tried: Vec::new(),
                tokens: settings.budget,
                doing: Doing::Waiting(Duration::ZERO),
            },
            account: Account { tokens: settings.budget, ..Account::default() },
            rng,
            now,
            told: now,
            wake: now,
            slots: set.iter().map(|(slot, _)| slot).collect(),
            open: None,
            stale: None,
            begun: 0,
            ended: 0,
        }
    }

    fn event(&mut self, event: &Event) {
        match *event {
            Event::Poll => drop(self.poll()),
            Event::Sleep => {
                self.now = if self.wake < Instant::MAX { self.wake.max(self.now) } else { self.now };
                let _ = self.poll();
            }
            Event::Ahead(time) => self.now = self.now + time,
            Event::Back(time) => self.now = self.now.saturating_sub(time),
            Event::Outcome(verdict) => self.outcome(verdict),
            Event::Stale(verdict) => {
                if let Some(attempt) = self.stale {
                    self.tell();
                    self.call.on_outcome(self.now, attempt, verdict);
                }
            }
            Event::Started(number) => self.started(number),
            Event::NoEndpoint => {
                self.tell();
                self.call.no_endpoint(self.now);
                if self.open.take().is_some() {
                    self.model.sent -= 1;
                    self.begun -= 1;
                    self.model.doing = Doing::Over(End::NoEndpoints);
                }
            }
        }
        self.compare();
    }

    fn compare(&self) {
        let tried: Vec<_> = self.model.tried.iter().map(|&number| self.slots[number]).collect();
        assert_eq!(self.call.tried(), tried);
        assert_eq!((self.call.attempts(), self.account.tokens), (self.model.sent, self.model.tokens));
    }

    /// The call learns the time.
    fn tell(&mut self) {
        self.model.elapsed += self.now.saturating_since(self.told);
        self.told = self.now;
    }

    fn started(&mut self, number: usize) {
        let Some(attempt) = self.open else { return };
        self.call.started(attempt, self.slots[number]);
        if !self.model.tried.contains(&number) {
            self.model.tried.push(number);
            let forgotten = self.model.tried.len().saturating_sub(8);
            self.model.tried.drain(..forgotten);
        }
    }

    fn outcome(&mut self, verdict: Verdict) {
        let Some(attempt) = self.open.take() else { return };
        self.tell();
        self.call.on_outcome(self.now, attempt, verdict);
        self.model.doing = Doing::Ended(self.model.elapsed, verdict);
        self.stale = Some(attempt);
        self.ended += 1;
    }

    fn poll(&mut self) -> Step {
        self.tell();
        let step = self.call.poll(self.now, &mut self.account, &mut self.rng);
        let expected = self.model.poll();
        let after = |time: Instant| (time < Instant::MAX).then(|| self.model.elapsed + time.saturating_since(self.now));
        let got = match step {
            Step::Send(attempt) => Expected::Send(attempt.number(), attempt.deadline().and_then(after)),
            Step::Wait(until) => Expected::Wait(after(until)),
            Step::Cancel { attempt, .. } => Expected::Cancel(attempt.number()),
            Step::Done(end) => Expected::Done(end),
        };
        assert_eq!(got, expected, "after {:?}", self.model.elapsed);
        match step {
            Step::Send(attempt) => {
                assert_eq!(self.open.replace(attempt), None, "two attempts under way");
                self.begun += 1;
            }
            Step::Wait(until) => {
                assert!(until > self.now);
                self.wake = until;
            }
            Step::Cancel { attempt, outcome } => {
                assert_eq!((self.open.take(), outcome), (Some(attempt), Outcome::Failure));
                self.stale = Some(attempt);
                self.ended += 1;
            }
            Step::Done(_) => assert_eq!(self.open, None, "an attempt is left behind"),
        }
        step
    }

    /// A call always ends, and soon: at each wait the time comes, and each attempt goes elsewhere and ends.
    fn finish(mut self) {
        for _ in 0..6 * (self.model.settings.attempts + 8) {
            let step = self.poll();
            self.compare();
            match step {
                Step::Wait(_) if self.open.is_some() => self.outcome(self.model.settings.habit),
                Step::Wait(until) => self.now = until,
                Step::Send(_) => self.started(self.begun as usize % self.slots.len()),
                Step::Cancel { .. } => {}
                Step::Done(end) => {
                    assert_eq!((self.begun, self.ended), (self.account.verdicts, self.account.verdicts));
                    assert_eq!(self.account.withdrawn, self.model.settings.budget - self.account.tokens);
                    assert_eq!(self.account.calls, u32::from(self.begun > 0 || end == End::NoEndpoints));
                    assert!(self.call.attempts() <= self.model.settings.attempts);
                    return;
                }
            }
        }
        panic!("the call does not end: {:?}", self.call);
    }
}
