//! Active health checks: thresholds against a plain model, timeouts, jitter, clocks that jump.

use core::time::Duration;

use super::cases::proptest_config;
use evenkeel_core::health::{CheckId, CheckStep, Checker, HealthCheck};
use evenkeel_core::{ConfigError, Instant};
use proptest::prelude::*;

const START: Instant = Instant::from_secs(1_000);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn settings(rise: u8, fall: u8, initial: Option<bool>) -> HealthCheck {
    HealthCheck { rise, fall, initial, ..HealthCheck::default() }
}

/// Waits for the next check to begin; gives it, the time, and its deadline.
fn next(checker: &mut Checker, mut now: Instant) -> (Instant, CheckId, Instant) {
    for _ in 0..2 {
        match checker.poll(now) {
            CheckStep::Check { id, deadline } => return (now, id, deadline),
            CheckStep::Wait(until) => now = until,
            CheckStep::Cancel { .. } => panic!("a check is under way"),
        }
    }
    panic!("no check at the time that was said");
}

/// One check, and what its result changed.
fn check(checker: &mut Checker, now: &mut Instant, ok: bool) -> Option<bool> {
    let (at, id, _) = next(checker, *now);
    *now = at + millis(3);
    checker.on_result(*now, id, ok)
}

#[test]
fn so_many_in_a_row_change_the_health() {
    let mut now = START;
    let mut checker = Checker::new(&settings(2, 3, None), now, 1);
    assert_eq!(checker.healthy(), None);
    let mut results = |results: &[u8]| -> Vec<_> {
        results.iter().map(|&result| check(&mut checker, &mut now, result == 1)).collect()
    };
    let (up, down) = (Some(true), Some(false));
    assert_eq!(results(&[1]), [up], "the first result decides");
    assert_eq!(
        results(&[0, 0, 1, 0, 0, 0, 0]),
        [None, None, None, None, None, down, None],
        "three in a row"
    );
    assert_eq!(results(&[1, 0, 1, 1, 1]), [None, None, None, up, None], "two in a row");
}

#[test]
fn the_health_to_begin_with_may_be_given() {
    for (initial, first, changes) in
        [(true, false, 3), (false, true, 2), (true, true, 0), (false, false, 0)]
    {
        let mut now = START;
        let mut checker = Checker::new(&settings(2, 3, Some(initial)), now, 1);
        let results: Vec<_> = (1..=4).map(|_| check(&mut checker, &mut now, first)).collect();
        let expected: Vec<_> = (1..=4).map(|number| (number == changes).then_some(first)).collect();
        assert_eq!((results, checker.healthy()), (expected, Some(first)));
    }
    let mut now = START;
    let mut checker = Checker::new(&settings(2, 3, None), now, 1);
    assert_eq!(check(&mut checker, &mut now, false), Some(false), "a first failure decides, too");
}

#[test]
fn a_check_that_takes_too_long_failed() {
    let mut checker = Checker::new(&settings(1, 2, Some(true)), START, 1);
    let (begun, first, deadline) = next(&mut checker, START);
    assert_eq!(deadline, begun + secs(1));
    assert_eq!(checker.poll(begun), CheckStep::Wait(deadline));
    let last = Instant::from_nanos(deadline.as_nanos() - 1);
    assert_eq!(checker.poll(last), CheckStep::Wait(deadline));
    assert_eq!(checker.poll(deadline), CheckStep::Cancel { id: first, changed: None });
    // What comes in after all is no success, now or during the next check.
    assert_eq!(checker.on_result(deadline, first, true), None);
    let (begun, second, deadline) = next(&mut checker, deadline);
    assert_eq!((first.number(), second.number()), (0, 1));
    assert_eq!(checker.on_result(begun, first, true), None);
    assert_eq!(
        checker.poll(deadline + secs(99)),
        CheckStep::Cancel { id: second, changed: Some(false) }
    );
    assert_eq!(checker.healthy(), Some(false));
    // A result counts once.
    let (begun, third, _) = next(&mut checker, deadline + secs(99));
    assert_eq!(checker.on_result(begun, third, true), Some(true));
    assert_eq!(checker.on_result(begun, third, false), None);
    assert_eq!(checker.on_result(begun, third, false), None);
    assert_eq!(checker.healthy(), Some(true));
}

