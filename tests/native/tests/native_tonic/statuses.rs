//! What each status does to a call, and push-back.

use evenkeel::tonic::Code;
use evenkeel::{Retry, Verdict};
use tokio::time::Instant;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::server::{Say, Server};
use crate::{at_once, hello, ms, to};

fn saying(status: Status) -> [Server; 3] {
    [(); 3].map(|()| {
        let status = status.clone();
        Server::start(move |_| Say::Status(status.clone()))
    })
}

fn pushing(code: tonic::Code, push_back: &'static str) -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert("grpc-retry-pushback-ms", push_back.parse().unwrap());
    Status::with_metadata(code, "later", metadata)
}

fn sum(servers: &[Server]) -> usize {
    servers.iter().map(Server::calls).sum()
}

#[tokio::test]
async fn each_status_is_tried_again_as_its_verdict_says() {
    for means in &Code::ALL[1..] {
        let code = tonic::Code::from_i32(means.index().into());
        let servers = saying(Status::new(code, "it says so"));
        let channel = to(&servers.each_ref()).retry(at_once(3)).build().unwrap();
        let status = hello(&channel).await.unwrap_err();
        // The last answer is the call's, as it is.
        assert_eq!((status.code(), status.message()), (code, "it says so"));
        let sent = match means.verdict(None) {
            Verdict::RetryableFailure | Verdict::TimedOut | Verdict::Overloaded { .. } => 3,
            Verdict::Success
            | Verdict::NonRetryableFailure
            | Verdict::Ignorable
            | Verdict::PushBack { .. }
            | Verdict::NeverSent
            | Verdict::Canceled => 1,
        };
        assert_eq!(sum(&servers), sent, "{code:?}");
        if sent == 3 {
            assert!(servers.iter().all(|server| server.calls() == 1), "{code:?}: each once");
        }
    }
}

#[tokio::test]
async fn another_endpoint_answers_what_one_cannot() {
    let bad = Server::start(|_| Say::Status(Status::unavailable("not me")));
    let good = Server::echo();
    let channel = to(&[&bad, &good]).retry(at_once(2)).build().unwrap();
    for _ in 0..10 {
        assert_eq!(hello(&channel).await.unwrap(), "hello");
    }
    assert!(bad.calls() >= 1 && good.calls() == 10, "{} {}", bad.calls(), good.calls());
    let heads = [bad.heads(), good.heads()].concat();
    let again = heads.iter().filter(|head| head.contains_key("grpc-previous-rpc-attempts"));
    assert_eq!(again.count(), bad.calls());
}

#[tokio::test]
async fn the_whole_call_waits_as_the_server_asks() {
    let server = Server::start(|call| match call {
        0 => Say::Status(pushing(tonic::Code::Unavailable, "300")),
        _ => Say::Echo,
    });
    let channel = to(&[&server]).retry(at_once(2)).build().unwrap();
    channel.ready().await;
    let began = Instant::now();
    assert_eq!(hello(&channel).await.unwrap(), "hello");
    assert!(began.elapsed() >= ms(300), "{:?}", began.elapsed());
    assert_eq!(server.calls(), 2);
}

#[tokio::test]
async fn a_server_can_forbid_to_try_again() {
    for never in ["-1", "soon", "99999999999"] {
        for code in [tonic::Code::Unavailable, tonic::Code::ResourceExhausted] {
            let servers = saying(pushing(code, never));
            let channel = to(&servers.each_ref()).retry(at_once(3)).build().unwrap();
            assert_eq!(hello(&channel).await.unwrap_err().code(), code);
            assert_eq!(sum(&servers), 1, "{code:?} {never}");
        }
    }
}

#[tokio::test]
async fn the_user_decides_what_a_status_means() {
    let verdict = |code: Code, push_back| match code {
        Code::Aborted => Verdict::RetryableFailure,
        Code::Unavailable => Verdict::NonRetryableFailure,
        other => other.verdict(push_back),
    };
    for (code, sent) in [(tonic::Code::Aborted, 3), (tonic::Code::Unavailable, 1)] {
        let servers = saying(Status::new(code, ""));
        let builder = to(&servers.each_ref()).retry(at_once(3)).verdict(verdict);
        let channel = builder.build().unwrap();
        assert_eq!(hello(&channel).await.unwrap_err().code(), code);
        assert_eq!(sum(&servers), sent, "{code:?}");
    }
}

#[tokio::test]
async fn without_retries_a_call_is_sent_once() {
    let servers = saying(Status::unavailable(""));
    let retry = Retry::attempts(1).unwrap();
    let channel = to(&servers.each_ref()).retry(retry).build().unwrap();
    assert_eq!(hello(&channel).await.unwrap_err().code(), tonic::Code::Unavailable);
    assert_eq!(sum(&servers), 1);
}
