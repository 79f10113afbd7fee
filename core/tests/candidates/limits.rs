//! The most requests in flight to one endpoint: who is left out, who steps in, and what is said
//! when nobody has room.

use core::time::Duration;
use std::collections::BTreeMap;

use evenkeel_core::policy::{AnyPolicy, LeastRequest, Policy, RoundRobin};
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::{
    Balancer, Book, Candidacy, Config, ConfigError, Endpoint, Heap, Inline, Instant, Outcome, Pick,
    PickError, Request, Slot, Store, Why, Zone,
};
use rand_chacha::ChaCha8Rng;

/// Two requests to each endpoint, and the next level when there is no room.
const TWO: Config = Config { max_in_flight: 2, ..Config::DEFAULT };

/// The same, without the next level.
const STAY: Config = Config { overflow: false, ..TWO };

/// Those ejected are used by nobody.
const CALM: Config = Config {
    overprovisioning_percent: 140,
    panic_threshold_percent: 0,
    max_ejection_percent: 100,
    ..TWO
};

const FULL: PickError = PickError::Busy { until: None };

/// A balancer with requests under way.
struct Fixture<P: Policy = LeastRequest, S: Store = Heap> {
    balancer: Balancer<u8, P, Config, S>,
    now: Instant,
    rng: ChaCha8Rng,
    open: Vec<(u8, Pick)>,
}

impl Fixture {
    fn of(config: Config, endpoints: impl IntoIterator<Item = Endpoint<u8>>) -> Self {
        Self::with(LeastRequest::new(), config, endpoints)
    }
}

impl<P: Policy + Clone, S: Store> Fixture<P, S> {
    fn with(policy: P, config: Config, endpoints: impl IntoIterator<Item = Endpoint<u8>>) -> Self {
        let balancer = Balancer::with_config(policy, config).unwrap();
        let (now, rng) = (Instant::from_secs(9), ChaCha8Rng::seed_from_u64(3));
        let mut fixture = Self { balancer, now, rng, open: Vec::new() };
        let _ = fixture.balancer.update(now, endpoints).unwrap();
        fixture
    }

    fn pick_with(&mut self, request: Request<'_>) -> Result<(u8, Why), PickError> {
        let pick = self.balancer.pick_with(request, &mut self.rng)?;
        let picked = (self.balancer.endpoint(&pick).unwrap().addr, pick.why());
        self.open.push((picked.0, pick));
        Ok(picked)
    }

    /// Picks for a request that stays under way.
    fn pick(&mut self) -> Result<(u8, Why), PickError> {
        self.pick_with(Request::at(self.now))
    }

    fn avoiding(&mut self, avoid: &[u8]) -> Result<(u8, Why), PickError> {
        let avoid: Vec<Slot> = avoid.iter().map(|addr| self.slot(*addr)).collect();
        self.pick_with(Request::at(self.now).avoiding(&avoid))
    }

    /// Picks until nobody has room; returns how many requests each endpoint got.
    fn fill(&mut self) -> BTreeMap<u8, u32> {
        let mut got = BTreeMap::new();
        while let Ok((addr, _)) = self.pick() {
            *got.entry(addr).or_default() += 1;
        }
        got
    }

    /// Ends a request to this endpoint.
    fn end(&mut self, addr: u8, outcome: Outcome) {
        let place = self.open.iter().position(|(other, _)| *other == addr).unwrap();
        let (_, pick) = self.open.remove(place);
        self.balancer.report(self.now, pick, outcome);
    }

    fn slot(&self, addr: u8) -> Slot {
        self.balancer.endpoints().find(|status| status.endpoint.addr == addr).unwrap().slot
    }

    fn candidacies(&self) -> Vec<Candidacy> {
        self.balancer.endpoints().map(|status| status.candidacy).collect()
    }
}

fn new(addr: u8) -> Endpoint<u8> {
    Endpoint::new(addr)
}

