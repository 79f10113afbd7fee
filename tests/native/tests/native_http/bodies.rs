//! Bodies of answers: handed on as they come, followed to their end.

use core::net::SocketAddr;
use core::pin::Pin;
use core::time::Duration;

use evenkeel::Policy;
use evenkeel::health::Health;
use evenkeel::http::{Attempts, Body as SentBody, BodyError, Client, LeaseBody, Repeat};
use http_body_util::Empty;
use hyper::body::{Body, Bytes, Incoming};

use super::{Act, Server, client, quick, status, two, until, within};

/// Returns the next piece of a body.
async fn piece(body: &mut LeaseBody<Incoming>) -> Option<Result<Bytes, BodyError>> {
    let frame = core::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
    let frame = within(frame).await?;
    Some(frame.map(|frame| frame.into_data().expect("no trailers are sent")))
}

fn in_flight<P: Policy + Send + Sync>(client: &Client<P>, addr: SocketAddr) -> u32 {
    status(client, addr).in_flight
}

#[tokio::test]
async fn a_request_is_in_flight_until_its_body_ends() {
    let server = Server::always(Act::OK).await;
    let client = client(&[&server]).await;
    let response = client.get("/").send().await.expect("an answer");
    assert_eq!(in_flight(&client, server.addr), 1);
    // How long it took is known by the head.
    assert!(status(&client, server.addr).latency.is_some());
    assert_eq!(response.into_body().bytes(4).await.expect("a body"), "fine");
    assert_eq!(in_flight(&client, server.addr), 0);

    let response = client.head("/").send().await.expect("an answer");
    assert!(response.body().is_end_stream());
    assert_eq!(in_flight(&client, server.addr), 0, "there is no body to wait for");
}

#[tokio::test]
async fn a_body_that_is_dropped_ends_its_request_and_its_connection() {
    let server = Server::always(Act::Endless(200)).await;
    let client = client(&[&server]).await;
    let mut body = client.get("/").send().await.expect("an answer").into_body();
    // It comes in pieces, long before its end.
    assert_eq!(piece(&mut body).await.expect("a piece").expect("a good one"), "more ");
    assert_eq!(in_flight(&client, server.addr), 1);
    drop(body);
    assert_eq!((in_flight(&client, server.addr), status(&client, server.addr).failures), (0, 0));
    server.open_at_most(0).await;
}

#[tokio::test]
async fn a_body_that_breaks_is_the_failure_of_its_endpoint() {
    let [first, second] = two(Act::Break(200), Act::OK).await;
    let client = client(&[&first, &second]).await;
    let mut body = client.get("/").send().await.expect("a head").into_body();
    assert_eq!(piece(&mut body).await.expect("a piece").expect("the first half"), "fi");
    let error = piece(&mut body).await.expect("an end").expect_err("no good one");
    assert!(matches!(error, BodyError::Broken(_)), "{error}");
    assert!(error.to_string().starts_with("the body broke off: "), "{error}");
    assert!(piece(&mut body).await.is_none(), "that was all");
    assert_eq!((in_flight(&client, first.addr), status(&client, first.addr).failures), (0, 1));
    // A head that comes soon does not attract.
    let penalty = evenkeel::Config::DEFAULT.failure_penalty;
    assert!(status(&client, first.addr).latency.expect("it is known") >= penalty);
}

#[tokio::test]
async fn an_endpoint_that_breaks_all_bodies_is_ejected() {
    let [first, second] = two(Act::Break(200), Act::OK).await;
    let client = client(&[&first, &second]).await;
    for _ in 0..5 {
        let mut body = client.get("/").send().await.expect("a head").into_body();
        assert_eq!(piece(&mut body).await.expect("a piece").expect("the first half"), "fi");
        piece(&mut body).await.expect("an end").expect_err("it breaks");
    }
    until(|| matches!(status(&client, first.addr).health, Health::Ejected { .. })).await;
    let body = client.get("/").send().await.expect("a head").into_body();
    assert_eq!(within(body.bytes(100)).await.expect("a body"), "fine");
    assert_eq!([first.times(), second.times()], [5, 1]);
}

