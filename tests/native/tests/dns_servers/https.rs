//! DNS over HTTPS (RFC 8484).

use std::sync::Mutex;

use evenkeel::Discover;
use evenkeel::dns::NameServer;
use evenkeel_tests::servers::certificates::Authority;
use evenkeel_tests::servers::hostile::{Asked, bytes};
use evenkeel_tests::servers::secure::{Connections, Reply, Secure};
use evenkeel_tests::servers::zone::Zone;
use hickory_server::proto::op::{Message, Query, ResponseCode};
use hickory_server::proto::rr::RecordType;
use hyper::body::Bytes;
use hyper::header::{AGE, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::{Duration, timeout};

use super::{
    FOUND, PATIENCE, fails, good, is_closed_when_idle, is_made_anew_when_cut, many_targets,
    outcome, says, silent, source, trusting, with_srv,
};

const DNS_MESSAGE: &str = "application/dns-message";

/// The reply that has this body.
fn reply(body: Vec<u8>) -> Reply {
    let mut reply = Response::new(Bytes::from(body).into());
    reply.headers_mut().insert(CONTENT_TYPE, DNS_MESSAGE.parse().unwrap());
    reply
}

fn holding(message: &Message) -> Reply {
    reply(bytes(message))
}

/// A server at 127.0.0.1 that does what `script` says.
async fn serve(
    script: impl Fn(&Asked, &Request<Bytes>) -> Option<Reply> + Send + Sync + 'static,
) -> (Secure, NameServer) {
    let authority = Authority::new();
    let front = Secure::https(&authority.certifies("127.0.0.1"), script).await;
    let server = NameServer::https(&format!("https://{}/dns-query{{?dns}}", front.addr)).unwrap();
    (front, server.with_tls(trusting(&authority)))
}

/// Does `script` to all questions; it must be said of it that it did `wanted`.
async fn over_https(
    script: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static,
    wanted: &str,
) {
    let (_front, server) = serve(move |asked, _| script(asked)).await;
    fails(server, wanted).await;
}

#[tokio::test]
async fn all_questions_share_a_connection() {
    let zone = many_targets(20);
    let (front, server) = serve(move |asked, request| {
        let headers = request.headers();
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/dns-query"));
        assert_eq!(
            (&headers["accept"], &headers["content-type"]),
            (&DNS_MESSAGE.parse().unwrap(), &DNS_MESSAGE.parse().unwrap())
        );
        assert_eq!(asked.response.metadata.id, 0);
        Some(holding(&zone.answer(asked.response.clone())))
    })
    .await;
    let mut source = source([server.clone()]).family_wait(PATIENCE);
    for _ in 0..2 {
        let answer = source.lookup().await.unwrap();
        assert_eq!(answer.endpoints.len(), 20);
        assert_eq!(answer.server.as_deref(), Some(&*server.to_string()));
    }
    assert_eq!(server.to_string(), format!("https://{}/dns-query", front.addr));
    assert_eq!((front.asked(), front.connections()), (62, Connections { made: 1, open: 1 }));
    drop(source);
    timeout(PATIENCE, front.has(|connections| connections.open == 0)).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_anew() {
    let (front, server) = serve(|asked, _| Some(holding(&good(asked)))).await;
    is_made_anew_when_cut(&front, server).await;
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed() {
    let (front, server) = serve(|asked, _| Some(holding(&good(asked)))).await;
    is_closed_when_idle(&front, server).await;
}

#[tokio::test]
async fn what_a_cache_has_kept_is_older() {
    let (_front, server) = serve(|asked, _| {
        let mut reply = holding(&good(asked));
        reply.headers_mut().insert(AGE, "45".parse().unwrap());
        Some(reply)
    })
    .await;
    let answer = source([server]).lookup().await.unwrap();
    assert_eq!(answer.ttl, Some(Duration::from_secs(15)));
}

/// A time to live with the top bit set is none at all (RFC 2181 §8), and no younger for its age.
#[tokio::test]
async fn what_is_not_to_be_kept_is_not_for_a_cache_either() {
    let zone = Zone::new("_h._tcp.t 2147483648 SRV 0 1 80 a.t\na.t 60 A 127.0.0.1");
    let (_front, server) = serve(move |asked, _| {
        let mut reply = holding(&zone.answer(asked.response.clone()));
        reply.headers_mut().insert(AGE, "1".parse().unwrap());
        Some(reply)
    })
    .await;
    let answer = source([server]).lookup().await.unwrap();
    assert_eq!(answer.ttl, Some(Duration::ZERO));
}

#[tokio::test]
async fn what_a_server_says_is_told() {
    for status in [400, 404, 429, 503] {
        let refuse = move |_: &Asked| {
            let mut reply = reply(b"no".to_vec());
            *reply.status_mut() = StatusCode::from_u16(status).unwrap();
            Some(reply)
        };
        over_https(refuse, &format!("answered with HTTP status {status}")).await;
    }
    let page = |asked: &Asked| {
        let mut reply = holding(&good(asked));
        reply.headers_mut().insert(CONTENT_TYPE, "text/html; charset=utf-8".parse().unwrap());
        Some(reply)
    };
    over_https(page, "sent what is no answer: its type is 'text/html; charset=utf-8'").await;
    let untyped = |asked: &Asked| Some(Response::new(Bytes::from(bytes(&good(asked))).into()));
    over_https(untyped, "sent what is no answer: its type is ''").await;
    over_https(|_| Some(reply(Vec::new())), "0 bytes that answer nothing").await;
    over_https(|_| Some(reply(vec![0; 70_000])), "more than 65535 bytes").await;
    let refused = |asked: &Asked| Some(holding(&says(asked, ResponseCode::Refused)));
    over_https(refused, "answered REFUSED").await;
    let other = |asked: &Asked| {
        let mut response = asked.response.clone();
        response.queries = vec![Query::query("other.t.".parse().unwrap(), RecordType::SRV)];
        Some(holding(&response))
    };
    over_https(other, "answered another question").await;
    over_https(|_| None, "timed out after 1s").await;
}

#[tokio::test]
async fn a_question_without_an_answer_does_not_hold_up_the_others() {
    let first = Mutex::new(true);
    let (front, server) = serve(move |asked, _| {
        let silent = asked.kind == RecordType::AAAA && core::mem::take(&mut *first.lock().unwrap());
        if silent { None } else { Some(holding(&good(asked))) }
    })
    .await;
    assert_eq!(outcome(&source([server]).lookup().await), FOUND);
    assert_eq!(front.connections().made, 1);
}

#[tokio::test]
async fn the_certificate_has_the_hosts_name() {
    let authority = Authority::new();
    let front =
        Secure::https(&authority.certifies("dns.test"), |asked, _| Some(holding(&good(asked))))
            .await;
    let named = |host: &str| {
        let url = format!("https://{host}:{}/dns-query", front.addr.port());
        let server = NameServer::https(&url).unwrap().with_address(front.addr.ip());
        server.with_tls(trusting(&authority))
    };
    assert_eq!(outcome(&source([named("dns.test")]).lookup().await), FOUND);
    fails(named("other.test"), "certificate not valid for name \"other.test\"").await;
    let stranger = named("dns.test").with_tls(trusting(&Authority::new()));
    fails(stranger, "invalid peer certificate: UnknownIssuer").await;
}

#[tokio::test]
async fn a_server_without_http_2_is_none() {
    let (authority, behind) = (Authority::new(), with_srv(|_| Vec::new()));
    let identity = authority.certifies("127.0.0.1");
    for protocol in [None, Some(&b"http/1.1"[..])] {
        let front = Secure::speaking(protocol, behind.addr(), &identity).await;
        let server = NameServer::https(&format!("https://{}/", front.addr)).unwrap();
        let wanted = "made no secure connection: it speaks no HTTP/2";
        fails(server.with_tls(trusting(&authority)), wanted).await;
    }
}

#[tokio::test]
async fn a_silent_server_takes_one_time_out() {
    let (addr, _listener) = silent().await;
    let server = NameServer::https(&format!("https://{addr}/dns-query")).unwrap();
    fails(server.with_tls(trusting(&Authority::new())), "timed out after 1s").await;
}
