//! What is sent once: streams, large requests, and calls whose answer has begun.

use core::time::Duration;

use bytes::Bytes;
use evenkeel::health::Health;
use evenkeel::tonic::{Channel, SettingError};
use evenkeel::{AnyPolicy, Config, Fixed};
use futures_util::stream::{self, Stream, StreamExt};
use http::uri::PathAndQuery;
use tonic::{Request, Status, Streaming};

use crate::server::{Raw, Say, Server, UNARY};
use crate::{at_once, call, hello, to, until};

pub(crate) async fn stream(
    channel: &Channel,
    messages: impl Stream<Item = Bytes> + Send + 'static,
) -> Result<Streaming<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await?;
    let path = PathAndQuery::from_static("/test.Echo/Stream");
    let answer = client.streaming(Request::new(messages), path, Raw).await?;
    Ok(answer.into_inner())
}

/// Messages that come one by one: each when somebody else has had a turn.
pub(crate) fn slowly() -> impl Stream<Item = Bytes> + Send + 'static {
    stream::iter(["a", "b", "c"]).then(|text| async move {
        tokio::task::yield_now().await;
        Bytes::from_static(text.as_bytes())
    })
}

#[tokio::test]
async fn a_stream_that_goes_on_is_sent_once() {
    let unavailable = || Server::start(|_| Say::Status(Status::unavailable("no")));
    let servers = [unavailable(), unavailable()];
    let channel = to(&servers.each_ref()).retry(at_once(3)).build().unwrap();
    let status = stream(&channel, slowly()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (tonic::Code::Unavailable, "no"));
    assert_eq!(servers[0].calls() + servers[1].calls(), 1);
    // One that is there as a whole is no other than a unary request.
    let whole = stream::iter([Bytes::from_static(b"a"), Bytes::from_static(b"b")]);
    stream(&channel, whole).await.unwrap_err();
    assert_eq!(servers[0].calls() + servers[1].calls(), 1 + 3);
}

