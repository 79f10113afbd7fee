//! A source of endpoints as one of tower's discoveries.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use evenkeel::tower::IntoDiscover;
use evenkeel::{Balancer, Endpoint, Publisher, Target};
use tower::discover::{Change, Discover};
use tower::load::{CompleteOnResponse, PendingRequestsDiscover};
use tower::{Service, ServiceExt, service_fn};

use crate::{Broken, ms};

fn endpoint(text: &str) -> Endpoint<Target> {
    Endpoint::new(text.parse().unwrap())
}

type Names = Pin<Box<IntoDiscover<String>>>;

fn discover() -> (Publisher, Names) {
    let (publisher, source) = Publisher::new();
    let name = |endpoint: &Endpoint<Target>| format!("service of {}", endpoint.addr);
    (publisher, Box::pin(IntoDiscover::new(source, name).unwrap()))
}

async fn next(discover: &mut Names) -> Option<(char, String)> {
    let change = poll_fn(|cx| discover.as_mut().poll_discover(cx)).await?;
    Some(match change.unwrap() {
        Change::Insert(target, service) => {
            assert_eq!(service, format!("service of {target}"));
            ('+', target.to_string())
        }
        Change::Remove(target) => ('-', target.to_string()),
    })
}

fn told(sign: char, target: &str) -> (char, String) {
    (sign, target.to_owned())
}

/// Lets the balancer's task run, and finds that nothing is told.
async fn nothing(discover: &mut Names) {
    tokio::time::sleep(ms(100)).await;
    let polled = discover.as_mut().poll_discover(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending));
}

#[tokio::test(start_paused = true)]
async fn endpoints_are_inserted_and_removed() {
    let (publisher, mut discover) = discover();
    nothing(&mut discover).await;
    publisher.replace(["a:1", "b:1"].map(endpoint));
    assert_eq!(next(&mut discover).await.unwrap(), told('+', "a:1"));
    assert_eq!(next(&mut discover).await.unwrap(), told('+', "b:1"));
    publisher.replace(["b:1", "c:1"].map(endpoint));
    let mut both = [next(&mut discover).await.unwrap(), next(&mut discover).await.unwrap()];
    both.sort();
    assert_eq!(both, [told('+', "c:1"), told('-', "a:1")]);
    // Another weight is nothing to tower.
    publisher.upsert(endpoint("b:1").with_weight(5));
    nothing(&mut discover).await;
}

#[tokio::test(start_paused = true)]
async fn what_drains_is_removed_and_may_come_back() {
    let (publisher, mut discover) = discover();
    publisher.replace(["a:1", "b:1"].map(endpoint));
    next(&mut discover).await;
    next(&mut discover).await;
    publisher.upsert(endpoint("a:1").with_draining(true));
    assert_eq!(next(&mut discover).await.unwrap(), told('-', "a:1"));
    publisher.upsert(endpoint("a:1").with_weight(0));
    nothing(&mut discover).await;
    publisher.upsert(endpoint("a:1"));
    assert_eq!(next(&mut discover).await.unwrap(), told('+', "a:1"));
}

#[tokio::test(start_paused = true)]
async fn errors_and_the_end_of_the_source_remove_nobody() {
    let (publisher, mut discover) = discover();
    publisher.replace([endpoint("a:1")]);
    assert_eq!(next(&mut discover).await.unwrap(), told('+', "a:1"));
    publisher.fail("the registry is away");
    nothing(&mut discover).await;
    drop(publisher);
    nothing(&mut discover).await;
}

#[tokio::test(start_paused = true)]
async fn it_follows_a_balancer_until_that_is_dropped() {
    let (publisher, source) = Publisher::new();
    let client = async |target: Target| Ok::<_, Broken>(target);
    let balancer = Balancer::builder(source).build(client).unwrap();
    let name = |endpoint: &Endpoint<Target>| format!("service of {}", endpoint.addr);
    let mut discover = Box::pin(IntoDiscover::following(&balancer, name));
    publisher.replace([endpoint("a:1")]);
    assert_eq!(next(&mut discover).await.unwrap(), told('+', "a:1"));
    drop(balancer);
    assert_eq!(next(&mut discover).await, None);
    // As does tower's balancer, at each request.
    assert_eq!(next(&mut discover).await, None);
}

#[test]
fn outside_a_runtime_it_says_so() {
    let (_publisher, source) = Publisher::new();
    let error = IntoDiscover::new(source, |_| ()).unwrap_err();
    assert_eq!(error, evenkeel::BuildError::NoRuntime);
}

#[tokio::test(start_paused = true)]
async fn towers_own_balancer_takes_it() {
    let (publisher, source) = Publisher::new();
    let service = |endpoint: &Endpoint<Target>| {
        let name = endpoint.addr.to_string();
        service_fn(move |_: u32| {
            let name = name.clone();
            async { Ok::<_, Broken>(name) }
        })
    };
    let discover = Box::pin(IntoDiscover::new(source, service).unwrap());
    let discover = PendingRequestsDiscover::new(discover, CompleteOnResponse::default());
    let mut balance = tower::balance::p2c::Balance::new(discover);
    publisher.replace([endpoint("a:1")]);
    assert_eq!(balance.ready().await.unwrap().call(1).await.unwrap(), "a:1");
    publisher.replace([endpoint("b:1")]);
    tokio::time::sleep(ms(100)).await;
    assert_eq!(balance.ready().await.unwrap().call(1).await.unwrap(), "b:1");
}
