//! Outages of some of the endpoints: how many requests they cost, by size, load and policy.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

use evenkeel_core::health::Health;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::{Balancer, Config, Endpoint, EventKind, Heap, Instant, Outcome, Pick, Why};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::fixture::{millis, secs};

/// All of them; `weighted_round_robin` is another name of the first. Requests without a key go by a
/// random one.
pub(crate) const POLICIES: [&str; 10] = [
    "round_robin",
    "random",
    "weighted_random",
    "least_request",
    "peak_ewma",
    "rendezvous",
    "maglev",
    "ring_hash",
    "ketama",
    "pick_first",
];

/// By a key.
pub(crate) const BY_KEY: [&str; 4] = ["rendezvous", "maglev", "ring_hash", "ketama"];

/// Callers that each send a request, wait for its end, and send the next.
pub(crate) struct World {
    pub(crate) balancer: Balancer<u16, AnyPolicy<Heap>, Config>,
    rng: ChaCha8Rng,
    pub(crate) now: Instant,
    number: u64,
    in_flight: BinaryHeap<Reverse<(Instant, u64)>>,
    open: std::collections::BTreeMap<u64, (Pick, Outcome)>,
    pub(crate) requests: u64,
    pub(crate) lost: u64,
    pub(crate) probes: u64,
    pub(crate) events: Vec<EventKind>,
}

impl World {
    pub(crate) fn new(
        policy: &str,
        config: Config,
        endpoints: impl IntoIterator<Item = Endpoint<u16>>,
    ) -> Self {
        let policy: AnyPolicy<Heap> = policy.parse().unwrap();
        let mut world = Self {
            balancer: Balancer::with_config(policy, config).unwrap(),
            rng: ChaCha8Rng::seed_from_u64(11),
            now: Instant::from_secs(1000),
            number: 0,
            in_flight: BinaryHeap::new(),
            open: std::collections::BTreeMap::new(),
            requests: 0,
            lost: 0,
            probes: 0,
            events: Vec::new(),
        };
        let _ = world.balancer.update(world.now, endpoints).unwrap();
        world
    }

    fn send(&mut self, answer: &impl Fn(u16, Instant) -> (Duration, Outcome)) {
        let pick = self.balancer.pick(self.now, &mut self.rng).unwrap();
        let addr = self.balancer.endpoint(&pick).unwrap().addr;
        let (took, outcome) = answer(addr, self.now);
        self.requests += 1;
        self.lost += u64::from(outcome != Outcome::Success && outcome != Outcome::Ignorable);
        self.probes += u64::from(pick.why() == Why::Probe);
        self.number += 1;
        self.open.insert(self.number, (pick, outcome));
        self.in_flight.push(Reverse((self.now + took, self.number)));
    }

    fn end_one(&mut self) {
        let Some(Reverse((at, number))) = self.in_flight.pop() else { return };
        self.now = at;
        let (pick, outcome) = self.open.remove(&number).unwrap();
        self.balancer.report(self.now, pick, outcome);
        self.events.extend(self.balancer.events().map(|event| event.kind));
    }

    /// Lets so many callers send so many requests in all.
    pub(crate) fn run(
        &mut self,
        callers: usize,
        requests: u64,
        answer: impl Fn(u16, Instant) -> (Duration, Outcome),
    ) {
        for _ in 0..requests {
            while self.in_flight.len() >= callers {
                self.end_one();
            }
            self.send(&answer);
        }
        while !self.in_flight.is_empty() {
            self.end_one();
        }
    }

    pub(crate) fn run_for(
        &mut self,
        time: Duration,
        callers: usize,
        answer: impl Fn(u16, Instant) -> (Duration, Outcome),
    ) {
        let end = self.now + time;
        while self.now < end {
            self.run(callers, 100, &answer);
        }
    }

    pub(crate) fn health(&self, addr: u16) -> Health {
        self.balancer.endpoints().find(|status| status.endpoint.addr == addr).unwrap().health
    }

    pub(crate) fn count(&self, of: impl Fn(&EventKind) -> bool) -> usize {
        self.events.iter().filter(|kind| of(kind)).count()
    }
}

