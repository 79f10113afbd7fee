//! Changes of the set: which slots endpoints get, and that many at once are as good as one by one.
//!
//! That the set is what it was told is compared with a plain model in `tests/tests/core_model`.

use core::time::Duration;
use std::collections::BTreeMap;

use evenkeel_core::policy::LeastRequest;
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::{
    Balancer, Cluster, Config, Endpoint, EventKind, Heap, Inline, Instant, Outcome, Pick, Slot,
    Store, Zone,
};
use rand_chacha::ChaCha8Rng;

fn new(addr: u16) -> Endpoint<u16> {
    Endpoint::new(addr)
}

/// The least free slot is taken, and never under the name of the endpoint that had it.
fn least_first<S: Store>() {
    let mut balancer: Balancer<u16, LeastRequest, Config, S> =
        Balancer::with_settings(LeastRequest::new(), Config::DEFAULT);
    let now = Instant::ZERO;
    let slots = |balancer: &Balancer<u16, LeastRequest, Config, S>| {
        let status = balancer.endpoints();
        status.map(|status| (status.endpoint.addr, status.slot)).collect::<Vec<_>>()
    };
    let indices = |balancer: &_| {
        slots(balancer).iter().map(|(addr, slot)| (*addr, slot.index())).collect::<Vec<_>>()
    };
    let _ = balancer.update(now, [30, 10, 20, 40].map(new)).unwrap();
    assert_eq!(indices(&balancer), [(10, 0), (20, 1), (30, 2), (40, 3)], "by address");
    let before = slots(&balancer);
    let _ = balancer.update(now, [20, 40].map(new)).unwrap();
    let _ = balancer.insert(now, new(90)).unwrap();
    assert_eq!(indices(&balancer), [(20, 1), (40, 3), (90, 0)]);
    let _ = balancer.insert(now, new(5)).unwrap();
    let _ = balancer.insert(now, new(7)).unwrap();
    assert_eq!(indices(&balancer), [(5, 2), (7, 4), (20, 1), (40, 3), (90, 0)]);
    let after = slots(&balancer);
    let again = |addr: u16, slot: Slot| before.iter().any(|(a, s)| *s == slot && *a != addr);
    assert!(!after.iter().any(|(addr, slot)| again(*addr, *slot)), "generations differ");
    // Who stays keeps its slot, whatever else it says.
    let _ = balancer.update(now, [new(20).with_weight(9), new(1), new(40)]).unwrap();
    assert_eq!(indices(&balancer), [(1, 0), (20, 1), (40, 3)]);
}

#[test]
fn the_least_free_slot_is_taken() {
    least_first::<Heap>();
    least_first::<Inline<8>>();
    least_first::<Inline<64, u64>>();
}

/// A client in trouble: some endpoints fail, some are down, some have no room.
struct Fixture {
    balancer: Balancer<u16, LeastRequest>,
    rng: ChaCha8Rng,
    open: Vec<Pick>,
}

impl Fixture {
    fn new(config: Config) -> Self {
        let balancer = Balancer::with_config(LeastRequest::new(), config).unwrap();
        Self { balancer, rng: ChaCha8Rng::seed_from_u64(1), open: Vec::new() }
    }

    /// Picks or reports, as `draw` says.
    fn step(&mut self, now: Instant, draw: u32) {
        match draw % 8 {
            0 => {
                let place = draw as usize / 8 % self.balancer.len().max(1);
                let slot = self.balancer.endpoints().nth(place).map(|status| status.slot);
                if let Some(slot) = slot {
                    self.balancer.set_down(now, slot, draw >> 20 & 1 == 0);
                }
            }
            1..=4 => self.open.extend(self.balancer.pick(now, &mut self.rng)),
            _ if self.open.is_empty() => {}
            _ => {
                let pick = self.open.swap_remove(draw as usize / 8 % self.open.len());
                let addr = self.balancer.endpoint(&pick).map(|endpoint| endpoint.addr);
                let bad = addr.is_some_and(|addr| addr % 3 == 0);
                let outcome = if bad { Outcome::Failure } else { Outcome::Success };
                self.balancer.report(now, pick, outcome);
            }
        }
    }

    /// Makes the set that of a list, one change after the other.
    fn one_by_one(&mut self, now: Instant, list: &[Endpoint<u16>]) {
        let named = |addr: u16| list.iter().any(|endpoint| endpoint.addr == addr);
        let mut gone: Vec<_> =
            self.balancer.endpoints().map(|s| (s.slot.index(), s.endpoint.addr)).collect();
        gone.retain(|(_, addr)| !named(*addr));
        gone.sort_unstable();
        for (_, addr) in gone {
            self.balancer.remove(now, &addr).unwrap();
        }
        for endpoint in list {
            let _ = self.balancer.insert(now, *endpoint).unwrap();
        }
    }

