//! A balancer on a name server that changes, fails and comes back.

use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use evenkeel::{Balancer, Change, Changes, DiscoveryStatus, PollerConfig, SourceHealth, Target};
use evenkeel_tests::servers::hickory::Hickory;
use evenkeel_tests::servers::named::Named;
use tokio::time::{Instant, timeout};

use super::by_addr;

const DEADLINE: Duration = Duration::from_secs(20);

const ZONE: &str = "_h._tcp 0 IN SRV 0 1 80 a\n_h._tcp 0 IN SRV 0 1 80 b\n\
    a 0 IN A 127.0.0.1\nb 0 IN A 127.0.0.2\nc 0 IN A 127.0.0.3\nalias 0 IN CNAME _h._tcp";
const A_AND_B: [&str; 2] = ["127.0.0.1:80 weight 1", "127.0.0.2:80 weight 1"];
const A_AND_C: [&str; 2] = ["127.0.0.1:80 weight 1", "127.0.0.3:80 weight 1"];
const B_BECOMES_C: &str = "update delete _h._tcp.lb.test. SRV 0 1 80 b.lb.test.\n\
    update add _h._tcp.lb.test. 0 SRV 0 1 80 c.lb.test.";
const DELETE: &str = "update delete _h._tcp.lb.test. SRV";

/// Looks again at once when told to, and not by itself.
fn when_told() -> PollerConfig {
    let never = Duration::from_secs(100_000);
    PollerConfig {
        min: never,
        max: never,
        default: never,
        min_gap: Duration::ZERO,
        ..PollerConfig::default()
    }
}

/// Looks again and again.
fn quick() -> PollerConfig {
    let (soon, long) = (Duration::from_millis(20), Duration::from_secs(5));
    PollerConfig {
        min: soon,
        default: soon,
        backoff_base: soon,
        backoff_max: soon,
        timeout: long,
        ..PollerConfig::default()
    }
}

/// A balancer, and its endpoints as its stream of changes tells them.
struct Live {
    balancer: Balancer<Target>,
    changes: Changes,
    set: BTreeMap<Target, u32>,
}

impl Live {
    fn start(name: &str, server: SocketAddr, poller: PollerConfig) -> Self {
        // Short: a server that is gone or stopped is waited for as long.
        let source =
            by_addr(name, &[server]).timeout(Duration::from_secs(1)).unwrap().poller(poller);
        let balancer = Balancer::builder(source)
            .build(async |target: Target| Ok::<_, Infallible>(target))
            .unwrap();
        Self { changes: balancer.changes(), balancer, set: BTreeMap::new() }
    }

    fn shown(&self) -> Vec<String> {
        self.set.iter().map(|(target, weight)| format!("{target} weight {weight}")).collect()
    }

    /// Waits until the endpoints are these.
    async fn becomes(&mut self, wanted: &[&str]) {
        while self.shown() != wanted {
            let change = timeout(DEADLINE, self.changes.recv()).await;
            match change
                .unwrap_or_else(|_| panic!("{:?} does not become {wanted:?}", self.shown()))
                .unwrap()
            {
                Change::Added(endpoint) | Change::Changed(endpoint) => {
                    self.set.insert(endpoint.addr, endpoint.weight);
                }
                Change::Removed(endpoint) => {
                    self.set.remove(&endpoint.addr).expect("only what was there is removed");
                }
            }
        }
    }

    /// Waits until discovery is like this.
    async fn discovery(&self, like: impl FnMut(&DiscoveryStatus) -> bool) -> DiscoveryStatus {
        timeout(DEADLINE, self.balancer.discovery().wait_for(like))
            .await
            .expect("discovery goes on")
            .unwrap()
            .clone()
    }

    /// Refreshes, waits until the endpoints are these, and checks that one query was enough.
    async fn becomes_with_one_query(&mut self, wanted: &[&str]) {
        let before = self.discovery(|status| status.queries > 0).await.queries;
        self.balancer.refresh();
        self.becomes(wanted).await;
        assert_eq!(self.discovery(|_| true).await.queries, before + 1);
    }

    /// Checks that nothing changed since it was last asked.
    fn unchanged(&mut self) {
        assert_eq!(self.changes.try_recv(), None);
        assert_eq!(self.balancer.endpoints().len(), self.set.len());
        self.balancer.pick().unwrap().success();
    }
}