/// How many of 10,000 requests are lost.
fn lost(
    policy: &str,
    (number, dead): (u16, u16),
    weight: Weights,
    callers: usize,
    failure: (Duration, Outcome),
) -> u64 {
    let endpoints = (0..number).map(|addr| Endpoint::new(addr).with_weight(weight(addr)));
    let mut world = World::new(policy, Config::DEFAULT, endpoints);
    // Every number of callers has its own clock: of these, one of 32 bits begins anew in the outage.
    world.now = match callers {
        1 => Instant::ZERO,
        16 => Instant::from_secs(1000),
        _ => Instant::from_millis(u64::from(u32::MAX) - 20_000),
    };
    let good = (millis(1), Outcome::Success);
    world.run(callers, 1_000, |_, _| good);
    (world.requests, world.lost) = (0, 0);
    // Of those nine, each costs 20 before it is ejected: they outvote the one that is well.
    let requests: u64 = if (number, dead) == (10, 9) { 200_000 } else { 60_000 };
    world.run(callers, requests, |addr, _| if addr < dead { failure } else { good });
    let lost = world.lost * 10_000 / world.requests;
    // Peak EWMA goes around most of them before they have failed often enough, and pick first asks
    // but one; of a thousand, a light one is asked too seldom.
    let sum: u64 = (0..number).map(|addr| u64::from(weight(addr))).sum();
    let often = |addr: &u16| requests * u64::from(weight(*addr)) > 50 * sum;
    let asks = !["peak_ewma", "pick_first"].contains(&policy);
    for addr in (0..dead).filter(often).filter(|_| asks) {
        assert_ne!(world.health(addr), Health::Healthy, "{policy} {number}/{dead} {callers}");
    }
    // All are back and well.
    world.run_for(secs(100), callers, |_, _| (millis(500), Outcome::Success));
    assert!(
        world.balancer.endpoints().all(|status| status.health == Health::Healthy),
        "{policy} {number}/{dead} {callers}"
    );
    lost
}

/// The weight of each address.
pub(crate) type Weights = fn(u16) -> u32;

pub(crate) const EQUAL: Weights = |_| 1;
pub(crate) const UNEQUAL: Weights = |addr| [100, 10, 1][usize::from(addr % 3)];

/// Weights of the endpoints, and so many callers.
const CASES: [(Weights, usize); 5] =
    [(EQUAL, 1), (EQUAL, 16), (EQUAL, 64), (|addr| 1 + u32::from(addr % 3), 16), (UNEQUAL, 64)];

const SIZES: [(u16, u16); 7] = [(3, 1), (3, 2), (4, 3), (5, 2), (10, 5), (10, 9), (20, 10)];

fn cost_no_more_than(most: [u64; 2], failure: (Duration, Outcome)) {
    for policy in POLICIES {
        for size in SIZES {
            for (weight, callers) in CASES {
                let lost = lost(policy, size, weight, callers, failure);
                let weights = (weight(0), weight(1));
                let most = most[usize::from(callers == 64)];
                assert!(
                    lost <= most,
                    "{policy} {size:?} {weights:?} {callers} callers: {lost} of 10,000"
                );
            }
        }
    }
}

/// 64 callers may all wait at one endpoint when it dies, and then all at the next one that is dead:
/// 128 of 60,000.
#[test]
fn dead_endpoints_cost_no_more_than_2_of_1_000_requests() {
    cost_no_more_than([20, 22], (millis(1), Outcome::Failure));
}

#[test]
fn hung_endpoints_cost_no_more_than_3_of_1_000_requests() {
    cost_no_more_than([20, 33], (millis(250), Outcome::TimedOut));
}

#[test]
fn one_of_a_thousand() {
    for policy in POLICIES {
        let failure = (millis(1), Outcome::Failure);
        for (weight, callers) in [(EQUAL, 16), (UNEQUAL, 64)] {
            let lost = lost(policy, (1000, 1), weight, callers, failure);
            assert!(lost <= 1, "{policy} {callers}: {lost} of 10,000");
        }
    }
}

#[test]
fn all_dead_for_a_minute_are_hardly_ever_ejected_and_serve_at_once_when_they_are_back() {
    for policy in POLICIES {
        for (number, callers) in [(1, 1), (2, 16), (3, 1), (10, 16)] {
            let mut world = World::new(policy, Config::DEFAULT, (0..number).map(Endpoint::new));
            let good = (millis(20), Outcome::Success);
            world.run(callers, 1_000, |_, _| good);
            let end = world.now + secs(60);
            while world.now < end {
                world.run(callers, 100, |_, _| (millis(20), Outcome::Failure));
            }
            let ejections = world.count(|kind| matches!(kind, EventKind::Ejected { .. }));
            // To pick first, each that it has not asked looks well: it gives up all but one, and
            // half of those again in the calm, and probes fail; and all that once more after it.
            let most = if policy == "pick_first" { 4 * usize::from(number) } else { 1 };
            assert!(ejections <= most, "{policy} {number} {callers}: {ejections}");
            world.lost = 0;
            world.run(callers, 1_000, |_, _| good);
            assert_eq!(world.lost, 0, "{policy} {number} {callers}");
        }
    }
}

