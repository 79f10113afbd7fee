//! The second edition, in the first one's words.

mod calls;
mod words;

use evenkeel_core::policy::Rendezvous;
use evenkeel_core::{
    Balancer, Candidacy, Changes, Config, EventKind, Pick, Request as PickRequest, Slot, Status,
};
use first::health::OutlierDetection;
use first::{Endpoint, Instant, Outcome, PickError};

use crate::chance::Chance;
use crate::edition::{
    Addr, Agreement, Agreements, CallSettings, Edition, Entry, Event, Look, Picked, Request, Row,
    Settings, Step,
};
use crate::slab::Slab;
use calls::{Account, Flights};
use words::{ToFirst, ToSecond, config};

/// What of it may differ from the first edition: [`DIFFERENCES`] says why.
pub const AGREEMENT: Agreements =
    Agreements { still: STILL, moving: Agreement { chance: false, slots: false, ..STILL } };

const STILL: Agreement = Agreement {
    timeouts: false,
    disorder: false,
    bounds: false,
    weighing: false,
    zones: false,
    ..Agreement::FULL
};

/// What differs, and why.
pub const DIFFERENCES: &[&str] = &[
    "Our own rule of ejection compares an endpoint with the others of its level, undoes what did \
     harm, and reads cancellations: no life goes by it. Lives by no rule take its place, in which \
     candidates, picks, rests, calls and budgets are the same.",
    "A client whose own zone has no endpoints leaves the other zones their own clients' share, as \
     Envoy does: no client knows its zone here.",
    "Slots that endpoints left are given out lowest first, not longest free first: that takes no \
     queue. So several half-open endpoints may be probed in another order, and several that cross \
     a threshold at once be ejected up to the limit in another order.",
    "Jitter is drawn by slot: once endpoints have left, ejections end at other moments, within \
     the same bounds.",
    "What is reported takes effect at once, not with the next pick or timeout: slow starts may \
     take their steps at other moments, within the same tenth.",
    "poll_timeout may name an earlier moment than anything is due at, or a later one than the \
     first edition did, never a later one than something is due at.",
    "A time that lies less than a second back counts as the latest time.",
    "Endpoints to be avoided are left out before a policy looks, so bounds on loads do not count \
     theirs.",
    "A request that has tried all candidates goes on to the next level in service, or to endpoints \
     that are ejected. Such a request avoids nothing here.",
    "Requests in flight are counted with every rendezvous policy, not only with a bounded one.",
    "The budget is asked for a hedge when it has an endpoint, which must be one that was not tried; what never left is sent again 3 times, not 8; a push-back that is too long ends a call before its deadline does. So calls have no hedges here, nothing that never left, and no push-back beyond the limit.",
];

/// Makes one.
///
/// # Panics
/// When it refuses the settings.
pub fn make(settings: &Settings) -> Box<dyn Edition> {
    let bounded = |bound| Rendezvous::bounded(bound).expect("a bound");
    let policy = settings.bound_percent.map_or(Rendezvous::new(), bounded);
    Box::new(Second {
        balancer: Balancer::with_config(policy, config(&settings.config)).expect("settings"),
        config: settings.config,
        bounded: settings.bound_percent.is_some(),
        picks: Slab::default(),
        calls: Vec::new(),
        budget: Account::new(settings.budget),
    })
}

struct Second {
    balancer: Balancer<Addr, Rendezvous, Config>,
    /// In the first edition's words.
    config: first::Config,
    bounded: bool,
    picks: Slab<Pick>,
    calls: Vec<Flights>,
    budget: Account,
}

impl Edition for Second {
    fn update(&mut self, now: Instant, endpoints: &[Endpoint<Addr>]) -> [usize; 4] {
        let endpoints = endpoints.iter().map(ToSecond::second);
        counts(self.balancer.update(now.second(), endpoints).expect("rendezvous has no table"))
    }

    fn insert(&mut self, now: Instant, endpoint: Endpoint<Addr>) -> [usize; 4] {
        counts(self.balancer.insert(now.second(), endpoint.second()).expect("there is room"))
    }

    fn remove(&mut self, now: Instant, addr: Addr) -> bool {
        self.balancer.remove(now.second(), &addr).expect("rendezvous has no table").is_some()
    }

    fn set_down(&mut self, now: Instant, addr: Addr, down: bool) {
        for slot in self.slots(&[addr]) {
            self.balancer.set_down(now.second(), slot, down);
        }
    }

    fn configure(&mut self, now: Instant, rules: Option<OutlierDetection>) {
        self.config.outlier_detection = rules;
        self.balancer.set_config(now.second(), config(&self.config)).expect("settings");
    }

