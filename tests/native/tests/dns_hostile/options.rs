//! The options of `DnsSrv`.

use core::fmt::Write;

use evenkeel::dns::DnsError;
use evenkeel::{Discover, DnsSrv};
use evenkeel_tests::servers::hostile::{Hostile, send};
use evenkeel_tests::servers::zone::Zone;

use super::{shown, source};

fn serve(zone: &str) -> Hostile {
    let zone = Zone::new(zone);
    Hostile::start(move |asked| send(&zone.answer(asked.response.clone())))
}

fn of(name: &str, server: &Hostile) -> DnsSrv {
    DnsSrv::new(name).unwrap().servers([server.addr()]).unwrap()
}

/// The parent of the service's host; of a host of two labels, that host.
#[tokio::test]
async fn only_targets_of_the_same_domain() {
    let server = serve(
        "_m._tcp.db.example.t 9 SRV 0 1 80 a.example.t\n_m._tcp.db.example.t 9 SRV 0 1 80 evil.t\n\
         _m._tcp.db.example.t 9 SRV 0 1 80 example.t\n\
         _m._tcp.db.example.t 9 SRV 0 1 80 xexample.t\n\
         _m._tcp.db.t 9 SRV 0 1 80 a.db.t\n_m._tcp.db.t 9 SRV 0 1 80 a.t",
    );
    for (name, found, skipped) in [
        ("_m._tcp.db.example.t", "a.example.t", &["evil.t", "example.t", "xexample.t"][..]),
        ("_m._tcp.db.t", "a.db.t", &["a.t"]),
    ] {
        let mut source = of(name, &server).resolve_targets(false).same_domain(true);
        let answer = source.lookup().await.unwrap();
        assert_eq!(shown(&answer), [format!("{found} {found}:80")]);
        let reasons = answer.skipped.reasons();
        assert_eq!(reasons.len(), skipped.len(), "{reasons:?}");
        for (reason, host) in reasons.iter().zip(skipped) {
            assert!(reason.starts_with(&format!("the target {host} is not below ")), "{reason}");
        }
    }
}

#[tokio::test]
async fn at_most_so_many_hosts_and_the_same_ones() {
    let mut zone = String::new();
    for i in 0..50 {
        writeln!(zone, "_h._tcp.t 0 SRV 0 1 80 h{i}.t\nh{i}.t 60 A 127.0.0.{i}").unwrap();
    }
    let server = serve(&zone);
    let mut choices = Vec::new();
    for _ in 0..3 {
        let mut source = source(&[server.addr()]).max_hosts(5).unwrap();
        let first = shown(&source.lookup().await.unwrap());
        assert_eq!(first.len(), 5);
        assert_eq!(shown(&source.lookup().await.unwrap()), first);
        choices.push(first);
    }
    choices.dedup();
    assert!(choices.len() > 1, "each client chooses for itself");
    assert!(server.asked() <= 3 * (2 + 2 * 5), "only the chosen are looked up");
    let mut seeded = Vec::new();
    for seed in [7, 7, 8] {
        let mut source = source(&[server.addr()]).max_hosts(5).unwrap().seed(seed);
        seeded.push(shown(&source.lookup().await.unwrap()));
    }
    assert_eq!(seeded[0], seeded[1], "the same at every start");
    assert_ne!(seeded[1], seeded[2]);
}

#[tokio::test]
async fn another_port() {
    let server = serve("_h._tcp.t 9 SRV 0 1 0 a.t\n_h._tcp.t 9 SRV 0 1 99 b.t");
    let mut source = source(&[server.addr()]).resolve_targets(false).port(8080).unwrap();
    let answer = source.lookup().await.unwrap();
    assert_eq!(shown(&answer), ["a.t a.t:8080", "b.t b.t:8080"]);
}

#[tokio::test]
async fn the_host_itself_where_there_are_no_records() {
    let server = serve(
        "web.t 9 A 127.0.0.1\nweb.t 9 AAAA ::1\n_x._tcp.web.t 9 A 127.0.0.9\n\
         _off._tcp.web.t 9 SRV 0 0 0 .",
    );
    // NXDOMAIN, and a name that has other records.
    for name in ["_http._tcp.web.t.", "_x._tcp.web.t."] {
        let mut source = of(name, &server).or_host(80).unwrap();
        let answer = source.lookup().await.unwrap();
        assert_eq!(shown(&answer), ["web.t 127.0.0.1:80", "web.t [::1]:80"]);
        assert!(of(name, &server).lookup().await.unwrap().endpoints.is_empty(), "off by default");
    }
    let off = of("_off._tcp.web.t.", &server).or_host(80).unwrap().lookup().await.unwrap();
    assert!(off.absent && off.endpoints.is_empty(), "decidedly absent is decided");
}

#[tokio::test]
async fn who_answered_is_told() {
    let server = serve("_h._tcp.t 9 SRV 0 1 80 a.t");
    let answer = source(&[server.addr()]).resolve_targets(false).lookup().await.unwrap();
    assert_eq!(answer.server.as_deref(), Some(&*server.addr().to_string()));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let source = || DnsSrv::new("_h._tcp.t").unwrap();
    assert_eq!(source().port(0).unwrap_err(), DnsError::PortZero);
    assert_eq!(source().or_host(0).unwrap_err(), DnsError::PortZero);
    assert_eq!(source().max_hosts(0).unwrap_err(), DnsError::NoHosts);
}
