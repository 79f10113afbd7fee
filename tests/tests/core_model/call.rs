//! `Call` against the model of one call in `evenkeel_tests::call`.

use core::time::Duration;

use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::{Attempt, Backoff, Jitter, Step, Verdict};
use evenkeel_core::{Instant, Slot};
use evenkeel_tests::call::{CheckedCall, START, Settings, slots};
use proptest::prelude::*;
use proptest::sample::Index;
use rand_chacha::ChaCha8Rng;

use super::config;

#[derive(Clone, Debug)]
enum Event {
    Poll,
    /// Polls after as long as the last poll said to wait.
    Sleep,
    Ahead(Duration),
    Back(Duration),
    Outcome(Index, Verdict),
    /// Something is heard of an attempt that is over.
    Stale(Index, Verdict),
    Started(usize),
    NoEndpoint,
    /// There may be one now.
    EndpointsChanged,
}

fn time() -> impl Strategy<Value = Duration> {
    let year = 365 * 24 * 3600 * 1_000_000_000;
    prop_oneof![8 => 1..500_000_000_u64, 2 => 1..10_000_u64, 1 => Just(0), 1 => Just(year)]
        .prop_map(Duration::from_nanos)
}

fn settings() -> impl Strategy<Value = Settings> {
    let jitter = prop::sample::select(Jitter::ALL);
    let backoff = prop_oneof![
        Just(Backoff::None),
        time().prop_map(Backoff::Constant),
        (time(), time(), jitter).prop_map(|(a, b, jitter)| Backoff::exponential(
            a.min(b),
            a.max(b)
        )
        .with_jitter(jitter)),
    ];
    let timeout =
        || prop::option::of(time().prop_filter("a timeout is above 0", |time| !time.is_zero()));
    let hedging = prop::option::of((time(), 1..=4_u32));
    let limits = (
        prop_oneof![3 => Just(Duration::MAX), 1 => time()],
        any::<bool>(),
        prop::bool::weighted(0.2),
    );
    // All, all but the first few, or any.
    let refused = prop_oneof![3 => Just(0), 1 => (0..3).prop_map(|granted| u64::MAX << granted), 1 => any::<u64>()];
    (1..12_u32, timeout(), timeout(), backoff, hedging, limits, refused).prop_map(
        |(
            attempts,
            timeout,
            attempt_timeout,
            backoff,
            hedging,
            (max_push_back, push_back_jitter, wait_for_ready),
            refused,
        )| {
            Settings {
                attempts,
                timeout,
                attempt_timeout,
                backoff,
                hedging,
                max_push_back,
                push_back_jitter,
                wait_for_ready,
                refused,
            }
        },
    )
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        1 => Just(Verdict::Success),
        8 => Just(Verdict::RetryableFailure),
        3 => time().prop_map(|wait| Verdict::PushBack { wait }),
        3 => prop::option::of(time()).prop_map(|wait| Verdict::Overloaded { wait }),
        1 => Just(Verdict::TimedOut),
        1 => Just(Verdict::NonRetryableFailure),
        1 => Just(Verdict::Ignorable),
        1 => Just(Verdict::Canceled),
        4 => Just(Verdict::NeverSent),
    ]
}

fn habits() -> impl Strategy<Value = Vec<Verdict>> {
    prop::collection::vec(verdict(), 1..6)
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => Just(Event::Poll),
        8 => Just(Event::Sleep),
        2 => time().prop_map(Event::Ahead),
        2 => time().prop_map(Event::Back),
        8 => (any::<Index>(), verdict()).prop_map(|(which, verdict)| Event::Outcome(which, verdict)),
        1 => (any::<Index>(), verdict()).prop_map(|(which, verdict)| Event::Stale(which, verdict)),
        4 => (0..12_usize).prop_map(Event::Started),
        1 => prop::bool::weighted(0.3).prop_map(|none| if none { Event::NoEndpoint } else { Event::Poll }),
        1 => Just(Event::EndpointsChanged),
    ];
    prop::collection::vec(event, 1..80)
}

proptest! {
    #![proptest_config(config())]

    /// The last argument is how attempts end when the events are over.
    #[test]
    fn call(settings in settings(), seed in any::<u64>(), events in events(), habits in habits()) {
        let mut run = Run::new(&settings, seed);
        for event in &events {
            run.event(event);
        }
        run.call.finish(run.now, &mut run.rng, &habits);
    }
}

struct Run {
    call: CheckedCall,
    rng: ChaCha8Rng,
    now: Instant,
    wake: Option<Instant>,
    slots: Vec<Slot>,
}

impl Run {
    fn new(settings: &Settings, seed: u64) -> Self {
        Self {
            call: CheckedCall::new(settings, START),
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: START,
            wake: None,
            slots: slots(12),
        }
    }

    fn event(&mut self, event: &Event) {
        match *event {
            Event::Poll => self.poll(),
            Event::Sleep => {
                self.now = self.wake.map_or(self.now, |wake| wake.max(self.now));
                self.poll();
            }
            Event::Ahead(time) => self.now = self.now + time,
            Event::Back(time) => self.now = self.now.saturating_sub(time),
            Event::Outcome(which, verdict) => self.outcome(which, verdict, CheckedCall::open),
            Event::Stale(which, verdict) => self.outcome(which, verdict, CheckedCall::over),
            Event::Started(number) => {
                if let Some(&attempt) = self.call.open().last() {
                    let _ = self.call.started(attempt, self.slots[number]);
                }
            }
            Event::NoEndpoint => drop(self.call.no_endpoint(self.now)),
            Event::EndpointsChanged => self.call.endpoints_changed(),
        }
    }

    fn outcome(&mut self, which: Index, verdict: Verdict, of: impl Fn(&CheckedCall) -> &[Attempt]) {
        let attempts = of(&self.call);
        if !attempts.is_empty() {
            let attempt = *which.get(attempts);
            self.call.on_outcome(self.now, attempt, verdict);
        }
    }

    fn poll(&mut self) {
        if let Step::Wait(until) = self.call.poll(self.now, &mut self.rng) {
            self.wake = until;
        }
    }
}
