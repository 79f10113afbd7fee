//! Any order of events in the life of a balancer and its calls, checked against a simple model
//! after every one.
//!
//! [`check`] is the body of the fuzz target `lifecycle`; an ordinary test replays the fuzz target's
//! corpus through it.

mod model;

use core::time::Duration;

use evenkeel_core::policy::{AnyPolicy, BoxedPolicy, boxed};
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::{Attempt, Step, Verdict};
use evenkeel_core::{
    Balancer, Book, Config, Cx, Heap, Inline, Instant, Outcome, Pick, Policy, Request, Slot, Store,
    View,
};
use rand_chacha::ChaCha8Rng;

use crate::call::{CheckedCall, START, Settings};
use crate::input::Input;
use crate::policies::roomy;
use model::Model;

const SMALL: usize = 4;

/// Reads `data` as a sequence of events and lives through them, with storage on the heap and in
/// place.
///
/// # Panics
/// When a balancer or a call does what the model does not allow.
pub fn check(data: &[u8]) {
    Lifecycle::<Heap>::new(Input::new(data), usize::MAX).run();
    Lifecycle::<Inline<SMALL>>::new(Input::new(data), SMALL).run();
}

/// A policy of any kind.
type Any = Box<dyn BoxedPolicy<Load = <AnyPolicy as Policy>::Load> + Send + Sync>;

struct Lifecycle<'a, S: Store> {
    input: Input<'a>,
    balancer: Balancer<u8, Any, Config, S>,
    /// Another client of the same service: its picks mean nothing to the balancer.
    stranger: Balancer<u8, Any, Config, S>,
    model: Model,
    round_robin: bool,
    picks: Vec<Pick>,
    departed: Vec<Slot>,
    /// With the picks of the attempts in flight.
    call: Option<(CheckedCall, Vec<(Attempt, Pick)>)>,
    now: Instant,
    rng: ChaCha8Rng,
}

impl<'a, S: Store> Lifecycle<'a, S> {
    fn new(mut input: Input<'a>, capacity: usize) -> Self {
        let texts: Vec<_> = roomy().collect();
        let text = texts.get(input.below(texts.len() + 1)).copied();
        let policy = match text {
            Some(text) => boxed(text.parse::<AnyPolicy>().expect("a text from the list")),
            None => boxed(least_in_flight),
        };
        // Health has a model of its own.
        let config =
            Config { book: Book::Off, max_retry_after: Duration::ZERO, ..Config::default() };
        let balancer = |policy| Balancer::with_config(policy, config).expect("good settings");
        Self {
            model: Model::new(capacity),
            round_robin: text == Some("round_robin"),
            balancer: balancer(policy),
            stranger: balancer(boxed(least_in_flight)),
            picks: Vec::new(),
            departed: Vec::new(),
            call: None,
            now: START,
            rng: ChaCha8Rng::seed_from_u64(u64::from(input.byte())),
            input,
        }
    }

    fn run(mut self) {
        while !self.input.is_empty() {
            self.step();
            self.model.compare(&self.balancer);
        }
        self.finish_call();
        self.model.compare(&self.balancer);
    }

    fn step(&mut self) {
        match self.input.below(16) {
            0 => self.update(),
            1 => self.insert(),
            2 => self.remove(),
            3 | 4 => self.pick(&[], false),
            5 => self.pick_avoiding(),
            6 | 7 => self.report(),
            8 => drop(self.some_pick()),
            9 => self.report_to_stranger(),
            10 => self.now = self.now + self.input.duration(),
            11 => self.clock_goes_back(),
            12 => self.start_call(),
            13 => drop(self.poll_call()),
            14 => self.end_attempt(),
            _ => self.end_stale_attempt(),
        }
    }

    fn clock_goes_back(&mut self) {
        let by = self.input.duration().as_nanos() as u64;
        self.now = Instant::from_nanos(self.now.as_nanos().saturating_sub(by));
    }

    fn update(&mut self) {
        let records: Vec<_> = (0..self.input.below(8)).map(|_| self.input.endpoint()).collect();
        self.departed.extend(self.balancer.endpoints().map(|status| status.slot));
        let changes = self
            .balancer
            .update(self.now, records.iter().copied())
            .expect("the policy's table has room");
        self.model.update(&records, changes);
    }

    fn insert(&mut self) {
        let endpoint = self.input.endpoint();
        let changes = self.balancer.insert(self.now, endpoint).ok();
        self.model.insert(endpoint, changes);
    }

    fn remove(&mut self) {
        let addr = self.input.address();
        let removed = self.balancer.remove(self.now, &addr).expect("the policy's table has room");
        self.model.remove(addr, removed);
    }

    fn pick_avoiding(&mut self) {
        let mask = self.input.byte();
        let slots = self
            .balancer
            .endpoints()
            .map(|status| status.slot)
            .chain(self.departed.iter().rev().copied());
        let avoid: Vec<_> = slots
            .take(8)
            .enumerate()
            .filter(|(i, _)| mask >> i & 1 == 1)
            .map(|(_, slot)| slot)
            .collect();
        let leave_level = self.input.below(2) == 1;
        self.pick(&avoid, leave_level);
    }

    fn pick(&mut self, avoid: &[Slot], leave_level: bool) {
        let pick = self.picked(avoid, leave_level);
        self.picks.extend(pick);
    }

