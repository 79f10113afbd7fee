use core::time::Duration;

use evenkeel::health::Health;
use evenkeel::{Attempt, Book, Config, Outcome, Retry, Verdict, Why};

use crate::{BASE, Bed, ROWS, SECOND, pass, settle};

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_asks_for_it_is_left_alone() {
    for settings in [ROWS, Config { book: Book::Off, ..ROWS }] {
        let mut bed = Bed::new("abc", settings).await;
        bed.pick_of("b").overloaded(Some(SECOND * 7));
        settle().await;
        assert_eq!(bed.picked(), "ac");
        let Health::Overloaded { until } = bed.health("b") else { panic!() };
        assert_eq!(until.saturating_since(bed.balancer.now()), SECOND * 7);
        // Another one that was under way: the longer time counts.
        pass(SECOND).await;
        assert_eq!(bed.status("b").failures, 1);
        pass(SECOND * 5).await;
        assert_eq!(bed.picked(), "ac");
        pass(SECOND + Duration::from_millis(1)).await;
        assert_eq!(bed.picked(), "abc");
        assert_eq!(bed.told_briefly(), ["b overloaded", "b back"]);
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_refusals_the_longest_counts() {
    let bed = Bed::new("abc", ROWS).await;
    let held: Vec<_> = (0..3).map(|_| bed.pick_of("b").lease()).collect();
    for (lease, seconds) in held.into_iter().zip([2, 9, 4]) {
        lease.overloaded(Some(SECOND * seconds));
    }
    settle().await;
    pass(SECOND * 8).await;
    assert_eq!(bed.picked(), "ac");
    pass(SECOND * 2).await;
    assert_eq!(bed.picked(), "abc");
}

#[tokio::test(start_paused = true)]
async fn no_endpoint_is_left_alone_for_longer_than_the_settings_allow() {
    let bed = Bed::new("abc", Config { max_retry_after: SECOND * 3, ..ROWS }).await;
    bed.pick_of("b").overloaded(Some(Duration::MAX));
    settle().await;
    assert_eq!(bed.picked(), "ac");
    pass(SECOND * 3 + Duration::from_millis(1)).await;
    assert_eq!(bed.picked(), "abc");
}

#[tokio::test(start_paused = true)]
async fn without_a_time_it_is_a_failure() {
    let none = Config { max_retry_after: Duration::ZERO, ..ROWS };
    let cases = [(ROWS, None), (ROWS, Some(Duration::ZERO)), (none, Some(SECOND * 60))];
    for (config, retry_after) in cases {
        let bed = Bed::new("abc", config).await;
        bed.report("b", Outcome::Overloaded { retry_after }, 4).await;
        assert_eq!(bed.picked(), "abc");
        bed.report("b", Outcome::Overloaded { retry_after }, 1).await;
        assert!(matches!(bed.health("b"), Health::Ejected { .. }), "{retry_after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_refused_comes_again_when_the_endpoint_says() {
    let bed = Bed::new("abc", ROWS).await;
    bed.eject("b").await;
    pass(BASE).await;
    let probe = bed.pick();
    assert_eq!(probe.why(), Why::Probe);
    probe.overloaded(Some(SECOND * 60));
    settle().await;
    pass(SECOND * 59).await;
    assert_eq!(bed.picked(), "ac");
    pass(SECOND * 2).await;
    let probe = bed.pick();
    assert_eq!(probe.why(), Why::Probe);
    probe.success();
    settle().await;
    assert_eq!(bed.picked(), "abc");
}

#[tokio::test(start_paused = true)]
async fn a_call_passes_on_what_the_endpoint_asked_for() {
    let bed = Bed::new("ab", ROWS).await;
    let retry = Retry::attempts(3)
        .unwrap()
        .classify(|wait: &Duration| Verdict::Overloaded { wait: Some(*wait) });
    let before = bed.balancer.now();
    let attempt = async |client: Attempt<String>| {
        if client.number() == 1 { Err(SECOND * 2) } else { Ok(client.clone()) }
    };
    let answered = bed.balancer.call(&retry, attempt).await.unwrap();
    assert_eq!(bed.balancer.now().saturating_since(before), Duration::ZERO, "by the other one");
    let refused = if answered == "a" { "b" } else { "a" };
    assert_eq!(bed.status(refused).failures, 1);
}
