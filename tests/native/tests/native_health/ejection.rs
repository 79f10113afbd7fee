use evenkeel::core::rand_core::{Rng, SeedableRng};
use evenkeel::health::{Health, Held, Reason};
use evenkeel::{Book, Config, Endpoint, EventKind, Lease, Outcome, Retry};
use rand_chacha::ChaCha8Rng;

use crate::{BASE, Bed, MS, ROWS, SECOND, all, pass, settle};

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
        bed.report("b", Outcome::Abandoned, 1).await;
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
async fn the_last_one_stays_and_where_it_fails_too_the_others_come_back() {
    let bed = Bed::new("a", ROWS).await;
    bed.report("a", Outcome::Failure, 100).await;
    assert_eq!((bed.picked().as_str(), bed.held("a")), ("a", Some(Held::NobodyWell)));

    let mut bed = Bed::new("abcdef", ROWS).await;
    for name in ["a", "b", "c", "d", "e"] {
        bed.eject(name).await;
    }
    assert_eq!(bed.picked(), "f", "as many as fail, while one is well");
    bed.told();
    bed.report("f", Outcome::Failure, 9).await;
    assert_eq!((bed.picked().as_str(), bed.held("f")), ("f", Some(Held::NobodyWell)));
    bed.report("f", Outcome::Failure, 1).await;
    assert_eq!(bed.picked(), "abcdef", "nothing was gained by ejecting them");
    let back = ["f held", "a back", "b back", "c back", "d back", "e back", "f undone"];
    assert_eq!(bed.told_briefly(), back);
    // Calm for three intervals.
    let until = bed.balancer.now() + ROWS.interval * 3;
    bed.report("f", Outcome::Success, 1).await;
    bed.report("f", Outcome::Failure, 50).await;
    assert_eq!((bed.picked().as_str(), bed.held("f")), ("abcdef", Some(Held::Calm)));
    assert_eq!((bed.calm_until("a"), bed.calm_until("f")), (Some(until), Some(until)));
    pass(ROWS.interval * 3).await;
    assert_eq!(bed.calm_until("a"), None, "it is over");
    bed.report("a", Outcome::Failure, 5).await;
    assert_eq!(bed.picked(), "bcdef");
}

#[tokio::test(start_paused = true)]
async fn in_the_calm_half_of_those_that_came_back_are_ejected_again() {
    let bed = Bed::new("abcdef", ROWS).await;
    for name in ["a", "b", "c", "d", "e"] {
        bed.eject(name).await;
    }
    bed.report("f", Outcome::Failure, 10).await;
    assert_eq!(bed.picked(), "abcdef");
    bed.report("f", Outcome::Success, 1).await;
    for (name, picked) in [("a", "bcdef"), ("b", "cdef"), ("c", "cdef")] {
        bed.report(name, Outcome::Failure, 20).await;
        assert_eq!(bed.picked(), picked, "{name}: half of five are two");
    }
    assert_eq!(bed.held("c"), Some(Held::Calm));
}

/// Whoever leaves every other time does so ten times in a row once in a while.
#[tokio::test(start_paused = true)]
async fn users_who_leave_every_other_time_eject_nobody() {
    let mut bed = Bed::new("abc", ROWS).await;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..30_000 {
        let leaves = rng.next_u32().is_multiple_of(2);
        bed.pick().lease().report(if leaves { Outcome::Abandoned } else { Outcome::Success });
        settle().await;
    }
    assert_eq!((bed.picked().as_str(), bed.told()), ("abc", vec![]));
}

#[tokio::test(start_paused = true)]
async fn why_one_that_is_given_up_stays_is_told_once() {
    let mut bed = Bed::new("ab", ROWS).await;
    for _ in 0..40 {
        bed.report("a", Outcome::Abandoned, 1).await;
        bed.report("b", Outcome::Abandoned, 1).await;
    }
    let held = |name: &str| (name.to_owned(), EventKind::Held { rule: Held::NobodyWell });
    assert_eq!(bed.told(), [held("a"), held("b")]);
    assert_eq!([bed.held("a"), bed.held("b")], [Some(Held::NobodyWell); 2]);
}

