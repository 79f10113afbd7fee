//! What each status means: to the call, and to the endpoint.

use core::time::Duration;

use evenkeel::health::Health;
use evenkeel::http::{AttemptEnd, Attempts, Client, Connections, Repeat};
use evenkeel::{Verdict, http};
use hyper::StatusCode;

use super::{Act, InOrder, Server, balancer, client, quick, status, two, until, within};

/// Statuses, requests by class and server, and the failure.
type Row = (&'static [u16], [[usize; 2]; 3], bool);

/// How often each of two servers is asked if the first answers so, for requests that are
/// idempotent, sequential, and never sent again; and whether it counts as failed or refused.
const TABLE: &[Row] = &[
    (&[200, 201, 204, 301, 304, 399], [[1, 0], [1, 0], [1, 0]], false),
    (&[400, 401, 403, 404, 407, 409, 422, 431, 451, 499], [[1, 0], [1, 0], [1, 0]], false),
    (&[501, 505, 506, 508, 510, 511], [[1, 0], [1, 0], [1, 0]], false),
    // Another attempt may do better, if it may be done twice.
    (&[500, 502, 504, 507, 520, 530, 599], [[1, 1], [1, 0], [1, 0]], true),
    (&[408], [[1, 1], [1, 0], [1, 0]], true),
    (&[425], [[1, 1], [1, 0], [1, 0]], false),
    // Refused unread: a write may go elsewhere, too. It counts among those that failed or refused.
    (&[429, 503], [[1, 1], [1, 1], [1, 0]], true),
];

#[tokio::test]
async fn each_status_means_what_the_table_says() {
    for (statuses, classes, fails) in TABLE {
        for &code in *statuses {
            for (&repeat, asked) in Repeat::ALL.iter().zip(classes) {
                let servers = two(Act::Answer(code, "", "said"), Act::OK).await;
                let [first, second] = &servers;
                let client = client(&[first, second]).await;
                let response = client.post("/x").repeat(repeat).send().await.expect("an answer");
                let last = if asked[1] == 1 { 200 } else { code };
                assert_eq!(response.status(), last, "{code} {repeat:?}");
                assert_eq!([first.times(), second.times()], *asked, "{code} {repeat:?}");
                response.into_body().bytes(100).await.expect("a body");
                let failures = status(&client, first.addr).failures;
                assert_eq!(failures > 0, *fails, "{code} {repeat:?}: {failures}");
            }
        }
    }
}

#[tokio::test]
async fn methods_and_idempotency_keys_say_what_may_be_done_twice() {
    for (method, key, asked) in [
        ("GET", false, 1),
        ("HEAD", false, 1),
        ("OPTIONS", false, 1),
        ("PUT", false, 1),
        ("DELETE", false, 1),
        ("POST", false, 0),
        ("PATCH", false, 0),
        ("QUERY", false, 0),
        ("POST", true, 1),
    ] {
        let [first, second] = two(Act::Answer(500, "", ""), Act::Answer(200, "", "")).await;
        let client = client(&[&first, &second]).await;
        let method = method.parse().expect("a method");
        let mut request = client.request(method, "/");
        if key {
            request = request.header("Idempotency-Key", "7");
        }
        request.clone().send().await.expect("an answer");
        assert_eq!([first.times(), second.times()], [1, asked], "{request:?}");
    }
}

#[tokio::test]
async fn the_last_answer_is_returned_as_it_is() {
    let [first, second] = two(
        Act::Answer(500, "X-Which: first\r\n", "one"),
        Act::Answer(502, "X-Which: second\r\n", "two"),
    )
    .await;
    let client = client(&[&first, &second]).await.with_retry(quick(2));
    let response = client.get("/").send().await.expect("an answer");
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-which"]),
        (502, &"second".parse().unwrap())
    );
    let attempts = response.extensions().get::<Attempts>().expect("they are told").clone();
    let ends: Vec<_> =
        attempts.iter().map(|attempt| (attempt.number, attempt.end.clone())).collect();
    let answered = |code| AttemptEnd::Answered(StatusCode::from_u16(code).unwrap());
    assert_eq!(ends, [(1, answered(500)), (2, answered(502))]);
    assert_eq!(attempts.answered().target.socket_addr(), Some(second.addr));
    assert_eq!((attempts.count(), attempts.hedges()), (2, 0));
    assert_eq!(response.into_body().bytes(100).await.expect("a body"), "two");
}

