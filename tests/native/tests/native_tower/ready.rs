//! When the service is ready: with a candidate, or with room in its queue.

use evenkeel::tower::{BalanceService, SharedService};
use evenkeel::{Balancer, End, Endpoint, PickError, Publisher, Target};
use tower::{Service, ServiceExt};

use crate::{Broken, Log, Named, at_once, balancer, is_ready, ms};

type Waiting = BalanceService<SharedService<Named>, u32>;

/// A service without any endpoint, and who can tell it some.
fn without_endpoints(queue: usize) -> (Publisher, Waiting) {
    let (publisher, source) = Publisher::new();
    let client = async |target: Target| {
        let named = Named { name: target.host().to_owned(), log: Log::default() };
        Ok::<_, Broken>(SharedService::new(named))
    };
    let balancer = Balancer::builder(source).build(client).unwrap();
    (publisher, BalanceService::new(balancer).queue(queue))
}

fn endpoint(name: &str) -> Endpoint<Target> {
    Endpoint::new(Target::new(name, 80).unwrap())
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_when_there_is_a_candidate() {
    let (publisher, mut service) = without_endpoints(0);
    assert!(!is_ready::<u32, _>(&mut service));
    let mut waiting = tokio::spawn({
        let service = service.clone();
        async move { service.oneshot(1).await.unwrap() }
    });
    assert!(tokio::time::timeout(ms(10_000), &mut waiting).await.is_err());
    publisher.replace([endpoint("a")]);
    assert_eq!(waiting.await.unwrap(), "a");
    assert!(is_ready::<u32, _>(&mut service));
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_a_call_that_was_not_ready_fails() {
    let (_publisher, mut service) = without_endpoints(0);
    let error = service.call(1).await.unwrap_err();
    assert_eq!(error.end, End::NoEndpoints);
    assert!(matches!(error.unavailable, Some(PickError::NoEndpoints { .. })), "{error}");
}

#[tokio::test(start_paused = true)]
async fn so_many_calls_wait_as_the_queue_has_room_for() {
    let (publisher, service) = without_endpoints(2);
    let mut clones = [service.clone(), service.clone(), service.clone()];
    // Ready means a place: the third has none.
    let ready = clones.each_mut().map(is_ready::<u32, _>);
    assert_eq!(ready, [true, true, false]);
    let [mut first, second, mut third] = clones;
    let waiting = tokio::spawn(first.call(1));
    // A clone that is dropped gives its place back, and the third gets it.
    drop(second);
    third.ready().await.unwrap();
    let also = tokio::spawn(third.call(2));
    assert!(!is_ready::<u32, _>(&mut service.clone()));
    tokio::time::sleep(ms(1_000)).await;
    assert!(!waiting.is_finished() && !also.is_finished());
    publisher.replace([endpoint("a")]);
    assert_eq!(waiting.await.unwrap().unwrap(), "a");
    assert_eq!(also.await.unwrap().unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_in_vain_ends_with_its_time() {
    let (_publisher, service) = without_endpoints(1);
    let policy = evenkeel::RetryPolicy::new(3).unwrap().with_timeout(ms(500)).unwrap();
    let mut service = service.retry(evenkeel::Retry::new(policy));
    let began = tokio::time::Instant::now();
    let error = service.ready().await.unwrap().call(1).await.unwrap_err();
    assert_eq!((error.end, began.elapsed()), (End::Deadline, ms(500)));
}

#[tokio::test(start_paused = true)]
async fn readiness_takes_nobodys_turn() {
    let log = Log::default();
    let balancer = balancer(&["a", "c"], &log).await;
    let mut service = BalanceService::new(balancer).retry(at_once(2));
    for _ in 0..10 {
        for _ in 0..3 {
            assert!(is_ready::<u32, _>(&mut service));
        }
        service.call(1).await.unwrap();
    }
    // The pick is the call's: readiness in between changes nothing about how calls are spread.
    assert_eq!(log.len(), 10);
    let in_flight = |service: &BalanceService<_, u32, _, _, _>| {
        service.balancer().endpoints().iter().map(|status| status.in_flight).sum::<u32>()
    };
    assert!(is_ready::<u32, _>(&mut service));
    assert_eq!(in_flight(&service), 0);
}

#[tokio::test(start_paused = true)]
async fn what_left_after_readiness_is_not_called() {
    let (publisher, mut service) = without_endpoints(0);
    publisher.replace([endpoint("a")]);
    service.ready().await.unwrap();
    publisher.replace([endpoint("c")]);
    let is_c = |status: &evenkeel::Status| status.target.host() == "c" && status.candidate;
    while !service.balancer().endpoints().iter().all(is_c) {
        tokio::time::sleep(ms(1)).await;
    }
    assert_eq!(service.call(1).await.unwrap(), "c");
}