/// Two of the first level, one standby.
fn levels() -> [Endpoint<u8>; 3] {
    [new(0), new(1), new(2).with_priority(1)]
}

#[test]
fn no_more_than_the_limit() {
    for limit in [1, 2, 7] {
        let config = Config { max_in_flight: limit, ..Config::DEFAULT };
        let mut fixture = Fixture::of(config, (0..3).map(new));
        assert_eq!(fixture.fill(), (0..3).map(|addr| (addr, limit)).collect());
        assert_eq!(fixture.pick(), Err(FULL), "with nothing to wait for but a report");
        for outcome in [Outcome::Success, Outcome::Failure, Outcome::Abandoned] {
            fixture.end(1, outcome);
            assert_eq!((fixture.pick(), fixture.pick()), (Ok((1, Why::Policy)), Err(FULL)));
        }
    }
    let mut fixture = Fixture::of(Config::DEFAULT, [new(0)]);
    assert!((0..1_000).all(|_| fixture.pick().is_ok()), "without a limit");
}

#[test]
fn who_is_full_is_told() {
    use Candidacy::{Candidate, Full, Priority};
    let mut fixture = Fixture::of(TWO, levels());
    assert_eq!(fixture.candidacies(), [Candidate, Candidate, Priority]);
    for _ in 0..3 {
        fixture.pick().unwrap();
    }
    let full = fixture.candidacies().iter().position(|candidacy| *candidacy == Full);
    let full = full.expect("two requests on two endpoints of room for two") as u8;
    assert_eq!(fixture.candidacies()[1 - usize::from(full)], Candidate);
    assert!(!fixture.balancer.endpoints().nth(full.into()).unwrap().candidate);
    fixture.pick().unwrap();
    assert_eq!(fixture.candidacies(), [Full, Full, Candidate]);
    fixture.fill();
    assert_eq!(fixture.candidacies()[..2], [Full, Full]);
    fixture.end(0, Outcome::Success);
    assert_eq!(fixture.candidacies()[..2], [Candidate, Full]);
}

/// To the next level when there is no room, and back as soon as there is.
fn overflows<S: Store>() {
    let set = levels().into_iter().chain([new(3).with_priority(7)]);
    let mut fixture = Fixture::<LeastRequest, S>::with(LeastRequest::new(), TWO, set);
    let picked: Vec<_> = (0..8).map(|_| fixture.pick().unwrap()).collect();
    assert!(picked.iter().all(|(_, why)| *why == Why::Policy), "nothing panics: {picked:?}");
    assert!(picked[..4].iter().all(|(addr, _)| *addr < 2), "{picked:?}");
    assert_eq!(picked[4..].iter().map(|(addr, _)| *addr).collect::<Vec<_>>(), [2, 2, 3, 3]);
    assert_eq!(fixture.pick(), Err(FULL));
    // Whoever gets room, the first level that has any is next.
    fixture.end(3, Outcome::Success);
    assert_eq!(fixture.pick(), Ok((3, Why::Policy)));
    fixture.end(2, Outcome::Success);
    fixture.end(3, Outcome::Success);
    assert_eq!((fixture.pick(), fixture.pick()), (Ok((2, Why::Policy)), Ok((3, Why::Policy))));
    fixture.end(2, Outcome::Success);
    fixture.end(1, Outcome::Success);
    assert_eq!((fixture.pick(), fixture.pick()), (Ok((1, Why::Policy)), Ok((2, Why::Policy))));
    assert_eq!(fixture.pick(), Err(FULL));
    let events = fixture.balancer.events();
    assert_eq!(events.filter(|event| event.endpoint.is_none()).count(), 0, "no panic is told");
}

#[test]
fn to_the_next_level_and_back() {
    overflows::<Heap>();
    overflows::<Inline<8>>();
    overflows::<Inline<64, u64>>();
}

