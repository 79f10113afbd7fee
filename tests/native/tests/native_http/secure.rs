//! TLS where it is not, none where it is wanted, and certificates that do not hold.

use core::time::Duration;

use evenkeel::http::{AttemptEnd, Attempts, Client, Connections};
use evenkeel::{RoundRobin, Tls};
use evenkeel_tests::servers::certificates::Authority;
use evenkeel_tests::servers::secure::Secure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Act, InOrder, Server, balancer, quick, status};

fn trusting(authority: &Authority) -> Connections {
    Connections::default().tls(Tls::default().with_ca(authority.pem.as_bytes()).expect("PEM"))
}

#[tokio::test]
async fn tls_to_a_server_that_does_not_speak_it_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // As servers do who are asked for what is no HTTP.
            assert!(stream.read(&mut [0; 1000]).await.expect("a client") > 0);
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("it reads");
        }
    });
    let connections = trusting(&Authority::new());
    let client = Client::new(balancer(InOrder, &[addr], connections).await);
    let error = client.with_retry(quick(1)).get("/").send().await.expect_err("no TLS").to_string();
    let says =
        "TLS: the server does not speak it here: ask without TLS (http://), or at another port";
    assert!(error.contains(says), "{error}");
}

#[tokio::test]
async fn tls_to_a_server_that_says_nothing_says_that_it_was_connected() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("an address");
    let connections = trusting(&Authority::new()).connect_timeout(Duration::from_millis(500));
    let client = Client::new(balancer(InOrder, &[addr], connections).await);
    let error = client.with_retry(quick(1)).get("/").send().await.expect_err("no TLS").to_string();
    let says = "connected, but no TLS within 500ms: does the server speak it here?";
    assert!(error.contains(says), "{error}");
    drop(listener);
}

#[tokio::test]
async fn none_to_a_server_that_speaks_tls_says_so() {
    let server = Server::always(Act::OK).await;
    let front = Secure::to(server.addr, &Authority::new().certifies("127.0.0.1")).await;
    for connections in [Connections::default(), Connections::default().http2()] {
        let client = Client::new(balancer(InOrder, &[front.addr], connections).await);
        let error = client.with_retry(quick(1)).get("/").send().await.expect_err("TLS").to_string();
        let says = "the server speaks TLS here: ask with TLS (https://), or at another port";
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test]
async fn an_endpoint_whose_certificate_does_not_hold_costs_no_request_and_says_why() {
    let authority = Authority::new();
    let expired = (authority.certified("127.0.0.1"), "certificate expired");
    let misnamed = (authority.certifies("other.example.com"), "not valid for name");
    for (identity, says) in [expired, misnamed] {
        let server = Server::always(Act::OK).await;
        let good = authority.certifies("127.0.0.1");
        let bad = Secure::to(server.addr, &identity).await;
        let fronts =
            [&bad, &Secure::to(server.addr, &good).await, &Secure::to(server.addr, &good).await];
        let addrs = fronts.map(|front| front.addr);
        let balancer = balancer(RoundRobin::new(), &addrs, trusting(&authority)).await;
        // Without a retry that costs an attempt, and whatever may not be done twice.
        let client = Client::new(balancer).with_retry(quick(1));
        let mut reasons = Vec::new();
        for _ in 0..200 {
            let answer = client.post("/").send().await.expect("none is lost");
            assert_eq!(answer.status(), 200);
            let attempts = answer.extensions().get::<Attempts>().expect("they are told");
            reasons.extend(attempts.iter().filter_map(|attempt| match &attempt.end {
                AttemptEnd::Failed(why) => Some((attempt.target.socket_addr(), why.clone())),
                AttemptEnd::Answered(_) | AttemptEnd::GivenUp => None,
            }));
            answer.into_body().bytes(100).await.expect("a body");
        }
        assert!(!reasons.is_empty() && reasons.len() < 20, "{reasons:?}");
        for (target, why) in &reasons {
            assert!(*target == Some(bad.addr) && why.contains(says), "{target:?} {why}");
        }
        assert!(!status(&client, bad.addr).candidate, "it is ejected");
    }
}