#[test]
fn a_check_that_outlasts_the_interval_delays_the_next() {
    let settings = HealthCheck { timeout: secs(30), jitter_percent: 0, ..HealthCheck::default() };
    let mut checker = Checker::new(&settings, START, 1);
    let (begun, id, deadline) = next(&mut checker, START);
    assert_eq!(checker.poll(begun + secs(20)), CheckStep::Wait(deadline), "one at a time");
    assert_eq!(checker.on_result(begun + secs(25), id, true), Some(true));
    let (again, id, _) = next(&mut checker, begun + secs(25));
    assert_eq!(again, begun + secs(25));
    // A late poll means one check, and the interval counts from its beginning.
    assert_eq!(checker.on_result(again, id, true), None);
    let (late, id, _) = next(&mut checker, again + secs(500));
    assert_eq!(checker.on_result(late, id, true), None);
    assert_eq!(checker.poll(late), CheckStep::Wait(late + secs(10)));
}

/// Tells that times are spread evenly over `from..from + within`: ten bins, each within four standard
/// deviations.
fn spread_evenly(times: &[Instant], from: Instant, within: Duration) -> bool {
    let mut bins = [0_u32; 10];
    for time in times {
        let place = time.saturating_since(from).as_nanos() * 10 / within.as_nanos();
        if *time < from || place > 9 {
            return false;
        }
        bins[place as usize] += 1;
    }
    let share = times.len() as u32 / 10;
    bins.iter().all(|bin| bin.abs_diff(share).pow(2) <= 16 * share)
}

#[test]
fn checks_are_spread_over_the_interval() {
    // One client with 1,000 endpoints; its first checks, and later ones.
    let mut checkers: Vec<_> =
        (0..1000).map(|seed| Checker::new(&HealthCheck::default(), START, seed)).collect();
    let mut times = vec![START; checkers.len()];
    let first: Vec<_> = checkers.iter_mut().map(|checker| next(checker, START)).collect();
    for ((checker, &(at, id, _)), time) in checkers.iter_mut().zip(&first).zip(&mut times) {
        assert_eq!(checker.on_result(at, id, true), Some(true));
        *time = at;
    }
    assert!(spread_evenly(&times, START, secs(10)));

    // From one to the next, between 10 and 11 s, and of one endpoint as of all: no two checkers
    // stay in step.
    let jittered = |waits: &[Instant]| {
        spread_evenly(waits, START + secs(10), secs(1) + Duration::from_nanos(1))
    };
    let (mut at, mut one) = (times[7], Vec::new());
    let mut checker = checkers[7].clone();
    for _ in 0..1000 {
        let (begun, id, _) = next(&mut checker, at);
        one.push(START + begun.saturating_since(at));
        assert_eq!(checker.on_result(begun, id, true), None);
        at = begun;
    }
    assert!(jittered(&one));
    for round in 0..20 {
        let mut waits = Vec::new();
        for (checker, time) in checkers.iter_mut().zip(&mut times) {
            let (at, id, _) = next(checker, *time);
            waits.push(START + at.saturating_since(*time));
            assert_eq!(checker.on_result(at, id, true), None);
            *time = at;
        }
        assert!(jittered(&waits), "round {round}");
    }

    // The same seed gives the same times.
    let mut again = Checker::new(&HealthCheck::default(), START, 77);
    assert_eq!(next(&mut again, START).0, first[77].0);
    // Without jitter, there is none.
    let mut strict =
        Checker::new(&HealthCheck { jitter_percent: 0, ..HealthCheck::default() }, START, 77);
    let (at, id, _) = next(&mut strict, START);
    assert_eq!((at, strict.on_result(at, id, true)), (first[77].0, Some(true)));
    assert_eq!(strict.poll(at), CheckStep::Wait(at + secs(10)));
}

