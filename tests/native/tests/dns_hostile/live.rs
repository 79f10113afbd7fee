//! A balancer on such servers.

use core::convert::Infallible;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::{Balancer, Discover, DiscoveryStatus, DnsHost, PollerConfig, SourceHealth, Target};
use evenkeel_tests::servers::hostile::{Act, Hostile, send};
use evenkeel_tests::servers::zone::Zone;
use hickory_server::proto::rr::RecordType;
use tokio::time::timeout;

use super::count::targets;
use super::{MOST, UNIT, source};

const DEADLINE: Duration = Duration::from_secs(20);

/// A service whose IPv6 addresses come after so long.
fn late_aaaa(late: Duration) -> Hostile {
    let zone = Zone::new("_h._tcp.t 60 SRV 0 1 80 a.t\na.t 60 A 127.0.0.1\na.t 60 AAAA ::1");
    Hostile::start(move |asked| {
        let wait = if asked.kind == RecordType::AAAA { late } else { Duration::ZERO };
        [vec![Act::Wait(wait)], send(&zone.answer(asked.response.clone()))].concat()
    })
}

fn balancer(source: impl Discover) -> Balancer<Target> {
    Balancer::builder(source).build(async |target: Target| Ok::<_, Infallible>(target)).unwrap()
}

/// Waits until there are so many endpoints.
async fn has(balancer: &Balancer<Target>, count: usize) {
    let mut changes = balancer.changes();
    let wait = async {
        while balancer.endpoints().len() != count {
            changes.recv().await.unwrap();
        }
    };
    timeout(DEADLINE, wait).await.expect("they come");
}

async fn discovery(
    balancer: &Balancer<Target>,
    like: impl FnMut(&DiscoveryStatus) -> bool,
) -> DiscoveryStatus {
    let mut discovery = balancer.discovery();
    let status = timeout(DEADLINE, discovery.wait_for(like)).await.expect("it comes").unwrap();
    status.clone()
}

#[tokio::test]
async fn what_is_still_looked_up_is_no_failure_and_comes_by_itself() {
    let server = late_aaaa(UNIT / 2);
    let balancer = balancer(source(&[server.addr()]).timeout(UNIT * 5).unwrap());
    has(&balancer, 1).await;
    let first = discovery(&balancer, |status| status.health == SourceHealth::Fresh).await;
    assert_eq!((first.failures, first.error.is_none()), (0, true));
    has(&balancer, 2).await;
    let both = discovery(&balancer, |status| status.queries == 2).await;
    assert_eq!((both.failures, both.error.is_none(), both.skipped.count()), (0, true, 0));
    assert_eq!(server.count(|asked| asked.kind == RecordType::SRV), 1, "asked for once");
}

#[tokio::test]
async fn records_that_come_after_the_end_of_a_lookup_are_taken_up() {
    let zone = Zone::new("_h._tcp.t 60 SRV 0 1 80 127.0.0.1.");
    let slow = Hostile::start(move |asked| {
        [vec![Act::Wait(UNIT)], send(&zone.answer(asked.response.clone()))].concat()
    });
    let poller = PollerConfig {
        timeout: UNIT / 2,
        backoff_base: UNIT * 100,
        backoff_max: UNIT * 100,
        ..PollerConfig::default()
    };
    let source = source(&[slow.addr()]).timeout(UNIT * 5).unwrap().poller(poller);
    let balancer = balancer(source);
    let failed = discovery(&balancer, |status| status.failures == 1).await.error.unwrap();
    let said = failed.to_string();
    assert!(said.starts_with("no answer to _h._tcp.t SRV within 46"), "{said}");
    has(&balancer, 1).await;
    discovery(&balancer, |status| status.health == SourceHealth::Fresh).await;
    assert!(slow.asked() <= MOST, "{} questions", slow.asked());
}

#[tokio::test]
async fn a_dropped_balancer_asks_no_more() {
    let server = Hostile::start(|_| Vec::new());
    let source = source(&[server.addr()]).timeout(UNIT * 4).unwrap();
    let balancer = balancer(source);
    timeout(DEADLINE, server.was_asked(1)).await.expect("it asks");
    drop(balancer);
    // It would repeat the question after a quarter of the time-out.
    timeout(UNIT * 3 / 2, server.was_asked(2)).await.expect_err("nothing more is asked");
}