#[tokio::test]
async fn streams_in_both_directions_come_as_they_are() {
    let server = Server::echo();
    let channel = to(&[&server]).build().unwrap();
    let answers = stream(&channel, slowly()).await.unwrap();
    let answers: Vec<_> = answers.map(Result::unwrap).collect().await;
    assert_eq!(answers, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_stream_of_which_nothing_was_sent_goes_elsewhere() {
    let good = Server::echo();
    let dead = Server::dead(|_| Say::Echo);
    for _ in 0..20 {
        let channel = to(&[&dead, &good]).retry(at_once(1)).build().unwrap();
        let answers = stream(&channel, slowly()).await.unwrap();
        assert_eq!(answers.count().await, 3);
    }
}

#[tokio::test]
async fn the_streams_own_error_is_the_calls() {
    let server = Server::echo();
    let channel = to(&[&server]).build().unwrap();
    // The encoder takes what is larger than its limit for an error.
    let mut client = tonic::client::Grpc::new(channel).max_encoding_message_size(3);
    let request = Request::new(Bytes::from_static(b"hello"));
    let status = client.unary(request, PathAndQuery::from_static(UNARY), Raw).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::OutOfRange, "{status}");
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn a_call_whose_answer_has_begun_is_not_tried_again() {
    let half = || Server::start(|_| Say::HalfThen(Status::unavailable("broken off")));
    let servers = [half(), half()];
    let channel = to(&servers.each_ref()).retry(at_once(3)).build().unwrap();
    let status = hello(&channel).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (tonic::Code::Unavailable, "broken off"));
    assert_eq!(servers[0].calls() + servers[1].calls(), 1);
}

#[tokio::test]
async fn requests_above_the_limit_are_sent_once() {
    for (limit, size, sent) in [(100, 95, 3), (100, 96, 1), (0, 1, 1), (1 << 20, 1_000_000, 3)] {
        let unavailable = || Server::start(|_| Say::Status(Status::unavailable("no")));
        let servers = [unavailable(), unavailable()];
        let builder = to(&servers.each_ref()).retry(at_once(3)).resend_limit(limit).unwrap();
        let channel = builder.build().unwrap();
        // Five bytes say how long a message is.
        let request = Request::new(Bytes::from(vec![b'x'; size]));
        call(&channel, request).await.unwrap_err();
        assert_eq!(servers[0].calls() + servers[1].calls(), sent, "{size} of {limit}");
    }
    let server = Server::echo();
    let channel = to(&[&server]).resend_limit(10).unwrap().build().unwrap();
    let large = Bytes::from(vec![b'x'; 3_000_000]);
    assert_eq!(call(&channel, Request::new(large.clone())).await.unwrap(), large);
}

#[test]
fn senseless_settings_name_value_and_limit() {
    let builder = || Channel::builder(Fixed::new(["a:1"]).unwrap());
    let told = |result: Result<_, SettingError>| result.map(drop).unwrap_err().to_string();
    assert_eq!(
        told(builder().resend_limit((16 << 20) + 1)),
        "`resend_limit` is \"16777217\": it must be at most 16 MiB (16777216)"
    );
    assert_eq!(
        told(builder().authority("a b")),
        "`authority` is \"a b\": it must be a host, perhaps with `:port`"
    );
    let zero = Duration::ZERO;
    assert_eq!(
        told(builder().connect_timeout(zero)),
        "`connect_timeout` is \"0ns\": it must be above zero"
    );
    assert!(builder().keep_alive(zero, crate::ms(1)).is_err());
    assert!(builder().keep_alive(crate::ms(1), zero).is_err());
}

#[tokio::test]
async fn an_answer_is_in_flight_until_it_ends_and_its_end_is_the_endpoints() {
    let server = Server::start(|_| Say::HalfThen(Status::internal("broken off")));
    let policy: AnyPolicy = "least_request".parse().unwrap();
    let channel = to(&[&server]).policy(policy).build().unwrap();
    let at = || {
        let status = &channel.balancer().endpoints()[0];
        (status.in_flight, status.failures)
    };
    let mut answers = stream(&channel, slowly()).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap(), "half");
    assert_eq!(at(), (1, 0));
    assert_eq!(answers.next().await.unwrap().unwrap_err().code(), tonic::Code::Internal);
    assert_eq!(at(), (0, 1));
    // One that is dropped half-way is no failure.
    let mut answers = stream(&channel, slowly()).await.unwrap();
    answers.next().await.unwrap().unwrap();
    drop(answers);
    assert_eq!(at(), (0, 1));
}

#[tokio::test]
async fn an_endpoint_whose_answers_all_break_off_is_ejected() {
    let (good, bad) =
        (Server::echo(), Server::start(|_| Say::HalfThen(Status::unavailable("broken off"))));
    let policy: AnyPolicy = "round_robin".parse().unwrap();
    let channel = to(&[&good, &bad]).policy(policy).retry(at_once(1)).build().unwrap();
    channel.ready().await;
    let ejected = |status: &evenkeel::Status| matches!(status.health, Health::Ejected { .. });
    let broken = async {
        while !channel.balancer().endpoints().iter().any(ejected) {
            assert!(bad.calls() <= 40, "it is never ejected");
            let _ = stream(&channel, slowly()).await.unwrap().collect::<Vec<_>>().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), broken).await.expect("it is ejected");
    let calls = bad.calls();
    for _ in 0..10 {
        assert_eq!(hello(&channel).await.unwrap(), "hello");
    }
    assert_eq!(bad.calls(), calls);
}

#[tokio::test]
async fn an_answer_that_goes_on_tells_of_its_head_after_a_while() {
    let server = Server::start(|_| Say::Half);
    let config = Config { success_rate: true, ..Config::DEFAULT };
    let channel = to(&[&server]).config(config).build().unwrap();
    let successes = || channel.balancer().endpoints()[0].successes;
    let mut answers = stream(&channel, slowly()).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap(), "half");
    assert_eq!(successes(), Some(0));
    tokio::select! {
        _ = answers.next() => panic!("nothing more comes"),
        () = until("it is told", || successes() == Some(1)) => {}
    }
    drop(answers);
    assert_eq!(successes(), Some(1), "once");
}
