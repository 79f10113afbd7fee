//! Why an endpoint may be picked, or may not, and the weight in effect.

use evenkeel_core::balancer::Candidacy;
use evenkeel_core::health::OutlierDetection;
use evenkeel_core::tier::{Levels, SlowStart, ZoneAware};
use evenkeel_core::{Config, Endpoint, Outcome, Zone};

use super::bed::{Bed, OURS, config, secs};

fn candidacies(bed: &Bed) -> Vec<Candidacy> {
    bed.balancer.endpoints().map(|status| status.candidacy).collect()
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
    let mut bed: Bed = Bed::with(config(OURS), set);
    bed.fail(3, 5);
    bed.report_to(5, Outcome::Overloaded { retry_after: Some(secs(60)) }, 1);
    let slot = bed.slot(6);
    bed.balancer.set_down(bed.now, slot, true);
    assert_eq!([5, 6].map(|addr| bed.status(addr).candidacy), [Candidate; 2], "until the next pick");
    bed.handle_timeout();
    let expected = [Candidate, NoWeight, Draining, Unhealthy, Priority, Unhealthy, Unhealthy, Candidate];
    assert_eq!(candidacies(&bed), expected);
    for status in bed.balancer.endpoints() {
        assert_eq!(status.candidate, status.candidacy == Candidate);
        assert_eq!(status.weight, u32::from(status.candidate));
    }
    // Weight and draining come before health, health before priority.
    bed.update([new(0), new(3).with_weight(0), new(5).with_draining(true), new(6).with_priority(9)]);
    assert_eq!(candidacies(&bed), [Candidate, NoWeight, Draining, Unhealthy]);
}

#[test]
fn one_that_has_just_come_back() {
    let mut bed: Bed = Bed::with(config(OURS), [new(0), new(1), new(2).with_priority(1)]);
    bed.open(0);
    let probe = bed.pick();
    bed.report(probe, Outcome::Success);
    assert_eq!(candidacies(&bed), [Candidacy::Pending, Candidacy::Candidate, Candidacy::Priority]);
    assert!(!bed.status(0).candidate);
    bed.handle_timeout();
    assert_eq!(candidacies(&bed)[0], Candidacy::Candidate);
}

#[test]
fn panic() {
    let mut bed: Bed = Bed::with(
        config(OutlierDetection { max_ejection_percent: 100, ..OURS }),
        [new(0), new(1), new(2).with_weight(0)],
    );
    bed.fail(0, 5);
    bed.fail(1, 5);
    bed.handle_timeout();
    assert_eq!(candidacies(&bed), [Candidacy::Panic, Candidacy::Panic, Candidacy::NoWeight]);
}

#[test]
fn a_subset() {
    let mut bed: Bed = Bed::with(Config { subset: Some(2), ..config(OURS) }, (0..5).map(new));
    let in_it = bed.candidates();
    let expect = |bed: &Bed| {
        for status in bed.balancer.endpoints() {
            let expected = match () {
                () if bed.candidates().contains(&status.endpoint.addr) => Candidacy::Candidate,
                () if bed.ejected().contains(&status.endpoint.addr) => Candidacy::Unhealthy,
                () => Candidacy::Subset,
            };
            assert_eq!(status.candidacy, expected);
        }
        bed.candidates().len()
    };
    assert_eq!(expect(&bed), 2);
    // One that is ejected leaves its place to another, and takes it again.
    bed.open(in_it[0]);
    bed.handle_timeout();
    assert_eq!(expect(&bed), 2);
    assert_eq!(bed.request(Outcome::Success).0, in_it[0]);
    assert_eq!(bed.status(in_it[0]).candidacy, Candidacy::Pending);
    bed.handle_timeout();
    assert_eq!((expect(&bed), bed.candidates()), (2, in_it));
}

/// Two zones of three. The own one serves all of its clients as long as these are half of all, or less.
#[test]
fn zones() {
    let set = || (0..6).map(|addr| new(addr).with_zone(Zone::new(1 + u32::from(addr) / 3)));
    let zone = |clients| Some(ZoneAware { clients_in_zone: Some(clients), ..ZoneAware::new(Zone::new(1)) });
    let mut bed: Bed = Bed::with(Config { zone: zone(5_000), ..config(OURS) }, set());
    let expected = [[Candidacy::Candidate; 3], [Candidacy::Zone; 3]].concat();
    assert_eq!(candidacies(&bed), expected);
    // With one ejected, the zone has fewer endpoints than it needs, and there are too few for zones to matter.
    bed.fail(0, 5);
    bed.handle_timeout();
    assert_eq!(candidacies(&bed)[0], Candidacy::Unhealthy);
    assert_eq!(candidacies(&bed)[1..], [Candidacy::Candidate; 5]);

    let bed: Bed = Bed::with(Config { zone: zone(6_000), ..config(OURS) }, set());
    assert_eq!(candidacies(&bed), [Candidacy::Candidate; 6], "in two groups");
}

