//! What is sent: paths below a prefix, hosts, headers and bodies.

use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::core::grpc::Timeout;
use evenkeel::http::{Body, Client, Connections, Error, Repeat};
use evenkeel::{Backoff, Balancer, Fixed, Rendezvous, Retry, RetryPolicy};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::HeaderName;
use hyper::{Method, Request};

use super::{Act, InOrder, Server, balancer, client, quick, two};

#[tokio::test]
async fn paths_go_below_the_prefix_and_hosts_follow_the_endpoint() {
    let server = Server::always(Act::OK).await;
    let here = server.addr.to_string();
    for (prefix, host, path, line, asked) in [
        ("", None, "/users?x=1", "/users?x=1", &*here),
        ("/v1/", None, "/users?x=1", "/v1/users?x=1", &*here),
        ("/v1", None, "http://users/7", "/v1/7", &*here),
        ("/v1", None, "/../admin", "/v1/admin", &*here),
        ("", Some("api.example.com"), "/", "/", "api.example.com"),
        ("", Some("api.example.com:8443"), "/", "/", "api.example.com:8443"),
    ] {
        let mut connections = Connections::default().prefix(prefix).expect("a path");
        if let Some(host) = host {
            connections = connections.host(host).expect("a host");
        }
        let client = Client::new(balancer(InOrder, &[server.addr], connections).await);
        client.get(path).send().await.expect("an answer");
        let last = server.asked().pop().expect("one");
        assert_eq!(last.line, format!("GET {line} HTTP/1.1"), "{prefix} {path}");
        assert_eq!(last.headers["host"], asked);
    }
    // The caller's own host goes before both.
    let connections = Connections::default().host("api.example.com").expect("a host");
    let client = Client::new(balancer(InOrder, &[server.addr], connections).await);
    client.get("/").header("Host", "other.example.com").send().await.expect("an answer");
    assert_eq!(server.asked().pop().expect("one").headers["host"], "other.example.com");
}

#[tokio::test]
async fn what_cannot_be_sent_is_said() {
    let server = Server::always(Act::OK).await;
    let client = client(&[&server]).await;
    for (request, says) in [
        (client.get("/a\tb"), "\"/a\\tb\" is no path: "),
        (client.get("/").header("a b", "1"), "the header \"a b\": "),
        (client.get("/").header("a", "1\n"), "the header \"a\": "),
        (client.get("/").header("Host", "a@b"), "the request is at fault after 1 attempt: "),
        (client.request(Method::CONNECT, "/"), "the request is at fault after 1 attempt: "),
    ] {
        let error = request.send().await.expect_err(says);
        assert!(error.to_string().starts_with(says), "{error}");
    }
    assert_eq!(server.times(), 0);
    let host = Connections::default().host("a b").expect_err("no host");
    assert!(host.to_string().starts_with("\"a b\" is no host: "), "{host}");
    assert!(Connections::default().prefix("/v1?x=1").is_err());
}

#[tokio::test]
async fn bytes_are_sent_again_as_they_are() {
    let [first, second] = two(Act::Answer(500, "", ""), Act::OK).await;
    let client = client(&[&first, &second]).await;
    client.put("/x").header("X-A", "1").body("7 apples").send().await.expect("an answer");
    let [first, second] = [&first, &second].map(|server| server.asked().remove(0));
    assert_eq!((&*first.body, &*first.headers["x-a"]), ("7 apples", "1"));
    assert_eq!((first.line, first.body), (second.line, second.body));
}

#[tokio::test]
async fn a_function_makes_the_body_anew_for_each_attempt() {
    let [first, second] = two(Act::Answer(500, "", ""), Act::OK).await;
    let client = client(&[&first, &second]).await;
    let made = Arc::new(AtomicUsize::new(0));
    let body = Body::anew({
        let made = Arc::clone(&made);
        move || Full::new(Bytes::from(format!("body {}", made.fetch_add(1, SeqCst))))
    });
    client.put("/").body(body).send().await.expect("an answer");
    let bodies = [&first, &second].map(|server| server.asked().remove(0).body);
    assert_eq!(bodies, ["body 0", "body 1"]);
}

/// A body whose length nobody knows before.
fn stream() -> Body {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(4);
    for part in ["a ", "stream"] {
        sender.try_send(Bytes::from(part)).expect("there is room");
    }
    drop(sender);
    Body::once(Channel(receiver))
}

struct Channel(tokio::sync::mpsc::Receiver<Bytes>);

impl hyper::body::Body for Channel {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: core::pin::Pin<&mut Self>,
        cx: &mut core::task::Context<'_>,
    ) -> core::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|data| data.map(|data| Ok(hyper::body::Frame::data(data))))
    }
}

