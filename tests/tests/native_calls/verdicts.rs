use core::time::Duration;

use evenkeel::health::Health;
use evenkeel::{Attempt, Backoff, Cause, Config, End, Hedging, Retry, RetryPolicy, Verdict};
use tokio::time::{Instant, timeout};

use crate::{Log, at_once, balancer, balancer_with, forever, ms, pass, status, sums};

/// What an attempt is answered with, as a verdict.
type Answer = Result<u32, Verdict>;

fn by_error(verdict: &Verdict) -> Verdict {
    *verdict
}

#[tokio::test(start_paused = true)]
async fn a_service_that_says_when_is_obeyed_and_the_endpoint_left_alone() {
    let balancer = balancer_with("ab", "least_request", Config::default()).await;
    let retry = Retry::new(at_once(3)).classify(by_error);
    let before = Instant::now();
    let mut first = String::new();
    let attempt = |client: Attempt<String>| {
        let answer: Answer = if client.number() == 1 {
            first.clone_from(&client);
            Err(Verdict::RetryAfter(Duration::from_secs(3)))
        } else {
            Ok(client.number())
        };
        core::future::ready(answer)
    };
    assert_eq!(balancer.call(&retry, attempt).await.unwrap(), 2);
    assert_eq!(before.elapsed(), Duration::from_secs(3));
    assert_eq!(status(&balancer, &first).failures, 1);

    // While the call waits, others go elsewhere.
    let attempt =
        async |_: Attempt<String>| -> Answer { Err(Verdict::RetryAfter(Duration::from_secs(60))) };
    let error =
        balancer.call(&Retry::new(at_once(1)).classify(by_error), attempt).await.unwrap_err();
    pass(ms(1)).await;
    let resting = &error.attempts[0].target;
    assert!(matches!(status(&balancer, resting.host()).health, Health::Overloaded { .. }));
    for _ in 0..20 {
        let went = balancer
            .call(&retry, async |client| Ok::<_, Verdict>(client.target().clone()))
            .await
            .unwrap();
        assert_ne!(went, *resting);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_what_the_policy_allows_ends_the_call() {
    let balancer = balancer("abc").await;
    let retry =
        Retry::new(at_once(3).with_max_retry_after(Duration::from_secs(10))).classify(by_error);
    let attempt =
        async |_: Attempt<String>| -> Answer { Err(Verdict::RetryAfter(Duration::from_secs(11))) };
    let error = balancer.call(&retry, attempt).await.unwrap_err();
    assert_eq!((error.end, error.attempts.len()), (End::RetryAfter, 1));
    assert!(error.attempts.iter().all(|attempt| matches!(attempt.cause, Cause::Failed(_))));
}

#[tokio::test(start_paused = true)]
async fn what_never_left_is_sent_elsewhere_at_once_and_counts_against_the_endpoint() {
    let balancer = balancer_with("abc", "least_request", Config::default()).await;
    let retry = Retry::attempts(1).unwrap().classify(by_error);
    let attempt = async |client: Attempt<String>| -> Answer {
        if *client == "b" { Err(Verdict::NeverSent) } else { Ok(client.number()) }
    };
    let before = Instant::now();
    for _ in 0..100 {
        assert_eq!(balancer.call(&retry, attempt).await.unwrap(), 1, "it is no attempt");
        tokio::task::yield_now().await;
    }
    assert_eq!((before.elapsed(), sums(&balancer)), (Duration::ZERO, (0, 5)));
    assert!(
        matches!(status(&balancer, "b").health, Health::Ejected { .. }),
        "refused connections eject"
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_late_is_dropped_at_once() {
    let (balancer, log) = (balancer("abc").await, Log::default());
    let policy = RetryPolicy::new(2).unwrap().with_attempt_timeout(ms(50)).unwrap();
    let retry = Retry::new(policy.with_backoff(Backoff::Constant(ms(100))).unwrap());
    let attempt = |client: Attempt<String>| {
        let under_way = log.begin(&client);
        async move {
            forever::<()>().await;
            drop(under_way);
            Ok::<_, &str>(())
        }
    };
    let mut call = Box::pin(balancer.call(&retry, attempt));
    for (time, alive) in [(40, 1), (20, 0), (80, 0), (20, 1)] {
        assert!(timeout(ms(time), &mut call).await.is_err());
        assert_eq!(log.alive().0, alive);
    }
    assert_eq!(call.await.unwrap_err().end, End::Attempts);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_never_left_is_sent_again_as_one() {
    let balancer = balancer("abcd").await;
    let policy = at_once(2).with_hedging(Hedging::new(ms(10), 1).unwrap());
    let retry = Retry::new(policy).classify(by_error);
    let mut sent = Vec::new();
    let attempt = |client: Attempt<String>| {
        sent.push((client.number(), client.is_hedge()));
        let again = sent.len() == 3;
        async move {
            match (client.is_hedge(), again) {
                (false, _) => {
                    pass(ms(500)).await;
                    Ok(0)
                }
                (true, false) => Err(Verdict::NeverSent),
                (true, true) => Ok(client.number()),
            }
        }
    };
    assert_eq!(balancer.call(&retry, attempt).await.unwrap(), 2);
    assert_eq!(sent, [(1, false), (2, true), (2, true)]);
    assert_eq!(sums(&balancer), (0, 1));
}
