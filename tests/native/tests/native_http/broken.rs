//! No answer: refused, closed, reset, no HTTP. What never left goes elsewhere at once; what may have
//! been done is sent again only if it may be done twice.

use core::error::Error as _;

use evenkeel::End;
use evenkeel::http::{AttemptEnd, Attempts, Client, Connections, Error, Repeat, SendError};
use tokio::net::TcpListener;

use super::{Act, InOrder, Server, balancer, client, quick, status, two, within};

/// A client whose first endpoint is nobody's port.
async fn beside_nobody() -> (Client<InOrder>, Server, core::net::SocketAddr) {
    loop {
        let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = nobody.local_addr().expect("an address");
        let server = Server::always(Act::OK).await;
        if addr < server.addr {
            drop(nobody);
            let addrs = [addr, server.addr];
            let balancer = balancer(InOrder, &addrs, Connections::default()).await;
            return (Client::new(balancer).with_retry(quick(1)), server, addr);
        }
    }
}

#[tokio::test]
async fn what_is_refused_goes_elsewhere_and_costs_no_attempt() {
    for repeat in [Repeat::Idempotent, Repeat::Sequential] {
        let (client, server, nobody) = beside_nobody().await;
        let response = client.post("/").repeat(repeat).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        let attempts = response.extensions().get::<Attempts>().expect("they are told");
        let first = attempts.iter().next().expect("one");
        assert!(
            matches!(&first.end, AttemptEnd::Failed(why) if why.contains("refused")),
            "{first}"
        );
        assert_eq!((attempts.count(), first.target.socket_addr()), (2, Some(nobody)));
        assert_eq!((server.times(), status(&client, nobody).failures), (1, 1));
    }
    let (client, server, _) = beside_nobody().await;
    let error = client.post("/").repeat(Repeat::Never).send().await.expect_err("nobody answers");
    assert_eq!(server.times(), 0);
    let Error::Call { call, body_begun: false } = &error else { panic!("{error}") };
    assert_eq!((call.end, call.attempts.len()), (End::NonRetryableFailure, 1));
    assert!(matches!(call.last(), Some(SendError::NeverSent(_))), "{error}");
}

#[tokio::test]
async fn what_may_have_been_done_is_sent_again_only_if_it_may_be_done_twice() {
    for act in [Act::Close, Act::Garbage] {
        for (repeat, times) in
            [(Repeat::Idempotent, 1), (Repeat::Sequential, 0), (Repeat::Never, 0)]
        {
            let [first, second] = two(act.clone(), Act::OK).await;
            let client = client(&[&first, &second]).await;
            let answer = client.post("/").body("once").repeat(repeat).send().await;
            assert_eq!([first.times(), second.times()], [1, times], "{act:?} {repeat:?}");
            assert_eq!(answer.is_ok(), times == 1, "{act:?} {repeat:?}");
            assert_eq!(status(&client, first.addr).failures, 1);
            if let Err(error) = answer {
                let text = error.to_string();
                assert!(text.starts_with("not retryable after 1 attempt: "), "{text}");
                assert!(text.contains(&first.addr.to_string()), "{text}");
                assert!(error.source().is_some());
            }
        }
    }
}

#[tokio::test]
async fn an_error_tells_every_attempt() {
    let [first, second] = two(Act::Close, Act::Garbage).await;
    let client = client(&[&first, &second]).await.with_retry(quick(2));
    let error = client.get("/").send().await.expect_err("nobody answers");
    let Error::Call { call, .. } = &error else { panic!("{error}") };
    let tried: Vec<_> = call.attempts.iter().map(|attempt| attempt.target.socket_addr()).collect();
    assert_eq!(tried, [Some(first.addr), Some(second.addr)]);
    assert_eq!(call.end, End::Attempts);
    // It goes where errors go.
    let boxed: Box<dyn core::error::Error + Send + Sync> = error.into();
    assert!(boxed.to_string().starts_with("attempts exhausted after 2 attempts: "), "{boxed}");
}

#[tokio::test]
async fn a_reused_connection_that_was_closed_meanwhile_is_no_failure() {
    let server = Server::start(|number| match number {
        0 => Act::Answer(200, "", "kept"),
        _ => Act::OK,
    })
    .await;
    let client = client(&[&server]).await.with_retry(quick(1));
    for _ in 0..3 {
        let response = client.get("/").send().await.expect("an answer");
        within(response.into_body().bytes(10)).await.expect("a body");
    }
    assert_eq!((server.times(), server.connections().made), (3, 1));
}

#[tokio::test]
async fn an_answer_counts_more_than_an_error_after_it() {
    let [first, second] = two(Act::Answer(500, "", "whole"), Act::Close).await;
    let client = client(&[&first, &second]).await.with_retry(quick(2));
    let response = client.get("/").send().await.expect("the only answer");
    assert_eq!(response.status(), 500);
    assert_eq!(response.into_body().bytes(10).await.expect("its body"), "whole");
    assert_eq!([first.times(), second.times()], [1, 1]);
}
