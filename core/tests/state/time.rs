//! Times are translated to the new clock, wherever that begins.

use core::time::Duration;

use evenkeel_core::health::{Health, Reason};
use evenkeel_core::policy::RoundRobin;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Balancer, Config, Endpoint, EventKind, Instant, Outcome, Policy, Why};
use rand_chacha::ChaCha8Rng;

use crate::fixture::{MS, SECOND};

pub(crate) const START: Instant = Instant::from_secs(50_000);

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn balancer<P: Policy + Clone + Default>(now: Instant) -> Balancer<u8, P> {
    let mut balancer = Balancer::new(P::default());
    let _ = balancer.update(now, (0..4).map(Endpoint::new)).unwrap();
    balancer
}

/// So many requests to one endpoint, at once; each takes `took`.
pub(crate) fn requests<P: Policy + Clone>(
    balancer: &mut Balancer<u8, P>,
    now: Instant,
    addr: u8,
    count: u32,
    took: Duration,
    end: Outcome,
) {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut left = count;
    while left > 0 {
        let pick = balancer.pick(now, &mut rng).unwrap();
        if balancer.endpoint(&pick).is_some_and(|endpoint| endpoint.addr == addr) {
            balancer.report(now + took, pick, end);
            left -= 1;
        }
    }
}

pub(crate) fn health<P: Policy + Clone>(balancer: &Balancer<u8, P>, addr: u8) -> Health {
    balancer.endpoints().find(|status| status.endpoint.addr == addr).unwrap().health
}

/// The state of a balancer that ejected endpoint 0 at the start, and how long that takes.
fn ejected() -> (Balancer<u8, RoundRobin>, u64) {
    let mut balancer = balancer::<RoundRobin>(START);
    requests(&mut balancer, START, 0, 5, Duration::ZERO, Outcome::Failure);
    balancer.handle_timeout(START);
    let Health::Ejected { until, .. } = health(&balancer, 0) else {
        panic!("it failed five times in a row")
    };
    (balancer, until.saturating_since(START).as_nanos() as u64)
}

#[test]
fn an_ejection_ends_at_the_same_moment() {
    let (before, time) = ejected();
    // The new clock begins long before, and with the process.
    for origin in [900_000 * SECOND, SECOND, 1, 0] {
        for (exported, age) in [(0, 0), (SECOND, 0), (0, SECOND), (SECOND, 700 * MS), (0, time - 1)]
        {
            let state = before.export(START + Duration::from_nanos(exported));
            let now = Instant::from_nanos(origin);
            let mut next = balancer::<RoundRobin>(now);
            next.import(now, &state.aged(Duration::from_nanos(age))).unwrap();
            let until = now + Duration::from_nanos(time - exported - age);
            assert_eq!(
                health(&next, 0),
                Health::Ejected { reason: Reason::ConsecutiveFailures, until }
            );
            assert_eq!(next.poll_timeout(), Some(until));
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut picked = |now| {
                let pick = next.pick(now, &mut rng).unwrap();
                (pick.slot().index(), pick.why())
            };
            for _ in 0..8 {
                assert!(matches!(
                    picked(Instant::from_nanos(until.as_nanos() - 1)),
                    (1..=3, Why::Policy)
                ));
            }
            assert_eq!(picked(until), (0, Why::Probe));
        }
    }
}

#[test]
fn a_clock_that_went_back_makes_nothing_longer() {
    let (before, time) = ejected();
    let state = before.export(Instant::from_secs(40_000));
    let mut next = balancer::<RoundRobin>(START);
    let now = Instant::from_secs(30_000);
    next.import(now, &state).unwrap();
    let until = now + Duration::from_nanos(time);
    assert_eq!(health(&next, 0), Health::Ejected { reason: Reason::ConsecutiveFailures, until });
}

#[test]
fn one_that_is_over_by_then_is_half_open() {
    let (before, time) = ejected();
    for age in [time, time + 1, 3600 * SECOND] {
        let mut next = balancer::<RoundRobin>(START);
        next.import(START, &before.export(START).aged(Duration::from_nanos(age))).unwrap();
        assert_eq!(health(&next, 0), Health::HalfOpen);
        let kinds: Vec<_> = next.events().map(|event| event.kind).skip(4).collect();
        assert!(
            matches!(
                kinds[..],
                [
                    EventKind::Ejected { reason: Reason::ConsecutiveFailures, .. },
                    EventKind::HalfOpen
                ]
            ),
            "{kinds:?}"
        );
    }
}

