//! One bad upstream of four, 400 GETs, 8 at a time: with the defaults, no request sees it, and it is
//! asked a few times only. The same rows as in JavaScript's `bench/upstreams.mjs`.

use core::future::Future;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use evenkeel::http::{Client, Connections};
use evenkeel::reqwest::{ClientWithBalancer, Origins};
use evenkeel::{Balancer, Factory, Fixed};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Act, Server, within};

const REQUESTS: usize = 400;
const AT: usize = 8;

/// How the bad one answers.
fn faults() -> [(&'static str, Option<Act>); 6] {
    [
        ("always 500", Some(Act::Answer(500, "", "bad"))),
        ("+200 ms", Some(Act::After(Duration::from_millis(200)))),
        ("closed port", None),
        ("hangs", Some(Act::Hang)),
        ("503, Retry-After: 1", Some(Act::Answer(503, "Retry-After: 1\r\n", "busy"))),
        ("reset in the body", Some(Act::Cut(200))),
    ]
}

/// One bad one and three good ones.
struct Upstreams {
    bad: SocketAddr,
    _bad: Option<Server>,
    good: [Server; 3],
}

impl Upstreams {
    async fn new(fault: Option<Act>) -> Self {
        let mut server = None;
        let bad = if let Some(act) = fault {
            server.insert(Server::always(act).await).addr
        } else {
            let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            nobody.local_addr().expect("an address")
        };
        let good = async || Server::always(Act::OK).await;
        let good = [good().await, good().await, good().await];
        Self { bad, _bad: server, good }
    }

    async fn balancer<F: Factory>(&self, factory: F) -> Balancer<F::Client> {
        let all = self.good.iter().map(|server| server.addr).chain([self.bad]);
        let source = Fixed::new(all.map(|addr| addr.to_string())).expect("addresses");
        let balancer = Balancer::builder(source).seed(7).build(factory).expect("a runtime");
        within(balancer.ready()).await;
        balancer
    }
}

/// Makes all requests; returns how many were not answered well.
async fn errors<Fut>(get: impl Fn() -> Fut) -> usize
where
    Fut: Future<Output = bool> + Send + 'static,
{
    let (room, mut gets) = (Arc::new(Semaphore::new(AT)), JoinSet::new());
    for _ in 0..REQUESTS {
        let place = within(Arc::clone(&room).acquire_owned()).await.expect("it is never closed");
        let get = get();
        gets.spawn(async move {
            let good = within(get).await;
            drop(place);
            good
        });
    }
    gets.join_all().await.into_iter().filter(|good| !good).count()
}

/// Counts the attempts that went to one endpoint.
fn hits<C: Send + Sync>(balancer: &Balancer<C>, to: SocketAddr) -> u64 {
    let all = balancer.endpoint_stats();
    let one = all.iter().find(|stats| stats.target.socket_addr() == Some(to));
    one.expect("it is known").attempts
}

#[tokio::test]
async fn no_request_sees_it() {
    for (fault, act) in faults() {
        // Nobody is there to count: what never left is no answer time, and ends in an ejection.
        let closed = act.is_none();
        let upstreams = Upstreams::new(act).await;
        let client = Client::new(upstreams.balancer(Connections::default()).await);
        let get = || {
            let client = client.clone();
            async move {
                let Ok(response) = client.get("/").send().await else { return false };
                response.status() == 200 && response.into_body().bytes(100).await.is_ok()
            }
        };
        assert_eq!(errors(get).await, 0, "{fault}");
        let hits = hits(client.balancer(), upstreams.bad);
        println!("http::Client, {fault}: {hits} hits, no errors");
        assert!(closed || (1..=5).contains(&hits), "{fault}: {hits} hits");
    }
}

#[tokio::test]
async fn no_request_over_reqwest_sees_it_but_those_that_have_half_of_a_body() {
    for (fault, act) in faults() {
        let (breaks, closed) = (matches!(act, Some(Act::Cut(_))), act.is_none());
        let upstreams = Upstreams::new(act).await;
        let balancer = upstreams.balancer(Origins::http()).await;
        let inner = reqwest::Client::builder().no_proxy().build().expect("a client");
        let client = ClientWithBalancer::new(inner, balancer);
        let get = || {
            let client = client.clone();
            async move {
                let Ok(response) = client.get("/").send().await else { return false };
                response.status() == 200 && response.bytes().await.is_ok()
            }
        };
        let errors = errors(get).await as u64;
        let hits = hits(client.balancer(), upstreams.bad);
        println!("ClientWithBalancer, {fault}: {hits} hits, {errors} errors");
        assert!(closed || (1..=5).contains(&hits), "{fault}: {hits} hits");
        // `reqwest` collects a body itself: it has the first half by then.
        assert_eq!(errors, if breaks { hits } else { 0 }, "{fault}");
    }
}