#[tokio::test]
async fn callers_may_know_better() {
    let [first, second] = two(Act::Answer(404, "", ""), Act::OK).await;
    let client = client(&[&first, &second])
        .await
        .with_accept(|head| (head.status == 404).then_some(Verdict::RetryableFailure));
    assert_eq!(client.get("/").send().await.expect("an answer").status(), 200);
    assert_eq!([first.times(), second.times()], [1, 1]);
    // What it leaves open is as usual.
    assert_eq!(http::verdict(StatusCode::NOT_FOUND, &hyper::HeaderMap::new()), Verdict::Ignorable);
}

#[tokio::test]
async fn of_endpoints_that_are_keys_those_that_are_refused_rest() {
    let rest = Duration::from_secs(120);
    for (code, keys, says, last) in [
        (401, true, None, 200),
        (403, true, None, 200),
        (401, false, None, 401),
        // That is no matter of keys.
        (404, true, None, 404),
        // Callers may know better.
        (403, true, Some(Verdict::Ignorable), 403),
    ] {
        let [first, second] = two(Act::Answer(code, "", ""), Act::OK).await;
        let mut client = client(&[&first, &second]).await.with_accept(move |_| says);
        if keys {
            client = client.with_keys(rest);
        }
        let now = client.balancer().now();
        let response = client.post("/").send().await.expect("an answer");
        assert_eq!(response.status(), last, "{code} {keys} {says:?}");
        if last == 200 {
            let rests = || {
                let health = status(&client, first.addr).health;
                let Health::Overloaded { until, .. } = health else { return None };
                Some(until.saturating_since(now))
            };
            until(|| rests().is_some()).await;
            let rests = rests().expect("it rests");
            assert!(rests >= rest && rests < rest + Duration::from_secs(30), "{rests:?}");
        }
    }
}

#[tokio::test]
async fn where_all_keys_are_bad_the_caller_is_told_and_does_not_wait_for_one_to_be_back() {
    for both in [true, false] {
        let [first, second] = two(Act::Answer(401, "", "one"), Act::Answer(401, "", "two")).await;
        let servers = if both { vec![&first, &second] } else { vec![&first] };
        let client = client(&servers).await.with_keys(Duration::from_secs(300));
        let response = within(client.post("/").send()).await.expect("the last answer");
        assert_eq!(response.status(), 401);
        assert!(first.times() >= 1);
        assert_eq!(second.times() >= 1, both);
        for server in servers {
            let health = status(&client, server.addr).health;
            assert!(matches!(health, Health::Overloaded { .. }), "{health:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_with_more_headers_than_may_be_says_what_to_set() {
    // One with its length is the 150th.
    let headers = "x-1: 1\r\n".repeat(149);
    let server = Server::always(Act::Answer(200, headers.leak(), "fine")).await;
    for (headers, fits) in [(None, false), (Some(149), false), (Some(150), true)] {
        let connections = Connections::default();
        let connections = headers.map_or(connections.clone(), |most| connections.max_headers(most));
        let client = Client::new(balancer(InOrder, &[server.addr], connections).await);
        match client.with_retry(quick(1)).get("/").send().await {
            Ok(answer) => assert!(fits && answer.headers().len() == 150, "{answer:?}"),
            Err(error) => {
                let error = error.to_string();
                assert!(
                    !fits && error.contains("headers than `Connections::max_headers`"),
                    "{error}"
                );
            }
        }
    }
}
