use core::time::Duration;
use std::collections::BTreeSet;

use evenkeel::{
    Attempt, Cause, Config, End, Hedging, LatencyPercentile, PickError, Retry, RetryPolicy, Verdict,
};
use tokio::time::{Instant, timeout};

use crate::{Log, Text, at_once, balancer, balancer_with, forever, ms, pass, status, sums};

fn hedging(policy: RetryPolicy, delay: u64, hedges: u32) -> Retry {
    Retry::new(policy.with_hedging(Hedging::new(ms(delay), hedges).unwrap()))
}

/// A call whose attempts take so many milliseconds each, in the order they are sent, and then fail
/// if told so.
async fn call(
    balancer: &Text,
    retry: &Retry,
    log: &Log,
    attempts: &[(u64, bool)],
) -> (Result<u32, evenkeel::CallError<&'static str>>, Duration) {
    let before = Instant::now();
    let attempt = |client: Attempt<String>| {
        let (time, ok) = attempts[log.count()];
        let under_way = log.begin(&client);
        async move {
            pass(ms(time)).await;
            drop(under_way);
            if ok { Ok(client.number()) } else { Err("down") }
        }
    };
    let result = balancer.call(retry, attempt).await;
    (result, before.elapsed())
}

const NEVER: u64 = 1_000_000;

#[tokio::test(start_paused = true)]
async fn a_hedge_wins_and_the_loser_is_given_up_and_accounted_once() {
    let (balancer, log) = (balancer("abc").await, Log::default());
    let retry = hedging(at_once(3), 20, 1);
    let (result, took) = call(&balancer, &retry, &log, &[(NEVER, true), (5, true)]).await;
    assert_eq!((result.unwrap(), took), (2, ms(25)));
    assert_eq!((log.count(), log.alive()), (2, (0, 2)), "the loser is dropped");
    let names: BTreeSet<_> = log.sent().into_iter().map(|(_, name)| name).collect();
    assert_eq!(names.len(), 2, "the hedge goes elsewhere");
    assert_eq!(sums(&balancer), (0, 0), "canceled: no failure, and nothing in flight");
}

#[tokio::test(start_paused = true)]
async fn the_first_may_win_all_the_same() {
    let (balancer, log) = (balancer("abc").await, Log::default());
    let (result, took) = call(
        &balancer,
        &hedging(at_once(3), 20, 2),
        &log,
        &[(50, true), (NEVER, true), (NEVER, true)],
    )
    .await;
    assert_eq!((result.unwrap(), took, log.alive()), (1, ms(50), (0, 3)));
    assert_eq!(sums(&balancer), (0, 0));

    let log = Log::default();
    let (result, took) = call(&balancer, &hedging(at_once(3), 20, 2), &log, &[(19, true)]).await;
    assert_eq!((result.unwrap(), took, log.count()), (1, ms(19), 1), "fast enough for no hedge");
}