#[test]
fn a_probe_under_way_is_gone_with_its_process() {
    let (mut before, time) = ejected();
    let now = START + Duration::from_nanos(time);
    before.handle_timeout(now);
    assert_eq!(health(&before, 0), Health::HalfOpen);
    let half_open = before.export(now);
    let probe = before.pick(now, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    assert_eq!(
        (probe.why(), health(&before, 0)),
        (Why::Probe, Health::Probing { until: now + secs(10) })
    );
    for state in [before.export(now + secs(3)), half_open] {
        let mut next = balancer::<RoundRobin>(Instant::ZERO);
        next.import(Instant::ZERO, &state).unwrap();
        assert_eq!(health(&next, 0), Health::HalfOpen);
        let probe = next.pick(Instant::ZERO, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        assert_eq!((probe.why(), probe.slot().index()), (Why::Probe, 0));
        next.report(Instant::ZERO, probe, Outcome::Success);
        assert_eq!(health(&next, 0), Health::Healthy);
    }
}

#[test]
fn what_active_checks_found_is_left_out() {
    let (mut before, _) = ejected();
    let slots: Vec<_> = before.endpoints().map(|status| status.slot).collect();
    for slot in &slots[..2] {
        before.set_down(START, *slot, true);
    }
    let state = before.export(START);
    assert_eq!(state.len(), 1);
    let mut next = balancer::<RoundRobin>(START);
    let slots: Vec<_> = next.endpoints().map(|status| status.slot).collect();
    next.set_down(START, slots[3], true);
    next.import(START, &state).unwrap();
    let healths: Vec<_> = next.endpoints().map(|status| status.health).collect();
    assert!(matches!(
        healths[..],
        [Health::Ejected { .. }, Health::Healthy, Health::Healthy, Health::Down]
    ));
    // What they found here stays.
    let mut next = balancer::<RoundRobin>(START);
    next.set_down(START, slots[0], true);
    assert_eq!(next.import(START, &state).unwrap().endpoints, 1);
    assert_eq!(health(&next, 0), Health::Down);
}

#[test]
fn an_overloaded_endpoint_is_left_alone_as_long_as_it_asked_for() {
    let mut before = balancer::<RoundRobin>(START);
    let overloaded = Outcome::Overloaded { retry_after: Some(secs(60)) };
    requests(&mut before, START, 2, 1, Duration::ZERO, overloaded);
    let state = before.export(START + secs(10));
    for (age, left) in [(0, Some(50)), (20, Some(30)), (49, Some(1)), (50, None), (3600, None)] {
        let mut next = balancer::<RoundRobin>(Instant::ZERO);
        next.import(Instant::ZERO, &state.clone().aged(secs(age))).unwrap();
        let expected = left
            .map_or(Health::Healthy, |left| Health::Overloaded { until: Instant::from_secs(left) });
        assert_eq!(health(&next, 2), expected);
    }
}

/// Each interval in service makes good for one ejection, also while nobody was there.
#[test]
fn time_in_service_counts_over_the_restart() {
    let (mut before, time) = ejected();
    let mut now = START + Duration::from_nanos(time);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..3 {
        let probe = before.pick(now, &mut rng).unwrap();
        before.report(now, probe, Outcome::Failure);
        before.handle_timeout(now);
        let Health::Ejected { until, .. } = health(&before, 0) else { panic!("the probe failed") };
        now = until;
    }
    let probe = before.pick(now, &mut rng).unwrap();
    before.report(now, probe, Outcome::Success);
    let state = before.export(now + secs(4));

    // After the fourth ejection the fifth would take 10.5 to 20.9 s; each 10 s in service make good for
    // one, down to 1.5 to 3 s.
    for (age, origin) in
        [(0, 5000), (0, 0), (15, 5000), (15, 0), (26, 5000), (26, 0), (3000, 5000), (3000, 0)]
    {
        let served = if origin == 0 { 10 * ((age + 4) / 10) } else { age + 4 };
        let now = Instant::from_secs(origin);
        let mut next = balancer::<RoundRobin>(now);
        next.import(now, &state.clone().aged(secs(age))).unwrap();
        requests(&mut next, now, 0, 5, Duration::ZERO, Outcome::Failure);
        next.handle_timeout(now);
        let Health::Ejected { until, .. } = health(&next, 0) else {
            panic!("it failed five times in a row")
        };
        let wholes = [20_920, 12_874, 7_922, 4_875, 3_000];
        let whole = Duration::from_millis(wholes[(served / 10).min(4) as usize]);
        let took = until.saturating_since(now);
        assert!(
            took >= whole / 2 && took <= whole,
            "{took:?} of {whole:?} after {served} s in service"
        );
    }
}

/// Without a probe, it is in service from the moment that its ejection is over.
#[test]
fn time_in_service_counts_from_the_end_of_an_ejection() {
    let (before, time) = ejected();
    let mut next = balancer::<RoundRobin>(START);
    next.set_config(START, Config { half_open: false, ..Config::default() }).unwrap();
    next.import(START, &before.export(START).aged(Duration::from_nanos(time) + secs(10))).unwrap();
    requests(&mut next, START, 0, 5, Duration::ZERO, Outcome::Failure);
    next.handle_timeout(START);
    let Health::Ejected { until, .. } = health(&next, 0) else {
        panic!("it failed five times in a row")
    };
    assert!(until <= START + secs(5), "no longer than the first time");
}

/// Failures count for as long as the window in which they were counted.
#[test]
fn a_window_closes_at_the_same_moment() {
    let mut before = balancer::<RoundRobin>(START);
    for turn in 0..19 {
        let outcome = if turn % 5 == 4 { Outcome::Success } else { Outcome::Failure };
        requests(&mut before, START, 1, 1, Duration::ZERO, outcome);
    }
    assert_eq!(health(&before, 1), Health::Healthy);
    let state = before.export(START + secs(4));
    let cases =
        [(0, 5000), (5, 5000), (6, 5000), (5, 0), (6, 0)].map(|(age, origin)| (age, origin, 0));
    for (age, origin, later) in cases.into_iter().chain([(0, 5000, 5), (0, 5000, 6)]) {
        let (now, ejected) = (Instant::from_secs(origin), age + later < 6);
        let mut next = balancer::<RoundRobin>(now);
        let settings =
            Config { consecutive_failures: 0, failure_percentage: 80, ..Config::default() };
        next.set_config(now, settings).unwrap();
        next.import(now, &state.clone().aged(secs(age))).unwrap();
        let now = now + secs(later);
        requests(&mut next, now, 1, 1, Duration::ZERO, Outcome::Failure);
        next.handle_timeout(now);
        assert_eq!(
            health(&next, 1) != Health::Healthy,
            ejected,
            "{age} s and {later} s later, at {origin} s"
        );
    }
}
