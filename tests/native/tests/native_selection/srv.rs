use std::collections::BTreeMap;

use evenkeel::{AnyPolicy, Balancer, DnsSrv};
use evenkeel_tests::servers::hickory::Hickory;

use crate::{DEADLINE, Text, counted, expect, name, refreshed, when_told};

const SERVICE: &str = "_h._tcp.lb.test.";

/// A name server with these records of priority, weight and host; what it had before is gone.
async fn publish(server: &Hickory, records: &[(u16, u16, &str)]) {
    server.remove_srv(SERVICE).await;
    for (priority, weight, host) in records {
        server.srv(SERVICE, 0, *priority, *weight, 80, &format!("{host}.lb.test.")).await;
    }
}

/// How many of `picks` requests each host gets, once these are the hosts.
async fn shares(
    balancer: &Text<AnyPolicy>,
    hosts: &[&str],
    picks: usize,
) -> BTreeMap<String, usize> {
    refreshed(balancer, hosts).await;
    let next = || {
        let pick = balancer.pick().unwrap();
        let name = pick.with(|host| host.split('.').next().unwrap().to_owned());
        pick.success();
        name
    };
    counted((0..picks).map(|_| next()))
}

#[tokio::test]
async fn requests_go_exactly_by_the_records_weights_and_priorities() {
    let server = Hickory::start().await;
    for (host, address) in
        [("a", "127.0.0.1"), ("b", "127.0.0.2"), ("c", "127.0.0.3"), ("d", "127.0.0.4")]
    {
        server.address(&format!("{host}.lb.test."), 0, address).await;
    }
    publish(&server, &[(10, 60, "a"), (10, 30, "b"), (10, 10, "c"), (20, 5, "d")]).await;
    let source =
        DnsSrv::new(SERVICE).unwrap().servers([server.addr()]).unwrap().poller(when_told());
    let policy: AnyPolicy = "weighted_round_robin".parse().unwrap();
    let balancer = Balancer::builder(source).policy(policy).build(name).unwrap();
    balancer.ready_within(DEADLINE).await.unwrap();
    let hosts = ["a.lb.test", "b.lb.test", "c.lb.test"];
    assert_eq!(shares(&balancer, &hosts, 100).await, expect([("a", 60), ("b", 30), ("c", 10)]));

    // Without the first priority the next one serves; its zero keeps a small chance: 1 of 1 + 2 ·
    // 1.
    publish(&server, &[(20, 2, "c"), (20, 0, "d"), (30, 1, "a")]).await;
    assert_eq!(
        shares(&balancer, &["c.lb.test", "d.lb.test"], 300).await,
        expect([("c", 200), ("d", 100)])
    );

    publish(&server, &[(0, 25, "a"), (0, 25, "b"), (0, 25, "c"), (0, 25, "d")]).await;
    let hosts = ["a.lb.test", "b.lb.test", "c.lb.test", "d.lb.test"];
    assert_eq!(
        shares(&balancer, &hosts, 100).await,
        expect([("a", 25), ("b", 25), ("c", 25), ("d", 25)])
    );
}
