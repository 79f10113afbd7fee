//! A balancer, its clock and its random numbers, and requests to chosen endpoints.

use core::time::Duration;

use evenkeel_core::balancer::Status;
use evenkeel_core::health::{Health, Reason};
use evenkeel_core::policy::RoundRobin;
use evenkeel_core::{
    Balancer, Book, Config, Endpoint, EventKind, Heap, Instant, Outcome, Pick, Request, Slot,
    Store, Why,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

pub(crate) const REFUSED: Outcome = Outcome::Overloaded { retry_after: None };

/// Five failures in a row, half-open, and nothing at random that would matter.
pub(crate) const OURS: Config = Config::DEFAULT;

/// Nobody is ejected.
pub(crate) const NOBODYS: Config = Config { book: Book::Off, ..OURS };

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) struct Fixture<S: Store = Heap> {
    pub(crate) balancer: Balancer<u8, RoundRobin, Config, S>,
    pub(crate) now: Instant,
    rng: ChaCha8Rng,
}

impl Fixture {
    /// Endpoints 0, 1, 2, … at 100 s.
    pub(crate) fn of(number: u8, settings: Config) -> Self {
        Self::with(settings, (0..number).map(Endpoint::new))
    }
}

impl<S: Store> Fixture<S> {
    pub(crate) fn with(config: Config, endpoints: impl IntoIterator<Item = Endpoint<u8>>) -> Self {
        config.check().unwrap();
        let mut fixture = Self {
            // Not asked if it honours them: weights are looked at, though it ignores them.
            balancer: Balancer::with_settings(RoundRobin::new(), config),
            now: Instant::from_secs(100),
            rng: ChaCha8Rng::seed_from_u64(7),
        };
        fixture.update(endpoints);
        fixture
    }

    pub(crate) fn update(&mut self, endpoints: impl IntoIterator<Item = Endpoint<u8>>) {
        let _ = self.balancer.update(self.now, endpoints).unwrap();
    }

    /// Ejects all: one more is well until the last is out, and leaves then.
    pub(crate) fn eject_all(&mut self) {
        let all: Vec<Endpoint<u8>> =
            self.balancer.endpoints().map(|status| *status.endpoint).collect();
        self.insert(Endpoint::new(u8::MAX));
        for endpoint in &all {
            self.fail(endpoint.addr, 5);
            assert!(self.ejected().contains(&endpoint.addr));
        }
        self.update(all);
    }

    pub(crate) fn insert(&mut self, endpoint: Endpoint<u8>) {
        let _ = self.balancer.insert(self.now, endpoint).unwrap();
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    pub(crate) fn handle_timeout(&mut self) {
        self.balancer.handle_timeout(self.now);
    }

    pub(crate) fn status(&self, addr: u8) -> Status<'_, u8> {
        self.balancer.endpoints().find(|status| status.endpoint.addr == addr).unwrap()
    }

    pub(crate) fn slot(&self, addr: u8) -> Slot {
        self.status(addr).slot
    }

    pub(crate) fn health(&self, addr: u8) -> Health {
        self.status(addr).health
    }

    /// Returns the end of an ejection, a rest or a probe.
    pub(crate) fn until(&self, addr: u8) -> Instant {
        match self.health(addr) {
            Health::Ejected { until, .. }
            | Health::Overloaded { until }
            | Health::Probing { until } => until,
            health => panic!("{addr} is {health:?}"),
        }
    }

    pub(crate) fn reason(&self, addr: u8) -> Option<Reason> {
        match self.health(addr) {
            Health::Ejected { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Returns those that are ejected, half-open ones included.
    pub(crate) fn ejected(&self) -> Vec<u8> {
        self.balancer
            .endpoints()
            .filter(|status| status.health.is_ejected())
            .map(|status| status.endpoint.addr)
            .collect()
    }

    pub(crate) fn candidates(&self) -> Vec<u8> {
        self.balancer
            .endpoints()
            .filter(|status| status.candidate)
            .map(|status| status.endpoint.addr)
            .collect()
    }

    pub(crate) fn pick(&mut self) -> Pick {
        self.balancer.pick(self.now, &mut self.rng).unwrap()
    }

    pub(crate) fn addr(&self, pick: &Pick) -> u8 {
        self.balancer.endpoint(pick).unwrap().addr
    }

    /// Picks, and reports at once.
    pub(crate) fn request(&mut self, outcome: Outcome) -> (u8, Why) {
        let pick = self.pick();
        let picked = (self.addr(&pick), pick.why());
        self.report(pick, outcome);
        picked
    }

    pub(crate) fn report(&mut self, pick: Pick, outcome: Outcome) {
        self.balancer.report(self.now, pick, outcome);
    }

    /// Sends a request to this endpoint: all others are avoided, so it never is a probe.
    pub(crate) fn send(&mut self, addr: u8) -> Pick {
        let others = self.balancer.endpoints().filter(|status| status.endpoint.addr != addr);
        let others: Vec<Slot> = others.map(|status| status.slot).collect();
        // Where there is no other to avoid, something else is.
        let pick = self
            .balancer
            .pick_with(Request::at(self.now).avoiding(&others), &mut self.rng)
            .unwrap();
        assert_eq!(self.addr(&pick), addr, "{addr} is no candidate");
        pick
    }

    pub(crate) fn report_to(&mut self, addr: u8, outcome: Outcome, times: u32) {
        for _ in 0..times {
            let pick = self.send(addr);
            self.report(pick, outcome);
        }
    }

    pub(crate) fn fail(&mut self, addr: u8, times: u32) {
        self.report_to(addr, Outcome::Failure, times);
    }

    pub(crate) fn succeed(&mut self, addr: u8, times: u32) {
        self.report_to(addr, Outcome::Success, times);
    }

    /// Ejects it for failures in a row, and lets its time pass: it is half-open at the next pick.
    pub(crate) fn open(&mut self, addr: u8) {
        self.fail(addr, 5);
        assert_eq!(self.reason(addr), Some(Reason::ConsecutiveFailures));
        self.now = self.until(addr);
    }

    pub(crate) fn events(&mut self) -> Vec<(Option<u8>, EventKind)> {
        let events = self.balancer.events();
        events
            .map(|event| (event.endpoint.and_then(|(_, addr)| addr.copied()), event.kind))
            .collect()
    }
}
