//! Stacks of tower's layers around the balanced service, and around each attempt.

use core::time::Duration;

use evenkeel::tower::{BalanceLayer, BalanceService, Direct};
use evenkeel::{CallError, Verdict};
use futures_util::future::join_all;
use tower::timeout::error::Elapsed;
use tower::{BoxError, ServiceBuilder, ServiceExt};

use crate::{Broken, Log, at_once, balancer, ms};

#[tokio::test(start_paused = true)]
async fn a_timeout_around_it_ends_the_call_and_frees_the_endpoint() {
    let log = Log::default();
    let balancer = balancer(&["hangs"], &log).await;
    let service = ServiceBuilder::new()
        .timeout(ms(100))
        .service(BalanceService::new(balancer.clone()).retry(at_once(3)));
    let error = service.oneshot(1).await.unwrap_err();
    assert!(error.downcast_ref::<Elapsed>().is_some(), "{error}");
    assert_eq!(balancer.endpoints()[0].in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_within_ends_the_attempt_and_another_follows() {
    let log = Log::default();
    let balancer = balancer(&["hangs", "good"], &log).await;
    let slow = |error: &BoxError| match error.downcast_ref::<Elapsed>() {
        Some(_) => Verdict::TimedOut,
        None => Verdict::RetryableFailure,
    };
    let service = ServiceBuilder::new()
        .layer(BalanceLayer::new(balancer).retry(at_once(2).classify(slow)))
        .timeout(ms(100))
        .service(Direct);
    let began = tokio::time::Instant::now();
    for _ in 0..4 {
        assert_eq!(service.clone().oneshot(1).await.unwrap(), "good");
    }
    assert!(log.of("hangs") >= 1);
    assert!(began.elapsed() <= ms(100) * log.of("hangs") as u32, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn limits_bound_the_calls_of_all_clones() {
    let log = Log::default();
    let balancer = balancer(&["hangs"], &log).await;
    let service = ServiceBuilder::new()
        .concurrency_limit(2)
        .timeout(ms(100))
        .service(BalanceService::new(balancer).retry(at_once(1)));
    let began = tokio::time::Instant::now();
    let ask = || service.clone().oneshot(1);
    let ended = join_all([ask(), ask(), ask(), ask()]).await;
    assert!(ended.iter().all(Result::is_err));
    // Two by two.
    assert_eq!(began.elapsed(), ms(200));
}

#[tokio::test(start_paused = true)]
async fn load_is_shed_while_there_is_no_endpoint() {
    let (publisher, source) = evenkeel::Publisher::new();
    let client = async |_| Ok::<_, Broken>(tower::service_fn(async |n: u32| Ok::<_, Broken>(n)));
    let balancer = evenkeel::Balancer::builder(source).build(client).unwrap();
    let service =
        ServiceBuilder::new().load_shed().service(BalanceService::new(balancer.clone()).queue(1));
    let waits = tokio::spawn(service.clone().oneshot(1));
    tokio::time::sleep(ms(10)).await;
    let error = service.clone().oneshot(2).await.unwrap_err();
    assert!(error.is::<tower::load_shed::error::Overloaded>(), "{error}");
    publisher.replace([evenkeel::Endpoint::new("a:80".parse().unwrap())]);
    assert_eq!(waits.await.unwrap().unwrap(), 1);
    balancer.ready().await;
    assert_eq!(service.oneshot(3).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_buffer_shares_it_among_tasks() {
    let log = Log::default();
    let balancer = balancer(&["b1", "good"], &log).await;
    let service = ServiceBuilder::new()
        .buffer(16)
        .timeout(Duration::from_secs(1))
        .service(BalanceService::new(balancer).retry(at_once(2)));
    let calls = (0..50).map(|n| tokio::spawn(service.clone().oneshot(n)));
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().unwrap(), "good");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_come_through_a_stack_as_they_are() {
    let log = Log::default();
    let balancer = balancer(&["b1"], &log).await;
    let service = ServiceBuilder::new()
        .buffer(4)
        .load_shed()
        .timeout(Duration::from_secs(1))
        .service(BalanceService::new(balancer).retry(at_once(2)));
    let error = service.oneshot(1).await.unwrap_err();
    let call = error.downcast_ref::<CallError<evenkeel::tower::EndpointError>>();
    assert_eq!(call.expect("it is the call's").attempts.len(), 2);
    assert!(error.source().is_some());
}
