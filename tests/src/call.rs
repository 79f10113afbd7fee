//! `Call` under any order of events, beside a model of what its documentation says and an account
//! of what was sent.
//!
//! [`check`] is the body of the fuzz target `call`; other tests drive a [`CheckedCall`] themselves.

mod account;
mod model;
mod settings;

use core::fmt;
use core::time::Duration;
use std::rc::Rc;

use evenkeel_core::policy::RoundRobin;
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::retry::{Attempt, Step, Verdict};
use evenkeel_core::{Balancer, Call, Endpoint, Instant, RetryPolicy, Slot};
use rand_chacha::ChaCha8Rng;

use crate::input::Input;
use account::{Account, CheckedBudget};
use model::{Entry, Expected, Model};
pub use settings::Settings;

/// So far from both ends of time that no test gets there.
pub const START: Instant = Instant::from_secs(200 * 365 * 24 * 60 * 60);

/// Attempts that are sent again for nothing, and slots that are remembered.
const FREE: u32 = 3;
const REMEMBERED: usize = 8;

/// A call whose every step is checked: against the model, and against rules that hold whatever the
/// model says.
#[derive(Clone, Debug)]
pub struct CheckedCall {
    call: Call<Rc<RetryPolicy>>,
    model: Model,
    account: Account,
    /// The latest time the call was told.
    told: Instant,
    tried: Vec<Slot>,
    open: Vec<Attempt>,
    over: Vec<Attempt>,
}

impl CheckedCall {
    /// A call that begins at `now`: [`START`], or thereabouts.
    pub fn new(settings: &Settings, now: Instant) -> Self {
        Self {
            call: Call::new(Rc::new(settings.policy()), now),
            model: Model::new(settings),
            account: Account::default(),
            told: now,
            tried: Vec::new(),
            open: Vec::new(),
            over: Vec::new(),
        }
    }

    /// Polls the call.
    ///
    /// # Panics
    /// When it does anything else than its documentation says.
    pub fn poll<R: Rng + Clone + PartialEq + fmt::Debug>(
        &mut self,
        now: Instant,
        rng: &mut R,
    ) -> Step {
        self.tell(now);
        let mut same = rng.clone();
        let settings = self.model.settings;
        let mut budget =
            CheckedBudget { settings: &settings, book: &mut self.account.book, log: Vec::new() };
        let step = self.call.poll(now, &mut budget, rng);
        let heard: Vec<_> =
            budget.log.into_iter().map(|(at, entry)| self.entry(now, at, entry)).collect();
        let mut log = Vec::new();
        let expected = self.model.poll(&mut same, &mut log);
        let after = |time: Instant| self.model.elapsed + time.saturating_since(now);
        let got = match step {
            Step::Send(attempt) => {
                let until = attempt.deadline().map(after);
                Expected::Send { number: attempt.number(), hedge: attempt.is_hedge(), until }
            }
            Step::Wait(until) => Expected::Wait(until.map(after)),
            Step::Cancel { attempt, outcome } => Expected::Cancel(attempt.number(), outcome),
            Step::Done(end) => Expected::Done(end),
        };
        assert_eq!((got, &heard), (expected, &log), "after {:?}", self.model.elapsed);
        assert_eq!(*rng, same, "other random numbers");
        self.count(now, step);
        self.compare();
        step
    }

    /// This slot was picked for the attempt; tells that it goes there.
    ///
    /// # Panics
    /// When the model says otherwise.
    pub fn started(&mut self, attempt: Attempt, slot: Slot) -> bool {
        let settings = self.model.settings;
        let mut budget =
            CheckedBudget { settings: &settings, book: &mut self.account.book, log: Vec::new() };
        let goes = self.call.started(attempt, slot, &mut budget);
        let heard: Vec<_> = budget.log.into_iter().map(|(_, entry)| entry).collect();
        let mut log = Vec::new();
        let open = self.open.contains(&attempt);
        let expected = open && self.model.started(attempt.number(), slot, &mut log);
        assert_eq!((goes, heard), (expected, log), "{attempt:?} to {slot:?}");
        if goes {
            if !self.tried.contains(&slot) {
                self.tried.push(slot);
                self.tried = self.tried.split_off(self.tried.len().saturating_sub(REMEMBERED));
            }
            let account = &mut self.account;
            if account.before.take_if(|(last, _)| *last == attempt).is_some() && account.sent > 1 {
                account.unasked -= 1;
            }
            let counted = account.sent - account.again - 1;
            assert!(account.book.granted + account.unasked >= counted, "not paid for");
        } else if open {
            self.not_sent(attempt);
        }
        self.compare();
        goes
    }

