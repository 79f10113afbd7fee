//! Explores a call: every state that any order of events leads to.

use core::convert::Infallible;
use core::fmt::{self, Write};
use core::hash::Hasher;
use core::time::Duration;
use std::collections::HashSet;
use std::hash::DefaultHasher;

use evenkeel_core::rand_core::TryRng;
use evenkeel_core::retry::{End, Step, Verdict};
use evenkeel_core::{Instant, Slot};
use evenkeel_tests::call::{CheckedCall, START, Settings, slots};

pub(crate) const fn ticks(ticks: u64) -> Duration {
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
pub(crate) struct Exploration {
    pub(crate) settings: Settings,
    /// What attempts may get.
    pub(crate) verdicts: &'static [Verdict],
    /// How many of them may never have left.
    pub(crate) never_sent: u32,
    /// How many endpoints there are.
    pub(crate) endpoints: u8,
    /// How much time may pass.
    pub(crate) ticks: u64,
    /// Time passes only when the call has said to wait, and at most a tick too much.
    pub(crate) prompt: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) ends: Vec<End>,
    pub(crate) most_in_flight: usize,
    pub(crate) most_asks: u32,
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
    pub(crate) fn run(&self) -> Found {
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
