//! The states of connections, and what calls do without one.

use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::net::Shutdown;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use evenkeel::tonic::{Channel, ConnectionBackoff, Connectivity};
use evenkeel::{Config, Endpoint, Publisher, Target};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tonic::Request;

use crate::server::{Say, Server};
use crate::{at_once, call, hello, ms, to, until};

fn states(channel: &Channel) -> Vec<Connectivity> {
    channel.connections().into_iter().map(|(_, state)| state).collect()
}

fn dead() -> Server {
    Server::dead(|_| Say::Echo)
}

/// Waits that are longer than any test.
fn for_ever() -> ConnectionBackoff {
    ConnectionBackoff::new(Duration::from_secs(1_000), Duration::from_secs(1_000)).unwrap()
}

#[tokio::test]
async fn where_all_are_dead_a_call_fails_at_once_and_says_why() {
    let dead = [dead(), dead()];
    let channel = to(&dead.each_ref()).build().unwrap();
    let began = Instant::now();
    let status = hello(&channel).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    assert!(status.message().contains("refused"), "{status}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(states(&channel), [Connectivity::Backoff; 2]);
    // The attempts are in its source.
    let source = core::error::Error::source(&status).expect("it has one");
    assert!(source.to_string().contains("attempt"), "{source}");
}

#[tokio::test]
async fn a_call_that_may_wait_is_answered_when_a_server_comes() {
    let mut gone = dead();
    let channel = to(&[&gone]).wait_for_ready().build().unwrap();
    let waiting = tokio::spawn({
        let channel = channel.clone();
        async move { hello(&channel).await }
    });
    until("it has failed once", || states(&channel) == [Connectivity::Backoff]).await;
    assert!(!waiting.is_finished());
    gone.revive();
    assert_eq!(waiting.await.unwrap().unwrap(), "hello");
    assert_eq!((states(&channel), gone.calls()), (vec![Connectivity::Ready], 1));
}

#[tokio::test]
async fn calls_that_wait_end_with_the_balancers_task() {
    let gone = dead();
    let channel = to(&[&gone]).wait_for_ready().build().unwrap();
    let waiting = tokio::spawn({
        let channel = channel.clone();
        async move { hello(&channel).await }
    });
    until("it has failed once", || states(&channel) == [Connectivity::Backoff]).await;
    channel.balancer().close().await;
    let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    let status = ended.expect("it ends").unwrap().unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
}

#[tokio::test]
async fn it_waits_no_longer_than_it_has_time() {
    let gone = dead();
    let channel = to(&[&gone]).wait_for_ready().build().unwrap();
    let mut request = Request::new(Bytes::new());
    request.set_timeout(ms(150));
    let status = call(&channel, request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded, "{status}");
}

#[tokio::test]
async fn the_first_call_waits_for_discovery_and_for_a_connection() {
    let server = Server::echo();
    let (publisher, source) = Publisher::new();
    let channel = Channel::builder(source).build().unwrap();
    let first = tokio::spawn({
        let channel = channel.clone();
        async move { hello(&channel).await }
    });
    tokio::task::yield_now().await;
    assert!(!first.is_finished());
    publisher.replace([Endpoint::new(Target::from(server.addr()))]);
    assert_eq!(first.await.unwrap().unwrap(), "hello");
    // Where discovery fails, it does not wait.
    let (publisher, source) = Publisher::new();
    let channel = Channel::builder(source).build().unwrap();
    publisher.fail("no registry");
    let status = hello(&channel).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    assert!(status.message().contains("no registry"), "{status}");
    // Nor where it answers that there is nobody.
    let (publisher, source) = Publisher::new();
    let channel = Channel::builder(source).build().unwrap();
    publisher.replace([]);
    let answer = tokio::time::timeout(Duration::from_secs(10), hello(&channel)).await;
    let status = answer.expect("it does not wait").unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    assert!(status.message().contains("discovery answers that there are none"), "{status}");
}

#[tokio::test]
async fn no_call_is_sent_that_the_server_would_refuse() {
    let server = Server::one_by_one();
    let channel = to(&[&server]).build().unwrap();
    let calls = (0..50).map(|_| hello(&channel));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap(), "hello");
    }
    assert_eq!((server.calls(), channel.balancer().endpoints()[0].failures), (50, 0));
}

