//! The connections to an endpoint: used again, retired with age, shared by HTTP/2, secured.

use core::convert::Infallible;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::http::{Client, Connections};
use evenkeel::{Retry, Tls};
use evenkeel_tests::servers::certificates::Authority;
use evenkeel_tests::servers::secure::Secure;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Act, InOrder, Server, balancer, quick, status, until, within};

async fn over(server: &Server, connections: Connections) -> Client<InOrder> {
    Client::new(balancer(InOrder, &[server.addr], connections).await).with_retry(quick(1))
}

async fn ask(client: &Client<InOrder>) {
    let response = client.get("/").send().await.expect("an answer");
    within(response.into_body().bytes(100)).await.expect("a body");
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Server::always(Act::OK).await;
    let client = over(&server, Connections::default()).await;
    for _ in 0..10 {
        ask(&client).await;
    }
    assert_eq!((server.times(), server.connections().made), (10, 1));
}

#[tokio::test]
async fn connections_are_used_again_whatever_host_is_asked_for() {
    let server = Server::always(Act::OK).await;
    let client = over(&server, Connections::default()).await;
    for number in 0..10 {
        let host = format!("user-{number}.example.com");
        let response = client.get("/").header("Host", &*host).send().await.expect("an answer");
        within(response.into_body().bytes(100)).await.expect("a body");
        assert_eq!(server.asked().pop().expect("one").headers["host"], host);
    }
    assert_eq!((server.times(), server.connections().made), (10, 1));
}

#[tokio::test]
async fn no_more_idle_connections_are_kept_than_wanted() {
    let server = Server::always(Act::After(Duration::from_millis(100))).await;
    let client = over(&server, Connections::default().max_idle(1)).await;
    let mut asks = JoinSet::new();
    for _ in 0..5 {
        let client = client.clone();
        asks.spawn(async move { ask(&client).await });
    }
    asks.join_all().await;
    assert_eq!(server.connections().made, 5);
    server.open_at_most(1).await;
}

#[tokio::test]
async fn an_old_connection_is_drained_and_not_used_again() {
    let server = Server::start(|number| match number {
        1 => Act::After(Duration::from_millis(400)),
        _ => Act::OK,
    })
    .await;
    let age = Duration::from_millis(200);
    let client = over(&server, Connections::default().max_age(age)).await;
    ask(&client).await;
    // It is retired in the middle of the next answer, which comes all the same.
    ask(&client).await;
    assert_eq!(server.connections().made, 1);
    ask(&client).await;
    assert_eq!((server.times(), server.connections().made), (3, 2));
    server.open_at_most(1).await;
}

#[tokio::test]
async fn an_idle_connection_ends() {
    let server = Server::always(Act::OK).await;
    let idle = Duration::from_millis(50);
    let client = over(&server, Connections::default().idle_timeout(idle)).await;
    ask(&client).await;
    server.open_at_most(0).await;
}

/// A server that speaks HTTP/2 by prior knowledge, and lets so many streams be open at a time.
struct Http2 {
    addr: core::net::SocketAddr,
    made: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    go: Arc<Semaphore>,
    _task: JoinSet<()>,
}

impl Http2 {
    async fn start(streams: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let (made, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let go = Arc::new(Semaphore::new(0));
        let mut task = JoinSet::new();
        task.spawn({
            let (made, most, go) = (made.clone(), most.clone(), go.clone());
            let now = Arc::new(AtomicUsize::new(0));
            async move {
                let mut connections = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    made.fetch_add(1, SeqCst);
                    let (most, go, now) = (most.clone(), go.clone(), now.clone());
                    let service = service_fn(move |request: Request<Incoming>| {
                        let (most, go, now) = (most.clone(), go.clone(), now.clone());
                        async move {
                            most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                            go.acquire().await.expect("it is never closed").forget();
                            now.fetch_sub(1, SeqCst);
                            assert_eq!(request.version(), Version::HTTP_2);
                            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("fine"))))
                        }
                    });
                    let connection = http2::Builder::new(TokioExecutor::new())
                        .max_concurrent_streams(streams)
                        .serve_connection(TokioIo::new(stream), service);
                    connections.spawn(async move { drop(connection.await) });
                }
            }
        });
        Self { addr, made, most, go, _task: task }
    }
}

#[tokio::test]
async fn http_2_has_one_connection_and_as_many_streams_as_the_endpoint_allows() {
    let server = Http2::start(2).await;
    let connections = Connections::default().http2();
    let client = Client::new(balancer(InOrder, &[server.addr], connections).await);
    // All at once: what is sent before the endpoint says how many it takes is refused.
    let mut asks = JoinSet::new();
    for _ in 0..6 {
        let client = client.clone();
        asks.spawn(async move { ask(&client).await });
    }
    until(|| server.most.load(SeqCst) == 2).await;
    server.go.add_permits(6);
    within(asks.join_all()).await;
    assert_eq!([server.made.load(SeqCst), server.most.load(SeqCst)], [1, 2]);
    assert_eq!(status(&client, server.addr).failures, 0);
}

#[tokio::test]
async fn an_old_connection_of_http_2_is_drained() {
    let server = Http2::start(10).await;
    let connections = Connections::default().http2().max_age(Duration::from_millis(100));
    let client = Client::new(balancer(InOrder, &[server.addr], connections).await);
    server.go.add_permits(1);
    ask(&client).await;
    let slow = tokio::spawn({
        let client = client.clone();
        async move { ask(&client).await }
    });
    let old = tokio::time::Instant::now() + Duration::from_millis(300);
    tokio::time::sleep_until(old).await;
    server.go.add_permits(2);
    ask(&client).await;
    within(slow).await.expect("it comes to its end");
    assert_eq!(server.made.load(SeqCst), 2);
}

#[tokio::test]
async fn tls_agrees_on_http_2_and_the_name_is_verified() {
    let authority = Authority::new();
    let identity = authority.certifies("api.example.com");
    let server = Http2::start(10).await;
    let front = Secure::speaking(Some(b"h2"), server.addr, &identity).await;
    server.go.add_permits(10);
    let tls = || Tls::default().with_ca(authority.pem.as_bytes()).expect("an authority");
    let connections = Connections::default().tls(tls()).host("api.example.com").expect("a host");
    let client = Client::new(balancer(InOrder, &[front.addr], connections).await);
    let response = client.get("/").send().await.expect("an answer");
    assert_eq!(response.version(), Version::HTTP_2);

    let connections = Connections::default().tls(tls()).host("other.example.com").expect("a host");
    let client = Client::new(balancer(InOrder, &[front.addr], connections).await);
    let retry = Retry::attempts(1).expect("above 0");
    let error = client.with_retry(retry).post("/").send().await.expect_err("another name");
    assert!(error.to_string().contains("never sent: "), "{error}");
}
