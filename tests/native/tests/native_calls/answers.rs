//! Answers that are judged: what comes as `Ok` may be a failure, too.

use core::time::Duration;
use std::io;

use evenkeel::health::Health;
use evenkeel::{
    Attempt, Config, End, Hedging, LatencyPercentile, Retry, RetryBudget, RetryPolicy, Verdict,
};
use tokio::time::Instant;

use crate::{at_once, balancer, balancer_with, forever, ms, pass, status, sums};

/// An answer: an HTTP status, and who gave it in which attempt.
#[derive(Debug, PartialEq)]
struct Response {
    status: u16,
    from: String,
    attempt: u32,
}

impl Response {
    fn new(status: u16, client: &Attempt<String>) -> Self {
        Self { status, from: client.to_string(), attempt: client.number() }
    }
}

type Answer = io::Result<Response>;

fn by_status(response: &Response) -> Verdict {
    match response.status {
        503 => Verdict::Overloaded { wait: None },
        500.. => Verdict::RetryableFailure,
        400.. => Verdict::Ignorable,
        _ => Verdict::Success,
    }
}

const SETS: [&str; 5] = ["a", "ab", "abc", "abcde", "abcdefghij"];

/// Whether the policy alone looks at it, or hedges and a budget do so, too.
#[tokio::test(start_paused = true)]
async fn an_endpoint_is_known_to_take_as_long_as_its_answers_to_calls() {
    let answer = async |_: Attempt<String>| {
        pass(ms(30)).await;
        io::Result::Ok(())
    };
    let (policy, hedge) = (at_once(2), LatencyPercentile::new(950).unwrap());
    let learns = Retry::new(policy).hedge(hedge, 1).unwrap();
    let pays = Retry::new(policy).budget(RetryBudget::default());
    for retry in [Retry::new(policy), learns, pays] {
        let balancer = balancer_with("a", "peak_ewma", Config::default()).await;
        for wait in [7, 60_000] {
            pass(ms(wait)).await;
            balancer.call(&retry, answer).await.unwrap();
            assert_eq!(status(&balancer, "a").latency, Some(ms(30)));
        }
        pass(ms(5)).await;
        let ((), lease) = balancer.call_lease(&retry, answer).await.unwrap();
        assert_eq!(status(&balancer, "a").latency, Some(ms(30)));
        drop(lease);
    }
}