#[tokio::test(start_paused = true)]
async fn a_failure_beside_others_sends_the_next_hedge_at_once() {
    let (balancer, log) = (balancer("abcd").await, Log::default());
    let answers = [(NEVER, true), (10, false), (5, true)];
    let (result, took) = call(&balancer, &hedging(at_once(3), 20, 2), &log, &answers).await;
    assert_eq!((result.unwrap(), took), (3, ms(20 + 10 + 5)));
    assert_eq!(sums(&balancer), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn no_more_are_sent_than_attempts_and_hedges() {
    let (balancer, log) = (balancer("abcdefgh").await, Log::default());
    let (result, _) = call(&balancer, &hedging(at_once(3), 20, 2), &log, &[(100, false); 6]).await;
    let error = result.unwrap_err();
    assert_eq!((error.end, error.attempts.len(), log.count()), (End::Attempts, 5, 5));
    assert_eq!(log.alive(), (0, 3));
    let numbers: Vec<_> = log.sent().iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let names: BTreeSet<_> = log.sent().into_iter().map(|(_, name)| name).collect();
    assert_eq!(
        (names.len(), sums(&balancer)),
        (5, (0, 5)),
        "each at another endpoint, each a failure"
    );
}

#[tokio::test(start_paused = true)]
async fn where_all_endpoints_have_an_attempt_there_is_no_hedge() {
    let (alone, log) = (balancer("a").await, Log::default());
    let (result, took) =
        call(&alone, &hedging(at_once(2), 20, 1), &log, &[(90, false), (5, true)]).await;
    assert!(result.is_ok());
    assert_eq!((took, log.count()), (ms(95), 2), "the second one is a retry");
    assert_eq!((log.alive(), sums(&alone)), ((0, 1), (0, 1)));

    let (two, log) = (balancer("ab").await, Log::default());
    let (result, _) = call(&two, &hedging(at_once(1), 20, 4), &log, &[(200, false); 3]).await;
    let error = result.unwrap_err();
    assert_eq!((error.end, log.count(), error.unavailable.is_none()), (End::Attempts, 2, true));
    assert_eq!(sums(&two), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_is_not_sent_leaves_no_trace() {
    let alone = balancer_with("a", "peak_ewma", Config::default()).await;
    let (result, _) =
        call(&alone, &hedging(at_once(1), 20, 1), &Log::default(), &[(90, true)]).await;
    assert_eq!(result.unwrap(), 1);
    assert_eq!((status(&alone, "a").latency, sums(&alone)), (Some(ms(90)), (0, 0)));
    assert_eq!(alone.stats().picks, 1);
}

#[tokio::test(start_paused = true)]
async fn endpoints_that_leave_meanwhile_keep_hedges_back_and_do_not_end_the_call() {
    let config =
        Config { overprovisioning_percent: 140, panic_threshold_percent: 0, ..Config::default() };
    let balancer = balancer_with("ab", "least_request", config).await;
    let attempt = |_| {
        balancer.endpoints().iter().for_each(|status| balancer.set_down(&status.target, true));
        async {
            pass(ms(50)).await;
            Err::<(), _>("down")
        }
    };
    let error = balancer.call(&hedging(at_once(1), 20, 1), attempt).await.unwrap_err();
    assert_eq!(
        (error.end, error.attempts.len(), error.unavailable.is_none()),
        (End::Attempts, 1, true)
    );
    let error = balancer.call(&hedging(at_once(1), 20, 1), attempt).await.unwrap_err();
    assert_eq!((error.end, error.attempts.len()), (End::NoEndpoints, 0));
    assert!(matches!(error.unavailable, Some(PickError::AllEjected)));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_all_that_are_under_way() {
    let (balancer, log) = (balancer("abc").await, Log::default());
    let retry = hedging(at_once(3).with_timeout(ms(100)).unwrap(), 30, 1);
    let (result, took) = call(&balancer, &retry, &log, &[(NEVER, true); 3]).await;
    let error = result.unwrap_err();
    assert_eq!((error.end, took, log.alive()), (End::Deadline, ms(100), (0, 2)));
    assert!(error.attempts.iter().all(|attempt| matches!(attempt.cause, Cause::TimedOut)));
    let elapsed: Vec<_> =
        error.attempts.iter().map(|attempt| (attempt.number, attempt.elapsed)).collect();
    assert_eq!(elapsed, [(1, ms(100)), (2, ms(70))]);
    assert_eq!(sums(&balancer), (0, 2), "too slow for their caller");
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_a_timeout_of_its_own() {
    let (balancer, log) = (balancer("abc").await, Log::default());
    let retry = hedging(at_once(3).with_attempt_timeout(ms(50)).unwrap(), 20, 1);
    let (result, took) = call(&balancer, &retry, &log, &[(NEVER, true), (45, true)]).await;
    assert_eq!((result.unwrap(), took), (2, ms(65)));
    let late = &log.sent()[0].1;
    assert_eq!(
        (status(&balancer, late).failures, sums(&balancer)),
        (1, (0, 1)),
        "the first timed out at 50 ms"
    );

    let log = Log::default();
    let (result, took) =
        call(&balancer, &retry, &log, &[(NEVER, true), (NEVER, true), (10, true)]).await;
    assert_eq!(
        (result.unwrap(), took),
        (3, ms(80)),
        "the second has failed at 70 ms; then it is a retry's turn"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_gives_up_all_its_attempts() {
    let (balancer, log) = (balancer("abc").await, Log::default());
    let retry = hedging(at_once(3), 20, 2);
    let attempt = |client: Attempt<String>| {
        let under_way = log.begin(&client);
        async move {
            forever::<()>().await;
            drop(under_way);
            Ok::<_, &str>(())
        }
    };
    let mut dropped = Box::pin(timeout(ms(30), balancer.call(&retry, attempt)));
    assert!(timeout(ms(25), &mut dropped).await.is_err());
    assert_eq!((log.alive(), sums(&balancer)), ((2, 2), (2, 0)));
    drop(dropped);
    assert_eq!((log.alive(), sums(&balancer)), ((0, 2), (0, 0)));
    pass(ms(1000)).await;
    assert_eq!(log.count(), 2, "nothing more is sent");
}

#[tokio::test(start_paused = true)]
async fn what_would_fail_anywhere_ends_the_others_too() {
    let balancer = balancer("abc").await;
    let retry = hedging(at_once(3), 20, 1).classify(|_: &&str| Verdict::Ignorable);
    let attempt = async |client: Attempt<String>| {
        if client.is_hedge() { Err("no such user") } else { forever::<Result<(), _>>().await }
    };
    let error = balancer.call(&retry, attempt).await.unwrap_err();
    assert_eq!(error.end, End::Ignorable);
    let causes: Vec<_> =
        error.attempts.iter().map(|attempt| (attempt.number, &attempt.cause)).collect();
    assert!(
        matches!(causes[..], [(2, Cause::Failed("no such user")), (1, Cause::GivenUp)]),
        "{causes:?}"
    );
    let text = error.to_string();
    assert!(
        text.starts_with("the request is at fault after 2 attempts: ")
            && text.contains(" was given up after 20ms"),
        "{text}"
    );
    assert_eq!((error.last(), sums(&balancer)), (Some(&"no such user"), (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn the_delay_is_learnt_from_the_calls_and_shared_by_clones() {
    let balancer = balancer("abc").await;
    let retry = Retry::new(at_once(2)).hedge(LatencyPercentile::new(900).unwrap(), 1).unwrap();
    let log = Log::default();
    let (result, took) = call(&balancer, &retry, &log, &[(500, true)]).await;
    assert_eq!((result.unwrap(), took, log.count()), (1, ms(500), 1), "nothing is known yet");
    // 19 of 20 take 10 ms.
    for number in 0..100 {
        let slow = if number % 20 == 0 { 80 } else { 10 };
        let (result, _) =
            call(&balancer, &retry.clone(), &Log::default(), &[(slow, true), (10, true)]).await;
        result.unwrap();
    }
    let log = Log::default();
    let (result, took) = call(&balancer, &retry, &log, &[(NEVER, true), (10, true)]).await;
    assert_eq!(result.unwrap(), 2);
    assert!(
        took >= ms(20) && took <= ms(10) * 9 / 8 + ms(11),
        "{took:?}: the percentile, and the hedge's 10 ms"
    );

    // Failures do not count.
    for _ in 0..200 {
        let (result, _) = call(&balancer, &retry, &Log::default(), &[(0, false), (0, false)]).await;
        result.unwrap_err();
    }
    pass(ms(4_000)).await;
    for _ in 0..2 {
        let (_, took) =
            call(&balancer, &retry, &Log::default(), &[(NEVER, true), (10, true)]).await;
        assert!(took >= ms(20), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn losers_keep_the_delay_from_sinking_hedge_by_hedge() {
    let balancer = balancer("abc").await;
    let retry = Retry::new(at_once(2)).hedge(LatencyPercentile::new(900).unwrap(), 1).unwrap();
    for _ in 0..30 {
        call(&balancer, &retry, &Log::default(), &[(100, true)]).await.0.unwrap();
    }
    // More than half a minute in which every call needs its hedge.
    for _ in 0..400 {
        let (_, took) =
            call(&balancer, &retry, &Log::default(), &[(NEVER, true), (10, true)]).await;
        assert!(took >= ms(110), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn until_enough_is_known_the_delay_of_the_policy_holds() {
    let balancer = balancer("abc").await;
    let retry = hedging(at_once(2), 50, 1).hedge(LatencyPercentile::new(900).unwrap(), 1).unwrap();
    let answers = [(NEVER, true), (10, true)];
    let (result, took) = call(&balancer, &retry, &Log::default(), &answers).await;
    assert_eq!((result.unwrap(), took), (2, ms(60)));
    assert!(Retry::attempts(2).unwrap().hedge(LatencyPercentile::new(900).unwrap(), 5).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hedges_can_be_spawned() {
    let balancer = balancer("abc").await;
    let retry = hedging(at_once(2), 10, 2);
    let call = async move {
        let attempt = async |client: Attempt<String>| {
            pass(if client.is_hedge() { ms(1) } else { ms(100) }).await;
            Ok::<_, String>(client.number())
        };
        balancer.call(&retry, attempt).await
    };
    assert_eq!(tokio::spawn(call).await.unwrap().unwrap(), 2);
}