    fn goes_on(&mut self, request: &Request<'_>) -> bool {
        let avoid = self.avoided(request);
        if avoid.is_empty() {
            return false;
        }
        // As the pick does.
        self.balancer.handle_timeout(request.now.second());
        let (candidates, others): (Vec<_>, Vec<_>) =
            self.balancer.endpoints().partition(|status| status.candidate);
        let worst = candidates.iter().map(|status| status.endpoint.priority).max();
        let left = |status: &Status<'_, Addr>| {
            let beyond = status.candidacy == Candidacy::Priority;
            let ejected = status.candidacy == Candidacy::Unhealthy && status.health.is_ejected();
            ejected || beyond && Some(status.endpoint.priority) > worst
        };
        candidates.iter().all(|status| avoid.contains(&status.slot))
            && others.iter().any(|status| left(status) && !avoid.contains(&status.slot))
    }

    fn pick(&mut self, request: &Request<'_>, chance: &mut Chance) -> Result<Picked, PickError> {
        let avoid = self.avoided(request);
        let request = PickRequest {
            key: request.key,
            ..PickRequest::at(request.now.second()).avoiding(&avoid)
        };
        let pick = self.balancer.pick_with(request, chance).map_err(ToFirst::first)?;
        let addr = self.balancer.endpoint(&pick).expect("it was just picked").addr;
        let why = pick.why().first();
        Ok(Picked { pick: self.picks.put(pick), addr, why })
    }

    fn report(&mut self, now: Instant, pick: usize, outcome: Outcome) {
        self.balancer.report(now.second(), self.picks.take(pick), outcome.second());
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.balancer.handle_timeout(now.second());
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.balancer.poll_timeout().first()
    }

    fn list(&self, rows: &mut Vec<Row>) {
        rows.clear();
        rows.extend(self.balancer.endpoints().map(|status| Row {
            endpoint: status.endpoint.first(),
            health: status.health.first(),
            candidacy: status.candidacy.first(),
            weight: status.weight,
            counts: [
                status.stats.successes,
                status.stats.failures,
                status.stats.canceled,
                // Else the first edition counts none.
                if self.bounded { status.stats.in_flight } else { 0 },
            ],
        }));
    }

    fn events(&mut self, events: &mut Vec<Event>) {
        // The first edition does not tell that a probe is due.
        let told = self.balancer.events().filter(|event| event.kind != EventKind::HalfOpen);
        events.extend(told.map(|event| Event {
            at: event.at.first(),
            addr: event.endpoint.and_then(|(_, addr)| addr.copied()),
            kind: event.kind.first(),
        }));
    }

    fn call(&mut self, now: Instant, settings: &CallSettings) -> usize {
        self.calls.push(Flights::begin(now, settings));
        self.calls.len() - 1
    }

    fn poll(&mut self, call: usize, now: Instant, chance: &mut Chance) -> Step {
        self.calls[call].poll(now, &mut self.budget, chance)
    }

    fn started(&mut self, call: usize, attempt: usize, pick: usize) {
        let pick = self.picks.get(pick);
        let addr = self.balancer.endpoint(pick).expect("it was just picked").addr;
        let goes = self.calls[call].started(attempt, pick.slot(), addr, &mut self.budget);
        assert!(goes, "it is no hedge, and nothing else asks");
    }

    fn no_endpoint(&mut self, call: usize, now: Instant) {
        self.calls[call].no_endpoint(now);
    }

    fn on_outcome(
        &mut self,
        call: usize,
        now: Instant,
        attempt: usize,
        verdict: first::retry::Verdict,
    ) {
        self.calls[call].on_outcome(now, attempt, verdict);
    }

    fn look(&self, call: usize) -> Look {
        self.calls[call].look()
    }

    fn account(&mut self, entries: &mut Vec<Entry>) {
        entries.append(&mut self.budget.entries);
    }

    fn left(&self, now: Instant) -> u64 {
        self.budget.left(now)
    }

    /// What the first edition's verdicts said of an endpoint: those of the second say more.
    fn outcome(&self, verdict: first::retry::Verdict) -> Outcome {
        match verdict {
            first::retry::Verdict::Success | first::retry::Verdict::Fatal => Outcome::Success,
            first::retry::Verdict::Retry | first::retry::Verdict::NeverSent => Outcome::Failure,
            first::retry::Verdict::RetryAfter(wait) => {
                Outcome::Overloaded { retry_after: Some(wait) }
            }
        }
    }
}

impl Second {
    fn slots(&self, addrs: &[Addr]) -> Vec<Slot> {
        if addrs.is_empty() {
            return Vec::new();
        }
        let wanted = self.balancer.endpoints().filter(|row| addrs.contains(&row.endpoint.addr));
        wanted.map(|status| status.slot).collect()
    }

    fn avoided(&self, request: &Request<'_>) -> Vec<Slot> {
        let tried = request.call.into_iter().flat_map(|call| self.calls[call].tried());
        self.slots(request.avoid).into_iter().chain(tried.copied()).collect()
    }
}

fn counts(changes: Changes) -> [usize; 4] {
    let Changes { added, removed, changed, left_out } = changes;
    [added, removed, changed, left_out]
}