/// Levels: primaries at 0, backups at 1.
fn levels(primaries: u16, backups: u16) -> Vec<Endpoint<u16>> {
    (0..primaries + backups)
        .map(|addr| Endpoint::new(addr).with_priority(u16::from(addr >= primaries)))
        .collect()
}

#[test]
fn dead_or_hung_primaries_hand_over_to_backups() {
    let sizes = [(1, 1), (2, 1), (1, 2), (3, 3), (5, 2), (10, 2), (20, 20)];
    for policy in POLICIES {
        for size in sizes {
            for callers in [1, 16, 64] {
                hand_over(policy, size, callers, (millis(1), Outcome::Failure));
                hand_over(policy, size, callers, (millis(250), Outcome::TimedOut));
            }
        }
    }
}

fn hand_over(
    policy: &str,
    (primaries, backups): (u16, u16),
    callers: usize,
    failure: (Duration, Outcome),
) {
    let mut world = World::new(policy, Config::DEFAULT, levels(primaries, backups));
    let good = (millis(1), Outcome::Success);
    world.run(callers, 1_000, |_, _| good);
    world.requests = 0;
    world.run(callers, 60_000, |addr, _| if addr < primaries { failure } else { good });
    // What is under way when the last is found out; and of each, a row of k to 4k. Rotations have
    // all fail at once: nobody is well soon, and a row of k is enough. By chance or with a single
    // caller, some fail before the others, and then half of the others are not well for a while.
    // Of 60,000, twenty cost 0.4 % in the one case, and up to 0.7 % in the other.
    let (lost, waiting, each) = (world.lost, callers as u64, u64::from(primaries));
    let most = if policy == "pick_first" {
        (waiting + 12) * each
    } else if BY_KEY.contains(&policy) || callers == 1 {
        waiting + 20 * each
    } else {
        waiting + 11 * each
    };
    assert!(lost <= most, "{policy} {primaries}+{backups} {failure:?} {callers}: {lost}");
    world.run_for(secs(100), callers, |_, _| (millis(500), Outcome::Success));
    let back = (0..primaries).all(|addr| world.health(addr) == Health::Healthy);
    assert!(back, "{policy} {primaries}+{backups} {failure:?} {callers}");
}

#[test]
fn one_that_is_alone_is_never_ejected() {
    let mut world = World::new("round_robin", Config::DEFAULT, [Endpoint::new(0)]);
    world.run(1, 70_000, |_, _| (millis(1), Outcome::Failure));
    assert_eq!(world.health(0), Health::Healthy);
    assert_eq!(world.count(|kind| matches!(kind, EventKind::Held { .. })), 1, "told once");
}

#[test]
fn a_row_of_any_length_is_judged_again_when_another_is_well() {
    let mut world = World::new("round_robin", Config::DEFAULT, (0..2).map(Endpoint::new));
    world.run(1, 150_001, |_, _| (millis(1), Outcome::Failure));
    world.run(1, 100, |addr, _| {
        (millis(1), if addr == 0 { Outcome::Success } else { Outcome::Failure })
    });
    assert!(matches!(world.health(1), Health::Ejected { .. }), "beyond 65,535 in a row");
}

#[test]
fn a_caller_that_gives_up_on_one_of_three_probes_it_seldom() {
    let mut world = World::new("round_robin", Config::DEFAULT, (0..3).map(Endpoint::new));
    world.run(1, 300, |addr, _| match addr {
        0 => (secs(1), Outcome::TimedOut),
        _ => (millis(20), Outcome::Success),
    });
    assert!(matches!(world.health(0), Health::Ejected { .. } | Health::HalfOpen));
    (world.requests, world.probes) = (0, 0);
    world.run(1, 1_000, |addr, _| match addr {
        0 => (secs(1), Outcome::Abandoned),
        _ => (millis(20), Outcome::Success),
    });
    assert!(world.probes <= 30, "{} of 1,000 are probes", world.probes);
}

#[test]
fn users_who_cancel_half_of_all_requests_eject_nobody() {
    for percent in [10, 30, 50] {
        for number in [2, 3, 10] {
            let mut world =
                World::new("round_robin", Config::DEFAULT, (0..number).map(Endpoint::new));
            let chance = core::cell::RefCell::new(ChaCha8Rng::seed_from_u64(3));
            let draw = || Rng::next_u32(&mut *chance.borrow_mut()) % 100;
            world.run(16, 30_000, |_, _| {
                let outcome = if draw() < percent { Outcome::Abandoned } else { Outcome::Success };
                (millis(20), outcome)
            });
            let ejected = world.count(|kind| matches!(kind, EventKind::Ejected { .. }));
            assert_eq!(ejected, 0, "{percent} % of {number}");
        }
    }
}
