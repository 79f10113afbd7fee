//! Name servers over TLS and HTTPS: asked each 5 s, over one connection that is kept in between.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use evenkeel::dns::NameServer;
use evenkeel::{DnsSrv, PollerConfig, Tls};
use evenkeel_tests::servers::certificates::Authority;
use evenkeel_tests::servers::hostile::{Asked, Hostile, bytes, send};
use evenkeel_tests::servers::secure::Secure;
use evenkeel_tests::servers::zone::Zone;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use super::followed::{BACKOFF_MAX, Followed, NODES};

/// Answers with a service of so many nodes.
fn zone(count: usize) -> Zone {
    let lines = NODES[..count].iter().zip(0..).map(|(node, number)| {
        format!("_h._tcp.t 5 SRV 0 1 80 h{number}.t\nh{number}.t 5 A {node}")
    });
    Zone::new(&lines.collect::<Vec<_>>().join("\n"))
}

fn trusting(authority: &Authority) -> Tls {
    Tls::default().with_ca(authority.pem.as_bytes()).unwrap()
}

fn source(server: NameServer) -> DnsSrv {
    let poller = PollerConfig { backoff_max: BACKOFF_MAX, ..PollerConfig::default() };
    DnsSrv::new("_h._tcp.t.").unwrap().servers([server]).unwrap().poller(poller)
}

pub(super) async fn over_tls() -> Followed {
    let count = Arc::new(AtomicUsize::new(1));
    let now = Arc::clone(&count);
    let behind =
        Hostile::start(move |asked| send(&zone(now.load(Relaxed)).answer(asked.response.clone())));
    let authority = Authority::new();
    let front = Secure::to(behind.addr(), &authority.certifies("ns.test")).await;
    let server = NameServer::tls(front.addr, "ns.test").unwrap().with_tls(trusting(&authority));
    let url = format!("tls://{}", front.addr);
    let put = move |new| count.store(new, Relaxed);
    Followed::start("DNS over TLS", &url, source(server), put, (behind, front)).await
}

pub(super) async fn over_https() -> Followed {
    let count = Arc::new(AtomicUsize::new(1));
    let now = Arc::clone(&count);
    let authority = Authority::new();
    let answer = move |asked: &Asked| {
        let answer = zone(now.load(Relaxed)).answer(asked.response.clone());
        let mut reply = Response::new(Bytes::from(bytes(&answer)).into());
        let kind = HeaderValue::from_static("application/dns-message");
        reply.headers_mut().insert(CONTENT_TYPE, kind);
        Some(reply)
    };
    let front =
        Secure::https(&authority.certifies("127.0.0.1"), move |asked, _| answer(asked)).await;
    let url = format!("https://{}", front.addr);
    let server = NameServer::https(&format!("{url}/dns-query")).unwrap();
    let server = server.with_tls(trusting(&authority));
    let put = move |new| count.store(new, Relaxed);
    Followed::start("DNS over HTTPS", &url, source(server), put, front).await
}
