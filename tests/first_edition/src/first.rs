//! The first edition.

use first::health::OutlierDetection;
use first::policy::Rendezvous;
use first::retry::{
    Attempt, Budget, Call, Hedging, RetryBudget, RetryPolicy, Step as CallStep, TokenThrottle,
    Unlimited, Verdict,
};
use first::{
    Balancer, Changes, Endpoint, Instant, Outcome, Pick, PickError, Request as PickRequest, Slot,
};

use crate::chance::Chance;
use crate::edition::{
    Addr, BudgetSettings, CallSettings, Edition, Entry, Event, Look, Picked, Request, Row,
    Settings, Step,
};
use crate::slab::Slab;

/// Makes one.
///
/// # Panics
/// When it refuses the settings.
pub fn make(settings: &Settings) -> Box<dyn Edition> {
    let policy = settings
        .bound_percent
        .map_or(Rendezvous::new(), |bound| Rendezvous::bounded(bound).expect("a bound"));
    Box::new(First {
        balancer: Balancer::with_config(policy, settings.config).expect("settings"),
        picks: Slab::default(),
        calls: Vec::new(),
        budget: Account::new(settings.budget),
    })
}

struct First {
    balancer: Balancer<Addr, Rendezvous>,
    picks: Slab<Pick>,
    calls: Vec<Flights>,
    budget: Account,
}

/// A call, and all attempts that it sent.
struct Flights {
    call: Calls,
    attempts: Vec<Attempt>,
    tried: Vec<(Slot, Addr)>,
}

enum Calls {
    Hedging(Call),
    Plain(Call<1>),
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

impl Edition for First {
    fn update(&mut self, now: Instant, endpoints: &[Endpoint<Addr>]) -> [usize; 4] {
        counts(
            self.balancer.update(now, endpoints.iter().copied()).expect("rendezvous has no table"),
        )
    }

    fn insert(&mut self, now: Instant, endpoint: Endpoint<Addr>) -> [usize; 4] {
        counts(self.balancer.insert(now, endpoint).expect("there is room"))
    }

    fn remove(&mut self, now: Instant, addr: Addr) -> bool {
        self.balancer.remove(now, &addr).expect("rendezvous has no table").is_some()
    }

    fn set_down(&mut self, now: Instant, addr: Addr, down: bool) {
        for slot in self.slots(&[addr]) {
            self.balancer.set_down(now, slot, down);
        }
    }

    fn configure(&mut self, now: Instant, rules: Option<OutlierDetection>) {
        self.balancer.set_outlier_detection(now, rules).expect("settings");
    }

    fn goes_on(&mut self, _: &Request<'_>) -> bool {
        false
    }

    fn pick(&mut self, request: &Request<'_>, chance: &mut Chance) -> Result<Picked, PickError> {
        let mut avoid = self.slots(request.avoid);
        if let Some(call) = request.call {
            avoid.extend(with!(&self.calls[call].call, call => call.tried()));
        }
        let request =
            PickRequest { key: request.key, ..PickRequest::at(request.now).avoiding(&avoid) };
        let pick = self.balancer.pick_with(request, chance)?;
        let (addr, why) =
            (self.balancer.endpoint(&pick).expect("it was just picked").addr, pick.why());
        Ok(Picked { pick: self.picks.put(pick), addr, why })
    }

    fn report(&mut self, now: Instant, pick: usize, outcome: Outcome) {
        self.balancer.report(now, self.picks.take(pick), outcome);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.balancer.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.balancer.poll_timeout()
    }

    fn list(&self, rows: &mut Vec<Row>) {
        rows.clear();
        rows.extend(self.balancer.endpoints().map(|status| Row {
            endpoint: *status.endpoint,
            health: status.health,
            candidacy: status.candidacy,
            weight: status.weight,
            counts: [
                status.stats.successes,
                status.stats.failures,
                status.stats.canceled,
                status.stats.in_flight,
            ],
        }));
    }

    fn events(&mut self, events: &mut Vec<Event>) {
        events.extend(self.balancer.events().map(|event| Event {
            at: event.at,
            addr: event.endpoint.and_then(|(_, addr)| addr.copied()),
            kind: event.kind,
        }));
    }

    fn call(&mut self, now: Instant, settings: &CallSettings) -> usize {
        let policy = policy(settings);
        let call = if settings.plain {
            Calls::Plain(Call::without_hedges(&policy, now))
        } else {
            Calls::Hedging(Call::new(&policy, now))
        };
        self.calls.push(Flights { call, attempts: Vec::new(), tried: Vec::new() });
        self.calls.len() - 1
    }