#[test]
fn without_overflow_it_stays() {
    let mut fixture = Fixture::of(STAY, levels());
    assert_eq!(fixture.fill(), [(0, 2), (1, 2)].into());
    assert_eq!(fixture.pick(), Err(FULL));
    assert_eq!(fixture.candidacies()[2], Candidacy::Priority);
    // Another level serves once the first is out of service, not before.
    for addr in [0, 1] {
        let slot = fixture.slot(addr);
        fixture.balancer.set_down(fixture.now, slot, true);
    }
    assert_eq!(fixture.pick(), Ok((2, Why::Policy)));
}

/// An endpoint that comes, goes or drains takes its requests with it.
#[test]
fn changes_of_the_set() {
    let mut fixture = Fixture::of(TWO, [new(0)]);
    fixture.fill();
    let _ = fixture.balancer.insert(fixture.now, new(1)).unwrap();
    assert_eq!(fixture.fill(), [(1, 2)].into());
    let draining = [new(0), new(1).with_draining(true), new(2)];
    let _ = fixture.balancer.update(fixture.now, draining).unwrap();
    assert_eq!(fixture.fill(), [(2, 2)].into());
    let _ = fixture.balancer.update(fixture.now, [new(0), new(1)]).unwrap();
    assert_eq!(fixture.pick(), Err(FULL), "what was under way still is");
    let _ = fixture.balancer.update(fixture.now, [new(1)]).unwrap();
    let _ = fixture.balancer.update(fixture.now, [new(0), new(1)]).unwrap();
    assert_eq!(fixture.fill(), [(0, 2)].into(), "but for one that left and came again");
    // The reports of its earlier life make no room.
    fixture.end(0, Outcome::Success);
    assert_eq!(fixture.pick(), Err(FULL));
}

#[test]
fn another_limit_takes_effect_at_once() {
    let mut fixture = Fixture::of(TWO, levels());
    fixture.fill();
    let limit = |max_in_flight| Config { max_in_flight, ..TWO };
    fixture.balancer.set_config(fixture.now, limit(3)).unwrap();
    assert_eq!(fixture.fill(), [(0, 1), (1, 1), (2, 1)].into());
    fixture.balancer.set_config(fixture.now, limit(1)).unwrap();
    fixture.end(0, Outcome::Success);
    fixture.end(0, Outcome::Success);
    assert_eq!(fixture.pick(), Err(FULL), "there is one under way");
    fixture.end(0, Outcome::Success);
    assert_eq!((fixture.pick(), fixture.pick()), (Ok((0, Why::Policy)), Err(FULL)));
    fixture.balancer.set_config(fixture.now, limit(0)).unwrap();
    assert!((0..99).all(|_| fixture.pick().is_ok()));
}

/// Slots to avoid come on top of those without room.
#[test]
fn with_tried_slots() {
    let mut fixture = Fixture::of(STAY, (0..3).map(new));
    for _ in 0..2 {
        fixture.avoiding(&[1, 2]).unwrap();
    }
    assert_eq!(fixture.avoiding(&[1]), Ok((2, Why::Retry)), "0 is full, 1 was tried");
    assert_eq!(fixture.avoiding(&[0, 1]), Ok((2, Why::Retry)));
    assert_eq!(fixture.avoiding(&[0, 1]), Ok((1, Why::LastResort)), "all with room were tried");
    assert_eq!(fixture.avoiding(&[1]), Ok((1, Why::LastResort)));
    assert_eq!(fixture.avoiding(&[1]), Err(FULL));
    assert_eq!(fixture.avoiding(&[0, 1, 2]), Err(FULL), "no last resort has no room");
    assert_eq!(fixture.avoiding(&[]), Err(FULL));

    // With another level, a retry goes there once all with room were tried.
    let mut fixture = Fixture::of(TWO, levels());
    for _ in 0..2 {
        fixture.avoiding(&[1]).unwrap();
    }
    assert_eq!(fixture.avoiding(&[1]), Ok((2, Why::Retry)));
    assert_eq!(fixture.avoiding(&[]), Ok((1, Why::Policy)));
}