/// Even where it counts as an answer.
#[tokio::test(start_paused = true)]
async fn an_error_is_told_with_the_time_it_came_after_whatever_it_means() {
    let balancer = balancer("a").await;
    for verdict in [Verdict::Success, Verdict::Ignorable, Verdict::RetryableFailure] {
        let retry = Retry::new(at_once(1)).classify(move |_: &io::Error| verdict);
        let fails = async |_: Attempt<String>| {
            pass(ms(30)).await;
            Err::<(), _>(io::Error::other("no"))
        };
        let error = balancer.call(&retry, fails).await.unwrap_err();
        assert_eq!(error.attempts[0].elapsed, ms(30), "{verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_a_failure_is_tried_elsewhere_and_counts() {
    for (names, calls) in SETS[1..].iter().flat_map(|names| [1, 16, 64].map(|n| (names, n))) {
        for bad in [500, 503] {
            let balancer = balancer_with(names, "peak_ewma", Config::default()).await;
            let retry = Retry::new(at_once(2)).accept(by_status);
            let tasks: Vec<_> = (0..calls)
                .map(|_| {
                    let (balancer, retry) = (balancer.clone(), retry.clone());
                    tokio::spawn(async move {
                        let attempt = async |client: Attempt<String>| {
                            pass(ms(1)).await;
                            Answer::Ok(Response::new(
                                if *client == "a" { bad } else { 200 },
                                &client,
                            ))
                        };
                        balancer.call(&retry, attempt).await.unwrap()
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(task.await.unwrap().status, 200, "{names} {calls} {bad}");
            }
            let others = status(&balancer, "b");
            assert_eq!((sums(&balancer).0, others.failures), (0, 0));
            // As many at once as there are endpoints reach all of them.
            assert!(calls < 16 || status(&balancer, "a").failures > 0, "{names} {calls} {bad}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_good_answer_the_last_one_comes_back() {
    for names in SETS {
        for attempts in [1, 2, 3, 5] {
            let balancer = balancer(names).await;
            let retry = Retry::new(at_once(attempts)).accept(by_status);
            let attempt = async |client: Attempt<String>| Answer::Ok(Response::new(502, &client));
            let last = balancer.call(&retry, attempt).await.unwrap();
            assert_eq!((last.status, last.attempt), (502, attempts), "{names}");
            let failures = status(&balancer, &last.from).failures;
            assert_eq!(sums(&balancer), (0, attempts));
            assert!(failures >= 1);
        }
    }
}

/// An answer is more than none: whatever the attempts after it met.
#[tokio::test(start_paused = true)]
async fn an_answer_outlives_later_errors_and_the_deadline() {
    for names in SETS {
        let balancer = balancer(names).await;
        let attempt = async |client: Attempt<String>| match client.number() {
            1 | 2 => Answer::Ok(Response::new(500 + client.number() as u16, &client)),
            3 => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            _ => forever().await,
        };
        for attempts in [3, 4] {
            let policy = at_once(attempts).with_timeout(ms(100)).unwrap();
            let retry = Retry::new(policy).accept(by_status);
            let last = balancer.call(&retry, attempt).await.unwrap();
            assert_eq!((last.status, last.attempt), (502, 2), "{names}");
        }
        // Where none came, there is none.
        let attempt = async |_: Attempt<String>| -> Answer {
            Err(io::Error::from(io::ErrorKind::ConnectionReset))
        };
        let retry = Retry::new(at_once(2)).accept(by_status);
        let error = balancer.call(&retry, attempt).await.unwrap_err();
        assert_eq!((error.end, error.attempts.len()), (End::Attempts, 2));
        assert_eq!(sums(&balancer).0, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_answer_comes_before_bad_ones() {
    let balancer = balancer("abc").await;
    let policy = at_once(3).with_hedging(Hedging::new(ms(10), 2).unwrap());
    let retry = Retry::new(policy).accept(by_status);
    let attempt = async |client: Attempt<String>| {
        let (status, took) = [(500, 25), (200, 40), (500, 28)][client.number() as usize - 1];
        pass(ms(took)).await;
        Answer::Ok(Response::new(status, &client))
    };
    let answer = balancer.call(&retry, attempt).await.unwrap();
    assert_eq!((answer.status, answer.attempt, sums(&balancer)), (200, 2, (0, 2)));
}

/// What each verdict on an answer does: the status that comes back, attempts, failures, and
/// failures in a row. That of an error is the same.
#[tokio::test(start_paused = true)]
async fn each_verdict_means_of_an_answer_what_it_means_of_an_error() {
    let wait = Duration::from_secs(600);
    for (verdict, attempts, failures) in [
        (Verdict::Success, 1, 0),
        (Verdict::RetryableFailure, 3, 3),
        (Verdict::NonRetryableFailure, 1, 1),
        (Verdict::TimedOut, 3, 3),
        (Verdict::Ignorable, 1, 0),
        (Verdict::Overloaded { wait: None }, 3, 3),
        (Verdict::PushBack { wait }, 1, 0),
        (Verdict::Canceled, 1, 0),
    ] {
        for names in SETS {
            let balancer = balancer(names).await;
            let policy = at_once(3).with_max_push_back(ms(1));
            let retry = Retry::new(policy)
                .accept(move |_: &Response| verdict)
                .classify(move |_: &io::Error| verdict);
            let answer = async |client: Attempt<String>| Answer::Ok(Response::new(9, &client));
            let last = balancer.call(&retry, answer).await.unwrap();
            assert_eq!((last.attempt, sums(&balancer)), (attempts, (0, failures)), "{verdict:?}");
            if verdict == Verdict::Success {
                continue;
            }
            let fails = async |_: Attempt<String>| -> Answer { Err(io::Error::other("the same")) };
            let error = balancer.call(&retry, fails).await.unwrap_err();
            let told = (error.attempts.len(), sums(&balancer));
            assert_eq!(told, (attempts as usize, (0, 2 * failures)), "{verdict:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_asks_for_rest_sends_the_call_elsewhere() {
    for names in &SETS[1..] {
        let balancer = balancer_with(names, "least_request", Config::default()).await;
        let wait = Some(Duration::from_secs(600));
        let retry = Retry::attempts(2).unwrap().accept(move |response: &Response| {
            if response.status == 503 { Verdict::Overloaded { wait } } else { Verdict::Success }
        });
        let before = Instant::now();
        let mut first = String::new();
        let attempt = |client: Attempt<String>| {
            if client.number() == 1 {
                first.clone_from(&client);
            }
            let status = if client.number() == 1 { 503 } else { 200 };
            core::future::ready(Answer::Ok(Response::new(status, &client)))
        };
        assert_eq!(balancer.call(&retry, attempt).await.unwrap().status, 200);
        assert_eq!(before.elapsed(), Duration::ZERO);
        pass(ms(1)).await;
        assert!(matches!(status(&balancer, &first).health, Health::Overloaded { .. }));
    }
}

/// Without a word on answers, each is good: as it has always been.
#[tokio::test(start_paused = true)]
async fn by_default_every_answer_is_good() {
    let balancer = balancer("abc").await;
    let retry = Retry::attempts(3).unwrap();
    let attempt = async |client: Attempt<String>| Answer::Ok(Response::new(503, &client));
    let answer = balancer.call(&retry, attempt).await.unwrap();
    assert_eq!((answer.attempt, sums(&balancer)), (1, (0, 0)));
}

/// A service that refuses in no time must not make calls hedge in no time.
#[tokio::test(start_paused = true)]
async fn refusals_do_not_shorten_the_delay_of_hedges() {
    let balancer = balancer("abc").await;
    let retry = Retry::new(RetryPolicy::new(1).unwrap())
        .hedge(LatencyPercentile::new(950).unwrap(), 1)
        .unwrap()
        .accept(by_status);
    for (status, took) in [(200, 40), (404, 1)] {
        for _ in 0..100 {
            let attempt = async |client: Attempt<String>| {
                pass(ms(took)).await;
                Answer::Ok(Response::new(status, &client))
            };
            assert_eq!(balancer.call(&retry, attempt).await.unwrap().status, status);
        }
    }
    let before = Instant::now();
    let attempt = async |client: Attempt<String>| {
        pass(ms(if client.is_hedge() { 1 } else { 10_000 })).await;
        Answer::Ok(Response::new(200, &client))
    };
    assert_eq!(balancer.call(&retry, attempt).await.unwrap().attempt, 2);
    assert!(before.elapsed() >= ms(39), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_an_answer_leaves_nothing_in_flight() {
    for names in SETS {
        let balancer = balancer(names).await;
        let policy = at_once(3).with_hedging(Hedging::new(ms(1), 2).unwrap());
        let judges = tokio::spawn({
            let balancer = balancer.clone();
            async move {
                let retry = Retry::new(policy);
                let retry = retry.accept(|_: &Response| -> Verdict { panic!("undecided") });
                let attempt = async |client: Attempt<String>| {
                    pass(ms(50)).await;
                    Answer::Ok(Response::new(200, &client))
                };
                balancer.call(&retry, attempt).await.is_ok()
            }
        });
        assert!(judges.await.unwrap_err().is_panic());
        assert_eq!(sums(&balancer), (0, 0), "{names}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_callers_counts_against_nobody_and_giving_up_does() {
    for panics in [true, false] {
        let balancer = balancer_with("abc", "round_robin", Config::default()).await;
        let retry = Retry::new(at_once(1));
        for _ in 0..150 {
            let call = tokio::spawn({
                let (balancer, retry) = (balancer.clone(), retry.clone());
                async move {
                    let attempt = async |client: Attempt<String>| {
                        pass(ms(1)).await;
                        if *client == "a" {
                            assert!(!panics, "a fault of the caller's");
                            forever::<()>().await;
                        }
                        Answer::Ok(Response::new(200, &client))
                    };
                    let _ = tokio::time::timeout(ms(5), balancer.call(&retry, attempt)).await;
                }
            });
            assert!(call.await.is_ok() || panics);
        }
        let ejected = matches!(status(&balancer, "a").health, Health::Ejected { .. });
        assert_eq!(ejected, !panics, "panics: {panics}");
        assert_eq!(sums(&balancer).0, 0);
    }
}
