//! A client in a made-up world, which can be restarted: its endpoints fail, overload and answer as
//! chance has it.

use core::time::Duration;
use std::collections::VecDeque;

use evenkeel_core::health::Health;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::{
    Balancer, Candidacy, Config, Endpoint, EventKind, Heap, Instant, Outcome, Pick, State, Store,
    Why,
};
use rand_chacha::ChaCha8Rng;

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000 * MS;

/// A moment as nanoseconds since a client's origin.
type Moment = u64;

/// What can be seen of a client from outside.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Pick(String, Why),
    NoPick,
    Event(Moment, Option<String>, EventKind),
}

/// All that is known of an endpoint, apart from the counters: its health, with the end of that; its
/// weight; its answer time and the age of that.
pub(crate) type View = (String, Candidacy, Health, Moment, u32, u64, u64);

pub(crate) struct Client<S: Store = Heap> {
    pub(crate) balancer: Balancer<String, AnyPolicy, Config, S>,
    policy: String,
    config: Config,
    rng: ChaCha8Rng,
    /// What happens in the world.
    world: ChaCha8Rng,
    origin: Instant,
    pub(crate) now: Instant,
    in_flight: VecDeque<Pick>,
    pub(crate) seen: Vec<Seen>,
}

/// Returns the address of a key.
pub(crate) fn address(key: &[u8]) -> Option<String> {
    core::str::from_utf8(key).ok().map(String::from)
}

/// Endpoints `a`, `b`, … with weights 1, 2, 3, 1, ….
pub(crate) fn endpoints(count: u8) -> impl Iterator<Item = Endpoint<String>> {
    (0..count).map(|index| {
        Endpoint::new(char::from(b'a' + index).to_string()).with_weight(1 + u32::from(index % 3))
    })
}

impl<S: Store> Client<S> {
    pub(crate) fn new(policy: &str, config: Config, origin: u64, count: u8, seed: u64) -> Self {
        let mut client = Self {
            balancer: Balancer::with_config(policy.parse().unwrap(), config).unwrap(),
            policy: policy.to_string(),
            config,
            rng: ChaCha8Rng::seed_from_u64(seed),
            world: ChaCha8Rng::seed_from_u64(!seed),
            origin: Instant::from_nanos(origin),
            now: Instant::from_nanos(origin),
            in_flight: VecDeque::new(),
            seen: Vec::new(),
        };
        let _ = client.balancer.update(client.now, endpoints(count)).unwrap();
        client
    }

    /// One event in its life.
    pub(crate) fn step(&mut self) {
        const GAPS: [u64; 8] = [0, 0, 1, 5, 20, 100, 700, 3_000];
        let draw = self.world.next_u32();
        self.now = self.now + Duration::from_millis(GAPS[(draw & 7) as usize]);
        match draw >> 3 & 7 {
            0..=3 => match self.balancer.pick(self.now, &mut self.rng) {
                Ok(pick) => {
                    let addr = self.balancer.endpoint(&pick).unwrap().addr.clone();
                    self.seen.push(Seen::Pick(addr, pick.why()));
                    self.in_flight.push_back(pick);
                }
                Err(_) => self.seen.push(Seen::NoPick),
            },
            4..=6 => self.report(draw),
            _ => self.balancer.handle_timeout(self.now),
        }
        self.note_events();
    }

    /// Ends the requests under way: they would die with the process.
    pub(crate) fn settle(&mut self) {
        while !self.in_flight.is_empty() {
            let draw = self.world.next_u32();
            self.report(draw);
        }
        self.balancer.handle_timeout(self.now);
        self.note_events();
    }

    /// Every third endpoint is bad: it fails, or asks to be left alone.
    fn report(&mut self, draw: u32) {
        let Some(pick) = self.in_flight.pop_front() else { return };
        let bad = self
            .balancer
            .endpoint(&pick)
            .is_some_and(|endpoint| endpoint.addr.as_bytes()[0] % 3 == 0);
        let outcome = match draw >> 8 & 15 {
            0..=8 if bad => Outcome::Failure,
            9 if bad => Outcome::Overloaded { retry_after: Some(Duration::from_secs(4)) },
            10 => Outcome::Failure,
            11 => Outcome::Abandoned,
            _ => Outcome::Success,
        };
        self.balancer.report(self.now, pick, outcome);
    }

    fn note_events(&mut self) {
        let origin = self.origin.as_nanos();
        let since = |at: Instant| Instant::from_nanos(at.as_nanos().wrapping_sub(origin));
        self.seen.extend(self.balancer.events().map(|event| {
            let addr = event.endpoint.and_then(|(_, addr)| addr.cloned());
            let kind = match event.kind {
                EventKind::Ejected { reason, until } => {
                    EventKind::Ejected { reason, until: since(until) }
                }
                EventKind::Overloaded { until } => EventKind::Overloaded { until: since(until) },
                EventKind::Undone { until } => EventKind::Undone { until: since(until) },
                kind => kind,
            };
            Seen::Event(since(event.at).as_nanos(), addr, kind)
        }));
    }

    /// The next process: another clock, `gap` later, and nothing but the text of the state.
    pub(crate) fn restart(&self, shift: u64, gap: u64) -> Self {
        let text = serde_json::to_string(&self.balancer.export(self.now)).unwrap();
        let state: State<String, S> = serde_json::from_str(&text).unwrap();
        let later = |at: Instant| Instant::from_nanos(at.as_nanos() + shift);
        let count = u8::try_from(self.balancer.len()).unwrap();
        let mut next =
            Self::new(&self.policy, self.config, later(self.now).as_nanos() + gap, count, 0);
        (next.origin, next.rng, next.world) =
            (later(self.origin), self.rng.clone(), self.world.clone());
        next.balancer.import(next.now, &state.aged(Duration::from_nanos(gap))).unwrap();
        next.note_events();
        next.seen.clear();
        next
    }

    /// No request comes for a while.
    pub(crate) fn wait(&mut self, nanos: u64) {
        let end = self.now + Duration::from_nanos(nanos);
        while let Some(due) = self.balancer.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.balancer.handle_timeout(self.now);
        }
        self.now = end;
        self.note_events();
    }

    /// How long the interval still takes in which all outcomes are counted, if there are such.
    pub(crate) fn interval_left(&self) -> Option<u64> {
        let state = serde_json::to_value(self.balancer.export(self.now)).unwrap();
        state["rounds"]["interval_left"].as_u64()
    }

    pub(crate) fn view(&self) -> Vec<View> {
        // Times that are over are as good as now.
        let since = |at: Instant| at.max(self.now).as_nanos().wrapping_sub(self.origin.as_nanos());
        let view = self.balancer.endpoints().map(|status| {
            let (health, until) = match status.health {
                Health::Ejected { reason, until } => {
                    (Health::Ejected { reason, until: Instant::ZERO }, since(until))
                }
                Health::Overloaded { until } => {
                    (Health::Overloaded { until: Instant::ZERO }, since(until))
                }
                Health::Probing { until } => {
                    (Health::Probing { until: Instant::ZERO }, since(until))
                }
                health => (health, 0),
            };
            let (estimate, addr) = (status.estimate, status.endpoint.addr.clone());
            let age = if estimate.nanos > 0 {
                self.now.saturating_since(estimate.stamp).as_nanos() as u64
            } else {
                0
            };
            (addr, status.candidacy, health, until, status.weight, estimate.nanos, age)
        });
        view.collect()
    }
}