    fn seen(&mut self) -> String {
        let events = self.balancer.events();
        let events = events.filter(|event| {
            // In between, there may be too few others for a moment.
            !matches!(event.kind, EventKind::PanicOn | EventKind::PanicOff)
        });
        let events: Vec<_> = events.map(|event| format!("{event:?}")).collect();
        let status: Vec<_> = self.balancer.endpoints().map(|s| format!("{s:?}")).collect();
        format!("{events:#?}\n{status:#?}\n{:?}", self.balancer.poll_timeout())
    }
}

#[test]
fn many_at_once_are_as_good_as_one_by_one() {
    let limited = Config { max_in_flight: 2, ..Config::DEFAULT };
    let stays = Config { overflow: false, ..limited };
    let subset = Config { subset: 30, ..limited };
    for (seed, config) in (0..).zip([Config::DEFAULT, limited, stays, subset, Config::ENVOY]) {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let [mut at_once, mut singly] = [Fixture::new(config), Fixture::new(config)];
        let mut now = Instant::from_secs(1_000);
        for round in 0..25 {
            let draws: Vec<u32> = (0..200).map(|_| chance.next_u32()).collect();
            let of = |(addr, draw): (u16, &u32)| {
                let level = (draw / 4 % 3) as u16;
                (draw % 4 > 0).then_some(new(addr).with_priority(level))
            };
            let list: Vec<_> = (0..).zip(&draws).filter_map(of).collect();
            let _ = at_once.balancer.update(now, list.iter().copied()).unwrap();
            singly.one_by_one(now, &list);
            assert_eq!(at_once.seen(), singly.seen(), "settings {seed}, round {round}");
            for _ in 0..200 {
                now = now + Duration::from_millis((chance.next_u32() % 20).into());
                let draw = chance.next_u32();
                at_once.step(now, draw);
                singly.step(now, draw);
            }
            assert_eq!(at_once.seen(), singly.seen(), "settings {seed}, after round {round}");
        }
        let [busy, out] = [at_once.open.len(), at_once.balancer.endpoints().count()];
        assert!(busy > 0 && out > 100, "{busy}, {out}");
    }
}

/// Two clusters in trouble: one is told the whole set, the other what is new in it.
fn amended<S: Store>(most: usize) {
    let configs = [
        Config::default(),
        Config { subset: 3, slow_start: Duration::from_secs(5), ..Config::default() },
        Config { zone: Zone::new(1), overprovisioning_percent: 140, ..Config::default() },
    ];
    for (seed, config) in (0..90).zip(configs.into_iter().cycle()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut below = |end: u32| rng.next_u32() % end;
        let mut told: Cluster<u16, (), Config, S> = Cluster::new(config);
        let mut amended: Cluster<u16, (), Config, S> = Cluster::new(config);
        let mut known = BTreeMap::new();
        for step in 0..60 {
            let now = Instant::from_nanos(step * 1_000_000_000);
            let mut changes = BTreeMap::new();
            for _ in 0..below(4) {
                let addr = below(24) as u16;
                let endpoint = new(addr).with_weight(below(3)).with_priority(below(2) as u16);
                let endpoint = endpoint.with_zone(Zone::new(1 + below(2) as u16));
                let endpoint = Some(endpoint.with_draining(below(8) == 0));
                changes.insert(addr, endpoint.filter(|_| known.len() < most && below(2) == 0));
            }
            for (addr, endpoint) in &changes {
                match endpoint {
                    Some(endpoint) => drop(known.insert(*addr, *endpoint)),
                    None => drop(known.remove(addr)),
                }
            }
            let whole = told.update(now, known.values().copied());
            let some = amended.amend(now, changes.iter().map(|(addr, new)| (addr, *new)));
            assert_eq!(some, whole, "seed {seed}, step {step}");
            let slot = told.iter().map(|(slot, _)| slot).nth(below(16) as usize);
            for cluster in [&mut told, &mut amended] {
                if let Some(slot) = slot {
                    cluster.observe(now, slot, Outcome::Failure, None);
                }
                cluster.handle_timeout(now);
            }
            let seen = |cluster: &mut Cluster<u16, (), Config, S>| {
                let events = format!("{:?}", cluster.events().collect::<Vec<_>>());
                let members: Vec<_> = cluster.members().map(|one| format!("{one:?}")).collect();
                let alone = cluster.iter().filter_map(|(slot, _)| cluster.member_in(slot));
                assert!(alone.map(|one| format!("{one:?}")).eq(members.iter().cloned()));
                let groups = cluster.candidate_groups().map(|group| (group.share, group.panic));
                let candidates: Vec<_> = cluster.candidates().collect();
                (events, members, groups.collect::<Vec<_>>(), candidates, cluster.poll_timeout())
            };
            assert_eq!(seen(&mut amended), seen(&mut told), "seed {seed}, step {step}");
        }
    }
}

#[test]
fn changes_alone_are_as_good_as_the_whole_set() {
    amended::<Heap>(24);
    amended::<Inline<32>>(24);
    amended::<Inline<8>>(6);
}
