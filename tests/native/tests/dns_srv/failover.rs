//! Name servers that fail.

use core::error::Error;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::Discover;
use evenkeel::dns::{Cause, LookupError};
use evenkeel_tests::servers::bind_both;
use evenkeel_tests::servers::hickory::Hickory;
use evenkeel_tests::servers::named::Named;
use evenkeel_tests::servers::scripted::{Scripted, Transport};
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::rdata::NS;
use hickory_server::proto::rr::{RData, Record};

use super::{by_addr, by_name, shown};

const SERVICE: &str = "_h._tcp.lb.test";
const RECORDS: &str = "_h._tcp 5 IN SRV 0 1 80 a\na 5 IN A 127.0.0.1";
const FOUND: [&str; 1] = ["0 1 a.lb.test:80"];

/// For servers that stay silent: short, for they are waited for.
const SHORT: Duration = Duration::from_secs(1);

/// Looks up twice with a failing server before a good one; `Ok` if both lookups found the service.
async fn fails_over_from(bad: SocketAddr) {
    let good = Named::start(RECORDS);
    let mut source = by_name(SERVICE, &[bad, good.addr()]).timeout(SHORT).unwrap();
    for _ in 0..2 {
        assert_eq!(shown(&source.lookup().await.unwrap()), FOUND);
    }
}

/// A server that answers everything with this code, and how often it was asked.
fn says(code: ResponseCode) -> (Scripted, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = Scripted::start(move |mut response, _| {
        count.fetch_add(1, Ordering::Relaxed);
        response.metadata.response_code = code;
        Some(response)
    });
    (server, asked)
}

/// An address where nothing answers: the port was free a moment ago.
fn nobody() -> SocketAddr {
    bind_both().0.local_addr().unwrap()
}

#[tokio::test]
async fn from_a_server_whose_zone_is_broken() {
    let broken = Named::start_broken();
    fails_over_from(broken.addr()).await;
}

#[tokio::test]
async fn from_a_server_that_refuses() {
    let closed = Named::start_with("allow-query { none; };", RECORDS);
    fails_over_from(closed.addr()).await;
}

#[tokio::test]
async fn from_a_server_that_cannot() {
    for code in [ResponseCode::FormErr, ResponseCode::NotImp] {
        fails_over_from(says(code).0.addr()).await;
    }
}

#[tokio::test]
async fn from_a_port_where_nobody_listens() {
    fails_over_from(nobody()).await;
}

#[tokio::test]
async fn from_a_server_that_hangs() {
    let hanging = Named::start(RECORDS);
    hanging.pause();
    fails_over_from(hanging.addr()).await;
}

#[tokio::test]
async fn from_a_server_that_refers_to_others() {
    let lame = Scripted::start(|mut response, _| {
        let ns = RData::NS(NS("ns.elsewhere.test.".parse().unwrap()));
        response.authorities.push(Record::from_rdata("lb.test.".parse().unwrap(), 5, ns));
        Some(response)
    });
    fails_over_from(lame.addr()).await;
}

#[tokio::test]
async fn a_silent_server_is_asked_last_from_then_on() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let silent = Scripted::start(move |_, transport| {
        count.fetch_add(usize::from(transport == Transport::Udp), Ordering::Relaxed);
        None
    });
    let good = Named::start(RECORDS);
    let mut source = by_name(SERVICE, &[silent.addr(), good.addr()]).timeout(SHORT).unwrap();
    for _ in 0..3 {
        assert_eq!(shown(&source.lookup().await.unwrap()), FOUND);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2, "one question, which is repeated once");
}

