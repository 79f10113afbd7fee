//! Outages of real processes, short: bounds count calls, not milliseconds. The command `processes`
//! plays them at length.

use core::time::Duration;
use std::path::Path;

use evenkeel_tests::processes::load::Manner;
use evenkeel_tests::processes::shape::{Course, Fault, Shape, Side};
use evenkeel_tests::processes::soak::soak;

const PROGRAM: &str = env!("CARGO_BIN_EXE_processes");
/// Machines that do other things as well must not make attempts look hung.
const PATIENT: Manner = Manner { attempt_timeout: Some(Duration::from_secs(1)), ..Manner::RETRIES };
const SHORT: Shape = Shape {
    name: "3",
    primaries: 3,
    backups: 0,
    faulty: 1,
    fault: Fault::Killed,
    lasts: Duration::from_millis(1_500),
    manner: PATIENT,
};

async fn play(shape: Shape) -> Course {
    play_by("peak_ewma", shape).await
}

async fn play_by(policy: &str, shape: Shape) -> Course {
    let side = Side::Ours(policy.parse().unwrap());
    let course = shape.play(Path::new(PROGRAM), &side, Duration::from_millis(300)).await.unwrap();
    let [before, during, after] = course.phases;
    // Where all fail, or there is no retry, calls that are under way by then may be lost.
    let all = shape.faulty == shape.primaries + shape.backups;
    let most = if all || shape.manner.attempts == 1 { shape.manner.callers as u64 } else { 0 };
    assert!(before.lost <= most, "{course:?}");
    assert!(before.calls > 0 && during.calls > 0 && after.calls > 0, "{course:?}");
    assert!(course.back.is_some(), "all are well in the end: {course:?}");
    course
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_costs_no_call_as_long_as_one_is_left() {
    for (primaries, faulty) in [(3, 1), (3, 2), (5, 2)] {
        let [_, during, after] = play(Shape { primaries, faulty, ..SHORT }).await.phases;
        assert_eq!((during.lost, after.lost), (0, 0), "{faulty} of {primaries}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_answers_500_costs_no_call_and_few_attempts() {
    let shape = Shape { fault: Fault::Fails, ..SHORT };
    let [_, during, after] = play_by("round_robin", shape).await.phases;
    assert_eq!((during.lost, after.lost), (0, 0));
    // Five in a row, what is in flight meanwhile, and a probe.
    assert!((1..=20).contains(&during.failed_attempts), "{during:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_costs_no_call() {
    let lasts = Duration::from_secs(3);
    let [_, during, after] = play(Shape { fault: Fault::Stopped, lasts, ..SHORT }).await.phases;
    assert_eq!((during.lost, after.lost), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_slow_costs_no_call() {
    let [_, during, after] = play(Shape { fault: Fault::Slowed, ..SHORT }).await.phases;
    assert_eq!((during.lost, after.lost), (0, 0));
}

/// Failover and back, of 2 primaries and a backup. A call that has failed at both before they are
/// ejected goes on to the backup.
#[tokio::test(flavor = "multi_thread")]
async fn where_all_primaries_fail_a_backup_takes_over_until_they_are_back() {
    let shape = Shape { primaries: 2, backups: 1, faulty: 2, ..SHORT };
    for (fault, seconds) in [(Fault::Killed, 2), (Fault::Fails, 2), (Fault::Stopped, 4)] {
        let shape = Shape { fault, lasts: Duration::from_secs(seconds), ..shape };
        let plays = ["peak_ewma", "round_robin"].map(|policy| play_by(policy, shape));
        let [peak_ewma, round_robin] = plays;
        let (peak_ewma, round_robin) = tokio::join!(peak_ewma, round_robin);
        for course in [peak_ewma, round_robin] {
            let [_, during, after] = course.phases;
            assert_eq!((during.lost, after.lost), (0, 0), "{fault:?}: {course:?}");
        }
    }
}

/// Before the last of ten is ejected, calls end that have tried three of them.
#[tokio::test(flavor = "multi_thread")]
async fn where_ten_primaries_are_killed_two_backups_lose_few_calls() {
    let lasts = Duration::from_secs(5);
    let shape = Shape { primaries: 10, backups: 2, faulty: 10, lasts, ..SHORT };
    let [_, during, after] = play_by("round_robin", shape).await.phases;
    assert!(during.lost * 200 <= during.calls, "at most 0.5 %: {during:?}");
    assert_eq!(after.lost, 0);
}

/// What could not be sent goes to another one at once; what was under way is lost.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_costs_no_call_of_one_attempt() {
    let manner = Manner { attempts: 1, ..PATIENT };
    for (primaries, faulty) in [(3, 1), (3, 2), (4, 3), (5, 2)] {
        let shape = Shape { primaries, faulty, manner, ..SHORT };
        let [before, during, after] = play_by("round_robin", shape).await.phases;
        let lost = before.lost + during.lost;
        assert!(lost <= manner.callers as u64, "{faulty} of {primaries}: {during:?}");
        assert_eq!(after.lost, 0, "{faulty} of {primaries}");
    }
}

/// A row of ten requests that were given up ejects it, or the next few in flight by then; so do
/// the probes that are given up.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_costs_few_calls_of_callers_that_give_up() {
    let manner = Manner {
        attempts: 1,
        attempt_timeout: None,
        patience: Duration::from_secs(1),
        ..Manner::RETRIES
    };
    let lasts = Duration::from_secs(6);
    let shape = Shape { fault: Fault::Stopped, lasts, manner, ..SHORT };
    let courses = tokio::join!(
        play_by("round_robin", Shape { primaries: 2, ..shape }),
        play_by("round_robin", shape),
        play_by("peak_ewma", shape),
    );
    for course in [courses.0, courses.1, courses.2] {
        let [_, during, after] = course.phases;
        let most = 10 + manner.callers as u64 + 3;
        assert!(during.lost > 0 && during.lost <= most, "{course:?}");
        assert_eq!(after.lost, 0, "{course:?}");
    }
}

/// The last is killed while the first two may be ejected still: a call that has met it goes on to
/// them all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_costs_no_call() {
    let shape = Shape { fault: Fault::Rolling, faulty: 3, ..SHORT };
    let [_, during, after] = play(shape).await.phases;
    assert_eq!((during.lost, after.lost), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_of_all_calls_succeed_again() {
    let [_, during, after] = play(Shape { faulty: 3, ..SHORT }).await.phases;
    assert!(during.lost > 0, "{during:?}");
    assert!(after.lost * 50 <= after.calls, "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soak_loses_nothing() {
    let soaked = soak(Path::new(PROGRAM), Duration::from_secs(3)).await.unwrap();
    assert_eq!((soaked.calls.lost, soaked.in_flight), (0, 0), "{soaked:?}");
}
