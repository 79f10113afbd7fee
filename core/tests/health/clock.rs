//! Clocks that go back, jump ahead, or are at the end of time.

use core::time::Duration;

use evenkeel_core::health::Health;
use evenkeel_core::{Config, Endpoint, Instant, Outcome, Why};

use super::fixture::{Fixture, OURS, millis, secs};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Endpoint 0 of two, ejected in the second year.
fn ejected(settings: Config) -> (Fixture, Duration) {
    let mut fixture = Fixture::of(2, settings);
    fixture.wait(YEAR);
    fixture.handle_timeout();
    fixture.fail(0, 5);
    let left = fixture.until(0).saturating_since(fixture.now);
    (fixture, left)
}

/// Whoever tells the time, an ejection takes as long as it would have.
#[test]
fn a_clock_that_goes_back_takes_ejections_along() {
    let tellers: [fn(&mut Fixture); 5] = [
        Fixture::handle_timeout,
        // A poll of the source that finds nothing new.
        |fixture| fixture.update([0, 1].map(Endpoint::new)),
        |fixture| fixture.insert(Endpoint::new(1)),
        |fixture| fixture.succeed(1, 1),
        |fixture| fixture.report_to(1, Outcome::Abandoned, 1),
    ];
    for (number, tell) in tellers.into_iter().enumerate() {
        for back in [secs(1), secs(50), YEAR] {
            let (mut fixture, left) = ejected(OURS);
            fixture.now = fixture.now.saturating_sub(back);
            tell(&mut fixture);
            assert_eq!(fixture.until(0), fixture.now + left, "{number} after {back:?}");
            fixture.now = fixture.until(0).saturating_sub(Duration::from_nanos(1));
            assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy));
            fixture.now = fixture.until(0);
            assert_eq!(
                fixture.request(Outcome::Success),
                (0, Why::Probe),
                "{number} after {back:?}"
            );
        }
    }
}

/// A clock that goes back by less than the time since an ejection is noticed, too: successes of
/// others tell the time while an ejection lasts.
#[test]
fn back_to_a_time_after_the_ejection() {
    let (mut fixture, left) = ejected(Config { base_ejection_time: secs(20), ..OURS });
    let (begin, quarter) = (fixture.now, left / 4);
    fixture.wait(3 * quarter);
    fixture.succeed(1, 1);
    fixture.now = begin + quarter;
    fixture.succeed(1, 1);
    assert_eq!(fixture.until(0), begin + left.saturating_sub(2 * quarter));
}

#[test]
fn all_other_times_come_along() {
    let mut fixture = Fixture::of(4, OURS);
    fixture.wait(YEAR);
    fixture.report_to(0, Outcome::Overloaded { retry_after: Some(secs(60)) }, 1);
    fixture.open(1);
    drop(fixture.pick());
    fixture.wait(secs(1));
    fixture.handle_timeout();
    fixture.now = fixture.now.saturating_sub(YEAR);
    fixture.handle_timeout();
    assert_eq!(
        (fixture.until(0) < fixture.now + secs(60), fixture.until(1)),
        (true, fixture.now + secs(9))
    );
    fixture.wait(secs(9));
    fixture.handle_timeout();
    assert!(matches!(fixture.health(1), Health::Ejected { .. }), "the probe timed out");
    fixture.wait(secs(60));
    fixture.handle_timeout();
    assert_eq!(fixture.health(0), Health::Healthy);
}

/// Less than a second back is several clocks, or one that was read a while ago.
#[test]
fn a_little_disorder_changes_nothing() {
    let (mut fixture, _) = ejected(OURS);
    let until = fixture.until(0);
    for step in 1..40 {
        fixture.now = fixture.now.saturating_sub(millis(999));
        fixture.handle_timeout();
        fixture.now = fixture.now + millis(999);
        fixture.handle_timeout();
        assert_eq!(fixture.until(0), until, "step {step}");
    }
    fixture.now = until;
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
}

/// A year ahead and back again: what was over stays over, what began in between goes on.
#[test]
fn ahead_and_back() {
    let (mut fixture, _) = ejected(OURS);
    fixture.wait(YEAR);
    assert_eq!(fixture.request(Outcome::Failure), (0, Why::Probe), "its time is over");
    let left = fixture.until(0).saturating_since(fixture.now);
    fixture.now = fixture.now.saturating_sub(YEAR);
    fixture.handle_timeout();
    assert_eq!(fixture.until(0), fixture.now + left);
    fixture.now = fixture.until(0);
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
    fixture.handle_timeout();
    assert_eq!(fixture.candidates(), [0, 1]);
}

/// Intervals end after a jump back, too.
#[test]
fn intervals() {
    for settings in [Config::ENVOY, Config::GRPC] {
        let settings = Config { consecutive_failures: 5, max_ejection_percent: 50, ..settings };
        let (mut fixture, left) = ejected(settings);
        assert_eq!(left, secs(30));
        fixture.now = fixture.now.saturating_sub(YEAR);
        fixture.handle_timeout();
        for _ in 0..5 {
            let due = fixture.balancer.poll_timeout().unwrap();
            assert!(due > fixture.now && due <= fixture.now + secs(10));
            fixture.now = due;
            fixture.handle_timeout();
        }
        assert_eq!(fixture.health(0), Health::Healthy);
    }
}

/// Times that would lie behind the end of time come back with the clock.
#[test]
fn the_end_of_time() {
    for settings in [OURS, Config::ENVOY, Config::GRPC] {
        let settings = Config { consecutive_failures: 5, max_ejection_percent: 50, ..settings };
        for before_the_end in [0, 1, 1_000_000_000] {
            let mut fixture = Fixture::of(2, settings);
            fixture.now = Instant::from_nanos(u64::MAX - before_the_end);
            fixture.handle_timeout();
            fixture.fail(0, 5);
            fixture.handle_timeout();
            fixture.now = Instant::from_secs(200);
            fixture.handle_timeout();
            for _ in 0..60 {
                fixture.wait(secs(1));
                fixture.request(Outcome::Success);
            }
            assert_eq!(fixture.health(0), Health::Healthy, "{:?} {before_the_end}", settings.book);
        }
    }
}

/// At the end of time itself, what is due is done, and nothing is due for ever.
#[test]
fn at_the_end() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.now = Instant::MAX;
    fixture.fail(0, 5);
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
    fixture.handle_timeout();
    assert_eq!((fixture.candidates(), fixture.balancer.poll_timeout()), (vec![0, 1], None));
}

/// Slow start goes on, too, when a poll of the source is all that tells the time.
#[test]
fn slow_start() {
    let settings = Config { slow_start: secs(10), ..OURS };
    let mut fixture: Fixture = Fixture::with(settings, [0, 1, 2].map(Endpoint::new));
    fixture.wait(YEAR);
    fixture.insert(Endpoint::new(3));
    assert_eq!(fixture.status(3).weight, 1);
    fixture.now = fixture.now.saturating_sub(YEAR);
    fixture.update([0, 1, 2, 3].map(Endpoint::new));
    fixture.wait(secs(5));
    fixture.request(Outcome::Success);
    assert_eq!(fixture.status(3).weight, 5);
}
