//! Every order of events that a call can live through, with few attempts and in small times: each
//! step is checked against the model in `evenkeel_tests::call`, and against what holds for any
//! call.
//!
//! Time goes in ticks of 1 ns. Each attempt is offered each of a few endpoints, tried or not. At any
//! moment an attempt in flight may end in any way, the last one may turn out to have no endpoint,
//! there may be one again, the caller may poll (in time, late, or twice), and a tick may
//! pass. Something heard of an attempt that is over must change nothing. A caller who drops the
//! call stops anywhere: every beginning of an order is explored, too. States that differ in nothing
//! are explored once.

use core::convert::Infallible;
use core::fmt::{self, Write};
use core::hash::Hasher;
use core::time::Duration;
use std::collections::HashSet;
use std::hash::DefaultHasher;

use evenkeel_core::rand_core::TryRng;
use evenkeel_core::retry::{Backoff, End, Step, Verdict};
use evenkeel_core::{Instant, Slot};
use evenkeel_tests::call::{CheckedCall, START, Settings, slots};

const fn ticks(ticks: u64) -> Duration {
    Duration::from_nanos(ticks)
}

/// None of the settings here needs chance.
#[derive(Clone, Debug, PartialEq)]
struct NoRng;

impl TryRng for NoRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("chance is not needed")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("chance is not needed")
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Infallible> {
        panic!("chance is not needed")
    }
}

/// What is explored.
#[derive(Clone, Copy)]
struct Exploration {
    settings: Settings,
    /// What attempts may get.
    verdicts: &'static [Verdict],
    /// How many of them may never have left.
    never_sent: u32,
    /// How many endpoints there are.
    endpoints: u8,
    /// How much time may pass.
    ticks: u64,
    /// Time passes only when the call has said to wait, and at most a tick too much.
    prompt: bool,
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    states: usize,
    ends: Vec<End>,
    most_in_flight: usize,
    most_asks: u32,
}

#[derive(Clone)]
struct State {
    call: CheckedCall,
    now: Instant,
    never_sent: u32,
    /// How often it heard that there may be an endpoint.
    woken: u32,
    /// When the last poll said to come back: nothing is to be gained by polling before.
    asleep: Option<Sleep>,
}

/// Until a time, or until an attempt ends.
#[derive(Clone, Copy, Debug)]
struct Sleep(Option<Instant>);

impl Sleep {
    fn is_due(self, now: Instant) -> bool {
        self.0.is_some_and(|until| now >= until)
    }

    fn is_over(self, now: Instant) -> bool {
        self.0.is_some_and(|until| now > until)
    }
}

impl Exploration {
    fn run(&self) -> Found {
        let mut found = Found::default();
        let slots = slots(self.endpoints);
        let mut seen = HashSet::new();
        let start = State {
            call: CheckedCall::new(&self.settings, START),
            now: START,
            never_sent: 0,
            woken: 0,
            asleep: None,
        };
        let mut stack = vec![start];
        while let Some(state) = stack.pop() {
            let digest = state.digest();
            if !seen.insert(digest) {
                continue;
            }
            found.states += 1;
            found.most_in_flight = found.most_in_flight.max(state.call.open().len());
            found.most_asks = found.most_asks.max(state.call.asks());
            state.stale_outcomes_change_nothing(digest);
            self.follow(&state, &slots, &mut stack, &mut found);
        }
        found
    }

    fn follow(&self, state: &State, slots: &[Slot], stack: &mut Vec<State>, found: &mut Found) {
        let mut next = |change: &dyn Fn(&mut State)| {
            let mut state = state.clone();
            change(&mut state);
            stack.push(state);
        };
        for &attempt in state.call.open() {
            for &verdict in self.verdicts {
                let never_sent = state.never_sent + u32::from(verdict == Verdict::NeverSent);
                if never_sent <= self.never_sent {
                    next(&|state| {
                        state.call.on_outcome(state.now, attempt, verdict);
                        (state.never_sent, state.asleep) = (never_sent, None);
                    });
                }
            }
        }
        let late = state.asleep.is_none_or(|sleep| sleep.is_over(state.now));
        if state.now < START + ticks(self.ticks) && !(self.prompt && late) {
            next(&|state| state.now = state.now + ticks(1));
        }
        let mut other = state.clone();
        if other.call.no_endpoint(other.now).is_some() {
            stack.push(State { asleep: None, ..other });
        }
        if state.call.call().waits_for_endpoint() && state.woken < 2 {
            let mut woken = State { asleep: None, woken: state.woken + 1, ..state.clone() };
            woken.call.endpoints_changed();
            stack.push(woken);
        }
        let mut polled = state.clone();
        match polled.call.poll(polled.now, &mut NoRng) {
            Step::Wait(until) => {
                let again = polled.call.poll(polled.now, &mut NoRng);
                assert_eq!(again, Step::Wait(until), "another answer to the same question");
                // Before its time it may not matter that the caller asks; then, a hedge may have
                // been refused.
                match state.asleep {
                    Some(Sleep(earlier)) if !Sleep(earlier).is_due(state.now) => {
                        assert_eq!(until, earlier, "at {}", state.now);
                    }
                    Some(_) | None => stack.push(State { asleep: Some(Sleep(until)), ..polled }),
                }
            }
            Step::Done(end) => {
                assert_eq!(polled.call.poll(polled.now, &mut NoRng), Step::Done(end));
                if !found.ends.contains(&end) {
                    found.ends.push(end);
                }
            }
            step @ (Step::Send(_) | Step::Cancel { .. }) => {
                let due = state.asleep.is_none_or(|sleep| sleep.is_due(state.now));
                assert!(due, "something to do at {}, not only at {:?}", state.now, state.asleep);
                let after = State { asleep: None, ..polled };
                if let Step::Send(attempt) = step {
                    // Of those that were not tried, one is as good as another.
                    let tried = after.call.tried().len();
                    for &slot in slots.iter().take(tried + 1) {
                        let mut after = after.clone();
                        let _ = after.call.started(attempt, slot);
                        stack.push(after);
                    }
                    let mut after = after;
                    let _ = after.call.no_endpoint(after.now);
                    stack.push(after);
                } else {
                    stack.push(after);
                }
            }
        }
    }
}

