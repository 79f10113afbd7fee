//! Why an endpoint may be picked, or may not, and the weight in effect.

use evenkeel_core::{Candidacy, Config, Endpoint, Outcome, Zone};

use super::fixture::{Fixture, OURS, secs};

fn candidacies(fixture: &Fixture) -> Vec<Candidacy> {
    fixture.balancer.endpoints().map(|status| status.candidacy).collect()
}

fn new(addr: u8) -> Endpoint<u8> {
    Endpoint::new(addr)
}

/// What can be said without a subset or zones.
#[test]
fn each_reason() {
    use Candidacy::{Candidate, Draining, NoWeight, Priority, Unhealthy};
    let set = [
        new(0),
        new(1).with_weight(0),
        new(2).with_draining(true),
        new(3),
        new(4).with_priority(1),
        new(5),
        new(6),
        new(7),
    ];
    let mut fixture: Fixture = Fixture::with(OURS, set);
    fixture.fail(3, 5);
    fixture.report_to(5, Outcome::Overloaded { retry_after: Some(secs(60)) }, 1);
    let slot = fixture.slot(6);
    fixture.balancer.set_down(fixture.now, slot, true);
    let expected =
        [Candidate, NoWeight, Draining, Unhealthy, Priority, Unhealthy, Unhealthy, Candidate];
    assert_eq!(candidacies(&fixture), expected);
    for status in fixture.balancer.endpoints() {
        assert_eq!(status.candidate, status.candidacy == Candidate);
        assert_eq!(status.weight, u32::from(status.candidate));
    }
    // Weight and draining come before health, health before priority.
    fixture.update([
        new(0),
        new(3).with_weight(0),
        new(5).with_draining(true),
        new(6).with_priority(9),
    ]);
    assert_eq!(candidacies(&fixture), [Candidate, NoWeight, Draining, Unhealthy]);
}

#[test]
fn one_that_has_just_come_back() {
    let mut fixture: Fixture = Fixture::with(OURS, [new(0), new(1), new(2).with_priority(1)]);
    fixture.open(0);
    let probe = fixture.pick();
    fixture.report(probe, Outcome::Success);
    let expected = [Candidacy::Candidate, Candidacy::Candidate, Candidacy::Priority];
    assert_eq!(candidacies(&fixture), expected);
    assert!(fixture.status(0).candidate);
}

#[test]
fn panic() {
    let mut fixture: Fixture =
        Fixture::with(Config { max_ejection_percent: 100, ..OURS }, [new(0), new(1), new(3)]);
    fixture.fail(0, 5);
    fixture.fail(1, 5);
    fixture.update([new(0), new(1), new(2).with_weight(0)]);
    fixture.handle_timeout();
    assert_eq!(candidacies(&fixture), [Candidacy::Panic, Candidacy::Panic, Candidacy::NoWeight]);
}

#[test]
fn a_subset() {
    let mut fixture: Fixture = Fixture::with(Config { subset: 2, ..OURS }, (0..5).map(new));
    let in_it = fixture.candidates();
    let expect = |fixture: &Fixture| {
        for status in fixture.balancer.endpoints() {
            let expected = match () {
                () if fixture.candidates().contains(&status.endpoint.addr) => Candidacy::Candidate,
                () if fixture.ejected().contains(&status.endpoint.addr) => Candidacy::Unhealthy,
                () => Candidacy::Subset,
            };
            assert_eq!(status.candidacy, expected);
        }
        fixture.candidates().len()
    };
    assert_eq!(expect(&fixture), 2);
    // One that is ejected leaves its place to another, and takes it again.
    fixture.open(in_it[0]);
    fixture.handle_timeout();
    assert_eq!(expect(&fixture), 2);
    assert_eq!(fixture.request(Outcome::Success).0, in_it[0]);
    assert_eq!((expect(&fixture), fixture.candidates()), (2, in_it));
}

/// Two zones of three. The own one serves all of its clients as long as these are half of all, or
/// less.
#[test]
fn zones() {
    let set = || (0..6).map(|addr| new(addr).with_zone(Zone::new(1 + u16::from(addr) / 3)));
    let zone =
        |zone_clients_per_mille| Config { zone: Zone::new(1), zone_clients_per_mille, ..OURS };
    let mut fixture: Fixture = Fixture::with(zone(500), set());
    let expected = [[Candidacy::Candidate; 3], [Candidacy::Zone; 3]].concat();
    assert_eq!(candidacies(&fixture), expected);
    // With one ejected, the zone has fewer endpoints than it needs, and there are too few for zones
    // to matter.
    fixture.fail(0, 5);
    fixture.handle_timeout();
    assert_eq!(candidacies(&fixture)[0], Candidacy::Unhealthy);
    assert_eq!(candidacies(&fixture)[1..], [Candidacy::Candidate; 5]);

    let fixture: Fixture = Fixture::with(zone(600), set());
    assert_eq!(candidacies(&fixture), [Candidacy::Candidate; 6], "in two groups");
}