#[tokio::test]
async fn a_body_that_breaks_before_anybody_has_anything_of_it_is_asked_for_elsewhere() {
    for (repeat, attempts, second, whole) in [
        (Repeat::Idempotent, 2, Act::OK, true),
        // What may not be done twice, or not again, has broken.
        (Repeat::Sequential, 2, Act::OK, false),
        (Repeat::Idempotent, 1, Act::OK, false),
        // These would not go with the head that the caller has.
        (Repeat::Idempotent, 2, Act::Answer(404, "", "gone"), false),
        (Repeat::Idempotent, 2, Act::Answer(200, "", "as long as others"), false),
        (Repeat::Idempotent, 2, Act::Answer(200, "ETag: \"2\"\r\n", "new."), false),
        (Repeat::Idempotent, 2, Act::Answer(200, "Content-Encoding: br\r\n", "tiny"), false),
        (Repeat::Idempotent, 2, Act::Close, false),
        (Repeat::Idempotent, 2, Act::Break(200), false),
    ] {
        let says = format!("{repeat:?} {attempts} {second:?}");
        let asked = usize::from(repeat == Repeat::Idempotent && attempts > 1);
        let [first, second] = two(Act::Break(200), second).await;
        let client = client(&[&first, &second]).await.with_retry(quick(attempts));
        let response = client.get("/").repeat(repeat).send().await.expect("a head");
        assert_eq!(response.extensions().get::<Attempts>().expect("they are told").count(), 1);
        let body = within(response.into_body().bytes(100)).await;
        match &body {
            Ok(body) => assert_eq!(body, "fine", "{says}"),
            Err(error) => assert!(matches!(error, BodyError::Broken(_)), "{says}: {error}"),
        }
        assert_eq!(body.is_ok(), whole, "{says}");
        assert_eq!([first.times(), second.times()], [1, asked], "{says}");
        assert_eq!((in_flight(&client, first.addr), in_flight(&client, second.addr)), (0, 0));
        assert_eq!(status(&client, first.addr).failures, 1, "{says}");
        let stats = client.balancer().stats();
        assert_eq!([stats.calls, stats.succeeded, stats.retries], [1, 1, asked as u64], "{says}");
    }
}

#[tokio::test]
async fn what_was_written_is_not_written_again_when_the_body_of_its_answer_breaks() {
    for (method, key, said, asked) in [
        ("PUT", false, None, 0),
        ("DELETE", false, None, 0),
        ("POST", false, None, 0),
        ("HEAD", false, None, 0),
        ("GET", false, None, 1),
        ("OPTIONS", false, None, 1),
        // The caller knows, and says so.
        ("PUT", true, None, 1),
        ("POST", true, None, 1),
        ("DELETE", false, Some(true), 1),
        ("GET", false, Some(false), 0),
    ] {
        let [first, second] = two(Act::Break(200), Act::OK).await;
        let client = client(&[&first, &second]).await;
        let mut request = client.request(method.parse().expect("a method"), "/").body("text");
        if key {
            request = request.header("Idempotency-Key", "7");
        }
        if let Some(may) = said {
            request = request.idempotent(may);
        }
        let body = request.send().await.expect("a head").into_body();
        let whole = within(body.bytes(100)).await.is_ok();
        assert_eq!(whole, asked == 1 || method == "HEAD", "{method} {key} {said:?}");
        assert_eq!([first.times(), second.times()], [1, asked], "{method} {key} {said:?}");
    }
}

#[tokio::test]
async fn a_stream_with_nothing_in_it_is_no_stream() {
    let [first, second] = two(Act::Break(200), Act::OK).await;
    let client = client(&[&first, &second]).await;
    let request = hyper::Request::get("/").body(SentBody::once(Empty::new())).expect("a request");
    let body = client.send(request).await.expect("a head").into_body();
    assert_eq!(within(body.bytes(100)).await.expect("another's"), "fine");
    assert_eq!([first.times(), second.times()], [1, 1]);
}

#[tokio::test]
async fn a_body_that_is_asked_for_elsewhere_is_read_in_pieces() {
    let [first, second] = two(Act::Bodiless(200), Act::OK).await;
    let client = client(&[&first, &second]).await;
    let mut body = client.get("/").send().await.expect("a head").into_body();
    assert_eq!(piece(&mut body).await.expect("a piece").expect("another's"), "fine");
    assert!(piece(&mut body).await.is_none());
    assert_eq!([first.times(), second.times()], [1, 1]);
}

#[tokio::test]
async fn an_answer_that_is_none_is_in_flight_until_its_body_ends() {
    for code in [500, 503, 404] {
        let server = Server::always(Act::Stall(code)).await;
        let client = client(&[&server]).await.with_retry(quick(1));
        let response = client.get("/").send().await.expect("the last answer");
        assert_eq!(response.status(), code);
        assert_eq!(in_flight(&client, server.addr), 1, "{code}");
        // Its health has been told by the head.
        let failures = u32::from(code != 404);
        assert_eq!(status(&client, server.addr).failures, failures, "{code}");
        drop(response);
        assert_eq!(in_flight(&client, server.addr), 0, "{code}");
        // A body that breaks then is no second failure.
        let server = Server::always(Act::Break(code)).await;
        let client = self::client(&[&server]).await.with_retry(quick(1));
        let body = client.get("/").send().await.expect("the last answer").into_body();
        within(body.bytes(100)).await.expect_err("it breaks");
        assert_eq!(in_flight(&client, server.addr), 0, "{code}");
        assert_eq!(status(&client, server.addr).failures, 1, "{code}");
    }
}

