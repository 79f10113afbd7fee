//! The HTTP client against real servers: some do their work, others all that servers should not.
//!
//! Real sockets, so real time: what is to happen is waited for.

mod answers;
mod bodies;
mod broken;
mod first;
mod json;
mod late;
mod over_reqwest;
mod pools;
mod requests;
mod responses;
mod secure;
mod server;
mod upgrades;
mod upstreams;
mod waits;

use core::net::SocketAddr;
use core::time::Duration;

use evenkeel::http::{Client, Connections, Pool};
use evenkeel::{Balancer, Cx, Fixed, Policy, Retry, RetryPolicy, Status, View, core::load::Ewma};

pub(crate) use evenkeel_tests::bed::PATIENCE;
pub(crate) use server::{Act, Server};

/// The first by its address; and the next where that has been tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InOrder;

impl Policy for InOrder {
    type Load = Ewma;

    fn pick(&self, view: &dyn View, _cx: &mut Cx<'_>) -> Option<usize> {
        let mut slot = view.after(None);
        while slot.is_some_and(|slot| !view.has(slot)) {
            slot = view.after(slot);
        }
        slot
    }
}

/// Waits for what is to happen.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it happens in time")
}

/// Waits until that is so.
pub(crate) async fn until(is: impl Fn() -> bool) {
    within(async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// A balancer over these, by this policy.
pub(crate) async fn balancer<P: Policy + Clone + Send + Sync + 'static>(
    policy: P,
    addrs: &[SocketAddr],
    connections: Connections,
) -> Balancer<Pool, P> {
    let source = Fixed::new(addrs.iter().map(ToString::to_string)).expect("addresses");
    let balancer = Balancer::builder(source).policy(policy).build(connections).expect("a runtime");
    within(balancer.ready()).await;
    balancer
}

/// A client that goes to the first of these, and to the others when it fails; quickly.
pub(crate) async fn client(servers: &[&Server]) -> Client<InOrder> {
    let mut addrs: Vec<_> = servers.iter().map(|server| server.addr).collect();
    // They come in the order of their addresses; so do the roles that tests give them.
    assert!(addrs.is_sorted(), "{addrs:?}");
    addrs.dedup();
    let balancer = balancer(InOrder, &addrs, Connections::default()).await;
    Client::new(balancer).with_retry(quick(3))
}

/// So many attempts, without long waits between them.
pub(crate) fn quick(attempts: u32) -> Retry {
    let policy = RetryPolicy::new(attempts).expect("above 0");
    let millis = Duration::from_millis;
    let backoff = evenkeel::Backoff::exponential(millis(1), millis(5));
    Retry::new(policy.with_backoff(backoff).expect("in order"))
}

/// Two servers in the order of their addresses, which is that of [`InOrder`].
pub(crate) async fn two(first: Act, second: Act) -> [Server; 2] {
    loop {
        let one = Server::always(first.clone()).await;
        let other = Server::always(second.clone()).await;
        if one.addr < other.addr {
            return [one, other];
        }
    }
}

/// What the balancer knows of an endpoint.
pub(crate) fn status<P: Policy + Send + Sync>(client: &Client<P>, addr: SocketAddr) -> Status {
    let mut all = client.balancer().endpoints().into_iter();
    all.find(|status| status.target.socket_addr() == Some(addr)).expect("it is known")
}