/// The subset comes first, then zones divide what it leaves; if these are too few, zones do not
/// matter.
#[test]
fn a_subset_and_zones() {
    let set = || (0..16).map(|addr| new(addr).with_zone(Zone::new(1 + u16::from(addr) % 2)));
    for subset in 1..=16 {
        let one = Config { subset, ..OURS };
        let both = Config { zone: Zone::new(1), zone_clients_per_mille: 100, ..one };
        let (one, both): (Fixture, Fixture) =
            (Fixture::with(one, set()), Fixture::with(both, set()));
        let left = one.candidates();
        let in_own = left.iter().any(|addr| addr % 2 == 0);
        let divided = subset >= 6 && in_own && left.iter().any(|addr| addr % 2 == 1);
        for (place, candidacy) in candidacies(&both).into_iter().enumerate() {
            let expected = match () {
                () if !left.contains(&(place as u8)) => Candidacy::Subset,
                () if divided && place % 2 == 1 => Candidacy::Zone,
                () => Candidacy::Candidate,
            };
            assert_eq!(candidacy, expected, "{place} in a subset of {subset}");
        }
    }
}

/// Levels that share: a level that panics uses all it has, the others what is available.
#[test]
fn levels() {
    use Candidacy::{Candidate, Panic, Priority, Unhealthy};
    let set = [new(0), new(1), new(2), new(3), new(4).with_priority(1), new(5).with_priority(2)];
    let settings = Config { max_ejection_percent: 100, ..OURS };
    let mut fixture: Fixture =
        Fixture::with(Config { overprovisioning_percent: 140, ..settings }, set);
    assert_eq!(
        candidacies(&fixture),
        [Candidate, Candidate, Candidate, Candidate, Priority, Priority]
    );
    for addr in [0, 1] {
        fixture.fail(addr, 5);
    }
    fixture.handle_timeout();
    assert_eq!(
        candidacies(&fixture),
        [Unhealthy, Unhealthy, Candidate, Candidate, Candidate, Priority]
    );
    for addr in [2, 4, 5] {
        let slot = fixture.slot(addr);
        fixture.balancer.set_down(fixture.now, slot, true);
    }
    fixture.handle_timeout();
    assert_eq!(candidacies(&fixture), [Panic; 6]);
}

/// A readmitted endpoint warms up; not when more than half of the candidates would, nor when all
/// are new.
#[test]
fn slow_start() {
    let settings = Config { slow_start: secs(10), ..OURS };
    let mut fixture: Fixture = Fixture::with(settings, (0..4).map(new));
    let weights = |fixture: &Fixture| {
        fixture.balancer.endpoints().map(|status| status.weight).collect::<Vec<_>>()
    };
    assert_eq!(weights(&fixture), [1; 4], "a client that has just begun");
    fixture.fail(0, 5);
    fixture.now = fixture.until(0);
    assert_eq!(fixture.request(Outcome::Success).0, 0);
    let back = fixture.now;
    for (second, weight) in [(0, 1), (1, 1), (2, 2), (5, 5), (9, 9)] {
        fixture.now = back + secs(second);
        fixture.handle_timeout();
        assert_eq!(weights(&fixture), [weight, 10, 10, 10], "{second} s");
    }
    fixture.now = back + secs(10);
    fixture.handle_timeout();
    assert_eq!(weights(&fixture), [1; 4]);

    // After active checks, the same.
    let slot = fixture.slot(3);
    fixture.balancer.set_down(fixture.now, slot, true);
    fixture.wait(secs(1));
    fixture.balancer.set_down(fixture.now, slot, false);
    fixture.handle_timeout();
    assert_eq!(weights(&fixture), [10, 10, 10, 1]);

    // Two of two come back at once.
    let mut fixture: Fixture = Fixture::with(settings, (0..2).map(new));
    for addr in 0..2 {
        let slot = fixture.slot(addr);
        fixture.balancer.set_down(fixture.now, slot, true);
    }
    fixture.handle_timeout();
    for addr in 0..2 {
        let slot = fixture.slot(addr);
        fixture.balancer.set_down(fixture.now, slot, false);
    }
    fixture.handle_timeout();
    assert_eq!(weights(&fixture), [1; 2]);
}

#[test]
fn each_has_a_text() {
    let mut texts: Vec<String> = Candidacy::ALL.iter().map(ToString::to_string).collect();
    texts.sort_unstable();
    assert!(texts.windows(2).all(|pair| pair[0] != pair[1] && !pair[0].is_empty()));
}