#[tokio::test]
async fn answers_that_others_better_are_in_flight_no_longer_than_their_bodies() {
    let [first, second] = two(Act::Stall(500), Act::Stall(200)).await;
    let client = client(&[&first, &second]).await;
    let response = client.get("/").send().await.expect("a good answer");
    assert_eq!(response.status(), 200);
    assert_eq!((in_flight(&client, first.addr), in_flight(&client, second.addr)), (0, 1));
}

#[tokio::test]
async fn nothing_may_come_for_so_long_only() {
    let [first, second] = two(Act::Stall(200), Act::OK).await;
    let limit = Duration::from_millis(80);
    let client = client(&[&first, &second]).await.with_body_idle_timeout(limit);
    let body = client.get("/").send().await.expect("a head").into_body();
    let error = within(body.bytes(100)).await.expect_err("the rest does not come");
    assert!(matches!(error, BodyError::Idle { limit: said } if said == limit), "{error}");
    assert_eq!(error.to_string(), "nothing of the body came for 80ms");
    assert_eq!(status(&client, first.addr).failures, 1);
    first.open_at_most(0).await;
}

#[tokio::test]
async fn nothing_may_come_for_so_long_only_while_another_body_is_asked_for() {
    for whole in [true, false] {
        let [first, second] = two(Act::Bodiless(200), Act::Hang).await;
        let limit = Duration::from_millis(80);
        let client = client(&[&first, &second]).await.with_body_idle_timeout(limit);
        let mut body = client.get("/").send().await.expect("a head").into_body();
        let error = if whole {
            within(body.bytes(100)).await.expect_err("nothing comes")
        } else {
            let error = piece(&mut body).await.expect("an end").expect_err("nothing comes");
            assert!(piece(&mut body).await.is_none(), "that was all");
            error
        };
        assert!(matches!(error, BodyError::Idle { limit: said } if said == limit), "{error}");
        assert_eq!([first.times(), second.times()], [1, 1]);
        second.open_at_most(0).await;
    }
}

#[tokio::test]
async fn the_deadline_of_the_call_covers_its_body() {
    for act in [Act::Stall(200), Act::Endless(200)] {
        let server = Server::always(act).await;
        let client = client(&[&server]).await;
        let limit = Duration::from_millis(150);
        let request = client.get("/").timeout(limit);
        let body = request.send().await.expect("a head").into_body();
        let error = within(body.bytes(usize::MAX)).await.expect_err("it does not end");
        assert!(matches!(error, BodyError::Deadline { limit: said } if said == limit), "{error}");
        assert_eq!(status(&client, server.addr).failures, 1);
        server.open_at_most(0).await;
    }
}

#[tokio::test]
async fn the_time_of_an_attempt_ends_at_the_head() {
    let server = Server::always(Act::Endless(200)).await;
    let limit = Duration::from_millis(100);
    let policy = evenkeel::RetryPolicy::new(1).unwrap().with_attempt_timeout(limit).unwrap();
    let client = client(&[&server]).await.with_retry(evenkeel::Retry::new(policy));
    let mut body = client.get("/").send().await.expect("a head").into_body();
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < 2 * limit {
        piece(&mut body).await.expect("a piece").expect("a good one");
    }
    assert_eq!(status(&client, server.addr).failures, 0);
}

#[tokio::test]
async fn no_more_is_read_than_wanted() {
    let server = Server::always(Act::Endless(200)).await;
    let client = client(&[&server]).await;
    let body = client.get("/").send().await.expect("a head").into_body();
    let error = within(body.bytes(12)).await.expect_err("there is more");
    assert_eq!(error.to_string(), "the body is larger than 12 bytes");
    server.open_at_most(0).await;
}

#[tokio::test]
async fn answers_that_nobody_gets_leave_no_sockets() {
    for act in [Act::Endless(500), Act::Stall(500)] {
        let server = Server::always(act).await;
        let client = client(&[&server]).await.with_retry(quick(3));
        for _ in 0..20 {
            let response = client.get("/").send().await.expect("the last answer");
            assert_eq!(response.status(), 500);
        }
        assert_eq!(server.times(), 60);
        server.open_at_most(1).await;
    }
}

#[tokio::test]
async fn the_connection_of_a_short_answer_that_nobody_gets_is_used_again() {
    let server = Server::start(|number| match number % 2 {
        0 => Act::Answer(500, "", "short"),
        _ => Act::OK,
    })
    .await;
    let client = client(&[&server]).await.with_retry(quick(2));
    for _ in 0..10 {
        let response = client.get("/").send().await.expect("an answer");
        assert_eq!(response.into_body().bytes(10).await.expect("a body"), "fine");
    }
    assert_eq!(server.times(), 20);
    // Now and then, the next attempt is there before the last answer is read.
    assert!(server.connections().made <= 10, "{:?}", server.connections());
}
