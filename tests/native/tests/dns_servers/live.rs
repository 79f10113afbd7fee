//! Knot, whose zone changes while it runs.

use core::time::Duration;

use evenkeel::{DnsHost, DnsSrv, PollerConfig, SourceHealth};
use evenkeel_tests::bed::{Bed, becomes, bed, known, status};
use evenkeel_tests::servers::knot::Knot;
use tokio::time::Instant;

const TTL: Duration = Duration::from_secs(1);
const ZONE: &str = "_h._tcp 1 SRV 0 1 80 a\n_h._tcp 1 SRV 0 1 80 b\n\
    a 1 A 127.0.0.1\nb 1 A 127.0.0.2\nc 1 A 127.0.0.3";

/// Goes by the time to live alone.
const POLLER: PollerConfig = PollerConfig {
    min: TTL,
    max: Duration::from_secs(60),
    default: Duration::from_secs(60),
    jitter_percent: 0,
    timeout: Duration::from_secs(10),
    min_gap: Duration::ZERO,
    max_stale: None,
    backoff_base: Duration::from_millis(100),
    backoff_max: Duration::from_millis(100),
};

fn service(knot: &Knot) -> Bed {
    let source = DnsSrv::new("_h._tcp.lb.test.").unwrap().servers([knot.addr]).unwrap();
    bed(source.poller(POLLER))
}

/// A time to live with a fifth more, which is the least time between lookups here; and what a busy
/// machine takes.
const SOON: Duration = Duration::from_millis(1_200 + 5_000);

/// Changes the zone, and waits until these are known.
async fn follows(bed: &Bed, knot: &Knot, commands: &str, targets: &str) {
    knot.update(commands);
    let begun = Instant::now();
    becomes(bed, targets).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_set_follows_within_a_time_to_live() {
    let knot = Knot::start(ZONE);
    let bed = service(&knot);
    becomes(&bed, "127.0.0.1:80 127.0.0.2:80").await;
    let grow = "update add _h._tcp.lb.test. 1 SRV 0 1 80 c.lb.test.";
    follows(&bed, &knot, grow, "127.0.0.1:80 127.0.0.2:80 127.0.0.3:80").await;
    let shrink = "update delete _h._tcp.lb.test. SRV 0 1 80 a.lb.test.";
    follows(&bed, &knot, shrink, "127.0.0.2:80 127.0.0.3:80").await;
    let moved = "update delete b.lb.test. A\nupdate add b.lb.test. 1 A 127.0.0.9";
    follows(&bed, &knot, moved, "127.0.0.3:80 127.0.0.9:80").await;
}

#[tokio::test]
async fn a_renamed_target_is_another_endpoint() {
    let knot = Knot::start("_h._tcp 1 SRV 0 1 80 old\nold 1 A 127.0.0.1\nnew 1 A 127.0.0.1");
    let bed = service(&knot);
    becomes(&bed, "127.0.0.1:80").await;
    let mut changes = bed.changes();
    knot.update(
        "update delete _h._tcp.lb.test. SRV\nupdate add _h._tcp.lb.test. 1 SRV 0 1 80 new.lb.test.",
    );
    let renamed = async {
        loop {
            let hosts = bed.endpoints().into_iter().filter(|status| !status.leaving);
            let hosts: Vec<_> = hosts.map(|status| status.target.host().to_owned()).collect();
            if hosts == ["new.lb.test"] {
                return;
            }
            changes.recv().await.expect("the balancer lives");
        }
    };
    tokio::time::timeout(super::PATIENCE, renamed).await.unwrap();
}

#[tokio::test]
async fn a_deleted_name_keeps_the_set() {
    let knot = Knot::start(ZONE);
    let host = DnsHost::new("a.lb.test.", 80).unwrap().servers([knot.addr]).unwrap();
    for (bed, delete, before) in [
        (service(&knot), "_h._tcp.lb.test. SRV", "127.0.0.1:80 127.0.0.2:80"),
        (bed(host.poller(POLLER)), "a.lb.test. A", "127.0.0.1:80"),
    ] {
        becomes(&bed, before).await;
        knot.update(&format!("update delete {delete}"));
        let held = status(&bed, |status| status.empty_held > 0).await;
        assert!(matches!(held.health, SourceHealth::Stale { .. }), "{held:?}");
        assert_eq!(known(&bed), before);
    }
}

#[tokio::test]
async fn a_killed_server_keeps_the_set() {
    let mut knot = Knot::start(ZONE);
    let bed = service(&knot);
    becomes(&bed, "127.0.0.1:80 127.0.0.2:80").await;
    knot.kill();
    status(&bed, |status| status.failures > 1).await;
    assert_eq!(known(&bed), "127.0.0.1:80 127.0.0.2:80");
}
