//! Requests that are given up before an answer, by callers and by hedges, at many sizes and rates.

use core::cell::RefCell;
use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

use evenkeel_core::health::{Health, Reason};
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::{Config, Endpoint, EventKind, Instant, Outcome, Pick};
use rand_chacha::ChaCha8Rng;

use super::fixture::{Fixture, OURS, millis, secs};
use super::outages::{BY_KEY, EQUAL, POLICIES, UNEQUAL, World};

/// A minute of so many requests a second to so many endpoints of which the first hangs: callers
/// give up after a second. Returns how many are lost.
fn lost(policy: &str, set: impl Iterator<Item = Endpoint<u16>>, rate: u64, start: u64) -> u64 {
    let mut world = World::new(policy, Config::DEFAULT, set);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut ends = BinaryHeap::new();
    let mut open: Vec<Option<(Pick, bool)>> = Vec::new();
    let (mut lost, mut given_up) = (0, 0);
    for request in 0..60 * rate {
        let now = Instant::from_secs(start) + Duration::from_micros(request * 1_000_000 / rate);
        while let Some(&Reverse((end, number))) = ends.peek()
            && end <= now
        {
            ends.pop();
            let (pick, hangs) = Option::take(&mut open[number]).expect("it is open");
            given_up += u32::from(hangs);
            let outcome = if hangs { Outcome::Abandoned } else { Outcome::Success };
            world.balancer.report(end, pick, outcome);
        }
        let pick = world.balancer.pick(now, &mut rng).expect("a pick");
        let hangs = world.balancer.endpoint(&pick).expect("it is there").addr == 0;
        lost += u64::from(hangs);
        ends.push(Reverse((now + if hangs { secs(1) } else { millis(5) }, open.len())));
        open.push(Some((pick, hangs)));
    }
    world.events.extend(world.balancer.events().map(|event| event.kind));
    let by_cancellations =
        |kind: &EventKind| matches!(kind, EventKind::Ejected { reason: Reason::Cancellations, .. });
    // Ten are enough where there are others; a probe that is given up has another reason.
    let enough = given_up >= 10 && world.balancer.len() > 1;
    assert_eq!(world.count(by_cancellations), usize::from(enough), "{policy} {rate}: {given_up}");
    lost
}

/// At 50 requests a second, round robin: 13, 10 and 6 of 1,000 of 2, 3 and 10.
#[test]
fn one_that_hangs_behind_a_time_out_outside_costs_little() {
    for start in [1_000, 1 << 31] {
        for (size, most) in [(2, 13), (3, 10), (5, 8), (10, 6), (1_000, 1)] {
            let lost = lost("round_robin", (0..size).map(Endpoint::new), 50, start);
            let per_mille = lost * 1_000 / (60 * 50);
            assert!(per_mille <= most, "{size}: {per_mille} of 1,000");
        }
    }
}

/// It is what was under way in the second until they were given up; ten for the row, less what
/// of those was under way; and a few probes. Rings give some more keys than others.
#[test]
fn one_that_hangs_costs_little_at_any_rate_by_any_policy() {
    for policy in POLICIES {
        for size in [1, 2, 3, 5, 10, 1_000] {
            for (weight, rate) in [(EQUAL, 10), (UNEQUAL, 50), (EQUAL, 640)] {
                let set = || (0..size).map(|addr| Endpoint::new(addr).with_weight(weight(addr)));
                let lost = lost(policy, set(), rate, 1_000);
                if size == 1 {
                    assert_eq!(lost, 60 * rate, "there is no other");
                    continue;
                }
                let sum: u64 = set().map(|endpoint| u64::from(endpoint.weight)).sum();
                let due = if policy == "random" {
                    rate / u64::from(size)
                } else {
                    rate * u64::from(weight(0)) / sum
                };
                let chance = if BY_KEY.contains(&policy) { due / 3 } else { due / 12 };
                let most = due + chance + 20;
                assert!(lost <= most, "{policy} {size} {} {rate}: {lost}", weight(0));
            }
        }
    }
}

/// None of these who cancel up to half of all requests loses an endpoint.
#[test]
fn users_who_cancel_eject_nobody() {
    for percent in [10, 30, 50] {
        let (mut seed, mut needless) = (0, 0);
        for policy in POLICIES {
            for (size, callers) in
                [(1, 1), (2, 1), (2, 16), (3, 64), (5, 16), (10, 64), (1_000, 64)]
            {
                seed += 1;
                let weight = if seed % 2 == 0 { EQUAL } else { UNEQUAL };
                let set = (0..size).map(|addr| Endpoint::new(addr).with_weight(weight(addr)));
                let mut world = World::new(policy, Config::DEFAULT, set);
                let chance = RefCell::new(ChaCha8Rng::seed_from_u64(seed));
                world.run(callers, 10_000, |_, _| {
                    let canceled = chance.borrow_mut().next_u32() % 100 < percent;
                    (millis(20), if canceled { Outcome::Abandoned } else { Outcome::Success })
                });
                let ejects = |kind: &EventKind| matches!(kind, EventKind::Ejected { .. });
                needless += u32::from(world.events.iter().any(ejects));
            }
        }
        assert_eq!(needless, 0, "{percent} %, of {seed}");
    }
}

