//! Small outages through the atomics and tallies of the tokio balancer, in variations of size,
//! policy, weight and calls at a time. The core's own are in `core/tests`.

use std::collections::{BTreeSet, VecDeque};

use evenkeel::core::Instant;
use evenkeel::core::retry::Unlimited;
use evenkeel::health::Health;
use evenkeel::{
    AnyPolicy, Attempt, Balancer, Book, Budget, Config, Endpoint, Fixed, Lease, Retry, Target,
    Verdict,
};
use futures_util::future::join_all;

use crate::{Text, at_once, balancer_of, ms, pass, status};

const POLICIES: [&str; 4] = ["peak_ewma", "least_request", "round_robin", "weighted_random"];
const SIZES: [usize; 6] = [1, 2, 3, 5, 10, 1_000];

fn by_error(verdict: &Verdict) -> Verdict {
    *verdict
}

/// A balancer of "a" and so many others that there are `size`.
async fn sized(size: usize, policy: &str) -> Text {
    let others = (1..size).map(|number| format!("other-{number}"));
    let names = core::iter::once("a".to_owned()).chain(others).collect();
    balancer_of(names, policy, Config::DEFAULT).await
}

/// One attempt at a time; those at "a" end like this, and others well.
async fn calls(balancer: &Text, count: usize, verdict: Verdict) {
    let retry = Retry::new(at_once(1)).classify(by_error);
    for _ in 0..count {
        let attempt = async |client: Attempt<String>| match &**client {
            "a" => Err(verdict),
            _ => Ok(()),
        };
        let _ = balancer.call(&retry, attempt).await;
    }
    pass(ms(1)).await;
}

/// A total outage and 3 attempts: at most 3 + 3 requests a call, and at most 1 + 3 once the budget
/// is empty; never the same endpoint while there is another.
#[tokio::test(start_paused = true)]
async fn a_total_outage_of_what_takes_no_connections_multiplies_no_load() {
    for size in SIZES {
        for policy in POLICIES {
            let balancer = sized(size, policy).await;
            let free = 3.min(size - 1);
            for (budgeted, most) in [(false, 3 + free), (true, 1 + free)] {
                for at_a_time in [1, 16, 64] {
                    let retry = Retry::new(at_once(3)).classify(by_error);
                    let retry =
                        if budgeted { retry.budget(Nothing) } else { retry.budget(Unlimited) };
                    let call = async |_| {
                        let mut sent = Vec::new();
                        let attempt = |client: Attempt<String>| {
                            sent.push(client.clone());
                            async {
                                tokio::task::yield_now().await;
                                Err::<(), _>(Verdict::NeverSent)
                            }
                        };
                        balancer.call(&retry, attempt).await.unwrap_err();
                        sent
                    };
                    for sent in join_all((0..at_a_time).map(call)).await {
                        assert_eq!(sent.len(), most, "{policy} {size}: {sent:?}");
                        let others: BTreeSet<_> = sent.iter().collect();
                        assert_eq!(others.len(), size.min(most), "{policy} {size}: {sent:?}");
                    }
                }
            }
        }
    }
}

/// Grants nothing.
#[derive(Debug)]
struct Nothing;

impl Budget for Nothing {
    fn on_call(&mut self, _: Instant) {}

    fn on_verdict(&mut self, _: Instant, _: Verdict) {}

    fn withdraw(&mut self, _: Instant) -> bool {
        false
    }
}

/// A write that must not be repeated still tells that the endpoint is broken.
#[tokio::test(start_paused = true)]
async fn one_whose_writes_always_fail_is_ejected_after_five() {
    for size in &SIZES[1..] {
        for policy in &POLICIES[1..] {
            let balancer = sized(*size, policy).await;
            // The task has to run in between, as it does beside requests that take time.
            for _ in 0..40 * size {
                calls(&balancer, 1, Verdict::NonRetryableFailure).await;
                if matches!(status(&balancer, "a").health, Health::Ejected { .. }) {
                    break;
                }
            }
            let a = status(&balancer, "a");
            let ejected = matches!(a.health, Health::Ejected { .. });
            assert_eq!((ejected, a.failures), (true, 5), "{policy} {size}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_at_fault_does_not_end_a_row_of_failures() {
    for size in &SIZES[1..] {
        let balancer = sized(*size, "round_robin").await;
        calls(&balancer, 4 * size, Verdict::RetryableFailure).await;
        calls(&balancer, *size, Verdict::Ignorable).await;
        assert_eq!(status(&balancer, "a").health, Health::Healthy, "{size}");
        calls(&balancer, *size, Verdict::RetryableFailure).await;
        let health = status(&balancer, "a").health;
        assert!(matches!(health, Health::Ejected { .. }), "{size}: {health:?}");
    }
}

/// Shares are by weight with constant, equal answer times, however many are in flight.
#[tokio::test(start_paused = true)]
async fn shares_are_by_weight_one_request_at_a_time_and_a_hundred() {
    for policy in ["peak_ewma", "least_request", "weighted_random", "weighted_round_robin"] {
        for weights in [&[1_u32, 2][..], &[1, 10], &[1, 10, 10, 10], &[100, 99]] {
            for at_a_time in [1, 20, 100] {
                let endpoints = weights.iter().enumerate().map(|(index, weight)| {
                    let name = format!("{}:80", char::from(b'a' + index as u8));
                    Endpoint::new(name.parse::<Target>().unwrap()).with_weight(*weight)
                });
                let balancer = Balancer::builder(Fixed::from(endpoints.collect::<Vec<_>>()))
                    .policy(policy.parse::<AnyPolicy>().unwrap())
                    .config(Config { book: Book::Off, ..Config::DEFAULT })
                    .seed(1)
                    .build_with(|target| target.host().to_owned())
                    .unwrap();
                balancer.ready().await;
                let picks = 10_000;
                let (mut open, mut hits) = (VecDeque::new(), 0);
                for _ in 0..picks {
                    if open.len() == at_a_time {
                        let lease: Option<Lease<String>> = open.pop_front();
                        lease.unwrap().success();
                    }
                    let pick = balancer.pick().unwrap();
                    hits += u64::from(pick.with(|name| name == "a"));
                    open.push_back(pick.lease());
                    tokio::time::advance(ms(20) / at_a_time as u32).await;
                }
                let fair = picks * u64::from(weights[0]) / u64::from(weights.iter().sum::<u32>());
                assert!(
                    hits * 100 >= fair * 85 && hits * 100 <= fair * 115,
                    "{policy} {weights:?} {at_a_time}: {hits} instead of {fair}"
                );
            }
        }
    }
}
