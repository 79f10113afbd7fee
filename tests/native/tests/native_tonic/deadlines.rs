//! The time that a call has: what its header says, and what the channel does.

use core::time::Duration;

use bytes::Bytes;
use evenkeel::core::grpc::Timeout;
use evenkeel::{Retry, RetryPolicy};
use futures_util::stream::{self, StreamExt};
use http::uri::PathAndQuery;
use tokio::time::Instant;
use tonic::{Request, Status};

use crate::server::{Raw, Say, Server};
use crate::{call, hello, ms, to};

fn within(timeout: Duration) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from_static(b"hello"));
    request.set_timeout(timeout);
    request
}

fn told(server: &Server) -> Duration {
    let heads = server.heads();
    let timeout = heads.last().unwrap().get("grpc-timeout").expect("it is told");
    Timeout::parse(timeout.to_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_call_ends_when_its_time_is_over() {
    let server = Server::start(|_| Say::Nothing);
    let channel = to(&[&server]).build().unwrap();
    channel.ready().await;
    let began = Instant::now();
    let status = call(&channel, within(ms(200))).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded, "{status}");
    assert!(began.elapsed() >= ms(200), "{:?}", began.elapsed());
    assert_eq!(server.calls(), 1);
    let told = told(&server);
    assert!(told <= ms(200) && told > ms(50), "{told:?}");
}

#[tokio::test]
async fn the_shorter_of_both_limits_counts() {
    let server = Server::start(|_| Say::Nothing);
    let policy = RetryPolicy::new(3).unwrap().with_timeout(ms(150)).unwrap();
    let channel = to(&[&server]).retry(Retry::new(policy)).build().unwrap();
    for asked in [Duration::from_secs(60), ms(100)] {
        let began = Instant::now();
        let status = call(&channel, within(asked)).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded, "{status}");
        assert!(began.elapsed() >= ms(150).min(asked), "{:?}", began.elapsed());
        assert!(told(&server) <= ms(150).min(asked));
    }
    // A call without a header has the channel's limit.
    assert_eq!(hello(&channel).await.unwrap_err().code(), tonic::Code::DeadlineExceeded);
    assert!(told(&server) <= ms(150));
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_followed_by_another() {
    let slow = Server::start(|_| Say::Nothing);
    let good = Server::echo();
    let policy = RetryPolicy::new(2).unwrap().with_attempt_timeout(ms(100)).unwrap();
    let channel = to(&[&slow, &good]).retry(Retry::new(policy)).build().unwrap();
    channel.ready().await;
    for _ in 0..4 {
        assert_eq!(call(&channel, within(Duration::from_secs(20))).await.unwrap(), "hello");
    }
    assert!(slow.calls() >= 1);
    assert!(told(&slow) <= ms(100), "the server is told what its attempt has left");
}

#[tokio::test]
async fn the_answers_body_has_no_more_time_than_the_call() {
    let server = Server::start(|_| Say::Half);
    let channel = to(&[&server]).build().unwrap();
    let began = Instant::now();
    let status = call(&channel, within(ms(200))).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded, "{status}");
    assert!(began.elapsed() >= ms(200), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_came_of_an_answer_and_was_not_read_in_time_is_late_by_nobodys_fault() {
    let server = Server::start(|_| Say::HalfThen(Status::unavailable("not read")));
    let channel = to(&[&server]).build().unwrap();
    channel.ready().await;
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(stream::iter([Bytes::from_static(b"hello")]));
    let limit = Duration::from_secs(1);
    request.set_timeout(limit);
    let path = PathAndQuery::from_static("/test.Echo/Stream");
    let mut answers = client.streaming(request, path, Raw).await.unwrap().into_inner();
    tokio::time::sleep(limit).await;
    let status = answers.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded, "{status}");
    assert_eq!(channel.balancer().endpoints()[0].failures, 0);
}

#[tokio::test]
async fn a_call_without_time_is_not_sent() {
    let server = Server::echo();
    let channel = to(&[&server]).build().unwrap();
    channel.ready().await;
    let status = call(&channel, within(Duration::ZERO)).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded, "{status}");
    assert_eq!(server.calls(), 0);
}
