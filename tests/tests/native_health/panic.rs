use core::time::Duration;

use evenkeel::health::Health;
use evenkeel::{Candidacy, Config, Outcome, PickError, Why};

use crate::{BASE, Bed, ROWS, SECOND, ended, pass, settle};

/// All may be ejected.
const ALL: Config = Config { max_ejection_percent: 100, ..ROWS };

#[tokio::test(start_paused = true)]
async fn when_all_are_ejected_all_are_used() {
    let mut bed = Bed::new("ab", ALL).await;
    bed.eject("a").await;
    assert_eq!(bed.picked(), "b");
    bed.eject("b").await;
    assert_eq!(bed.picked(), "ab");
    assert_eq!(bed.told_briefly(), ["a ejected", "b ejected", "panic"]);
    assert_eq!(bed.status("a").candidacy, Some(Candidacy::Panic));
    assert!(bed.status("a").candidate);

    // Failures change nothing; a success of a request sent since does.
    for _ in 0..20 {
        assert_eq!(ended(bed.pick(), Outcome::Failure).1, Why::Panic);
    }
    settle().await;
    assert_eq!(bed.picked(), "ab");
    ended(bed.pick_of("b"), Outcome::Success);
    settle().await;
    assert_eq!((bed.picked().as_str(), bed.health("b")), ("b", Health::Healthy));
    assert_eq!(bed.told_briefly(), ["b back", "no panic"]);
    // The failures in panic are forgotten.
    bed.report("b", Outcome::Failure, 4).await;
    assert_eq!(bed.health("b"), Health::Healthy);
}

#[tokio::test(start_paused = true)]
async fn many_outcomes_in_panic_and_one_success_among_them() {
    let bed = Bed::new("ab", ALL).await;
    bed.eject("a").await;
    bed.eject("b").await;
    for outcome in [Outcome::Failure, Outcome::Success, Outcome::Failure] {
        (0..10).for_each(|_| drop(ended(bed.pick_of("b"), outcome)));
    }
    settle().await;
    assert_eq!(bed.picked(), "b", "the failures around the success do not eject it again");
}

#[tokio::test(start_paused = true)]
async fn a_success_of_a_request_sent_before_the_ejection_decides_nothing() {
    let bed = Bed::new("ab", ALL).await;
    let old = bed.pick_of("b").lease();
    bed.eject("a").await;
    bed.eject("b").await;
    let panicking = bed.pick_of("b").lease();
    pass(Duration::from_millis(1)).await;
    old.success();
    settle().await;
    assert_eq!(bed.picked(), "ab");
    // In panic, but canceled.
    drop(panicking);
    settle().await;
    assert_eq!(bed.picked(), "ab");
}

#[tokio::test(start_paused = true)]
async fn in_panic_probes_go_first() {
    let bed = Bed::new("ab", ALL).await;
    bed.eject("a").await;
    bed.eject("b").await;
    pass(BASE).await;
    let whys: Vec<_> = (0..5).map(|_| bed.pick().lease()).map(|lease| lease.why()).collect();
    assert_eq!(whys, [Why::Probe, Why::Probe, Why::Panic, Why::Panic, Why::Panic]);
}

#[tokio::test(start_paused = true)]
async fn where_the_settings_want_no_panic_there_is_nobody() {
    let config = Config { overprovisioning_percent: 140, panic_threshold_percent: 0, ..ALL };
    let bed = Bed::new("ab", config).await;
    bed.eject("a").await;
    bed.report("b", Outcome::Failure, 5).await;
    let error = bed.balancer.pick().unwrap_err();
    assert!(matches!(error, PickError::AllEjected), "{error:?}");
    assert_eq!(error.to_string(), "all endpoints are ejected, overloaded or down");
    assert!(bed.balancer.ready_within(Duration::from_millis(1)).await.is_err());
    pass(BASE).await;
    assert_eq!(
        ended(bed.pick(), Outcome::Success).1,
        Why::Probe,
        "there is somebody to probe, all the same"
    );
    settle().await;
    bed.balancer.ready_within(SECOND).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn in_a_level_that_panics_the_healthy_are_judged_as_ever() {
    let config = Config { overprovisioning_percent: 140, panic_threshold_percent: 50, ..ALL };
    let bed = Bed::new("abc", config).await;
    bed.eject("a").await;
    bed.eject("b").await;
    assert_eq!(
        (bed.picked().as_str(), bed.pick_of("c").why()),
        ("abc", Why::Panic),
        "1 of 3 is well"
    );
    bed.report("c", Outcome::Failure, 4).await;
    assert_eq!(bed.health("c"), Health::Healthy);
    bed.report("c", Outcome::Failure, 1).await;
    assert!(matches!(bed.health("c"), Health::Ejected { .. }));
}
