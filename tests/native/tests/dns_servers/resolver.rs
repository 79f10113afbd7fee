//! Unbound, a caching resolver, in front of knot.

use core::time::Duration;

use evenkeel::dns::NameServer;
use evenkeel::{Answer, Discover, DnsHost, DnsSrv, PollerConfig};
use evenkeel_tests::bed::{becomes, bed};
use evenkeel_tests::servers::certificates::Authority;
use evenkeel_tests::servers::knot::Knot;
use evenkeel_tests::servers::unbound::Unbound;
use tokio::time::timeout;

use super::{PATIENCE, shown, trusting};

const ZONE: &str = "_h._tcp 3 SRV 0 1 80 a\n_h._tcp 3 SRV 0 1 80 b\n\
    a 3 A 127.0.0.1\nb 3 A 127.0.0.2\nalias 3 CNAME _h._tcp";
const BOTH: &str = "a.lb.test 127.0.0.1:80, b.lb.test 127.0.0.2:80";

async fn lookup(name: &str, server: &NameServer) -> Answer {
    let source = DnsSrv::new(name).unwrap().servers([server.clone()]).unwrap();
    source.timeout(PATIENCE).unwrap().family_wait(PATIENCE).lookup().await.unwrap()
}

#[tokio::test]
async fn over_udp_tls_and_https() {
    let (authority, knot) = (Authority::new(), Knot::start(ZONE));
    let certificate = authority.certifies("127.0.0.1");
    let unbound = Unbound::start(knot.addr, Some(&certificate));
    let servers = [
        unbound.addr.to_string(),
        format!("tls://{}", unbound.tls),
        format!("https://{}/dns-query", unbound.https),
    ];
    for text in servers {
        let server = text.parse::<NameServer>().unwrap().with_tls(trusting(&authority));
        for name in ["_h._tcp.lb.test.", "alias.lb.test."] {
            let answer = lookup(name, &server).await;
            assert_eq!((shown(&answer), answer.server.as_deref()), (BOTH.into(), Some(&*text)));
        }
        let mut host = DnsHost::new("a.lb.test.", 80).unwrap().servers([server]).unwrap();
        let answer = host.lookup().await.unwrap();
        assert_eq!(
            (&*shown(&answer), answer.server.as_deref()),
            ("a.lb.test 127.0.0.1:80", Some(&*text))
        );
    }
}

#[tokio::test]
async fn an_url_that_is_none_of_its_own_is_told() {
    let (authority, knot) = (Authority::new(), Knot::start(ZONE));
    let unbound = Unbound::start(knot.addr, Some(&authority.certifies("127.0.0.1")));
    let server = NameServer::https(&format!("https://{}/elsewhere", unbound.https)).unwrap();
    super::fails(server.with_tls(trusting(&authority)), "answered with HTTP status 404").await;
}

#[tokio::test]
async fn what_it_keeps_grows_old_and_ends_at_0() {
    let knot = Knot::start(ZONE);
    let unbound = Unbound::start(knot.addr, None);
    let server = NameServer::from(unbound.addr);
    let mut left = Vec::new();
    let until_0 = async {
        while left.last() != Some(&0) {
            let answer = lookup("_h._tcp.lb.test.", &server).await;
            assert_eq!(shown(&answer), BOTH);
            let ttl = answer.ttl.expect("it is known").as_secs();
            if left.last() != Some(&ttl) {
                left.push(ttl);
            }
        }
    };
    timeout(PATIENCE, until_0).await.unwrap();
    // On a busy machine not every second is seen.
    assert!(left[0] == 3 && left.windows(2).any(|pair| pair[1] < pair[0]), "{left:?}");
}

#[tokio::test]
async fn changes_behind_it_are_seen_when_what_it_keeps_is_over() {
    let knot = Knot::start(ZONE);
    let unbound = Unbound::start(knot.addr, None);
    // When a cache says 0, what it has is over: that is no reason to wait for the default.
    let (min, default) = (Duration::from_secs(1), PATIENCE * 2);
    let poller = PollerConfig { min, default, ..PollerConfig::default() };
    let source = DnsSrv::new("_h._tcp.lb.test.").unwrap().servers([unbound.addr]).unwrap();
    let bed = bed(source.poller(poller));
    becomes(&bed, "127.0.0.1:80 127.0.0.2:80").await;
    for (gone, here, now) in
        [("b", "c", "127.0.0.1:80 127.0.0.3:80"), ("c", "b", "127.0.0.1:80 127.0.0.2:80")]
    {
        knot.update(&format!(
            "update delete _h._tcp.lb.test. SRV 0 1 80 {gone}.lb.test.\n\
             update add c.lb.test. 3 A 127.0.0.3\n\
             update add _h._tcp.lb.test. 3 SRV 0 1 80 {here}.lb.test."
        ));
        becomes(&bed, now).await;
    }
}