#[tokio::test]
async fn one_that_cannot_be_reached_keeps_nobody_waiting() {
    let server = Server::echo();
    let good = server.addr();
    // 10.255.0.0/16 stands for a network that swallows everything.
    let source = evenkeel::Fixed::new([good.to_string(), "10.255.0.1:1".to_owned()]).unwrap();
    let connect = move |target: Target| async move {
        match target.socket_addr().filter(|addr| *addr == good) {
            Some(addr) => TcpStream::connect(addr).await,
            None => core::future::pending().await,
        }
    };
    let channel = Channel::builder(source).connector(connect).build().unwrap();
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(hello(&channel).await.unwrap(), "hello");
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_reset_ends_all_waits() {
    let mut gone = dead();
    let channel = to(&[&gone]).connection_backoff(for_ever()).build().unwrap();
    hello(&channel).await.unwrap_err();
    gone.revive();
    assert_eq!(hello(&channel).await.unwrap_err().code(), tonic::Code::Unavailable);
    channel.reset_backoff();
    until("it is connected", || states(&channel) == [Connectivity::Ready]).await;
    assert_eq!(hello(&channel).await.unwrap(), "hello");
}

#[tokio::test]
async fn an_endpoint_that_is_announced_anew_is_connected_at_once() {
    let (mut gone, other) = (dead(), Server::echo());
    let (publisher, source) = Publisher::new();
    let both = [&gone, &other].map(|server| Endpoint::new(Target::from(server.addr())));
    publisher.replace(both.clone());
    let channel = Channel::builder(source).connection_backoff(for_ever()).build().unwrap();
    until("it has failed", || states(&channel).contains(&Connectivity::Backoff)).await;
    gone.revive();
    publisher.remove(&Target::from(gone.addr()));
    until("it is gone", || channel.connections().len() == 1).await;
    publisher.replace(both);
    until("it is back", || states(&channel) == [Connectivity::Ready; 2]).await;
    for _ in 0..20 {
        hello(&channel).await.unwrap();
    }
    assert!(gone.calls() > 0);
}

#[tokio::test]
async fn a_server_that_closes_connections_is_not_asked_in_a_loop() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&accepted);
    let closing = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, SeqCst);
            drop(stream);
        }
    });
    let source = evenkeel::Fixed::new([addr.to_string()]).unwrap();
    let channel = Channel::builder(source).connection_backoff(for_ever()).build().unwrap();
    until("it waits", || states(&channel) == [Connectivity::Backoff]).await;
    hello(&channel).await.unwrap_err();
    assert_eq!(accepted.load(SeqCst), 1);
    closing.abort();
}

#[tokio::test]
async fn a_connection_that_was_of_use_is_made_again_at_once() {
    let server = Server::echo();
    let addr = server.addr();
    let made = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&made);
    let connect = move |_| {
        let stream = std::net::TcpStream::connect(addr).unwrap();
        stream.set_nonblocking(true).unwrap();
        kept.lock().unwrap().push(stream.try_clone().unwrap());
        core::future::ready(TcpStream::from_std(stream))
    };
    let builder = to(&[&server]).connector(connect).connection_backoff(for_ever());
    let channel = builder.build().unwrap();
    for count in 1..=3 {
        until("it is connected", || states(&channel) == [Connectivity::Ready]).await;
        assert_eq!(hello(&channel).await.unwrap(), "hello");
        let streams = made.lock().unwrap().split_off(0);
        assert_eq!(streams.len(), 1, "{count}");
        streams[0].shutdown(Shutdown::Both).unwrap();
        until("it is made again", || !made.lock().unwrap().is_empty()).await;
    }
}

#[tokio::test]
async fn a_connector_that_panics_is_a_failure_like_others() {
    let server = Server::echo();
    let addr = server.addr();
    let panics = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&panics);
    let connect = move |_| {
        assert!(counted.fetch_add(1, SeqCst) > 0, "the connector's first try");
        TcpStream::connect(addr)
    };
    let backoff = ConnectionBackoff::new(ms(1), ms(1)).unwrap();
    let builder = to(&[&server]).connector(connect).connection_backoff(backoff);
    let channel = builder.retry(at_once(1)).build().unwrap();
    channel.ready().await;
    assert_eq!(hello(&channel).await.unwrap(), "hello");
    assert_eq!(panics.load(SeqCst), 2);
}

#[tokio::test]
async fn calls_name_their_endpoint_unless_told_otherwise() {
    let server = Server::echo();
    let channel = to(&[&server]).authority("greeter.example.com").unwrap().build().unwrap();
    assert_eq!(hello(&channel).await.unwrap(), "hello");
    // Nothing is told of time where there is no limit.
    assert!(server.heads()[0].get("grpc-timeout").is_none());
}

#[tokio::test]
async fn a_call_that_waits_for_a_connection_does_not_wait_for_room() {
    let server = Server::start(|_| Say::Nothing);
    let config = Config { max_in_flight: 1, ..Config::DEFAULT };
    let channel = to(&[&server]).config(config).wait_for_ready().build().unwrap();
    let first = tokio::spawn({
        let channel = channel.clone();
        async move { hello(&channel).await }
    });
    until("the first call is there", || server.calls() == 1).await;
    let second = tokio::time::timeout(Duration::from_secs(10), hello(&channel)).await;
    let status = second.expect("it ends").unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
    assert!(status.message().contains("as many requests in flight as they may"), "{status}");
    first.abort();
}