impl State {
    /// Of everything that the call knows, of the time, and of what its budget will say.
    fn digest(&self) -> u64 {
        let mut hash = DigestWriter { hasher: DefaultHasher::new(), skips: false };
        write!(
            hash,
            "{:?}, {:?}",
            self.call.call(),
            (self.now, self.asleep, self.never_sent, self.woken, self.call.asks())
        )
        .expect("nothing can fail");
        hash.hasher.finish()
    }

    fn stale_outcomes_change_nothing(&self, digest: u64) {
        let Some(&attempt) = self.call.over().last() else { return };
        let mut told = self.clone();
        for verdict in [Verdict::Success, Verdict::NeverSent] {
            told.call.on_outcome(self.now, attempt, verdict);
        }
        assert_eq!(told.digest(), digest, "{attempt:?} is over, and still changes something");
    }
}

/// Leaves out the time the call was told last: without a clock that goes backwards it is of no use.
struct DigestWriter {
    hasher: DefaultHasher,
    skips: bool,
}

impl Write for DigestWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.skips = text == "last" || self.skips && text != ", ";
        if !self.skips {
            self.hasher.write(text.as_bytes());
        }
        Ok(())
    }
}

/// The ends that decide a call do so alike, and those that lead to another attempt.
const ALL: &[Verdict] = &[
    Verdict::Success,
    Verdict::RetryableFailure,
    Verdict::PushBack { wait: ticks(2) },
    Verdict::Overloaded { wait: Some(ticks(2)) },
    Verdict::Ignorable,
    Verdict::NeverSent,
];

const EVERY: &[Verdict] = &[
    Verdict::Success,
    Verdict::RetryableFailure,
    Verdict::NonRetryableFailure,
    Verdict::TimedOut,
    Verdict::Ignorable,
    Verdict::Overloaded { wait: None },
    Verdict::Overloaded { wait: Some(ticks(1)) },
    Verdict::Overloaded { wait: Some(ticks(2)) },
    Verdict::PushBack { wait: ticks(1) },
    Verdict::NeverSent,
    Verdict::Canceled,
];

const RESTS: &[Verdict] =
    &[Verdict::Overloaded { wait: None }, Verdict::Overloaded { wait: Some(ticks(2)) }];

const PUSH_BACK: &[Verdict] = &[
    Verdict::Success,
    Verdict::RetryableFailure,
    Verdict::PushBack { wait: ticks(1) },
    Verdict::PushBack { wait: ticks(2) },
];

impl Exploration {
    /// 5 ticks for all, 3 for an attempt, 1 between retries and between hedges.
    fn new(attempts: u32, hedges: u32) -> Self {
        let settings = Settings {
            timeout: Some(ticks(5)),
            attempt_timeout: Some(ticks(3)),
            backoff: Backoff::Constant(ticks(1)),
            hedging: (hedges > 0).then_some((ticks(1), hedges)),
            ..Settings::new(attempts)
        };
        Self {
            settings,
            verdicts: ALL,
            never_sent: 1,
            endpoints: 2 + hedges as u8,
            ticks: 6,
            prompt: true,
        }
    }

    /// Explores, and makes sure that it was worth it.
    fn expect(&self, title: &str, states: usize, ends: &[End]) -> Found {
        let found = self.run();
        println!("{title}: {found:?}");
        assert!(found.states >= states, "{title}: only {} states", found.states);
        assert!(ends.iter().all(|end| found.ends.contains(end)), "{title}: {:?}", found.ends);
        assert_eq!(found.ends.len(), ends.len(), "{title}: {:?}", found.ends);
        found
    }
}

const USUAL: [End; 5] =
    [End::Success, End::Ignorable, End::Attempts, End::Deadline, End::NoEndpoints];