#[tokio::test]
async fn a_changed_zone_is_followed_with_the_next_query() {
    let named = Named::start(ZONE);
    for name in ["_h._tcp.lb.test.", "alias.lb.test."] {
        let mut live = Live::start(name, named.addr(), when_told());
        live.becomes(&A_AND_B).await;
        named.update(B_BECOMES_C);
        live.becomes_with_one_query(&A_AND_C).await;
        named.update(&format!(
            "{DELETE}\nupdate add _h._tcp.lb.test. 0 SRV 0 3 80 a.lb.test.\n\
             update add _h._tcp.lb.test. 0 SRV 0 5 80 c.lb.test."
        ));
        live.becomes_with_one_query(&["127.0.0.1:80 weight 3", "127.0.0.3:80 weight 5"]).await;
        named.update(&format!(
            "{DELETE}\nupdate add _h._tcp.lb.test. 0 SRV 0 1 80 a.lb.test.\n\
             update add _h._tcp.lb.test. 0 SRV 0 1 80 b.lb.test."
        ));
        live.becomes_with_one_query(&A_AND_B).await;
    }
}

#[tokio::test]
async fn many_records_come_and_go() {
    let hickory = Hickory::start().await;
    let service = "_h._tcp.lb.test.";
    for i in 1..=120 {
        let host = format!("host-with-a-rather-long-name-{i}.lb.test.");
        hickory.srv(service, 0, 0, 1, 80, &host).await;
        hickory.address(&host, 0, &format!("127.0.1.{i}")).await;
    }
    let all: Vec<_> = (1..=120).map(|i| format!("127.0.1.{i}:80 weight 1")).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    let mut live = Live::start(service, hickory.addr(), when_told());
    live.becomes(&all).await;
    hickory.remove_srv(service).await;
    hickory.srv(service, 0, 0, 1, 80, "host-with-a-rather-long-name-77.lb.test.").await;
    live.becomes_with_one_query(&["127.0.1.77:80 weight 1"]).await;
}

#[tokio::test]
async fn the_ttl_alone_makes_it_look_again() {
    let named = Named::start(ZONE);
    let mut live = Live::start("_h._tcp.lb.test.", named.addr(), quick());
    live.becomes(&A_AND_B).await;
    named.update(B_BECOMES_C);
    let begun = Instant::now();
    live.becomes(&A_AND_C).await;
    // The least time between lookups is 20 ms; the rest is what a busy machine takes.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_killed_server_takes_no_endpoint_away_and_is_followed_again() {
    let mut named = Named::start(ZONE);
    let mut live = Live::start("_h._tcp.lb.test.", named.addr(), quick());
    live.becomes(&A_AND_B).await;
    named.kill();
    let down = live.discovery(|status| status.failures >= 2).await;
    assert!(matches!(down.health, SourceHealth::Stale { .. }), "{down:?}");
    assert!(down.error.unwrap().to_string().contains("Connection refused"));
    live.unchanged();
    named.restart();
    named.update(B_BECOMES_C);
    live.becomes(&A_AND_C).await;
    live.discovery(|status| status.health == SourceHealth::Fresh && status.error.is_none()).await;
}

#[tokio::test]
async fn a_hanging_server_takes_no_endpoint_away() {
    let named = Named::start(ZONE);
    let mut live = Live::start("_h._tcp.lb.test.", named.addr(), quick());
    live.becomes(&A_AND_B).await;
    named.pause();
    live.discovery(|status| status.failures >= 1).await;
    live.unchanged();
    named.resume();
    live.discovery(|status| status.health == SourceHealth::Fresh).await;
    live.unchanged();
}

#[tokio::test]
async fn a_name_that_vanished_takes_no_endpoint_away() {
    let named = Named::start(ZONE);
    let mut live = Live::start("_h._tcp.lb.test.", named.addr(), quick());
    live.becomes(&A_AND_B).await;
    named.update(DELETE);
    live.discovery(|status| status.empty_held >= 1).await;
    live.unchanged();
    named.update("update add _h._tcp.lb.test. 0 SRV 0 1 80 c.lb.test.");
    live.becomes(&["127.0.0.3:80 weight 1"]).await;
}

#[tokio::test]
async fn decidedly_absent_is_believed() {
    let named = Named::start(ZONE);
    let mut live = Live::start("_h._tcp.lb.test.", named.addr(), quick());
    live.becomes(&A_AND_B).await;
    named.update(&format!("{DELETE}\nupdate add _h._tcp.lb.test. 0 SRV 0 0 0 ."));
    live.becomes(&[]).await;
}

#[tokio::test]
async fn a_server_that_comes_late_is_waited_for() {
    let mut named = Named::start(ZONE);
    named.kill();
    let mut live = Live::start("_h._tcp.lb.test.", named.addr(), quick());
    let error = live.discovery(|status| status.failures >= 1).await.error.unwrap();
    assert!(error.to_string().starts_with("no answer to _h._tcp.lb.test SRV"), "{error}");
    named.restart();
    live.becomes(&A_AND_B).await;
    timeout(DEADLINE, live.balancer.ready()).await.unwrap();
}