/// Who gives up on a hung endpoint after a second, one request at a time: at most 3 of 100 requests
/// are probes, and lost.
#[test]
fn an_impatient_caller_probes_seldom() {
    for size in [2, 3, 5, 10] {
        for callers in [1, 16, 64] {
            for policy in ["round_robin", "random", "least_request"] {
                let set = (0..size).map(Endpoint::new);
                let mut world = World::new(policy, Config::DEFAULT, set);
                let hangs = |outcome| {
                    move |addr, _| match addr {
                        0 => (secs(1), outcome),
                        _ => (millis(20), Outcome::Success),
                    }
                };
                world.run(callers, 300 * callers as u64, hangs(Outcome::TimedOut));
                let out = matches!(world.health(0), Health::Ejected { .. } | Health::HalfOpen);
                assert!(out, "{policy} {size} {callers}");
                (world.requests, world.probes, world.lost) = (0, 0, 0);
                world.run(callers, 1_000 * callers as u64, hangs(Outcome::Abandoned));
                let probes = world.probes * 100;
                assert!(probes <= 3 * world.requests, "{policy} {size} {callers}: {probes}");
                assert_eq!(world.lost, world.probes);
            }
        }
    }
}

/// Under queues, hedges win many races against good hosts: rows of up to 39 are no reason, and
/// where longer ones have ended in an answer, twice as long.
#[test]
fn hosts_that_lose_races_under_queues_stay() {
    for size in [2, 3, 5, 10] {
        let mut fixture = Fixture::of(size, OURS);
        for row in [10, 39, 70, 130] {
            fixture.report_to(0, Outcome::LostRace, row);
            assert_eq!(fixture.health(0), Health::Healthy, "{size}: {row} in a row");
            fixture.succeed(0, 1);
        }
        // Its rows say how long one may get here.
        fixture.report_to(1, Outcome::LostRace, 259);
        assert_eq!(fixture.health(1), Health::Healthy);
        fixture.report_to(1, Outcome::LostRace, 1);
        assert_eq!(fixture.reason(1), Some(Reason::Cancellations));

        // At once, it takes 40 races, or 10 callers who gave up.
        for (outcome, enough) in [(Outcome::LostRace, 40), (Outcome::Abandoned, 10)] {
            let mut fixture = Fixture::of(size, OURS);
            fixture.report_to(0, outcome, enough - 1);
            assert_eq!(fixture.health(0), Health::Healthy);
            fixture.report_to(0, outcome, 1);
            assert_eq!(fixture.reason(0), Some(Reason::Cancellations), "{size} {outcome:?}");
        }
    }
}

/// Two in a row and an answer say that users leave: then ten in a row may be chance, and it takes 20.
#[test]
fn where_users_leave_it_takes_twice_as_many() {
    for (left, enough) in [(0, 10), (1, 10), (2, 20), (10, 20), (11, 22)] {
        let mut fixture = Fixture::of(3, OURS);
        fixture.report_to(0, Outcome::Abandoned, left.min(9));
        fixture.succeed(0, 1);
        fixture.report_to(0, Outcome::Abandoned, left);
        fixture.succeed(0, 1);
        fixture.report_to(1, Outcome::Abandoned, enough - 1);
        assert_eq!(fixture.health(1), Health::Healthy, "{left}");
        fixture.report_to(1, Outcome::Abandoned, 1);
        assert_eq!(fixture.reason(1), Some(Reason::Cancellations), "{left}");
    }
}

/// A minute of requests that callers give up after a second, to `hung` of so many endpoints and, at a
/// level of their own, backups that are well. Returns how many are lost in the second half.
fn lost_later(policy: &str, (hung, size): (u16, u16), backups: u16) -> u64 {
    let endpoint = |addr| Endpoint::new(addr).with_priority(u16::from(addr >= size));
    let mut world = World::new(policy, Config::DEFAULT, (0..size + backups).map(endpoint));
    let answer = |addr, _| match addr {
        addr if addr < hung => (secs(1), Outcome::Abandoned),
        _ => (millis(20), Outcome::Success),
    };
    world.run_for(secs(30), 16, answer);
    (world.lost, world.requests) = (0, 0);
    world.run_for(secs(30), 16, answer);
    world.lost * 1_000 / world.requests
}

/// All primaries hang behind a time-out outside: what fails over for failures does so for this, too.
#[test]
fn primaries_that_hang_behind_a_time_out_outside_hand_over_to_backups() {
    for policy in ["peak_ewma", "least_request", "round_robin", "random"] {
        for (primaries, backups) in [(1, 1), (2, 1), (3, 3), (10, 2)] {
            let lost = lost_later(policy, (primaries, primaries), backups);
            assert!(lost <= 10, "{policy} {primaries}+{backups}: {lost} of 1,000");
        }
    }
}

/// At twice the limit it is no matter that most of the others hang, too, if one does not.
#[test]
fn most_that_hang_behind_a_time_out_outside_are_found() {
    for policy in ["peak_ewma", "least_request", "round_robin", "random"] {
        for (hung, size) in [(2, 3), (3, 4), (9, 10)] {
            let lost = lost_later(policy, (hung, size), 0);
            assert!(lost <= 10, "{policy} {hung} of {size}: {lost} of 1,000");
        }
        assert_eq!(lost_later(policy, (3, 3), 0), 1_000, "nobody answers");
    }
}

/// Success, failure and a request at fault end the row; one more that is given up does not.
#[test]
fn only_an_answer_ends_a_row_of_cancellations() {
    for (between, ends) in [
        (Outcome::Success, true),
        (Outcome::Failure, true),
        (Outcome::Ignorable, true),
        (Outcome::PushedBack, true),
        (Outcome::LostRace, false),
    ] {
        let mut fixture = Fixture::of(3, OURS);
        fixture.report_to(0, Outcome::Abandoned, 9);
        fixture.report_to(0, between, 1);
        fixture.report_to(0, Outcome::Abandoned, 1);
        let ejected = fixture.reason(0) == Some(Reason::Cancellations);
        assert_eq!(ejected, !ends, "{between:?}");
    }
}