#[tokio::test(start_paused = true)]
async fn one_that_suffers_from_the_load_of_another_brings_it_back() {
    // Only one that was well after that, and is slow to fail.
    for (delay, answers, undone) in
        [(MS * 199, 1, false), (MS * 200, 1, true), (MS * 200, 0, false)]
    {
        let mut bed = Bed::new("abcde", ROWS).await;
        bed.eject("a").await;
        bed.told();
        bed.report("b", Outcome::Success, answers).await;
        pass(SECOND).await;
        let slow: Vec<_> = (0..5).map(|_| bed.pick_of("b").lease()).collect();
        pass(delay).await;
        slow.into_iter().for_each(Lease::failure);
        settle().await;
        let expected = if undone { "abcde" } else { "cde" };
        assert_eq!(bed.picked(), expected, "{delay:?}");
        let told: &[_] = if undone { &["a back", "b undone"] } else { &["b ejected"] };
        assert_eq!(bed.told_briefly(), told, "{delay:?}");
        if undone {
            bed.report("b", Outcome::Failure, 50).await;
            assert_eq!((bed.picked().as_str(), bed.held("b")), ("abcde", Some(Held::Calm)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_calm_is_that_of_one_level() {
    let bed = Bed::new("ab", ROWS).await;
    bed.eject("a").await;
    assert_eq!(["a", "b"].map(|name| bed.calm_until(name)), [None; 2]);
    bed.report("b", Outcome::Failure, 10).await;
    let backup = Endpoint { priority: 1, ..all("c").remove(0) };
    bed.becomes([all("ab"), vec![backup]].concat()).await;
    assert!(bed.calm_until("a").is_some());
    assert_eq!((bed.calm_until("a"), bed.calm_until("c")), (bed.calm_until("b"), None));
}

/// What the task learns at once, it counts before it judges.
#[tokio::test(start_paused = true)]
async fn when_all_fail_at_once_nobody_is_ejected() {
    for outcome in [Outcome::Failure, Outcome::TimedOut, Outcome::Abandoned] {
        let mut bed = Bed::new("abcd", ROWS).await;
        for _ in 0..200 {
            bed.pick().lease().report(outcome);
        }
        settle().await;
        assert_eq!(bed.picked(), "abcd", "{outcome:?}");
        assert!(bed.told_briefly().iter().all(|told| told.ends_with("held")), "{outcome:?}");
    }
}

/// Their successes since are counted before another one is compared with them.
#[tokio::test(start_paused = true)]
async fn a_failure_of_the_others_does_not_protect_one_that_is_down() {
    let bed = Bed::new("abcd", ROWS).await;
    for name in ["a", "c", "d"] {
        bed.report(name, Outcome::Failure, 1).await;
        bed.report(name, Outcome::Success, 9).await;
    }
    bed.report("b", Outcome::Failure, 5).await;
    assert_eq!(bed.picked(), "acd");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_a_share_is_ejected_for_shares() {
    let shares = Config { consecutive_failures: 0, ..Config::DEFAULT };
    let bed = Bed::new("abcdef", shares).await;
    bed.report("a", Outcome::Failure, 20).await;
    bed.report("b", Outcome::Failure, 20).await;
    assert_eq!((bed.picked().as_str(), bed.held("b")), ("bcdef", Some(Held::Percent)), "30 %");
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

#[tokio::test(start_paused = true)]
async fn a_row_of_requests_that_are_given_up_ejects() {
    for (outcome, most) in [(Outcome::Abandoned, 9), (Outcome::LostRace, 39)] {
        let bed = Bed::new("abc", ROWS).await;
        bed.report("b", outcome, most).await;
        assert_eq!(bed.health("b"), Health::Healthy, "{outcome:?}");
        bed.report("b", outcome, 1).await;
        let reason = bed.health("b").reason();
        assert_eq!(reason, Some(Reason::Cancellations), "{outcome:?}");
    }
}