#[test]
fn three_attempts_and_two_hedges() {
    let mut exploration = Exploration { never_sent: 0, ticks: 5, ..Exploration::new(3, 2) };
    exploration.settings.timeout = Some(ticks(4));
    let found = exploration.expect("3 attempts, 2 hedges", 10_000, &USUAL);
    assert_eq!((found.most_in_flight, found.most_asks), (3, 4));
}

/// The caller may poll whenever he likes, also long after it was due.
#[test]
fn polled_at_any_time() {
    for (attempts, hedges, states) in [(1, 0, 300), (3, 0, 2000), (1, 1, 5000), (2, 1, 10_000)] {
        let exploration = Exploration {
            prompt: false,
            never_sent: 1 - hedges,
            ..Exploration::new(attempts, hedges)
        };
        let found = exploration.expect(
            &format!("{attempts} attempts, {hedges} hedges, late"),
            states,
            &USUAL,
        );
        assert_eq!(
            (found.most_in_flight, found.most_asks),
            (1 + hedges as usize, attempts - 1 + hedges)
        );
    }
}

#[test]
fn never_sent_is_free_three_times() {
    for (attempts, hedges, endpoints, states) in
        [(1, 0, 5, 80), (3, 0, 3, 300), (2, 0, 4, 300), (1, 1, 4, 900)]
    {
        let mut exploration = Exploration {
            never_sent: 5,
            endpoints,
            ticks: 3,
            ..Exploration::new(attempts, hedges)
        };
        exploration.settings.timeout = Some(ticks(2));
        exploration.settings.backoff = Backoff::None;
        exploration.verdicts = &[Verdict::NeverSent, Verdict::RetryableFailure, Verdict::Success];
        let ends = [End::Success, End::Attempts, End::Deadline, End::NoEndpoints];
        exploration.expect(
            &format!("{attempts} attempts, {hedges} hedges, never sent"),
            states,
            &ends,
        );
    }
}

/// Attempts that nobody gives up, and no wait between them; hedges after a delay or all at once.
#[test]
fn without_deadlines() {
    for delay in [0, 1] {
        let mut exploration = Exploration { never_sent: 0, ticks: 2, ..Exploration::new(2, 2) };
        exploration.settings.timeout = None;
        exploration.settings.attempt_timeout = None;
        exploration.settings.backoff = Backoff::None;
        exploration.settings.hedging = Some((ticks(delay), 2));
        let ends = [End::Success, End::Ignorable, End::Attempts, End::NoEndpoints];
        exploration.expect(&format!("no deadlines, delay {delay}"), 2000, &ends);
    }
}

#[test]
fn budget_refuses_anywhere() {
    for (refused, states) in [(1, 500), (2, 1000), (4, 4000), (8, 5000)] {
        let mut exploration = Exploration { never_sent: 0, ticks: 5, ..Exploration::new(3, 2) };
        exploration.settings.timeout = Some(ticks(4));
        exploration.settings.refused = refused;
        let ends = [&USUAL[..], &[End::Budget]].concat();
        exploration.expect(&format!("the budget refuses {refused:b}"), states, &ends);
    }
    let mut exploration = Exploration::new(3, 2);
    exploration.settings.refused = u64::MAX;
    let ends = [End::Success, End::Ignorable, End::Deadline, End::NoEndpoints, End::Budget];
    let found = exploration.expect("the budget refuses all", 100, &ends);
    assert_eq!((found.most_in_flight, found.most_asks), (1, 3));
}

#[test]
fn servers_ask_for_more_than_is_allowed() {
    let mut exploration = Exploration::new(2, 2);
    exploration.settings.max_push_back = ticks(1);
    exploration.verdicts = PUSH_BACK;
    let ends = [End::Success, End::Attempts, End::Deadline, End::NoEndpoints, End::PushBack];
    exploration.expect("push-back beyond the limit", 10_000, &ends);
}

/// Every verdict, with one endpoint, with two and with three: what is overloaded leads elsewhere.
#[test]
fn every_verdict() {
    for (endpoints, verdicts) in [(1, EVERY), (2, EVERY), (3, RESTS)] {
        let mut exploration = Exploration { endpoints, ticks: 4, ..Exploration::new(3, 0) };
        exploration.verdicts = verdicts;
        let mut ends = vec![End::Attempts, End::Deadline, End::NoEndpoints];
        if endpoints < 3 {
            ends.extend([End::Success, End::Ignorable, End::NonRetryableFailure, End::Canceled]);
        }
        exploration.expect(&format!("every verdict, {endpoints} endpoints"), 2000, &ends);
    }
}

/// A call that finds no endpoint waits for one until its deadline.
#[test]
fn waits_until_ready() {
    for (attempts, hedges) in [(1, 0), (2, 1)] {
        let mut exploration = Exploration::new(attempts, hedges);
        exploration.settings.wait_for_ready = true;
        let ends = [End::Success, End::Ignorable, End::Attempts, End::Deadline];
        exploration.expect(&format!("{attempts} attempts, ready"), 500, &ends);
    }
}
