//! Addresses of a host, with a port that is known.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::dns::DnsError;
use evenkeel::{Discover, DnsHost, Family, PollerConfig, SourceHealth, Target};
use evenkeel_core::Address;
use evenkeel_tests::bed::{becomes, bed, status};
use evenkeel_tests::servers::hostile::{Hostile, send};
use evenkeel_tests::servers::zone::Zone;
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::RecordType;
use tokio::time::Instant;

use super::{UNIT, shown};

fn serve(zone: &str) -> Hostile {
    let zone = Zone::new(zone);
    Hostile::start(move |asked| send(&zone.answer(asked.response.clone())))
}

fn of(name: &str, server: &Hostile) -> DnsHost {
    DnsHost::new(name, 80).unwrap().servers([server.addr()]).unwrap().timeout(UNIT).unwrap()
}

#[tokio::test]
async fn all_addresses_for_their_own_time_to_live() {
    let server = serve("web.t 7 A 127.0.0.1\nweb.t 7 A 127.0.0.2\nweb.t 9 AAAA ::1");
    let answer = of("Web.t.", &server).lookup().await.unwrap();
    assert_eq!(shown(&answer), ["web.t 127.0.0.1:80", "web.t 127.0.0.2:80", "web.t [::1]:80"]);
    assert_eq!((answer.ttl, server.asked()), (Some(Duration::from_secs(7)), 2));
    let answer = of("web.t.", &server).family(Family::V6).lookup().await.unwrap();
    assert_eq!(
        (shown(&answer), answer.ttl),
        (vec!["web.t [::1]:80".to_owned()], Some(Duration::from_secs(9)))
    );
}

#[tokio::test]
async fn aliases_are_followed_and_the_name_stays() {
    let server = serve("www.t 3 CNAME web.t\nweb.t 60 A 127.0.0.1");
    let answer = of("www.t", &server).lookup().await.unwrap();
    assert_eq!(
        (shown(&answer), answer.ttl),
        (vec!["www.t 127.0.0.1:80".to_owned()], Some(Duration::from_secs(3)))
    );
}

#[tokio::test]
async fn a_host_that_does_not_exist_holds_for_the_negative_time_to_live() {
    let server = serve("web.t 60 A 127.0.0.1");
    let answer = of("gone.t", &server).lookup().await.unwrap();
    assert_eq!((answer.endpoints.len(), answer.ttl), (0, Some(Duration::from_secs(3))));
    assert_eq!(&*answer.skipped.reasons()[0], "the target gone.t does not exist");
}