    /// There is no endpoint for the attempt that was sent last; tells which one, if it is still in
    /// flight.
    pub fn no_endpoint(&mut self, now: Instant) -> Option<Attempt> {
        self.tell(now);
        self.call.no_endpoint(now);
        let gone = self.model.no_endpoint();
        let number = self
            .open
            .iter()
            .position(|open| gone && !self.model.open().any(|number| number == open.number()));
        let attempt = number.map(|index| self.open[index]);
        if let Some(attempt) = attempt {
            self.not_sent(attempt);
        }
        self.compare();
        attempt
    }

    /// There may be an endpoint now.
    pub fn endpoints_changed(&mut self) {
        self.call.endpoints_changed();
        self.model.endpoints_changed();
        self.account.more_steps += 2;
        self.compare();
    }

    /// An attempt was not sent after all.
    fn not_sent(&mut self, attempt: Attempt) {
        self.open.retain(|open| *open != attempt);
        self.over.push(attempt);
        let account = &mut self.account;
        if let Some((_, before)) = account.before.take_if(|(last, _)| *last == attempt) {
            (account.sent, account.again) = (before.sent, before.again);
            (account.unasked, account.number) = (before.unasked, before.number);
        } else {
            // It had been started before.
            account.ended += 1;
        }
    }

    /// How an attempt ended, whether it is in flight or not.
    pub fn on_outcome(&mut self, now: Instant, attempt: Attempt, verdict: Verdict) {
        self.tell(now);
        self.call.on_outcome(now, attempt, verdict);
        if let Some(index) = self.open.iter().position(|open| *open == attempt) {
            self.model.on_outcome(attempt.number(), verdict);
            self.over.push(self.open.remove(index));
            self.account.ended += 1;
            self.account.verdicts += 1;
            self.account.never_sent += u32::from(verdict == Verdict::NeverSent);
        }
        self.compare();
    }

    /// What is in flight, in the order it was sent.
    pub fn open(&self) -> &[Attempt] {
        &self.open
    }

    /// What was in flight once: whatever is heard of it must change nothing.
    pub fn over(&self) -> &[Attempt] {
        &self.over
    }

    /// What the next attempt had better avoid.
    pub fn tried(&self) -> &[Slot] {
        self.call.tried()
    }

    /// How often the budget was asked.
    pub fn asks(&self) -> u32 {
        self.model.asks
    }

    /// The call itself, to look at.
    pub fn call(&self) -> &Call<Rc<RetryPolicy>> {
        &self.call
    }

    /// Lives on until the end, which comes soon: at each wait an attempt ends with the next of
    /// `verdicts`, which go round, or else the time comes.
    ///
    /// # Panics
    /// When it does not end.
    pub fn finish<R: Rng + Clone + PartialEq + fmt::Debug>(
        mut self,
        mut now: Instant,
        rng: &mut R,
        verdicts: &[Verdict],
    ) {
        let mut verdicts = verdicts.iter().cycle();
        // Steps that are not waits are bounded; two of them are at most two waits apart.
        for _ in 0..4 * self.most_steps() {
            match self.poll(now, rng) {
                Step::Wait(until) => match (self.open.first(), verdicts.next()) {
                    (Some(&attempt), Some(&verdict)) => self.on_outcome(now, attempt, verdict),
                    _ if self.call.waits_for_endpoint() => self.endpoints_changed(),
                    _ => now = until.expect("nothing is in flight"),
                },
                Step::Send(_) | Step::Cancel { .. } => {}
                Step::Done(_) => return,
            }
        }
        panic!("the call does not end: {self:?}");
    }

