use core::time::Duration;

use evenkeel::health::Health;
use evenkeel::{Candidacy, Config, Outcome, PickError, Target, Why};

use crate::{BASE, Bed, ROWS, SECOND, all, ended, pass, settle};

/// Two endpoints that are ejected, as one of another level could take their requests; then that
/// one is down.
async fn all_ejected(config: Config) -> Bed {
    let bed = with_backup(config).await;
    bed.eject("a").await;
    bed.eject("b").await;
    z_down(&bed).await;
    bed
}

async fn z_down(bed: &Bed) {
    bed.balancer.set_down(&Target::new("z", 80).unwrap(), true);
    settle().await;
}

async fn with_backup(config: Config) -> Bed {
    let mut endpoints = all("abz");
    endpoints[2].priority = 1;
    Bed::by("round_robin", endpoints, config).await
}

#[tokio::test(start_paused = true)]
async fn when_all_are_ejected_all_are_used() {
    let mut bed = with_backup(ROWS).await;
    bed.eject("a").await;
    assert_eq!(bed.picked(), "b");
    bed.eject("b").await;
    assert_eq!(bed.picked(), "z", "failover");
    z_down(&bed).await;
    assert_eq!(bed.picked(), "ab");
    assert_eq!(bed.told_briefly(), ["a ejected", "b ejected", "z down", "panic"]);
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
    assert_eq!((bed.health("a"), bed.health("b")), (Health::HalfOpen, Health::Healthy));
    assert_eq!(bed.told_briefly(), ["b back", "a half open", "no panic"]);
    assert_eq!(ended(bed.pick(), Outcome::Failure), ("a".to_owned(), Why::Probe));
    settle().await;
    assert_eq!(bed.picked(), "b");
    // The failures in panic are forgotten.
    bed.report("b", Outcome::Failure, 4).await;
    assert_eq!(bed.health("b"), Health::Healthy);
}

#[tokio::test(start_paused = true)]
async fn many_outcomes_in_panic_and_one_success_among_them() {
    let bed = all_ejected(ROWS).await;
    for outcome in [Outcome::Failure, Outcome::Success, Outcome::Failure] {
        (0..10).for_each(|_| drop(ended(bed.pick_of("b"), outcome)));
    }
    settle().await;
    let expected = (Health::HalfOpen, Health::Healthy);
    let healths = || (bed.health("a"), bed.health("b"));
    assert_eq!(healths(), expected, "the failures around the success do not eject it again");
}

#[tokio::test(start_paused = true)]
async fn a_success_of_a_request_sent_before_the_ejection_decides_nothing() {
    let bed = with_backup(ROWS).await;
    let old = bed.pick_of("b").lease();
    bed.eject("a").await;
    bed.eject("b").await;
    z_down(&bed).await;
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
    let bed = all_ejected(ROWS).await;
    pass(BASE).await;
    let whys: Vec<_> = (0..5).map(|_| bed.pick().lease()).map(|lease| lease.why()).collect();
    assert_eq!(whys, [Why::Probe, Why::Probe, Why::Panic, Why::Panic, Why::Panic]);
}

#[tokio::test(start_paused = true)]
async fn where_the_settings_want_no_panic_there_is_nobody() {
    let config = Config { overprovisioning_percent: 140, panic_threshold_percent: 0, ..ROWS };
    let bed = all_ejected(config).await;
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
    let config = Config { overprovisioning_percent: 140, panic_threshold_percent: 50, ..ROWS };
    let bed = Bed::new("abcde", config).await;
    for name in ["a", "b", "c"] {
        bed.eject(name).await;
    }
    assert_eq!(
        (bed.picked().as_str(), bed.pick_of("d").why()),
        ("abcde", Why::Panic),
        "2 of 5 are well"
    );
    bed.report("d", Outcome::Failure, 4).await;
    assert_eq!(bed.health("d"), Health::Healthy);
    bed.report("d", Outcome::Failure, 1).await;
    assert!(matches!(bed.health("d"), Health::Ejected { .. }));
}