/// A host with a time to live of 300 s, which is at the second address once it has moved.
fn moving() -> (Arc<AtomicBool>, Hostile) {
    let at = |ip: &str| Zone::new(&format!("_h._tcp.t 300 SRV 0 1 80 a.t\na.t 300 A {ip}"));
    let (moved, here, there) = (Arc::new(AtomicBool::new(false)), at("127.0.0.1"), at("127.0.0.2"));
    let has_moved = moved.clone();
    let server = Hostile::start(move |asked| {
        let zone = if has_moved.load(Relaxed) { &there } else { &here };
        send(&zone.answer(asked.response.clone()))
    });
    (moved, server)
}

#[tokio::test]
async fn where_calls_fail_an_address_is_followed_long_before_its_time_is_over() {
    let host = |server: &Hostile| DnsHost::new("a.t.", 80).unwrap().servers([server.addr()]);
    for by_srv in [true, false] {
        let (moved, server) = moving();
        let balancer = if by_srv {
            balancer(source(&[server.addr()]))
        } else {
            balancer(host(&server).unwrap())
        };
        timeout(DEADLINE, balancer.ready()).await.expect("it is found");
        moved.store(true, Relaxed);
        for _ in 0..5 {
            balancer.pick().unwrap().failure();
        }
        let mut changes = balancer.changes();
        let there =
            |target: &Target| target.socket_addr() == Some(SocketAddr::from(([127, 0, 0, 2], 80)));
        let wait = async {
            while !balancer.endpoints().iter().any(|status| there(&status.endpoint.addr)) {
                changes.recv().await.unwrap();
            }
        };
        // Its records live for 300 s.
        timeout(Duration::from_secs(5), wait).await.expect("it is found again within seconds");
        // The records, and both families of the address, twice.
        let most = 2 * (2 + usize::from(by_srv));
        assert!(server.asked() <= most, "{} questions, by SRV {by_srv}", server.asked());
    }
}

#[tokio::test]
async fn who_looks_early_asks_for_the_addresses_of_32_hosts_at_most() {
    const TARGETS: usize = 100;
    let server = targets(TARGETS, 300, 300);
    let mut source = source(&[server.addr()]).family_wait(DEADLINE);
    let addresses = || server.count(|asked| asked.kind == RecordType::A);
    for asked in [100, 132, 164, 196, 228] {
        assert_eq!(source.lookup().await.unwrap().endpoints.len(), TARGETS);
        assert_eq!(addresses(), asked);
    }
    // In turn: after four times everyone was asked for again.
    for i in 0..TARGETS {
        assert!(server.count(|asked| asked.name == format!("h{i}.t.")) >= 3, "h{i}.t");
    }
}

/// What the settings call the longest interval is that, whatever lives for a day.
#[tokio::test]
async fn records_of_a_day_are_asked_for_again_after_the_longest_interval() {
    let at = |hosts: &[u8]| {
        let line = |i| format!("_h._tcp.t 86400 SRV 0 1 80 h{i}.t\nh{i}.t 86400 A 127.0.0.{i}");
        Zone::new(&hosts.iter().map(line).collect::<Vec<_>>().join("\n"))
    };
    let stage = Arc::new(AtomicUsize::new(0));
    let (now, small, big) = (stage.clone(), at(&[1]), at(&[1, 2]));
    let server = Hostile::start(move |asked| match now.load(Relaxed) {
        0 => send(&small.answer(asked.response.clone())),
        1 => send(&big.answer(asked.response.clone())),
        _ => Vec::new(),
    });
    let soon = UNIT / 10;
    let poller = PollerConfig { min: soon, max: UNIT / 2, ..PollerConfig::default() };
    let balancer = balancer(source(&[server.addr()]).poller(poller));
    has(&balancer, 1).await;
    stage.store(1, Relaxed);
    has(&balancer, 2).await;
    // A server that died is missed as soon.
    stage.store(2, Relaxed);
    discovery(&balancer, |status| matches!(status.health, SourceHealth::Stale { .. })).await;
    assert_eq!(balancer.endpoints().len(), 2);
}
