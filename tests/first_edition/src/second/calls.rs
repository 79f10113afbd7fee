//! The calls of the second edition.

use std::rc::Rc;

use evenkeel_core::retry::{
    Attempt, Budget, Call, Hedging, RetryBudget, RetryBudgetSettings, RetryPolicy,
    Step as CallStep, TokenThrottle, TokenThrottleSettings, Unlimited, Verdict,
};
use evenkeel_core::{Instant, Slot};

use super::words::{ToFirst, ToSecond};
use crate::chance::Chance;
use crate::edition::{Addr, BudgetSettings, CallSettings, Entry, Look, Step};

/// A call, and all attempts that it sent.
pub(super) struct Flights {
    call: Calls,
    attempts: Vec<Attempt>,
    tried: Vec<(Slot, Addr)>,
}

enum Calls {
    Hedging(Call<Rc<RetryPolicy>>),
    Plain(Call<Rc<RetryPolicy>, 1>),
}

/// Does the same with a call, whatever its room.
macro_rules! with {
    ($calls:expr, $call:ident => $result:expr) => {
        match $calls {
            Calls::Hedging($call) => $result,
            Calls::Plain($call) => $result,
        }
    };
}

impl Flights {
    pub(super) fn begin(now: first::Instant, settings: &CallSettings) -> Self {
        let (policy, now) = (Rc::new(policy(settings)), now.second());
        let call = if settings.plain {
            Calls::Plain(Call::without_hedges(policy, now))
        } else {
            Calls::Hedging(Call::new(policy, now))
        };
        Self { call, attempts: Vec::new(), tried: Vec::new() }
    }

    pub(super) fn poll(
        &mut self,
        now: first::Instant,
        budget: &mut Account,
        chance: &mut Chance,
    ) -> Step {
        match with!(&mut self.call, call => call.poll(now.second(), budget, chance)) {
            CallStep::Send(attempt) => {
                self.attempts.push(attempt);
                Step::Send {
                    attempt: self.attempts.len() - 1,
                    number: attempt.number(),
                    hedge: attempt.is_hedge(),
                    deadline: attempt.deadline().first(),
                }
            }
            // Never is no time here.
            CallStep::Wait(until) => Step::Wait(until.first().unwrap_or(first::Instant::MAX)),
            CallStep::Cancel { attempt, outcome } => {
                Step::Cancel { attempt: self.number(attempt), outcome: outcome.first() }
            }
            CallStep::Done(end) => Step::Done(end.first()),
        }
    }

    pub(super) fn started(
        &mut self,
        attempt: usize,
        slot: Slot,
        addr: Addr,
        budget: &mut Account,
    ) -> bool {
        self.tried.push((slot, addr));
        with!(&mut self.call, call => call.started(self.attempts[attempt], slot, budget))
    }

    pub(super) fn no_endpoint(&mut self, now: first::Instant) {
        with!(&mut self.call, call => call.no_endpoint(now.second()));
    }

    pub(super) fn on_outcome(
        &mut self,
        now: first::Instant,
        attempt: usize,
        verdict: first::retry::Verdict,
    ) {
        let (now, attempt, verdict) = (now.second(), self.attempts[attempt], verdict.second());
        with!(&mut self.call, call => call.on_outcome(now, attempt, verdict));
    }

    pub(super) fn tried(&self) -> &[Slot] {
        with!(&self.call, call => call.tried())
    }

    pub(super) fn look(&self) -> Look {
        let addr =
            |slot: &Slot| self.tried.iter().find(|(known, _)| known == slot).map(|(_, addr)| *addr);
        with!(&self.call, call => Look {
            tried: call.tried().iter().map(addr).collect(),
            in_flight: call.in_flight().map(|attempt| self.number(attempt)).collect(),
            attempts: call.attempts(),
            deadline: call.deadline().first().unwrap_or(first::Instant::MAX),
        })
    }

    fn number(&self, attempt: Attempt) -> usize {
        self.attempts.iter().rposition(|known| *known == attempt).expect("it was sent")
    }
}

fn policy(settings: &CallSettings) -> RetryPolicy {
    let mut policy = RetryPolicy::new(settings.attempts).expect("attempts");
    if let Some(timeout) = settings.timeout {
        policy = policy.with_timeout(timeout).expect("a timeout");
    }
    if let Some(timeout) = settings.attempt_timeout {
        policy = policy.with_attempt_timeout(timeout).expect("a timeout");
    }
    if let Some(backoff) = settings.backoff {
        policy = policy.with_backoff(backoff.second()).expect("a backoff");
    }
    if let Some((delay, hedges)) = settings.hedging {
        policy = policy.with_hedging(Hedging::new(delay, hedges).expect("hedges"));
    }
    if let Some(longest) = settings.max_retry_after {
        policy = policy.with_max_push_back(longest);
    }
    if settings.retry_after_jitter {
        policy = policy.with_push_back_jitter();
    }
    policy
}

/// A budget that notes what it hears.
pub(super) struct Account {
    budget: Budgets,
    pub(super) entries: Vec<Entry>,
}

enum Budgets {
    Unlimited(Unlimited),
    Retry(RetryBudget),
    Throttle(TokenThrottle),
}

impl Account {
    pub(super) fn new(settings: BudgetSettings) -> Self {
        let budget = match settings {
            BudgetSettings::Unlimited => Budgets::Unlimited(Unlimited),
            BudgetSettings::Retry { can_retry, min_per_sec, ttl } => {
                let settings = RetryBudgetSettings {
                    can_retry_per_mille: can_retry,
                    min_per_second: min_per_sec,
                    ttl,
                    ..RetryBudgetSettings::FINAGLE
                };
                Budgets::Retry(RetryBudget::new(settings).expect("a budget"))
            }
            BudgetSettings::Throttle { max_tokens, token_ratio } => {
                let token_ratio_per_mille = token_ratio;
                let settings = TokenThrottleSettings { max_tokens, token_ratio_per_mille };
                Budgets::Throttle(TokenThrottle::new(settings).expect("a throttle"))
            }
        };
        Self { budget, entries: Vec::new() }
    }

    pub(super) fn left(&self, now: first::Instant) -> u64 {
        match &self.budget {
            Budgets::Unlimited(_) => 0,
            Budgets::Retry(budget) => budget.balance(now.second()),
            Budgets::Throttle(throttle) => throttle.tokens().into(),
        }
    }
}

macro_rules! budget {
    ($account:expr, $budget:ident => $result:expr) => {
        match &mut $account.budget {
            Budgets::Unlimited($budget) => $result,
            Budgets::Retry($budget) => $result,
            Budgets::Throttle($budget) => $result,
        }
    };
}

impl Budget for Account {
    fn on_call(&mut self, now: Instant) {
        self.entries.push(Entry::Call(now.first()));
        budget!(self, budget => budget.on_call(now));
    }

    fn on_verdict(&mut self, now: Instant, verdict: Verdict) {
        self.entries.push(Entry::Verdict(now.first(), verdict.first()));
        budget!(self, budget => budget.on_verdict(now, verdict));
    }

    fn withdraw(&mut self, now: Instant) -> bool {
        let granted = budget!(self, budget => budget.withdraw(now));
        self.entries.push(Entry::Withdraw(now.first(), granted));
        granted
    }
}
