//! The search list: under which name a service is found, and which name stays it.

use core::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::sync::Arc;

use evenkeel::{Discover, DnsHost, DnsSrv};
use evenkeel_tests::servers::hostile::{Act, Asked, Hostile, send};
use evenkeel_tests::servers::zone::Zone;
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::RecordType;
use tempfile::NamedTempFile;
use tokio::time::Instant;

use super::resolv_conf::{nameservers, written};
use super::{UNIT, outcome, shown};

/// Stands for silence among codes.
const SILENCE: u16 = u16::MAX;

fn serve(zone: &str) -> Hostile {
    let zone = Zone::new(zone);
    Hostile::start(move |asked| send(&zone.answer(asked.response.clone())))
}

/// A server of `a.t` and `b.t`, which have a service each, and does to all questions about `a.t`
/// what the number says: a response code, or [`SILENCE`].
fn two_services(says: &Arc<AtomicU16>) -> Hostile {
    let zone = Zone::new(
        "_h._tcp.a.t 0 SRV 0 1 80 h.a.t\nh.a.t 0 A 127.0.0.1\nweb.a.t 0 A 127.0.0.1\n\
         _h._tcp.b.t 0 SRV 0 1 80 h.b.t\nh.b.t 0 A 127.0.0.2\nweb.b.t 0 A 127.0.0.2",
    );
    let says = says.clone();
    Hostile::start(move |asked| {
        let code = says.load(Relaxed);
        let mut response = asked.response.clone();
        if code == 0 || !asked.name.ends_with("a.t.") {
            return send(&zone.answer(response));
        }
        response.metadata.response_code = ResponseCode::from(0, code.try_into().unwrap_or(0));
        if code == SILENCE { Vec::new() } else { send(&response) }
    })
}

/// A configuration with this server and search list.
fn conf(server: &Hostile, search: &str) -> NamedTempFile {
    let servers = nameservers(&[server.addr()]);
    written(&format!("{servers}search {search}\noptions ndots:5 timeout:1 attempts:1"))
}

fn srv(name: &str, conf: &NamedTempFile) -> DnsSrv {
    DnsSrv::new(name).unwrap().resolv_conf(conf.path())
}

fn host(name: &str, conf: &NamedTempFile) -> DnsHost {
    DnsHost::new(name, 80).unwrap().resolv_conf(conf.path())
}

fn asked(server: &Hostile, name: &str) -> usize {
    server.count(|asked: &Asked| asked.name == name)
}

#[tokio::test]
async fn the_domain_of_targets_is_that_of_the_name_under_which_they_are() {
    let server = serve(
        "_m._tcp.db.example.t 9 SRV 0 1 80 h.example.t\n_m._tcp.db.example.t 9 SRV 0 1 80 evil.t\n\
         h.example.t 9 A 127.0.0.1\nevil.t 9 A 127.0.0.66",
    );
    let conf = conf(&server, "x.t example.t");
    let mut source = srv("_m._tcp.db", &conf).same_domain(true);
    let answer = source.lookup().await.unwrap();
    assert_eq!(shown(&answer), ["h.example.t 127.0.0.1:80"]);
    assert_eq!(*answer.skipped.reasons()[0], *"the target evil.t is not below example.t");
}

#[tokio::test]
async fn the_host_for_want_of_records_is_the_first_that_has_addresses() {
    let server = serve("web.b.t 9 A 127.0.0.1\nweb.c.t 9 A 127.0.0.2");
    let conf = conf(&server, "a.t b.t c.t");
    let mut source = srv("_http._tcp.web", &conf).or_host(80).unwrap();
    for _ in 0..2 {
        let answer = source.lookup().await.unwrap();
        assert_eq!(shown(&answer), ["web.b.t 127.0.0.1:80"]);
    }
    assert_eq!((asked(&server, "_http._tcp.web.b.t."), asked(&server, "web.c.t.")), (2, 0));
    // The name stays while it has addresses.
    assert_eq!(asked(&server, "_http._tcp.web.a.t."), 1);

    // Where there are none at all, that is so.
    let answer = srv("_http._tcp.gone", &conf).or_host(80).unwrap().lookup().await.unwrap();
    assert_eq!(outcome(&Ok(answer)), "[]");
}

#[tokio::test]
async fn what_nobody_answers_is_no_reason_to_believe_the_next_name() {
    let says = Arc::new(AtomicU16::new(SILENCE));
    let server = two_services(&says);
    let conf = conf(&server, "a.t b.t");
    let (mut by_srv, mut by_host) = (srv("_h._tcp", &conf), host("web", &conf));
    let error = by_srv.lookup().await.unwrap_err().to_string();
    assert!(error.starts_with("no answer to _h._tcp.a.t SRV"), "{error}");
    let error = by_host.lookup().await.unwrap_err().to_string();
    assert!(error.starts_with("no answer to web.a.t A"), "{error}");
    assert_eq!(server.count(|asked| asked.name.ends_with("b.t.")), 0);
    says.store(0, Relaxed);
    assert_eq!(shown(&by_srv.lookup().await.unwrap()), ["h.a.t 127.0.0.1:80"]);
    assert_eq!(shown(&by_host.lookup().await.unwrap()), ["web 127.0.0.1:80"]);
}

#[tokio::test]
async fn the_name_stays_until_it_has_nothing() {
    let says = Arc::default();
    let server = two_services(&says);
    let conf = conf(&server, "a.t b.t");
    let mut source = srv("_h._tcp", &conf);
    assert_eq!(shown(&source.lookup().await.unwrap()), ["h.a.t 127.0.0.1:80"]);
    for code in [ResponseCode::ServFail, ResponseCode::Refused] {
        says.store(code.into(), Relaxed);
        let error = source.lookup().await.unwrap_err().to_string();
        assert!(error.starts_with("no answer to _h._tcp.a.t SRV"), "{error}");
    }
    says.store(SILENCE, Relaxed);
    source.lookup().await.unwrap_err();
    assert_eq!(server.count(|asked| asked.name.ends_with("b.t.")), 0);
    says.store(ResponseCode::NXDomain.into(), Relaxed);
    assert_eq!(shown(&source.lookup().await.unwrap()), ["h.b.t 127.0.0.2:80"]);
    // Nor does the service go back by itself.
    says.store(0, Relaxed);
    assert_eq!(shown(&source.lookup().await.unwrap()), ["h.b.t 127.0.0.2:80"]);
    // Without a name that it was found under, one that cannot tell does not end the search.
    says.store(ResponseCode::ServFail.into(), Relaxed);
    let answer = srv("_h._tcp", &conf).lookup().await.unwrap();
    assert_eq!(shown(&answer), ["h.b.t 127.0.0.2:80"]);
}

/// A name that does not exist has neither kind.
#[tokio::test]
async fn names_without_an_address_are_passed_over_where_aaaa_is_dropped() {
    let zone = Zone::new("web.c.t 60 A 127.0.0.1");
    let server = Hostile::start(move |asked| match asked.kind {
        RecordType::AAAA => Vec::<Act>::new(),
        _ => send(&zone.answer(asked.response.clone())),
    });
    let begun = Instant::now();
    let answer = host("web", &conf(&server, "a.t b.t c.t")).lookup().await.unwrap();
    assert_eq!(shown(&answer), ["web 127.0.0.1:80"]);
    assert!(begun.elapsed() < UNIT, "no time-out for each name: {:?}", begun.elapsed());
}