    /// Every attempt is sent and ends; then the call is over.
    fn most_steps(&self) -> u32 {
        let settings = &self.model.settings;
        4 * (settings.attempts + settings.hedges() + FREE) + 1 + self.account.more_steps
    }

    fn tell(&mut self, now: Instant) {
        self.model.elapsed += now.saturating_since(self.told);
        self.told = now;
    }

    fn entry(&self, now: Instant, at: Instant, entry: Entry) -> Entry {
        match entry {
            Entry::Verdict(_, verdict) => {
                let ago = now.saturating_since(at);
                Entry::Verdict(
                    self.model.elapsed.checked_sub(ago).expect("not before the call began"),
                    verdict,
                )
            }
            Entry::Call | Entry::Withdraw => {
                assert_eq!(at, now);
                entry
            }
        }
    }

    fn compare(&self) {
        assert_eq!(self.call.tried(), self.tried);
        assert!(
            self.call.in_flight().eq(self.open.iter().copied()),
            "{:?} are in flight",
            self.open
        );
        assert!(
            self.model.open().eq(self.open.iter().map(|open| open.number())),
            "{:?}",
            self.open
        );
        assert_eq!(self.call.attempts(), self.model.attempts);
        assert_eq!(self.call.waits_for_endpoint(), self.model.waits_for_endpoint);
        assert_eq!(self.call.leaves_level(), self.model.leaves_level());
    }
}

/// Returns the slots of so many endpoints.
///
/// # Panics
/// When they find no room.
pub fn slots(endpoints: u8) -> Vec<Slot> {
    let mut balancer: Balancer<u8, RoundRobin> = Balancer::new(RoundRobin::new());
    let _ = balancer.update(START, (0..endpoints).map(Endpoint::new)).expect("room for all");
    balancer.endpoints().map(|status| status.slot).collect()
}

/// Reads `data` as a policy, a budget and events, and lives through them.
///
/// # Panics
/// When the call does what its documentation does not say.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = Settings::read(&mut input);
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(input.byte()));
    let slots = slots(12);
    let (mut now, mut wake) = (START, None);
    let mut call = CheckedCall::new(&settings, now);
    while !input.is_empty() {
        let event = input.below(16);
        match event {
            0..6 => {
                if event > 3 {
                    now = wake.map_or(now, |wake: Instant| wake.max(now));
                }
                match call.poll(now, &mut rng) {
                    Step::Send(attempt) if input.below(4) > 0 => {
                        let _ = call.started(attempt, slots[input.below(slots.len())]);
                    }
                    Step::Wait(until) => wake = until,
                    Step::Send(_) | Step::Cancel { .. } | Step::Done(_) => {}
                }
            }
            6..11 => end_one(&mut call, now, &mut input, CheckedCall::open),
            11 => end_one(&mut call, now, &mut input, CheckedCall::over),
            12 if input.below(2) == 0 => call.endpoints_changed(),
            12 => {
                let _ = call.no_endpoint(now);
            }
            13 | 14 => now = now + input.duration(),
            _ => now = now.saturating_sub(input.duration()),
        }
    }
    call.finish(
        now,
        &mut rng,
        &[
            Verdict::RetryableFailure,
            Verdict::PushBack { wait: Duration::from_nanos(1) },
            Verdict::RetryableFailure,
        ],
    );
}

fn end_one(
    call: &mut CheckedCall,
    now: Instant,
    input: &mut Input<'_>,
    of: impl Fn(&CheckedCall) -> &[Attempt],
) {
    let verdict = input.verdict();
    let attempts = of(call);
    if let Some(&attempt) = attempts.get(input.below(attempts.len())) {
        call.on_outcome(now, attempt, verdict);
    }
}