/// Busy says when an endpoint comes back that could make room.
#[test]
fn busy_until() {
    let mut fixture = Fixture::of(STAY, (0..2).map(new));
    let retry_after = Some(Duration::from_secs(30));
    fixture.avoiding(&[1]).unwrap();
    fixture.end(0, Outcome::Overloaded { retry_after });
    fixture.fill();
    let until = fixture.now + Duration::from_secs(30);
    assert_eq!(fixture.pick(), Err(PickError::Busy { until: Some(until) }));
    assert_eq!(fixture.balancer.poll_timeout(), Some(until));
    fixture.now = until;
    assert_eq!(fixture.pick(), Ok((0, Why::Policy)));
    assert_eq!((fixture.pick(), fixture.pick()), (Ok((0, Why::Policy)), Err(FULL)));
}

/// All ejected, and the settings want no panic: that is no question of room.
#[test]
fn all_ejected_or_busy() {
    let fail = |fixture: &mut Fixture, addr| {
        for _ in 0..5 {
            fixture.avoiding(&[1 - addr]).unwrap();
            fixture.end(addr, Outcome::Failure);
        }
    };
    let mut fixture = Fixture::of(CALM, (0..2).map(new));
    fail(&mut fixture, 0);
    fixture.fill();
    let busy = fixture.pick().unwrap_err();
    assert!(matches!(busy, PickError::Busy { until: Some(_) }), "{busy:?}");
    while let Some((_, pick)) = fixture.open.pop() {
        fixture.balancer.report(fixture.now, pick, Outcome::Success);
    }
    // Our rule never ejects the last one that serves.
    fail(&mut fixture, 1);
    assert_eq!(fixture.pick(), Ok((1, Why::Policy)));

    // Envoy's does.
    let all = Config { book: Book::Envoy, ..CALM };
    let mut fixture = Fixture::of(all, (0..2).map(new));
    fail(&mut fixture, 0);
    fail(&mut fixture, 1);
    assert_eq!(fixture.pick(), Err(PickError::AllEjected));

    // With panic, those ejected have room or not, too.
    let panics = Config { book: Book::Envoy, max_ejection_percent: 100, ..STAY };
    let mut fixture = Fixture::of(panics, (0..2).map(new));
    fail(&mut fixture, 0);
    fail(&mut fixture, 1);
    for _ in 0..4 {
        assert_eq!(fixture.pick().unwrap().1, Why::Panic);
    }
    let until = fixture.balancer.poll_timeout();
    assert_eq!(fixture.pick(), Err(PickError::Busy { until }));

    let mut fixture = Fixture::of(TWO, []);
    assert_eq!(fixture.pick(), Err(PickError::NoEndpoints));
    let mut fixture = Fixture::of(TWO, [new(0).with_draining(true)]);
    assert_eq!(fixture.pick(), Err(PickError::AllDrained));
}

/// A probe is a request as any other: it waits for room.
#[test]
fn probes_have_limits_too() {
    let config = Config { max_in_flight: 1, ..Config::DEFAULT };
    let mut fixture = Fixture::of(Config { consecutive_failures: 1, ..config }, (0..2).map(new));
    // It fails while another request to it hangs.
    fixture.balancer.set_config(fixture.now, Config { consecutive_failures: 1, ..TWO }).unwrap();
    fixture.avoiding(&[1]).unwrap();
    fixture.avoiding(&[1]).unwrap();
    fixture.end(0, Outcome::Failure);
    let until = fixture.balancer.poll_timeout().unwrap();
    fixture.balancer.set_config(fixture.now, Config { consecutive_failures: 1, ..config }).unwrap();
    fixture.now = until;
    assert_eq!(fixture.pick(), Ok((1, Why::Policy)), "the probe has no room yet");
    fixture.end(0, Outcome::Abandoned);
    assert_eq!(fixture.pick(), Ok((0, Why::Probe)));
}

