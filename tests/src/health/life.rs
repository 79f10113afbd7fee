use core::time::Duration;
use std::collections::BTreeSet;

use evenkeel_core::health::Health;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::store::List;
use evenkeel_core::{
    Balancer, Candidacy, Config, Endpoint, EventKind, Heap, Instant, Outcome, Pick, PickError,
    Request, Slot, Store, Why,
};
use rand_chacha::ChaCha8Rng;

use super::model::Model;
use super::read::ruled;
use super::{Event, Start};

/// Far from the beginning and the end of time, so that no time saturates, as often as the clock
/// jumps by a year.
const BEGINNING: Instant = Instant::from_secs(220 * 365 * 24 * 3600);

/// Lives through `events`, and compares all that a balancer shows after each.
///
/// # Panics
/// When the balancer does what the model does not.
pub fn live<S: Store>(start: &Start, events: &[Event]) {
    let mut life = Life::<S>::new(start);
    for event in events {
        life.event(event);
        life.compare();
    }
    life.drain();
    life.settle();
}

struct Life<S: Store> {
    balancer: Balancer<u8, AnyPolicy<Heap>, Config, S>,
    model: Model,
    rng: ChaCha8Rng,
    now: Instant,
    open: Vec<Open>,
}

struct Open {
    pick: Pick,
    slot: Slot,
    sent: Instant,
    decides: bool,
}