#[tokio::test]
async fn a_family_that_is_never_answered_is_not_waited_for() {
    for silent in [RecordType::A, RecordType::AAAA] {
        let zone = Zone::new("web.t 60 A 127.0.0.1\nweb.t 60 AAAA ::1");
        let server = Hostile::start(move |asked| {
            if asked.kind == silent {
                Vec::new()
            } else {
                send(&zone.answer(asked.response.clone()))
            }
        });
        let begun = Instant::now();
        let mut source = of("web.t", &server).timeout(UNIT * 5).unwrap();
        assert_eq!(source.lookup().await.unwrap().endpoints.len(), 1);
        assert!(begun.elapsed() < UNIT, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn the_search_list_is_walked_until_a_name_has_addresses() {
    let server = serve("web.b.t 0 A 127.0.0.1\nweb.c.t 60 A 127.0.0.2");
    let file = tempfile::NamedTempFile::new().unwrap();
    let conf = format!("nameserver [127.0.0.1]:{}\nsearch a.t b.t c.t", server.addr().port());
    std::fs::write(file.path(), conf).unwrap();
    let mut source = DnsHost::new("web", 80).unwrap().resolv_conf(file.path());
    for _ in 0..2 {
        assert_eq!(shown(&source.lookup().await.unwrap()), ["web 127.0.0.1:80"]);
    }
    let asked = |name| server.count(|asked| asked.name == name && asked.kind == RecordType::A);
    assert_eq!((asked("web.a.t."), asked("web.c.t.")), (1, 0), "the name is remembered");
}

#[tokio::test]
async fn the_name_server_that_answered_is_named() {
    let (other, server) = (serve("web.t 60 A 127.0.0.1"), serve("web.t 60 A 127.0.0.1"));
    let at = |server: &Hostile| server.addr().to_string();
    let mut source = of("web.t", &server);
    assert_eq!(source.lookup().await.unwrap().server.as_deref(), Some(&*at(&server)));
    let refusing = Hostile::start(|asked| {
        let mut response = asked.response.clone();
        response.metadata.response_code = ResponseCode::Refused;
        send(&response)
    });
    let mut source = of("web.t", &server).servers([refusing.addr(), other.addr()]).unwrap();
    assert_eq!(source.lookup().await.unwrap().server.as_deref(), Some(&*at(&other)));

    // Of a search list, too, and where there is nothing.
    let file = tempfile::NamedTempFile::new().unwrap();
    let conf = format!("nameserver [127.0.0.1]:{}\nsearch t", server.addr().port());
    std::fs::write(file.path(), conf).unwrap();
    for (name, endpoints) in [("web", 1), ("gone", 0)] {
        let mut source = DnsHost::new(name, 80).unwrap().resolv_conf(file.path());
        let answer = source.lookup().await.unwrap();
        assert_eq!(
            (answer.endpoints.len(), answer.server.as_deref()),
            (endpoints, Some(&*at(&server)))
        );
    }
}

#[tokio::test]
async fn an_address_is_not_asked_for() {
    let server = serve("");
    let answer = of("127.0.0.9", &server).lookup().await.unwrap();
    assert_eq!((shown(&answer), server.asked()), (vec!["127.0.0.9 127.0.0.9:80".to_owned()], 0));
    assert_eq!(answer.server, None);

    // No domain of a search list makes a name of it, or of the machine itself.
    let file = tempfile::NamedTempFile::new().unwrap();
    let conf = format!("nameserver [127.0.0.1]:{}\nsearch t u", server.addr().port());
    std::fs::write(file.path(), conf).unwrap();
    for (name, found) in [
        ("127.0.0.9", ["127.0.0.9 127.0.0.9:80"].as_slice()),
        ("localhost", &["localhost 127.0.0.1:80", "localhost [::1]:80"]),
    ] {
        let mut source = DnsHost::new(name, 80).unwrap().resolv_conf(file.path());
        assert_eq!(shown(&source.lookup().await.unwrap()), found);
    }
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn a_failing_server_is_an_error() {
    let server = Hostile::start(|_| Vec::new());
    let error = of("web.t", &server).lookup().await.unwrap_err().to_string();
    assert!(error.starts_with("no answer to web.t A"), "{error}");
}

/// A server that knows an address for no time at all, until it is told to fail.
fn fails_later(fails: &Arc<AtomicBool>, answers: bool) -> Hostile {
    let (fails, zone) = (fails.clone(), Zone::new("web.t 0 A 127.0.0.1"));
    Hostile::start(move |asked| {
        let mut response = asked.response.clone();
        if !fails.load(Relaxed) {
            return send(&zone.answer(response));
        }
        response.metadata.response_code = ResponseCode::ServFail;
        if answers { send(&response) } else { Vec::new() }
    })
}

#[tokio::test]
async fn a_server_that_fails_later_is_an_error_of_each_lookup_and_asked_by_each() {
    let fails = Arc::default();
    let server = fails_later(&fails, true);
    let mut source = of("web.t", &server).family_wait(UNIT * 9);
    for _ in 0..2 {
        assert_eq!(shown(&source.lookup().await.unwrap()), ["web.t 127.0.0.1:80"]);
        fails.store(true, Relaxed);
        for _ in 0..4 {
            let asked = server.asked();
            let error = source.lookup().await.unwrap_err().to_string();
            assert!(error.contains("answered SERVFAIL"), "{error}");
            assert!(server.asked() > asked, "the poller waits, not the host");
        }
        fails.store(false, Relaxed);
    }
}

#[tokio::test]
async fn a_host_whose_server_dies_is_stale_and_expires_if_it_is_told_to() {
    let fails = Arc::default();
    let server = fails_later(&fails, false);
    let soon = UNIT / 20;
    let poller = PollerConfig {
        min: soon,
        default: soon,
        backoff_base: soon,
        backoff_max: soon,
        max_stale: Some(UNIT),
        ..PollerConfig::default()
    };
    let bed = bed(of("web.t", &server).timeout(UNIT / 10).unwrap().poller(poller));
    becomes(&bed, "127.0.0.1:80").await;
    fails.store(true, Relaxed);
    status(&bed, |status| matches!(status.health, SourceHealth::Stale { .. })).await;
    status(&bed, |status| status.health == SourceHealth::Expired).await;
    becomes(&bed, "").await;
    fails.store(false, Relaxed);
    becomes(&bed, "127.0.0.1:80").await;
}

/// What names a target for hashing policies, and tells it from others.
fn key(target: &Target) -> String {
    let mut key = Vec::new();
    target.key(&mut |bytes| key.extend_from_slice(bytes));
    String::from_utf8(key).unwrap()
}

#[tokio::test]
async fn the_key_of_a_target_has_the_name_beside_the_address() {
    let server = serve("web.t 7 A 127.0.0.1\nweb.t 9 AAAA ::1\nother.t 7 A 127.0.0.1");
    for (name, keys) in [
        ("web.t", vec!["web.t@127.0.0.1:80", "web.t@[::1]:80"]),
        ("other.t", vec!["other.t@127.0.0.1:80"]),
        ("127.0.0.1", vec!["127.0.0.1:80"]),
    ] {
        let mut source = of(name, &server).family_wait(UNIT * 9);
        let answer = source.lookup().await.unwrap();
        let mut found: Vec<_> = answer.endpoints.iter().map(|one| key(&one.addr)).collect();
        found.sort_unstable();
        assert_eq!(found, keys);
    }
    assert_eq!(key(&Target::new("web.t", 80).unwrap()), "web.t:80");
}

#[test]
fn port_0_is_refused() {
    assert_eq!(DnsHost::new("web.t", 0).unwrap_err(), DnsError::PortZero);
    assert_eq!(DnsHost::new("", 80).unwrap_err(), DnsError::EmptyName);
}