#[test]
fn a_clock_that_jumps_loses_no_check() {
    // A year back, between two checks and during one.
    let settings = HealthCheck { jitter_percent: 0, ..HealthCheck::default() };
    let late = START + YEAR;
    let mut checker = Checker::new(&settings, late, 1);
    let (begun, id, _) = next(&mut checker, late);
    let _ = checker.on_result(begun, id, true);
    assert_eq!(checker.poll(begun + secs(4)), CheckStep::Wait(begun + secs(10)));
    let back = (begun + secs(4)).saturating_sub(YEAR);
    assert_eq!(checker.poll(back), CheckStep::Wait(back + secs(6)));
    let (begun, id, deadline) = next(&mut checker, back);
    assert_eq!((begun, deadline), (back + secs(6), back + secs(7)));
    assert_eq!(
        checker.poll(START),
        CheckStep::Wait(deadline.saturating_sub(begun.saturating_since(START)))
    );
    assert_eq!(checker.on_result(START, id, true), None);
    assert_eq!(checker.poll(START), CheckStep::Wait(START + secs(10)));

    // A year ahead: one check, and the next an interval later.
    let (begun, id, _) = next(&mut checker, late);
    assert_eq!((begun, checker.on_result(begun, id, true)), (late, None));
    assert_eq!(checker.poll(late), CheckStep::Wait(late + secs(10)));

    // A clock that was wrong once, as wrong as can be: nothing is due there, and then all is as
    // before.
    let end = Instant::MAX;
    let CheckStep::Check { id, deadline } = checker.poll(Instant::from_nanos(end.as_nanos() - 1))
    else {
        panic!("no check")
    };
    assert_eq!((deadline, checker.poll(end)), (end, CheckStep::Wait(end)));
    assert_eq!(checker.on_result(end, id, true), None);
    assert_eq!(checker.poll(end), CheckStep::Wait(end));
    assert!(matches!(checker.poll(START), CheckStep::Check { .. }));
}

#[test]
fn settings_have_limits() {
    let good = HealthCheck::default();
    assert_eq!(good.check(), Ok(()));
    let text = |settings: HealthCheck| settings.check().expect_err("refused").to_string();
    let zero = Duration::ZERO;
    assert_eq!(
        text(HealthCheck { interval: zero, ..good }),
        "health_check.interval (nanoseconds) is 0; the least is 1"
    );
    assert_eq!(
        text(HealthCheck { timeout: zero, ..good }),
        "health_check.timeout (nanoseconds) is 0; the least is 1"
    );
    assert_eq!(text(HealthCheck { rise: 0, ..good }), "health_check.rise is 0; the least is 1");
    assert_eq!(text(HealthCheck { fall: 0, ..good }), "health_check.fall is 0; the least is 1");
    let error = HealthCheck { jitter_percent: 101, ..good }.check().unwrap_err();
    assert_eq!(
        error,
        ConfigError::TooLarge { setting: "health_check.jitter_percent", value: 101, most: 100 }
    );
    assert_eq!(HealthCheck { jitter_percent: 100, rise: 255, fall: 255, ..good }.check(), Ok(()));
    assert_eq!(size_of::<Checker>(), 72);
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// Polls after as long as the last poll said to wait.
    Sleep,
    Result(bool),
    /// Something is heard of a check that is over.
    Stale(bool),
    Ahead(Duration),
    Back(Duration),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let time = || {
        let nanos = prop_oneof![8 => 0..3_000_000_000_u64, 2 => 0..30_000_000_000_u64, 1 => Just(YEAR.as_nanos() as u64)];
        nanos.prop_map(Duration::from_nanos)
    };
    let event = prop_oneof![
        12 => Just(Event::Sleep),
        8 => any::<bool>().prop_map(Event::Result),
        1 => any::<bool>().prop_map(Event::Stale),
        2 => time().prop_map(Event::Ahead),
        2 => time().prop_map(Event::Back),
    ];
    prop::collection::vec(event, 1..200)
}