impl<S: Store> Life<S> {
    fn new(start: &Start) -> Self {
        let policy = if start.least_request { "least_request" } else { "round_robin" };
        let policy: AnyPolicy<Heap> = policy.parse().expect("a policy");
        let mut life = Self {
            balancer: Balancer::with_config(policy, start.config).expect("good settings"),
            model: Model::new(start.config, <S::List<u8> as List<u8>>::LIMIT),
            rng: ChaCha8Rng::seed_from_u64(start.config.seed),
            now: BEGINNING,
            open: Vec::new(),
        };
        life.handle_timeout();
        life
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Update(endpoints) => {
                let changes = self.balancer.update(self.now, endpoints.iter().copied());
                self.set(changes.is_ok_and(|changes| !changes.is_empty()));
            }
            Event::Insert(endpoint) => {
                let changes = self.balancer.insert(self.now, *endpoint);
                self.set(changes.is_ok_and(|changes| !changes.is_empty()));
            }
            Event::Remove(addr) => {
                let removed = self.balancer.remove(self.now, addr).expect("no table");
                // Nothing was told where there is nothing to remove, but the time.
                self.set(removed.is_some());
            }
            Event::SetDown(addr, down) => self.set_down(*addr, *down),
            Event::Configure(rules) => {
                let config = ruled(*self.balancer.settings(), rules);
                self.balancer.set_config(self.now, config).expect("good settings");
                self.model.told(self.now);
                self.model.configure(self.now, config);
            }
            Event::Pick(avoid) => {
                let open = self.pick(*avoid);
                self.open.extend(open);
            }
            Event::Report(index, outcome) => {
                if let Some(open) = self.take(*index) {
                    self.report(open, *outcome);
                }
            }
            Event::Lose(index) => drop(self.take(*index)),
            Event::Burst(picks, failing, step) => self.burst(*picks, *failing, *step),
            Event::Ahead(time) => self.now = self.now + *time,
            Event::Back(time) => {
                // A pick asks for the time only when something is due, so the balancer hears of it
                // here: before and after.
                self.handle_timeout();
                self.now = self.now.saturating_sub(*time);
                self.handle_timeout();
            }
            Event::HandleTimeout => self.handle_timeout(),
            Event::Sleep => {
                self.now = self.balancer.poll_timeout().unwrap_or(self.now).max(self.now);
                self.handle_timeout();
            }
            Event::Drain => self.drain(),
        }
    }

    fn set(&mut self, changed: bool) {
        self.model.told(self.now);
        let listed: Vec<(Slot, Endpoint<u8>)> =
            self.balancer.endpoints().map(|status| (status.slot, *status.endpoint)).collect();
        assert_eq!(self.model.set(self.now, &listed), changed);
    }

    fn set_down(&mut self, addr: u8, down: bool) {
        let Some(known) = self.model.known.get(&addr) else { return };
        self.balancer.set_down(self.now, known.slot, down);
        self.model.told(self.now);
        self.model.set_down(self.now, addr, down);
    }

    fn handle_timeout(&mut self) {
        self.balancer.handle_timeout(self.now);
        self.model.told(self.now);
        self.model.handle_timeout(self.now);
        let next = self.balancer.poll_timeout();
        assert!(next.is_none_or(|next| next > self.now), "due at {next:?}, and it is {}", self.now);
    }

    fn pick(&mut self, avoid: u16) -> Option<Open> {
        let avoids = |addr: u8| avoid >> addr & 1 == 1;
        let avoided = self.model.known.values().filter(|known| avoids(known.endpoint.addr));
        let avoided: Vec<Slot> = avoided.map(|known| known.slot).collect();
        let leave_level = avoid >> 15 == 1;
        let request = Request::at(self.now).avoiding(&avoided).leaving_level(leave_level);
        let result = self.balancer.pick_with(request, &mut self.rng);
        self.model.handle_timeout(self.now);
        let probe = if avoided.is_empty() { self.model.probe(self.now) } else { None };
        let candidates = &self.model.candidates;
        let pick = match result {
            Ok(pick) => pick,
            Err(error) => {
                let none = self.model.known.is_empty();
                assert_eq!(
                    error,
                    if none { PickError::NoEndpoints } else { PickError::AllDrained }
                );
                assert!(
                    candidates.is_empty() && probe.is_none(),
                    "{error}, though there are candidates"
                );
                return None;
            }
        };
        let addr = self.balancer.endpoint(&pick).expect("it was just picked").addr;
        let all_avoided = candidates.iter().all(|addr| avoids(*addr));
        let mut level = BTreeSet::new();
        if (all_avoided || leave_level) && !avoided.is_empty() {
            level = self.model.next_level(avoids);
            if all_avoided && level.is_empty() {
                level = self.model.ejected(avoids);
            }
        }
        let goes_on = !level.is_empty();
        let candidates = if goes_on { &level } else { candidates };
        let why = match probe {
            Some(_) => Why::Probe,
            None if avoided.is_empty() && self.model.panic => Why::Panic,
            None if avoided.is_empty() => Why::Policy,
            None if all_avoided && !goes_on => Why::LastResort,
            None => Why::Retry,
        };
        assert_eq!(pick.why(), why, "of {addr} among {candidates:?}");
        match probe {
            Some(probe) => assert_eq!(addr, probe, "another one is to be probed"),
            None => assert!(candidates.contains(&addr), "{addr} is not among {candidates:?}"),
        }
        assert!(why != Why::Retry || !avoids(addr), "{addr} was to be avoided");
        Some(Open {
            slot: pick.slot(),
            sent: self.now,
            decides: probe.is_some() || self.model.panic,
            pick,
        })
    }

    fn take(&mut self, index: usize) -> Option<Open> {
        let index = index.checked_rem(self.open.len())?;
        Some(self.open.swap_remove(index))
    }

    fn report(&mut self, open: Open, outcome: Outcome) {
        let Open { pick, slot, sent, decides } = open;
        self.balancer.report(self.now, pick, outcome);
        self.model.report(self.now, slot, sent, decides, outcome);
    }

    fn burst(&mut self, picks: u16, failing: u16, step: Duration) {
        for _ in 0..picks {
            let Some(open) = self.pick(0) else { return };
            let addr = self.balancer.endpoint(&open.pick).map_or(0, |endpoint| endpoint.addr);
            self.now = self.now + step;
            self.report(
                open,
                if failing >> addr & 1 == 1 { Outcome::Failure } else { Outcome::Success },
            );
        }
    }

    fn drain(&mut self) {
        let mut expected = self.model.drain();
        let mut last = std::collections::BTreeMap::new();
        for known in self.model.known.values() {
            last.insert(known.slot.index(), known);
        }
        let mut got = Vec::new();
        for event in self.balancer.events() {
            if let Some((slot, addr)) = event.endpoint
                && let Some(known) = last.get(&slot.index())
            {
                let expected = (known.slot == slot).then_some(known.endpoint.addr);
                assert_eq!(addr.copied(), expected, "of {event:?}");
            }
            got.push((event.at, event.endpoint.map(|(slot, _)| slot), event.kind));
        }
        // Several that leave at once do so in any order.
        for told in [&mut got, &mut expected] {
            let leaves = |kind: EventKind| kind == EventKind::Removed;
            for run in told.chunk_by_mut(|a, b| leaves(a.2) && leaves(b.2)) {
                run.sort_by_key(|(_, slot, _)| *slot);
            }
        }
        assert_eq!(got, expected);
    }

    fn compare(&self) {
        let mut ejected = 0;
        for (status, known) in self.balancer.endpoints().zip(self.model.known.values()) {
            let addr = known.endpoint.addr;
            assert_eq!((status.slot, *status.endpoint), (known.slot, known.endpoint));
            let health = self.model.health(known);
            assert_eq!(
                status.health, health,
                "the health of {addr} at {}, after {:?}",
                self.now, known.log
            );
            assert_eq!(status.held, Model::held(known), "what holds {addr}");
            let candidate = self.model.candidates.contains(&addr);
            assert_eq!(status.candidate, candidate, "{addr} as a candidate");
            assert_eq!(status.weight > 0, candidate);
            let candidacy = match known.endpoint {
                _ if candidate && self.model.panic => Candidacy::Panic,
                _ if candidate => Candidacy::Candidate,
                Endpoint { weight: 0, .. } => Candidacy::NoWeight,
                Endpoint { draining: true, .. } => Candidacy::Draining,
                _ if health != Health::Healthy => Candidacy::Unhealthy,
                Endpoint { priority, .. } if priority > self.model.worst() => Candidacy::Priority,
                _ => panic!("{addr} would do, and is no candidate"),
            };
            assert_eq!(status.candidacy, candidacy, "of {addr}");
            ejected += usize::from(known.out());
        }
        assert_eq!(self.balancer.len(), self.model.known.len());
        assert!(ejected <= self.balancer.len());
        let (due, expected) = (self.balancer.poll_timeout(), self.model.due(self.now));
        assert!(
            due.unwrap_or(Instant::MAX) <= expected.unwrap_or(Instant::MAX),
            "due at {due:?}, not {expected:?}"
        );
    }

    /// Nothing is for ever: after two days without events, nobody is ejected whose time is over.
    fn settle(&mut self) {
        for _ in 0..60 {
            let Some(due) = self.balancer.poll_timeout() else { break };
            self.now = due.max(self.now);
            self.handle_timeout();
            self.compare();
        }
        self.now = self.now + Duration::from_secs(3 * 24 * 3600);
        self.handle_timeout();
        self.now = self.now + Duration::from_secs(3 * 24 * 3600);
        self.handle_timeout();
        self.compare();
        for status in self.balancer.endpoints() {
            let stuck = matches!(status.health, Health::Ejected { .. } | Health::Overloaded { .. });
            assert!(!stuck, "{} is stuck: {:?}", status.endpoint.addr, status.health);
        }
    }
}