/// Groups that share: what has no room in one goes to another.
#[test]
fn with_groups() {
    let zones = Config { zone: Zone::new(1), zone_minimum_endpoints: 2, ..TWO };
    let set = || (0..8).map(|addr| new(addr).with_zone(Zone::new(1 + u16::from(addr >= 2))));
    let mut fixture = Fixture::of(zones, set());
    assert_eq!(fixture.fill(), (0..8).map(|addr| (addr, 2)).collect());
    assert_eq!(fixture.pick(), Err(FULL));
    fixture.end(5, Outcome::Success);
    assert_eq!(fixture.pick(), Ok((5, Why::Policy)));
    let shared = Config { overprovisioning_percent: 100, ..TWO };
    let draining = |addr: u8| addr == 1;
    let mut fixture = Fixture::of(shared, levels().map(|e| e.with_draining(draining(e.addr))));
    assert_eq!(fixture.fill(), [(0, 2), (2, 2)].into());
}

/// A policy that does not count cannot heed a limit; one by name counts always.
#[test]
fn only_with_policies_that_count() {
    let error = Balancer::<u8, _>::with_config(RoundRobin::new(), TWO).err();
    assert_eq!(error, Some(ConfigError::Uncounted { setting: "max_in_flight", value: 2 }));
    let text = error.unwrap().to_string();
    assert!(text.starts_with("max_in_flight is 2, but the policy counts no requests"), "{text}");
    let mut balancer: Balancer<u8, RoundRobin> = Balancer::new(RoundRobin::new());
    assert_eq!(balancer.set_config(Instant::ZERO, TWO).err(), error);
    assert_eq!(balancer.set_config(Instant::ZERO, Config::DEFAULT), Ok(()));
    let any: AnyPolicy = "round_robin".parse().unwrap();
    assert!(Balancer::<u8, _>::with_config(any, TWO).is_ok());
}

/// Whatever the policy, its table knows nothing of limits, and its picks heed them.
#[test]
fn with_any_policy() {
    let more = ["least_request(full_scan)", "peak_ewma(full_scan)", "rendezvous(bound=125)"];
    for name in AnyPolicy::NAMES.iter().copied().chain(more) {
        let policy: AnyPolicy = name.parse().unwrap();
        let set = (0..6).map(|addr| new(addr).with_weight(1 + u32::from(addr % 3)));
        let set = set.chain([new(6).with_priority(1), new(7).with_priority(1)]);
        let mut fixture: Fixture<AnyPolicy> = Fixture::with(policy, TWO, set);
        let mut in_flight = [0_u32; 8];
        let (mut refused, mut overflowed) = (0, 0);
        for step in 0..6_000_u32 {
            let draw = fixture.rng.next_u32();
            // At times everything is under way, at times little is.
            if draw % 100 < if step % 400 < 200 { 80 } else { 30 } {
                let request = Request::at(fixture.now).with_key(u64::from(draw / 100) << 32);
                match fixture.pick_with(request) {
                    Ok((addr, why)) => {
                        assert_eq!(why, Why::Policy);
                        let full = in_flight[..6].iter().all(|count| *count == 2);
                        assert_eq!(addr >= 6, full, "{name}: {in_flight:?}");
                        overflowed += u32::from(full);
                        in_flight[usize::from(addr)] += 1;
                        assert!(in_flight[usize::from(addr)] <= 2, "{name}: {in_flight:?}");
                    }
                    Err(error) => {
                        assert_eq!((error, in_flight), (FULL, [2; 8]), "{name}");
                        refused += 1;
                    }
                }
            } else if !fixture.open.is_empty() {
                let place = draw as usize / 100 % fixture.open.len();
                let addr = fixture.open[place].0;
                fixture.end(addr, Outcome::Success);
                in_flight[usize::from(addr)] -= 1;
            }
        }
        assert!(refused > 100 && overflowed > 100, "{name}: {refused}, {overflowed}");
    }
}
