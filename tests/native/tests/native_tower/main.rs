//! The balanced tower service: readiness, retries, stacks of layers, and tower's discovery both ways.
//!
//! Time is tokio's paused clock, which jumps to the next timer when nothing else can run.

mod discover_from;
mod discover_into;
mod ready;
mod retries;
mod stacks;

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use evenkeel::tower::SharedService;
use evenkeel::{Backoff, Balancer, Fixed, Retry, RetryPolicy, Target};
use tower::Service;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// At once, without waits in between.
pub(crate) fn at_once(attempts: u32) -> Retry {
    Retry::new(RetryPolicy::new(attempts).unwrap().with_backoff(Backoff::None).unwrap())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl core::error::Error for Broken {}

/// What endpoints were asked: their names and the requests.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(String, u32)>>>);

impl Log {
    pub(crate) fn of(&self, name: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|(asked, _)| asked == name).count()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// An endpoint's client: named `b…`, it is broken; `h…`, it hangs; others answer with their name.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) log: Log,
}

impl Service<u32> for Named {
    type Response = String;
    type Error = Broken;
    type Future = Pin<Box<dyn Future<Output = Result<String, Broken>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Self::Future {
        let Self { name, log } = self.clone();
        log.0.lock().unwrap().push((name.clone(), request));
        Box::pin(async move {
            match name.as_bytes()[0] {
                b'b' => Err(Broken),
                b'h' => core::future::pending().await,
                _ => Ok(name),
            }
        })
    }
}

pub(crate) type Clients = Balancer<SharedService<Named>>;

/// A balancer over these endpoints, which counts requests in flight.
pub(crate) async fn balancer(names: &[&str], log: &Log) -> Clients {
    let targets = Fixed::new(names.iter().map(|name| format!("{name}:80"))).unwrap();
    let log = log.clone();
    let client = move |target: Target| {
        let named = Named { name: target.host().to_owned(), log: log.clone() };
        async { Ok::<_, Broken>(SharedService::new(named)) }
    };
    let policy = "least_request".parse().unwrap();
    let builder: evenkeel::Builder<_, evenkeel::AnyPolicy> =
        Balancer::builder(targets).policy(policy);
    let balancer = builder.seed(1).build(client).unwrap();
    balancer.ready().await;
    balancer
}

/// Polls a service's readiness once.
pub(crate) fn is_ready<Req, S: Service<Req>>(service: &mut S) -> bool {
    service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready()
}