#[tokio::test]
async fn a_stream_that_has_begun_is_not_sent_again() {
    let [first, second] = two(Act::Answer(500, "", "no"), Act::OK).await;
    let client_ = client(&[&first, &second]).await;
    let response = client_.put("/").body(stream()).send().await.expect("an answer");
    assert_eq!(response.status(), 500);
    assert_eq!(first.asked()[0].body, "a stream");
    assert_eq!([first.times(), second.times()], [1, 0]);

    let [first, second] = two(Act::Close, Act::OK).await;
    let client = client(&[&first, &second]).await;
    let error = client.put("/").body(stream()).send().await.expect_err("no answer");
    assert!(matches!(error, Error::Call { body_begun: true, .. }), "{error}");
    let says = "; its body is a stream that is sent once, and it had begun";
    assert!(error.to_string().ends_with(says), "{error}");
    assert_eq!([first.times(), second.times()], [1, 0]);
}

#[tokio::test]
async fn a_stream_that_has_not_begun_goes_elsewhere() {
    loop {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = nobody.local_addr().expect("an address");
        let server = Server::always(Act::OK).await;
        if addr > server.addr {
            continue;
        }
        drop(nobody);
        let addrs = [addr, server.addr];
        let client = Client::new(balancer(InOrder, &addrs, Connections::default()).await);
        let response = client.post("/").body(stream()).send().await.expect("an answer");
        assert_eq!((response.status().as_u16(), &*server.asked()[0].body), (200, "a stream"));
        break;
    }
}

#[tokio::test]
async fn whole_requests_are_sent_as_they_are() {
    let [first, second] = two(Act::Answer(503, "", ""), Act::OK).await;
    let client = client(&[&first, &second]).await.with_retry(quick(2));
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://users/7?x=1")
        .header("X-A", "1")
        .body("text")
        .expect("a request");
    assert_eq!(client.send(request).await.expect("an answer").status(), 200);
    let asked = second.asked().remove(0);
    assert_eq!((&*asked.line, &*asked.body), ("POST /7?x=1 HTTP/1.1", "text"));
    assert_eq!(asked.headers["x-a"], "1");
}

#[tokio::test]
async fn requests_of_a_key_stay_together() {
    let servers = [Server::always(Act::OK).await, Server::always(Act::OK).await];
    let addrs = servers.each_ref().map(|server| server.addr.to_string());
    let balancer = Balancer::builder(Fixed::new(addrs).expect("addresses"))
        .policy(Rendezvous::new())
        .build(Connections::default())
        .expect("a runtime");
    balancer.ready().await;
    let client = Client::new(balancer);
    let mut wheres = Vec::new();
    for user in ["ann", "bob", "cid", "dee", "eve", "fay", "gus", "hal"] {
        let before = servers[0].times();
        for _ in 0..4 {
            client.get("/").key(user).repeat(Repeat::Never).send().await.expect("an answer");
        }
        wheres.push(servers[0].times() - before);
    }
    assert!(wheres.iter().all(|times| [0, 4].contains(times)), "{wheres:?}");
    assert!(wheres.contains(&0) && wheres.contains(&4), "{wheres:?}");
}

#[tokio::test]
async fn an_endpoint_is_told_how_much_time_is_left() {
    let [first, second] = two(Act::Answer(500, "", ""), Act::OK).await;
    let limit = Duration::from_secs(30);
    let policy = RetryPolicy::new(3).expect("above 0");
    let waits = policy.with_backoff(Backoff::Constant(Duration::from_millis(2))).expect("a wait");
    for name in ["x-timeout-ms", "grpc-timeout"] {
        let name = HeaderName::from_static(name);
        let client = client(&[&first, &second]).await.with_deadline_header(name.clone());
        let client = client.with_retry(Retry::new(waits));
        client.get("/").send().await.expect("an answer");
        for server in [&first, &second] {
            let asked = server.asked().pop().expect("one");
            assert!(!asked.headers.contains_key(name.as_str()), "nothing is said without a limit");
        }
        client.get("/").timeout(limit).send().await.expect("an answer");
        let left = [&first, &second].map(|server| {
            let said = &server.asked().pop().expect("one").headers[name.as_str()];
            let grpc = || Timeout::parse(said).expect("gRPC's form");
            said.parse().map_or_else(|_| grpc(), Duration::from_millis)
        });
        // A retry has less: it waits first.
        assert!(left[1] < left[0] && left[0] <= limit && !left[1].is_zero(), "{left:?}");
        let own = client.get("/").timeout(limit).header(name.as_str(), "7");
        own.send().await.expect("an answer");
        assert_eq!(second.asked().pop().expect("one").headers[name.as_str()], "7");
    }
}