    fn poll(&mut self, call: usize, now: Instant, chance: &mut Chance) -> Step {
        let Flights { call, attempts, .. } = &mut self.calls[call];
        match with!(call, call => call.poll(now, &mut self.budget, chance)) {
            CallStep::Send(attempt) => {
                attempts.push(attempt);
                let (number, hedge, deadline) =
                    (attempt.number(), attempt.is_hedge(), attempt.deadline());
                Step::Send { attempt: attempts.len() - 1, number, hedge, deadline }
            }
            CallStep::Wait(until) => Step::Wait(until),
            CallStep::Cancel { attempt, outcome } => {
                Step::Cancel { attempt: number(attempts, attempt), outcome }
            }
            CallStep::Done(end) => Step::Done(end),
        }
    }

    fn started(&mut self, call: usize, attempt: usize, pick: usize) {
        let Flights { call, attempts, tried } = &mut self.calls[call];
        let slot = self.picks.get(pick).slot();
        let addr = self.balancer.endpoint(self.picks.get(pick)).expect("it was just picked").addr;
        tried.push((slot, addr));
        with!(call, call => call.started(attempts[attempt], slot));
    }

    fn no_endpoint(&mut self, call: usize, now: Instant) {
        with!(&mut self.calls[call].call, call => call.no_endpoint(now));
    }

    fn on_outcome(&mut self, call: usize, now: Instant, attempt: usize, verdict: Verdict) {
        let Flights { call, attempts, .. } = &mut self.calls[call];
        with!(call, call => call.on_outcome(now, attempts[attempt], verdict));
    }

    fn look(&self, call: usize) -> Look {
        let Flights { call, attempts, tried } = &self.calls[call];
        let addr =
            |slot: &Slot| tried.iter().find(|(known, _)| known == slot).map(|(_, addr)| *addr);
        with!(call, call => Look {
            tried: call.tried().iter().map(addr).collect(),
            in_flight: call.in_flight().map(|attempt| number(attempts, attempt)).collect(),
            attempts: call.attempts(),
            deadline: call.deadline(),
        })
    }

    fn account(&mut self, entries: &mut Vec<Entry>) {
        entries.append(&mut self.budget.entries);
    }

    fn left(&self, now: Instant) -> u64 {
        match &self.budget.budget {
            Budgets::Unlimited(_) => 0,
            Budgets::Retry(budget) => budget.balance(now),
            Budgets::Throttle(throttle) => throttle.tokens().into(),
        }
    }

    /// The core left that to its shells; this is what they say.
    fn outcome(&self, verdict: Verdict) -> Outcome {
        match verdict {
            Verdict::Success | Verdict::Fatal => Outcome::Success,
            Verdict::Retry | Verdict::NeverSent => Outcome::Failure,
            Verdict::RetryAfter(wait) => Outcome::Overloaded { retry_after: Some(wait) },
        }
    }
}

impl First {
    fn slots(&self, addrs: &[Addr]) -> Vec<Slot> {
        if addrs.is_empty() {
            return Vec::new();
        }
        let wanted =
            self.balancer.endpoints().filter(|status| addrs.contains(&status.endpoint.addr));
        wanted.map(|status| status.slot).collect()
    }
}

fn counts(changes: Changes) -> [usize; 4] {
    let Changes { added, removed, changed, left_out } = changes;
    [added, removed, changed, left_out]
}

fn number(attempts: &[Attempt], attempt: Attempt) -> usize {
    attempts.iter().position(|known| *known == attempt).expect("it was sent")
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
        policy = policy.with_backoff(backoff).expect("a backoff");
    }
    if let Some((delay, hedges)) = settings.hedging {
        policy = policy.with_hedging(Hedging::new(delay, hedges).expect("hedges"));
    }
    if let Some(longest) = settings.max_retry_after {
        policy = policy.with_max_retry_after(longest);
    }
    if settings.retry_after_jitter {
        policy = policy.with_retry_after_jitter();
    }
    policy
}

/// A budget that notes what it hears.
struct Account {
    budget: Budgets,
    entries: Vec<Entry>,
}

enum Budgets {
    Unlimited(Unlimited),
    Retry(RetryBudget),
    Throttle(TokenThrottle),
}

impl Account {
    fn new(settings: BudgetSettings) -> Self {
        let budget = match settings {
            BudgetSettings::Unlimited => Budgets::Unlimited(Unlimited),
            BudgetSettings::Retry { can_retry, min_per_sec, ttl } => {
                Budgets::Retry(RetryBudget::new(can_retry, min_per_sec, ttl).expect("a budget"))
            }
            BudgetSettings::Throttle { max_tokens, token_ratio } => {
                Budgets::Throttle(TokenThrottle::new(max_tokens, token_ratio).expect("a throttle"))
            }
        };
        Self { budget, entries: Vec::new() }
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
        self.entries.push(Entry::Call(now));
        budget!(self, budget => budget.on_call(now));
    }

    fn on_verdict(&mut self, now: Instant, verdict: Verdict) {
        self.entries.push(Entry::Verdict(now, verdict));
        budget!(self, budget => budget.on_verdict(now, verdict));
    }

    fn withdraw(&mut self, now: Instant) -> bool {
        let granted = budget!(self, budget => budget.withdraw(now));
        self.entries.push(Entry::Withdraw(now, granted));
        granted
    }
}
