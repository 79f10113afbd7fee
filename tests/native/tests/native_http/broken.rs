//! No answer: refused, closed, reset, no HTTP. What never left goes elsewhere at once; what may have
//! been done is sent again only if it may be done twice.

use core::error::Error as _;

use evenkeel::End;
use evenkeel::http::{AttemptEnd, Attempts, Client, Connections, Error, Repeat, SendError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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

/// Speaks HTTP/2 as far as to go away, with this code, before the first request that it is sent.
async fn goes_away(listener: TcpListener, code: u8) {
    // RFC 9113 §3.4: what a client begins with.
    const PREFACE: usize = 24;
    // RFC 9113 §4.1: length, type, flags and stream.
    // One request at a time.
    let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1];
    let go_away = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, code];
    while let Ok((mut stream, _)) = listener.accept().await {
        stream.read_exact(&mut [0; PREFACE]).await.expect("a client");
        stream.write_all(&settings).await.expect("it listens");
        let mut kind = 0;
        while kind != 1 {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.expect("a frame");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            stream.read_exact(&mut vec![0; length as usize]).await.expect("a frame");
            kind = head[3];
        }
        stream.write_all(&go_away).await.expect("it listens");
        // It closes itself: nothing is under way any more.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

#[tokio::test]
async fn what_a_server_that_goes_away_has_not_looked_at_goes_elsewhere() {
    // The second is an error: who knows what it did.
    for (code, elsewhere) in [(0, true), (2, false)] {
        let first = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addrs = [first.local_addr().expect("an address")];
        let _goes = tokio::spawn(goes_away(first, code));
        let connections = Connections::default().http2();
        let client = Client::new(balancer(InOrder, &addrs, connections).await);
        let request = client.with_retry(quick(1)).post("/").repeat(Repeat::Never).send();
        let Err(Error::Call { call, .. }) = within(request).await else { panic!("an answer") };
        let never_sent = matches!(call.last(), Some(SendError::NeverSent(_)));
        assert_eq!(never_sent, elsewhere, "{call}");
    }
}

#[tokio::test]
async fn a_request_that_waits_for_its_turn_is_not_at_fault_when_the_server_goes_away() {
    let first = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addrs = [first.local_addr().expect("an address")];
    let _goes = tokio::spawn(goes_away(first, 0));
    let connections = Connections::default().http2();
    let client = Client::new(balancer(InOrder, &addrs, connections).await).with_retry(quick(1));
    let requests = (0..8).map(|_| client.post("/").repeat(Repeat::Never).send());
    for answer in within(futures_util::future::join_all(requests)).await {
        let Err(Error::Call { call, .. }) = answer else { panic!("an answer") };
        assert_eq!(call.end, End::NonRetryableFailure, "{call}");
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

#[tokio::test]
async fn an_answer_with_too_many_headers_tells_the_limit_which_can_be_set() {
    let headers: &'static str = "X-A: b\r\n".repeat(150).leak();
    let server = Server::always(Act::Answer(200, headers, "fine")).await;
    let ask = async |connections| {
        let balancer = balancer(InOrder, &[server.addr], connections).await;
        let client = Client::new(balancer).with_retry(quick(1));
        let answer = client.get("/").send().await;
        answer.map(|answer| answer.headers().get_all("x-a").iter().count())
    };
    for (connections, limit) in
        [(Connections::default(), 100), (Connections::default().max_headers(140), 140)]
    {
        let error = ask(connections).await.expect_err("too many").to_string();
        let says = format!("more than {limit} headers (see `Connections::max_headers`)");
        assert!(error.contains(&says), "{error}");
    }
    assert_eq!(ask(Connections::default().max_headers(200)).await.ok(), Some(150));
}