/// It may be the only one that knows another name.
#[tokio::test]
async fn a_server_that_says_servfail_to_one_name_keeps_its_place() {
    let ((bad, asked), good) = (says(ResponseCode::ServFail), Named::start(RECORDS));
    let mut source = by_name(SERVICE, &[bad.addr(), good.addr()]);
    for _ in 0..3 {
        source.lookup().await.unwrap();
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_lookup_that_is_given_up_half_way_goes_on_with_the_next_server() {
    let silent = [bind_both(), bind_both(), bind_both()];
    let mut servers: Vec<_> = silent.iter().map(|(_, tcp)| tcp.local_addr().unwrap()).collect();
    let good = Named::start(RECORDS);
    servers.push(good.addr());
    let mut source = by_name(SERVICE, &servers).timeout(SHORT).unwrap();
    let mut given_up = 0;
    let answer = loop {
        match tokio::time::timeout(SHORT * 3 / 2, source.lookup()).await {
            Ok(answer) => break answer.unwrap(),
            Err(_) => given_up += 1,
        }
        assert!(given_up < 4);
    };
    assert_eq!(shown(&answer), FOUND);
}

#[tokio::test]
async fn an_absent_name_is_an_answer_and_no_reason_to_ask_another() {
    let (empty, (other, asked)) = (Named::start(""), says(ResponseCode::ServFail));
    let answer = by_name(SERVICE, &[empty.addr(), other.addr()]).lookup().await.unwrap();
    assert_eq!((answer.endpoints.len(), asked.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test]
async fn silent_udp_is_replaced_by_tcp() {
    let server = Hickory::start_udp_silent().await;
    server.srv("_h._tcp.lb.test.", 5, 0, 1, 80, "a.lb.test.").await;
    server.address("a.lb.test.", 5, "127.0.0.1").await;
    let mut source = by_addr(SERVICE, &[server.addr()]).timeout(Duration::from_secs(2)).unwrap();
    for _ in 0..2 {
        assert_eq!(shown(&source.lookup().await.unwrap()), ["0 1 a.lb.test:80 127.0.0.1:80"]);
    }
}

#[tokio::test]
async fn udp_is_not_waited_for_again_where_only_tcp_answered() {
    let server = Scripted::start(|mut response, transport| {
        response.metadata.response_code = ResponseCode::NXDomain;
        (transport == Transport::Tcp).then_some(response)
    });
    let half = Duration::from_secs(3);
    let mut source = by_name(SERVICE, &[server.addr()]).timeout(half * 2).unwrap();
    source.lookup().await.unwrap();
    tokio::time::timeout(half, source.lookup()).await.expect("TCP is asked at once").unwrap();
}

#[tokio::test]
async fn truncated_over_tcp_too_is_an_error() {
    let server = Scripted::start(|mut response, _| {
        response.metadata.truncation = true;
        Some(response)
    });
    let error = by_name(SERVICE, &[server.addr()]).lookup().await.unwrap_err();
    let LookupError::NoAnswer { tried, .. } = &error else { panic!("{error}") };
    assert!(matches!(tried[0].cause, Cause::Truncated), "{error}");
}

#[tokio::test]
async fn the_error_says_what_each_server_did() {
    let ((failing, _), (refusing, _), dead) =
        (says(ResponseCode::ServFail), says(ResponseCode::Refused), nobody());
    let servers = [failing.addr(), refusing.addr(), dead];
    let error = by_name(SERVICE, &servers).timeout(SHORT).unwrap().lookup().await.unwrap_err();
    let refused = "failed: Connection refused (os error 111)";
    assert_eq!(
        error.to_string(),
        format!(
            "no answer to _h._tcp.lb.test SRV: {} answered SERVFAIL, {} answered REFUSED, \
             {dead} {refused}",
            servers[0], servers[1]
        )
    );
    assert_eq!(error.source().unwrap().to_string(), format!("{dead} {refused}"));
}

#[tokio::test]
async fn a_killed_server_is_an_error_and_found_again_when_it_is_back() {
    let big: Vec<_> = (0..120)
        .map(|i| format!("_h._tcp IN SRV 0 1 80 host-with-a-rather-long-name-{i}"))
        .collect();
    let mut named = Named::start(&big.join("\n"));
    let mut source = by_name(SERVICE, &[named.addr()]).timeout(SHORT).unwrap();
    assert_eq!(source.lookup().await.unwrap().endpoints.len(), 120);
    named.kill();
    source.lookup().await.unwrap_err();
    named.restart();
    assert_eq!(source.lookup().await.unwrap().endpoints.len(), 120);
    named.update(
        "update delete _h._tcp.lb.test. SRV\nupdate add _h._tcp.lb.test. 5 SRV 0 1 80 a.lb.test.",
    );
    assert_eq!(shown(&source.lookup().await.unwrap()), FOUND);
}
