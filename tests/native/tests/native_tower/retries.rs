//! Retries of the balanced service: which requests, where, and what is told.

use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;

use evenkeel::core::hash;
use evenkeel::tower::{BalanceLayer, BalanceService, Directed, EndpointError, SharedService};
use evenkeel::{Cause, End, Retry, RetryPolicy, Verdict};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use crate::{Broken, Clients, Log, Named, at_once, balancer, ms};

fn in_flight(balancer: &Clients) -> u32 {
    balancer.endpoints().iter().map(|status| status.in_flight).sum()
}

#[tokio::test(start_paused = true)]
async fn clones_go_elsewhere_until_one_is_answered() {
    let log = Log::default();
    let balancer = balancer(&["b1", "b2", "good"], &log).await;
    let service = BalanceService::new(balancer.clone()).retry(at_once(3));
    for _ in 0..3 {
        assert_eq!(service.clone().oneshot(7).await.unwrap(), "good");
    }
    assert!(log.len() > 3);
    assert_eq!(in_flight(&balancer), 0);
}

#[tokio::test(start_paused = true)]
async fn by_default_a_request_is_sent_once() {
    let log = Log::default();
    let balancer = balancer(&["b1", "b2"], &log).await;
    let error = BalanceService::new(balancer).oneshot(7).await.unwrap_err();
    assert_eq!((error.end, error.attempts.len(), log.len()), (End::Attempts, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_function_says_which_requests_may_be_sent_again() {
    let log = Log::default();
    let balancer = balancer(&["b1", "b2", "b3"], &log).await;
    let retry = at_once(3).classify(|_: &Broken| Verdict::NeverSent);
    let again = |request: &u32| (*request > 10).then_some(*request);
    let service = BalanceService::new(balancer).retry_by(retry, again);
    let error = service.clone().oneshot(5).await.unwrap_err();
    assert_eq!((error.attempts.len(), log.len()), (1, 1));
    let error = service.oneshot(50).await.unwrap_err();
    assert!(error.attempts.len() >= 3, "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_holds_for_requests_that_are_sent_once() {
    let log = Log::default();
    let balancer = balancer(&["hangs"], &log).await;
    let policy = RetryPolicy::new(3).unwrap().with_timeout(ms(300)).unwrap();
    let service = BalanceService::new(balancer).retry_by(Retry::new(policy), |_: &u32| None);
    let began = tokio::time::Instant::now();
    let error = service.oneshot(1).await.unwrap_err();
    assert_eq!((error.end, began.elapsed(), log.len()), (End::Deadline, ms(300), 1));
}

#[tokio::test(start_paused = true)]
async fn errors_keep_what_the_endpoints_said() {
    let log = Log::default();
    let balancer = balancer(&["b1", "b2"], &log).await;
    let service = BalanceService::new(balancer).retry(at_once(2));
    let error = service.oneshot(1).await.unwrap_err();
    let cause = |cause: &Cause<EndpointError>| match cause {
        Cause::Failed(error) => error.get_ref().downcast_ref() == Some(&Broken),
        Cause::TimedOut | Cause::GivenUp => false,
    };
    assert!(error.attempts.len() == 2 && error.attempts.iter().all(|one| cause(&one.cause)));
    let boxed: BoxError = error.into();
    let endpoint = boxed.source().and_then(|error| error.source()).unwrap();
    assert!(endpoint.downcast_ref::<Broken>().is_some(), "{boxed}");
}

#[tokio::test(start_paused = true)]
async fn verdicts_are_those_of_the_retry() {
    let log = Log::default();
    let balancer = balancer(&["b1", "b2"], &log).await;
    let fatal = at_once(3).classify(|_: &Broken| Verdict::Ignorable);
    let error = BalanceService::new(balancer.clone()).retry(fatal).oneshot(1).await.unwrap_err();
    assert_eq!((error.end, log.len()), (End::Ignorable, 1));
    let log = Log::default();
    let balancer = crate::balancer(&["a", "c"], &log).await;
    let never = at_once(2).accept(|_: &String| Verdict::RetryableFailure);
    // Out of attempts, the last answer is the call's.
    BalanceService::new(balancer).retry(never).oneshot(1).await.unwrap();
    assert_eq!((log.of("a"), log.of("c")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_endpoint_counts_as_busy_as_long_as_the_response_is_awaited() {
    let log = Log::default();
    let balancer = balancer(&["hangs"], &log).await;
    let mut service = BalanceService::new(balancer.clone()).retry(at_once(2));
    let mut response = service.call(1);
    assert!(tokio::time::timeout(ms(50), &mut response).await.is_err());
    assert_eq!(in_flight(&balancer), 1);
    drop(response);
    assert_eq!(in_flight(&balancer), 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_keeps_requests_together() {
    let log = Log::default();
    let clients = balancer(&["a", "c", "d", "e"], &log).await;
    drop(clients);
    let targets = evenkeel::Fixed::new(["a:80", "c:80", "d:80", "e:80"]).unwrap();
    let name = async |target: evenkeel::Target| Ok::<_, Broken>(target.host().to_owned());
    let balancer = evenkeel::Balancer::builder(targets)
        .policy(evenkeel::Rendezvous::new())
        .build(name)
        .unwrap();
    balancer.ready().await;
    let echo = service_fn(async |sent: Directed<String, String>| {
        Ok::<_, Broken>(format!("{} {}", *sent.attempt, sent.request))
    });
    let layer = BalanceLayer::new(balancer).key(|user: &String| Some(hash::str(user)));
    let service = layer.layer(echo);
    let mut hosts = std::collections::BTreeSet::new();
    for user in 0..40 {
        let ask = || service.clone().oneshot(format!("user{user}"));
        let first = ask().await.unwrap();
        assert!(first.ends_with(&format!(" user{user}")));
        for _ in 0..3 {
            assert_eq!(ask().await.unwrap(), first);
        }
        hosts.insert(first.split(' ').next().unwrap().to_owned());
    }
    assert_eq!(hosts.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_layers_service_gets_each_attempt_with_its_endpoint() {
    let log = Log::default();
    let balancer = balancer(&["a", "c"], &log).await;
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let inner = service_fn(move |sent: Directed<SharedService<Named>, u32>| {
        let number = counted.fetch_add(1, SeqCst);
        let seen = (sent.attempt.number(), sent.attempt.target().host().to_owned(), sent.request);
        async move { if number == 0 { Err(Broken) } else { Ok(seen) } }
    });
    let service = BalanceLayer::new(balancer).retry(at_once(2)).layer(inner);
    let (number, host, request) = service.oneshot(9).await.unwrap();
    assert_eq!((number, request), (2, 9));
    assert!(["a", "c"].contains(&&*host));
    // Its own client was not asked.
    assert_eq!(log.len(), 0);
}