/// The subset comes first, then zones divide what it leaves; if these are too few, zones do not matter.
#[test]
fn a_subset_and_zones() {
    let set = || (0..16).map(|addr| new(addr).with_zone(Zone::new(1 + u32::from(addr) % 2)));
    let zone = Some(ZoneAware { clients_in_zone: Some(1_000), ..ZoneAware::new(Zone::new(1)) });
    for most in 1..=16 {
        let subset: Bed = Bed::with(Config { subset: Some(most), ..config(OURS) }, set());
        let both: Bed = Bed::with(Config { subset: Some(most), zone, ..config(OURS) }, set());
        let left = subset.candidates();
        let in_own = left.iter().any(|addr| addr % 2 == 0);
        let divided = most >= 6 && in_own && left.iter().any(|addr| addr % 2 == 1);
        for (place, candidacy) in candidacies(&both).into_iter().enumerate() {
            let expected = match () {
                () if !left.contains(&(place as u8)) => Candidacy::Subset,
                () if divided && place % 2 == 1 => Candidacy::Zone,
                () => Candidacy::Candidate,
            };
            assert_eq!(candidacy, expected, "{place} in a subset of {most}");
        }
    }
}

/// Levels that share: a level that panics uses all it has, the others what is available.
#[test]
fn levels() {
    use Candidacy::{Candidate, Panic, Priority, Unhealthy};
    let set = [new(0), new(1), new(2), new(3), new(4).with_priority(1), new(5).with_priority(2)];
    let settings = OutlierDetection { max_ejection_percent: 100, ..OURS };
    let mut bed: Bed = Bed::with(Config { levels: Levels::OVERPROVISIONED, ..config(settings) }, set);
    assert_eq!(candidacies(&bed), [Candidate, Candidate, Candidate, Candidate, Priority, Priority]);
    for addr in [0, 1] {
        bed.fail(addr, 5);
    }
    bed.handle_timeout();
    assert_eq!(candidacies(&bed), [Unhealthy, Unhealthy, Candidate, Candidate, Candidate, Priority]);
    for addr in [2, 4, 5] {
        let slot = bed.slot(addr);
        bed.balancer.set_down(bed.now, slot, true);
    }
    bed.handle_timeout();
    assert_eq!(candidacies(&bed), [Panic; 6]);
}

/// A readmitted endpoint warms up; not when more than half of the candidates would, nor when all are new.
#[test]
fn slow_start() {
    let slow_start = Some(SlowStart::new(secs(10)));
    let settings = Config { slow_start, ..config(OURS) };
    let mut bed: Bed = Bed::with(settings, (0..4).map(new));
    let weights = |bed: &Bed| bed.balancer.endpoints().map(|status| status.weight).collect::<Vec<_>>();
    assert_eq!(weights(&bed), [1; 4], "a client that has just begun");
    bed.fail(0, 5);
    bed.now = bed.until(0);
    assert_eq!(bed.request(Outcome::Success).0, 0);
    let back = bed.now;
    for (second, weight) in [(0, 1), (1, 1), (2, 2), (5, 5), (9, 9)] {
        bed.now = back + secs(second);
        bed.handle_timeout();
        assert_eq!(weights(&bed), [weight, 10, 10, 10], "{second} s");
    }
    bed.now = back + secs(10);
    bed.handle_timeout();
    assert_eq!(weights(&bed), [1; 4]);

    // After active checks, the same.
    let slot = bed.slot(3);
    bed.balancer.set_down(bed.now, slot, true);
    bed.wait(secs(1));
    bed.balancer.set_down(bed.now, slot, false);
    bed.handle_timeout();
    assert_eq!(weights(&bed), [10, 10, 10, 1]);

    // Two of two come back at once.
    let mut bed: Bed = Bed::with(settings, (0..2).map(new));
    for addr in 0..2 {
        let slot = bed.slot(addr);
        bed.balancer.set_down(bed.now, slot, true);
    }
    bed.handle_timeout();
    for addr in 0..2 {
        let slot = bed.slot(addr);
        bed.balancer.set_down(bed.now, slot, false);
    }
    bed.handle_timeout();
    assert_eq!(weights(&bed), [1; 2]);
}

#[test]
fn each_has_a_text() {
    use Candidacy::{Candidate, Draining, NoWeight, Panic, Pending, Priority, Subset, Unhealthy, Zone};
    let all = [Candidate, Panic, NoWeight, Draining, Unhealthy, Priority, Subset, Zone, Pending];
    let mut texts = all.map(|candidacy| candidacy.to_string());
    texts.sort_unstable();
    assert!(texts.windows(2).all(|pair| pair[0] != pair[1] && !pair[0].is_empty()));
}