    fn picked(&mut self, avoid: &[Slot], leave_level: bool) -> Option<Pick> {
        let request = Request::at(self.now).avoiding(avoid).leaving_level(leave_level);
        let pick = self.balancer.pick_with(request, &mut self.rng);
        let picked = pick.as_ref().map_err(|error| *error);
        self.model.picked(picked, avoid, leave_level, self.round_robin);
        let pick = pick.ok()?;
        assert_eq!(self.balancer.endpoint(&pick), self.model.endpoint(pick.slot()));
        assert_eq!(pick.started(), self.now);
        Some(pick)
    }

    fn report(&mut self) {
        let outcome = self.outcome();
        if let Some(pick) = self.some_pick() {
            self.report_pick(pick, outcome);
        }
    }

    fn report_pick(&mut self, pick: Pick, outcome: Outcome) {
        assert_eq!(self.balancer.endpoint(&pick), self.model.endpoint(pick.slot()));
        self.model.reported(pick.slot(), outcome);
        self.balancer.report(self.now, pick, outcome);
    }

    /// A stranger's pick of the same slot is refused, and the other way round.
    fn report_to_stranger(&mut self) {
        let outcome = self.outcome();
        let records: Vec<_> = self.balancer.endpoints().map(|status| *status.endpoint).collect();
        let _ = self.stranger.update(self.now, records);
        let Ok(pick) = self.stranger.pick(self.now, &mut self.rng) else { return };
        assert_eq!(self.balancer.endpoint(&pick), None);
        self.balancer.report(self.now, pick, outcome);
    }

    fn some_pick(&mut self) -> Option<Pick> {
        let index = self.input.below(self.picks.len());
        (index < self.picks.len()).then(|| self.picks.swap_remove(index))
    }

    fn outcome(&mut self) -> Outcome {
        self.input.outcome()
    }

    fn start_call(&mut self) {
        self.finish_call();
        let settings = Settings::read(&mut self.input);
        self.call = Some((CheckedCall::new(&settings, self.now), Vec::new()));
    }

    fn poll_call(&mut self) -> Option<Step> {
        let (mut call, mut picks) = self.call.take()?;
        let step = call.poll(self.now, &mut self.rng);
        match step {
            Step::Send(attempt) => match self.picked(call.tried(), call.call().leaves_level()) {
                Some(pick) if call.started(attempt, pick.slot()) => picks.push((attempt, pick)),
                Some(pick) => {
                    self.model.undone(pick.slot());
                    self.balancer.withdraw(self.now, pick);
                }
                None => {
                    assert_eq!(call.no_endpoint(self.now), Some(attempt));
                    if self.input.below(2) == 1 {
                        call.endpoints_changed();
                    }
                }
            },
            Step::Cancel { attempt, outcome } => self.report_attempt(&mut picks, attempt, outcome),
            Step::Wait(_) => {}
            Step::Done(_) => assert!(picks.is_empty(), "{picks:?} are left behind"),
        }
        self.call = Some((call, picks));
        Some(step)
    }

    fn waits_for_endpoint(&self) -> bool {
        self.call.as_ref().is_some_and(|(call, _)| call.call().waits_for_endpoint())
    }

    fn report_attempt(
        &mut self,
        picks: &mut Vec<(Attempt, Pick)>,
        attempt: Attempt,
        outcome: Outcome,
    ) {
        let index =
            picks.iter().position(|(other, _)| *other == attempt).expect("each attempt ends once");
        self.report_pick(picks.swap_remove(index).1, outcome);
    }

    fn end_attempt(&mut self) {
        let verdict = self.input.verdict();
        self.end_attempt_with(verdict);
    }

    fn end_attempt_with(&mut self, verdict: Verdict) {
        let Some((mut call, mut picks)) = self.call.take() else { return };
        if let Some(&attempt) = call.open().get(self.input.below(call.open().len())) {
            call.on_outcome(self.now, attempt, verdict);
            self.report_attempt(&mut picks, attempt, verdict.outcome());
        }
        self.call = Some((call, picks));
    }

    fn end_stale_attempt(&mut self) {
        let verdict = self.input.verdict();
        if let Some((call, _)) = &mut self.call
            && let Some(&attempt) = call.over().last()
        {
            call.on_outcome(self.now, attempt, verdict);
        }
    }

    /// A call always ends, and soon: at each wait either its attempt fails or the time comes.
    fn finish_call(&mut self) {
        for _ in 0..256 {
            match self.poll_call() {
                None => return,
                Some(Step::Done(_)) => {
                    self.call = None;
                    return;
                }
                Some(Step::Wait(_)) if self.waits_for_endpoint() => {
                    // There may be none for ever.
                    self.call = None;
                    return;
                }
                Some(Step::Wait(None)) => self.end_attempt_with(Verdict::RetryableFailure),
                Some(Step::Wait(Some(until))) => self.now = until,
                Some(Step::Send(_) | Step::Cancel { .. }) => {}
            }
        }
        panic!("the call does not end");
    }
}

/// Picks the slot with the fewest requests under way.
fn least_in_flight(view: &dyn View, _cx: &mut Cx<'_>) -> Option<usize> {
    let slots = (0..view.len()).filter_map(|place| view.at(place));
    slots.min_by_key(|&slot| view.in_flight(slot))
}
