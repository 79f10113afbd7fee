//! The length of ejections: growth, cap, jitter and forgiveness, by our arithmetic.

use core::time::Duration;

use evenkeel_core::{Config, Endpoint, Outcome, Why};

use super::fixture::{Fixture, OURS, millis, secs};

/// Returns the length of the ejection that begins now.
fn time(fixture: &Fixture) -> Duration {
    fixture.until(0).saturating_since(fixture.now)
}

/// Ejects endpoint 0, lets its time pass and its probe succeed; tells how long it took.
fn eject_and_come_back(fixture: &mut Fixture) -> Duration {
    fixture.fail(0, 5);
    let took = time(fixture);
    fixture.now = fixture.until(0);
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
    took
}

fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

/// Returns the whole length of the ejection after so many.
fn grown(base: Duration, ejections: u32) -> Duration {
    (0..ejections).fold(base, |whole, _| {
        let whole = whole.as_nanos() as u64;
        nanos(whole.saturating_add(whole.div_ceil(2) + whole / 8))
    })
}

fn is_of(time: Duration, whole: Duration) -> bool {
    time > whole / 2 && time <= whole
}

#[test]
fn each_takes_five_eighths_longer_up_to_the_cap() {
    let mut fixture = Fixture::of(2, OURS);
    for whole in [3_000, 4_875, 7_922, 12_874, 20_920, 33_995, 55_241, 60_000, 60_000] {
        let took = eject_and_come_back(&mut fixture);
        assert!(is_of(took, millis(whole)), "{took:?} of {whole} ms");
    }
    // However long it goes on.
    for _ in 0..100 {
        fixture.fail(0, 5);
        fixture.now = fixture.until(0);
        for _ in 0..3 {
            assert_eq!(fixture.request(Outcome::Failure), (0, Why::Probe));
            assert!(is_of(time(&fixture), secs(60)));
            fixture.now = fixture.until(0);
        }
        assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
    }
}

#[test]
fn each_interval_in_service_makes_good_for_one() {
    let after = |service: Duration| {
        let mut fixture = Fixture::of(2, OURS);
        for _ in 0..3 {
            eject_and_come_back(&mut fixture);
        }
        fixture.wait(service);
        fixture.fail(0, 5);
        time(&fixture)
    };
    for (service, whole) in [
        (Duration::ZERO, 12_874),
        (nanos(9_999_999_999), 12_874),
        (secs(10), 7_922),
        (nanos(19_999_999_999), 7_922),
        (secs(20), 4_875),
        (secs(30), 3_000),
        (secs(1_000_000), 3_000),
    ] {
        let took = after(service);
        assert!(is_of(took, millis(whole)), "{took:?} of {whole} ms after {service:?}");
    }
}

/// Time spent ejected or resting is none in service.
#[test]
fn only_time_in_service() {
    let mut fixture = Fixture::of(2, OURS);
    eject_and_come_back(&mut fixture);
    eject_and_come_back(&mut fixture);
    fixture.report_to(0, Outcome::Overloaded { retry_after: Some(secs(100)) }, 1);
    fixture.wait(secs(100));
    fixture.handle_timeout();
    fixture.fail(0, 5);
    assert!(is_of(time(&fixture), millis(7_922)), "{:?}", time(&fixture));
}

#[test]
fn jitter_fills_the_upper_half() {
    let first = |seed| {
        let mut fixture: Fixture =
            Fixture::with(Config { seed, ..OURS }, [0, 1].map(Endpoint::new));
        fixture.fail(0, 5);
        time(&fixture)
    };
    let times: Vec<Duration> = (0..1000).map(first).collect();
    assert!(times.iter().all(|time| is_of(*time, secs(3))));
    let mean = times.iter().sum::<Duration>() / 1000;
    assert!(mean > millis(2_220) && mean < millis(2_280), "{mean:?}");
    assert!(
        *times.iter().min().unwrap() < millis(1_510)
            && *times.iter().max().unwrap() > millis(2_990)
    );
    assert_eq!(first(42), first(42), "the same seed, the same time");
}

/// Endpoints that are ejected together do not come back together; nor does one take the same time
/// twice.
#[test]
fn each_draws_for_itself() {
    let mut fixture = Fixture::of(20, OURS);
    (0..6).for_each(|addr| fixture.fail(addr, 5));
    let mut untils: Vec<_> = (0..6).map(|addr| fixture.until(addr)).collect();
    untils.sort_unstable();
    untils.dedup();
    assert_eq!(untils.len(), 6);
    let longest = Config { base_ejection_time: secs(5), max_ejection_time: secs(5), ..OURS };
    let mut fixture = Fixture::of(2, longest);
    assert_ne!(eject_and_come_back(&mut fixture), eject_and_come_back(&mut fixture));
}

/// `max_ejection_jitter` comes on top.
#[test]
fn more_jitter() {
    let settings = Config { max_ejection_jitter: secs(100), ..OURS };
    let times: Vec<Duration> = (0..200)
        .map(|seed| {
            let mut fixture: Fixture =
                Fixture::with(Config { seed, ..settings }, [0, 1].map(Endpoint::new));
            fixture.fail(0, 5);
            time(&fixture)
        })
        .collect();
    assert!(times.iter().all(|time| *time > millis(1_500) && *time < secs(103)));
    assert!(times.iter().any(|time| *time < secs(10)) && times.iter().any(|time| *time > secs(95)));
}

/// At the limits of what may be set, nothing overflows.
#[test]
fn extremes() {
    let day = secs(86_400);
    let settings = Config {
        base_ejection_time: day,
        max_ejection_time: day,
        max_ejection_jitter: day,
        ..OURS
    };
    let mut fixture = Fixture::of(2, settings);
    for _ in 0..70 {
        let took = eject_and_come_back(&mut fixture);
        assert!(took > day / 2 && took < 2 * day);
    }
    let short = Config { base_ejection_time: millis(1), max_ejection_time: day, ..OURS };
    let mut fixture = Fixture::of(2, short);
    for n in 0..70 {
        let took = eject_and_come_back(&mut fixture);
        assert!(is_of(took, grown(millis(1), n).min(day)), "{took:?}");
    }
}
