use core::time::Duration;

use evenkeel::core::retry::Unlimited;
use evenkeel::health::Health;
use evenkeel::{
    Attempt, Backoff, Book, Cause, Config, End, Hedging, PickError, Retry, RetryPolicy, Verdict,
};
use tokio::time::{Instant, timeout};

use crate::{Log, at_once, balancer, balancer_with, forever, ms, pass, status, sums};

/// What an attempt is answered with, as a verdict.
type Answer = Result<u32, Verdict>;

fn by_error(verdict: &Verdict) -> Verdict {
    *verdict
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_overloaded_is_left_alone_and_the_call_goes_elsewhere_at_once() {
    for names in ["ab", "abc", "abcdefghij"] {
        let balancer = balancer_with(names, "least_request", Config::default()).await;
        let retry = Retry::new(RetryPolicy::new(3).unwrap()).classify(by_error);
        let before = Instant::now();
        let mut first = String::new();
        let attempt = |client: Attempt<String>| {
            let answer: Answer = if client.number() == 1 {
                first.clone_from(&client);
                Err(Verdict::Overloaded { wait: Some(Duration::from_secs(600)) })
            } else {
                Ok(client.number())
            };
            core::future::ready(answer)
        };
        assert_eq!(balancer.call(&retry, attempt).await.unwrap(), 2);
        assert_eq!((before.elapsed(), status(&balancer, &first).failures), (Duration::ZERO, 1));
        pass(ms(1)).await;
        assert!(matches!(status(&balancer, &first).health, Health::Overloaded { .. }));
        for _ in 0..20 {
            let went = balancer
                .call(&retry, async |client| Ok::<_, Verdict>(client.target().clone()))
                .await
                .unwrap();
            assert_ne!(went.host(), first);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn where_all_are_overloaded_the_call_waits_for_the_first_that_is_back() {
    let balancer = balancer_with("abc", "least_request", Config::default()).await;
    let retry = Retry::new(at_once(4)).classify(by_error);
    let before = Instant::now();
    let attempt = async |client: Attempt<String>| -> Answer {
        // The others' tasks, such as the one that lets endpoints rest, run meanwhile.
        pass(ms(1)).await;
        let secs = [600, 2, 9][usize::from(client.as_bytes()[0] - b'a')];
        let wait = Some(Duration::from_secs(secs));
        if client.number() < 4 { Err(Verdict::Overloaded { wait }) } else { Ok(client.number()) }
    };
    assert_eq!(balancer.call(&retry, attempt).await.unwrap(), 4);
    let took = before.elapsed();
    assert!(took >= Duration::from_secs(2) && took < ms(2_010), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_asks_the_call_to_wait_is_obeyed_and_the_endpoint_is_well() {
    let balancer = balancer_with("ab", "least_request", Config::default()).await;
    let retry = Retry::new(at_once(3)).classify(by_error);
    let before = Instant::now();
    let attempt = async |client: Attempt<String>| -> Answer {
        if client.number() == 1 {
            Err(Verdict::PushBack { wait: Duration::from_secs(3) })
        } else {
            Ok(client.number())
        }
    };
    assert_eq!(balancer.call(&retry, attempt).await.unwrap(), 2);
    assert_eq!((before.elapsed(), sums(&balancer)), (Duration::from_secs(3), (0, 0)));
    assert!(balancer.endpoints().iter().all(|status| status.health == Health::Healthy));
}

#[tokio::test(start_paused = true)]
async fn a_push_back_for_ever_ends_the_call() {
    let balancer = balancer("abc").await;
    let retry = Retry::attempts(2).unwrap().classify(by_error);
    let attempt =
        async |_: Attempt<String>| -> Answer { Err(Verdict::PushBack { wait: Duration::MAX }) };
    let error = balancer.call(&retry, attempt).await.unwrap_err();
    assert_eq!((error.end, error.attempts.len()), (End::PushBack, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_may_wait_until_there_is_an_endpoint() {
    let config =
        Config { overprovisioning_percent: 140, panic_threshold_percent: 0, ..Config::default() };
    let balancer = balancer_with("ab", "least_request", config).await;
    let down = |down| {
        balancer.endpoints().iter().for_each(|status| balancer.set_down(&status.target, down));
    };
    down(true);
    pass(ms(1)).await;
    let policy = at_once(1).with_timeout(ms(500)).unwrap();
    let attempt = async |client: Attempt<String>| -> Answer { Ok(client.number()) };
    let error = balancer.call(&Retry::new(policy).classify(by_error), attempt).await.unwrap_err();
    assert_eq!(error.end, End::NoEndpoints);

    let patient = Retry::new(policy.with_wait_for_ready()).classify(by_error);
    let before = Instant::now();
    let error = balancer.call(&patient, attempt).await.unwrap_err();
    assert_eq!((error.end, before.elapsed()), (End::Deadline, ms(500)));
    assert!(matches!(error.unavailable, Some(PickError::AllEjected)), "{error:?}");

    for calls in [1, 16, 64] {
        down(true);
        pass(ms(1)).await;
        let waiting: Vec<_> = (0..calls)
            .map(|_| {
                let (balancer, patient) = (balancer.clone(), patient.clone());
                tokio::spawn(async move { balancer.call(&patient, attempt).await })
            })
            .collect();
        pass(ms(300)).await;
        let before = Instant::now();
        down(false);
        for call in waiting {
            assert_eq!(call.await.unwrap().unwrap(), 1);
        }
        assert!(before.elapsed() < ms(5));
    }
    assert_eq!(sums(&balancer), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_what_the_policy_allows_ends_the_call() {
    let balancer = balancer("abc").await;
    let retry =
        Retry::new(at_once(3).with_max_push_back(Duration::from_secs(10))).classify(by_error);
    let attempt = async |_: Attempt<String>| -> Answer {
        Err(Verdict::PushBack { wait: Duration::from_secs(11) })
    };
    let error = balancer.call(&retry, attempt).await.unwrap_err();
    assert_eq!((error.end, error.attempts.len()), (End::PushBack, 1));
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

/// Six hosts of which three fail: half of the first attempts meet one of those, as without retries.
#[tokio::test(start_paused = true)]
async fn a_retry_takes_nobodys_turn() {
    for (names, failing, met) in [("ab", "a", 600), ("abc", "b", 400), ("abcdef", "ace", 600)] {
        let config = Config { book: Book::Off, ..Config::default() };
        let (balancer, log) = (balancer_with(names, "round_robin", config).await, Log::default());
        let retry = Retry::new(at_once(2)).budget(Unlimited);
        for _ in 0..1200 {
            let result = balancer.call(&retry, async |attempt: Attempt<String>| {
                let _under_way = log.begin(&attempt);
                if failing.contains(attempt.as_str()) { Err("down") } else { Ok(()) }
            });
            // The second may meet another one that fails.
            let _ = result.await;
        }
        let first = log.sent().into_iter().filter(|(number, _)| *number == 1);
        let first: Vec<_> = first.collect();
        let failed = first.iter().filter(|(_, name)| failing.contains(name.as_str())).count();
        assert_eq!((first.len(), failed), (1200, met), "{names}");
    }
}
