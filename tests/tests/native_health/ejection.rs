use evenkeel::health::{Health, Reason};
use evenkeel::{Book, Config, EventKind, Outcome, Retry};

use crate::{BASE, Bed, ROWS, SECOND, pass, settle};

#[tokio::test(start_paused = true)]
async fn the_failure_that_is_one_too_many_ejects_at_once() {
    let mut bed = Bed::new("abc", ROWS).await;
    bed.report("b", Outcome::Failure, 4).await;
    assert_eq!((bed.picked().as_str(), bed.health("b")), ("abc", Health::Healthy));
    bed.report("b", Outcome::Failure, 1).await;
    assert_eq!(bed.picked(), "ac", "no time has passed, and the task has run once");
    let Health::Ejected { reason: Reason::ConsecutiveFailures, until } = bed.health("b") else {
        panic!()
    };
    let time = until.saturating_since(bed.balancer.now());
    assert!(time >= BASE / 2 && time <= BASE, "{time:?}");
    let reason = Reason::ConsecutiveFailures;
    assert_eq!(bed.told(), [("b".to_owned(), EventKind::Ejected { reason, until })]);
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_a_row_of_failures() {
    let bed = Bed::new("abc", ROWS).await;
    for _ in 0..3 {
        bed.report("b", Outcome::Failure, 4).await;
        bed.report("b", Outcome::Success, 1).await;
    }
    assert_eq!(bed.picked(), "abc");
    for _ in 0..4 {
        bed.report("b", Outcome::Failure, 1).await;
        bed.report("b", Outcome::Canceled, 1).await;
    }
    assert_eq!(bed.picked(), "abc");
    bed.report("b", Outcome::Failure, 1).await;
    assert_eq!(bed.picked(), "ac", "a request that was canceled says nothing");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_ended_before_the_task_ran_counts_all_the_same() {
    let bed = Bed::new("abc", ROWS).await;
    for outcome in [[Outcome::Failure; 5].as_slice(), &[Outcome::Success; 9]].concat() {
        bed.pick_of("b").lease().report(outcome);
    }
    settle().await;
    assert_eq!(bed.picked(), "ac");
}

#[tokio::test(start_paused = true)]
async fn a_large_share_of_failures_ejects_without_a_row() {
    let bed = Bed::new("abc", Config::DEFAULT).await;
    // Successes before the first failure are not counted, and the window opens with that.
    bed.report("b", Outcome::Success, 50).await;
    for requests in 1..=20 {
        assert_eq!(bed.health("b"), Health::Healthy, "{requests}");
        let outcome =
            if requests % 5 == 0 && requests <= 15 { Outcome::Success } else { Outcome::Failure };
        bed.report("b", outcome, 1).await;
    }
    // The last 5 in a row would have done it, too: 17 of 20 are 85 %.
    let Health::Ejected { reason, .. } = bed.health("b") else { panic!("{:?}", bed.health("b")) };
    assert_eq!(reason, Reason::ConsecutiveFailures);

    let shares = Config { consecutive_failures: 0, ..Config::DEFAULT };
    let bed = Bed::new("abc", shares).await;
    for outcome in [[Outcome::Failure; 16].as_slice(), &[Outcome::Success; 3]].concat() {
        bed.report("b", outcome, 1).await;
    }
    assert_eq!(bed.picked(), "abc", "16 of 19, but not of 20");
    bed.report("b", Outcome::Failure, 1).await;
    assert_eq!(bed.picked(), "ac", "17 of 20 are 85 %");
}

#[tokio::test(start_paused = true)]
async fn a_window_ends_and_successes_are_not_counted_any_more() {
    let shares = Config { consecutive_failures: 0, ..Config::DEFAULT };
    let bed = Bed::new("abc", shares).await;
    bed.report("b", Outcome::Failure, 19).await;
    bed.report("b", Outcome::Success, 1).await;
    pass(shares.interval + SECOND).await;
    bed.report("b", Outcome::Success, 1000).await;
    bed.report("b", Outcome::Failure, 19).await;
    assert_eq!(bed.picked(), "abc", "19 in a window of their own");
    bed.report("b", Outcome::Failure, 1).await;
    assert_eq!(bed.picked(), "ac", "successes from before the window are not counted");
}

#[tokio::test(start_paused = true)]
async fn with_the_noop_nothing_is_ever_ejected() {
    let mut bed = Bed::new("abc", Config { book: Book::Off, ..Config::DEFAULT }).await;
    bed.report("b", Outcome::Failure, 1000).await;
    pass(SECOND).await;
    assert_eq!((bed.picked().as_str(), bed.told_briefly().len()), ("abc", 0));
    assert_eq!((bed.status("b").failures, bed.status("b").successes), (1000, None));
}

#[tokio::test(start_paused = true)]
async fn some_always_stay() {
    let bed = Bed::new("a", ROWS).await;
    bed.report("a", Outcome::Failure, 100).await;
    assert_eq!(bed.picked(), "a");

    let bed = Bed::new("abcdef", ROWS).await;
    bed.eject("a").await;
    bed.report("b", Outcome::Failure, 100).await;
    assert_eq!(bed.picked(), "bcdef", "at most 30 %");
    pass(BASE).await;
    bed.report("a", Outcome::Success, 1).await;
    bed.report("b", Outcome::Failure, 1).await;
    assert_eq!(bed.picked(), "acdef", "one more failure does it, now that there is room");
}

#[tokio::test(start_paused = true)]
async fn requests_that_hung_meanwhile_do_not_eject_an_endpoint_that_is_back() {
    let bed = Bed::new("abc", ROWS).await;
    let hung: Vec<_> = (0..10).map(|_| bed.pick_of("b").lease()).collect();
    let asking = bed.pick_of("b").lease();
    bed.eject("b").await;
    pass(BASE).await;
    bed.pick().success();
    settle().await;
    assert_eq!(bed.picked(), "abc");
    bed.report("b", Outcome::Failure, 4).await;
    for lease in hung {
        lease.failure();
    }
    settle().await;
    assert_eq!((bed.picked().as_str(), bed.status("b").failures), ("abc", 5 + 4 + 10));
    asking.overloaded(Some(SECOND));
    settle().await;
    assert_eq!(bed.picked(), "ac", "what it asks for counts whenever it was sent");
    pass(SECOND * 2).await;
    bed.report("b", Outcome::Failure, 1).await;
    assert_eq!(bed.health("b"), Health::Healthy, "it has rested, and begins anew");
}

#[tokio::test(start_paused = true)]
async fn failures_of_calls_count_and_calls_go_on_elsewhere() {
    let bed = Bed::new("abc", ROWS).await;
    let retry = Retry::attempts(3).unwrap();
    let mut failures = 0;
    for _ in 0..50 {
        let attempt = |client: evenkeel::Attempt<String>| {
            failures += u32::from(*client == "b");
            core::future::ready(if *client == "b" { Err("down") } else { Ok(()) })
        };
        bed.balancer.call(&retry, attempt).await.unwrap();
        settle().await;
    }
    assert_eq!((failures, bed.picked().as_str()), (5, "ac"));
}