/// Returns what all results together say: the first decides if nothing was known, then so many in a row
/// against what is known.
fn verdict(settings: &HealthCheck, results: &[bool]) -> Option<bool> {
    let mut health = settings.initial;
    for end in 1..=results.len() {
        let last = results[end - 1];
        let run = results[..end].iter().rev().take_while(|&&result| result == last).count();
        let enough = match health {
            None => 1,
            Some(true) => usize::from(settings.fall),
            Some(false) => usize::from(settings.rise),
        };
        if health != Some(last) && run >= enough {
            health = Some(last);
        }
    }
    health
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn any_sequence_is_judged_as_a_whole(
        (rise, fall, jitter_percent) in (1..5_u8, 1..5_u8, 0..=100_u8),
        initial: Option<bool>,
        timeout in prop_oneof![3 => Just(secs(1)), 1 => Just(secs(15))],
        seed: u64,
        events in events(),
    ) {
        let settings = HealthCheck { jitter_percent, timeout, ..settings(rise, fall, initial) };
        let longest = secs(20).max(timeout);
        let mut now = START + YEAR;
        let mut checker = Checker::new(&settings, now, seed);
        let (mut open, mut over) = (None, None);
        let (mut wake, mut begun, mut results) = (now, 0, Vec::new());
        for event in events {
            let before = checker.healthy();
            let mut changed = None;
            match event {
                Event::Sleep => now = wake.max(now),
                Event::Ahead(time) => now = now + time,
                Event::Back(time) => now = now.saturating_sub(time),
                Event::Stale(ok) => {
                    if let Some(id) = over {
                        prop_assert_eq!(checker.on_result(now, id, ok), None);
                    }
                }
                Event::Result(ok) => {
                    if let Some(id) = open.take() {
                        changed = checker.on_result(now, id, ok);
                        over = Some(id);
                        results.push(ok);
                    }
                }
            }
            if matches!(event, Event::Sleep) {
                match checker.poll(now) {
                    CheckStep::Check { id, deadline } => {
                        prop_assert_eq!((open, id.number(), deadline), (None, begun, now + timeout));
                        open = Some(id);
                        begun += 1;
                        wake = deadline;
                    }
                    CheckStep::Cancel { id, changed: change } => {
                        prop_assert_eq!(open, Some(id));
                        (open, over, changed) = (None, Some(id), change);
                        results.push(false);
                    }
                    CheckStep::Wait(until) => {
                        prop_assert!(until > now && until <= now + longest, "{now} to {until}");
                        wake = until;
                    }
                }
            }
            let health = verdict(&settings, &results);
            prop_assert_eq!(checker.healthy(), health);
            prop_assert_eq!(changed, health.filter(|_| health != before));
        }
    }

    #[test]
    fn no_settings_and_no_clock_make_it_panic(
        (interval, timeout, seed) in any::<(u64, u64, u64)>(),
        (rise, fall, jitter_percent) in any::<(u8, u8, u8)>(),
        clock in prop::collection::vec(any::<u64>(), 1..40),
    ) {
        let (interval, timeout) = (Duration::from_nanos(interval), Duration::from_nanos(timeout));
        let settings = HealthCheck { interval, timeout, rise, fall, jitter_percent, initial: None };
        let mut checker = Checker::new(&settings, START, seed);
        for now in clock.into_iter().map(Instant::from_nanos) {
            if let CheckStep::Check { id, .. } = checker.poll(now) {
                let _ = checker.on_result(now, id, now.as_nanos() % 2 == 0);
            }
        }
    }
}
