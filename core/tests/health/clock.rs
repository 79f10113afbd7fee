//! Clocks that go back, jump ahead, or are at the end of time.

use core::time::Duration;

use evenkeel_core::health::{Health, OutlierDetection};
use evenkeel_core::tier::SlowStart;
use evenkeel_core::{Config, Endpoint, Instant, Outcome, Why};

use super::bed::{Bed, OURS, config, millis, secs};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Endpoint 0 of two, ejected in the second year.
fn ejected(settings: OutlierDetection) -> (Bed, Duration) {
    let mut bed = Bed::of(2, settings);
    bed.wait(YEAR);
    bed.handle_timeout();
    bed.fail(0, 5);
    let left = bed.until(0).saturating_since(bed.now);
    (bed, left)
}

/// Whoever tells the time, an ejection takes as long as it would have.
#[test]
fn a_clock_that_goes_back_takes_ejections_along() {
    let tellers: [fn(&mut Bed); 5] = [
        Bed::handle_timeout,
        // A poll of the source that finds nothing new.
        |bed| bed.update([0, 1].map(Endpoint::new)),
        |bed| bed.insert(Endpoint::new(1)),
        |bed| bed.succeed(1, 1),
        |bed| bed.report_to(1, Outcome::Canceled, 1),
    ];
    for (number, tell) in tellers.into_iter().enumerate() {
        for back in [secs(1), secs(50), YEAR] {
            let (mut bed, left) = ejected(OURS);
            bed.now = bed.now.saturating_sub(back);
            tell(&mut bed);
            assert_eq!(bed.until(0), bed.now + left, "{number} after {back:?}");
            bed.now = bed.until(0).saturating_sub(Duration::from_nanos(1));
            assert_eq!(bed.request(Outcome::Success), (1, Why::Policy));
            bed.now = bed.until(0);
            assert_eq!(bed.request(Outcome::Success), (0, Why::Probe), "{number} after {back:?}");
        }
    }
}

#[test]
fn all_other_times_come_along() {
    let mut bed = Bed::of(4, OURS);
    bed.wait(YEAR);
    bed.report_to(0, Outcome::Overloaded { retry_after: Some(secs(60)) }, 1);
    bed.open(1);
    drop(bed.pick());
    bed.wait(secs(1));
    bed.handle_timeout();
    bed.now = bed.now.saturating_sub(YEAR);
    bed.handle_timeout();
    assert_eq!((bed.until(0) < bed.now + secs(60), bed.until(1)), (true, bed.now + secs(9)));
    bed.wait(secs(9));
    bed.handle_timeout();
    assert!(matches!(bed.health(1), Health::Ejected { .. }), "the probe timed out");
    bed.wait(secs(60));
    bed.handle_timeout();
    assert_eq!(bed.health(0), Health::Healthy);
}

/// Less than a second back is several clocks, or one that was read a while ago.
#[test]
fn a_little_disorder_changes_nothing() {
    let (mut bed, _) = ejected(OURS);
    let until = bed.until(0);
    for step in 1..40 {
        bed.now = bed.now.saturating_sub(millis(999));
        bed.handle_timeout();
        bed.now = bed.now + millis(999);
        bed.handle_timeout();
        assert_eq!(bed.until(0), until, "step {step}");
    }
    bed.now = until;
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
}

/// A year ahead and back again: what was over stays over, what began in between goes on.
#[test]
fn ahead_and_back() {
    let (mut bed, _) = ejected(OURS);
    bed.wait(YEAR);
    assert_eq!(bed.request(Outcome::Failure), (0, Why::Probe), "its time is over");
    let left = bed.until(0).saturating_since(bed.now);
    bed.now = bed.now.saturating_sub(YEAR);
    bed.handle_timeout();
    assert_eq!(bed.until(0), bed.now + left);
    bed.now = bed.until(0);
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
    bed.handle_timeout();
    assert_eq!(bed.candidates(), [0, 1]);
}

/// Intervals end after a jump back, too.
#[test]
fn intervals() {
    for settings in [OutlierDetection::ENVOY, OutlierDetection::GRPC] {
        let settings = OutlierDetection { consecutive_failures: 5, max_ejection_percent: 50, ..settings };
        let (mut bed, left) = ejected(settings);
        assert_eq!(left, secs(30));
        bed.now = bed.now.saturating_sub(YEAR);
        bed.handle_timeout();
        for _ in 0..5 {
            let due = bed.balancer.poll_timeout().unwrap();
            assert!(due > bed.now && due <= bed.now + secs(10));
            bed.now = due;
            bed.handle_timeout();
        }
        assert_eq!(bed.health(0), Health::Healthy);
    }
}

/// Times that would lie behind the end of time come back with the clock.
#[test]
fn the_end_of_time() {
    for settings in [OURS, OutlierDetection::ENVOY, OutlierDetection::GRPC] {
        let settings = OutlierDetection { consecutive_failures: 5, max_ejection_percent: 50, ..settings };
        for before_the_end in [0, 1, 1_000_000_000] {
            let mut bed = Bed::of(2, settings);
            bed.now = Instant::from_nanos(u64::MAX - before_the_end);
            bed.handle_timeout();
            bed.fail(0, 5);
            bed.handle_timeout();
            bed.now = Instant::from_secs(200);
            bed.handle_timeout();
            for _ in 0..60 {
                bed.wait(secs(1));
                bed.request(Outcome::Success);
            }
            assert_eq!(bed.health(0), Health::Healthy, "{:?} {before_the_end}", settings.arithmetic);
        }
    }
}

/// At the end of time itself, what is due is done, and nothing is due for ever.
#[test]
fn at_the_end() {
    let mut bed = Bed::of(2, OURS);
    bed.now = Instant::MAX;
    bed.fail(0, 5);
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
    bed.handle_timeout();
    assert_eq!((bed.candidates(), bed.balancer.poll_timeout()), (vec![0, 1], None));
}

/// Slow start goes on, too, when a poll of the source is all that tells the time.
#[test]
fn slow_start() {
    let settings = Config { slow_start: Some(SlowStart::new(secs(10))), ..config(OURS) };
    let mut bed: Bed = Bed::with(settings, [0, 1, 2].map(Endpoint::new));
    bed.wait(YEAR);
    bed.insert(Endpoint::new(3));
    assert_eq!(bed.status(3).weight, 1);
    bed.now = bed.now.saturating_sub(YEAR);
    bed.update([0, 1, 2, 3].map(Endpoint::new));
    bed.wait(secs(5));
    bed.request(Outcome::Success);
    assert_eq!(bed.status(3).weight, 5);
}
