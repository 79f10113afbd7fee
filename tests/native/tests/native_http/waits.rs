//! Endpoints that ask to be left alone, in every form that there is.

use core::time::Duration;

use evenkeel::health::Health;

use super::{Act, client, quick, status, two, until};

#[tokio::test]
async fn an_endpoint_that_refuses_rests_as_long_as_it_asks() {
    for (code, headers, seconds) in [
        (503, "Retry-After: 30\r\n", 30),
        (429, "Retry-After: 30\r\n", 30),
        (429, "Retry-After-Ms: 30000\r\nRetry-After: 1\r\n", 30),
        (
            503,
            "Date: Sun, 29 Nov 2026 00:00:00 GMT\r\nRetry-After: Sun, 29 Nov 2026 00:00:30 GMT\r\n",
            30,
        ),
        (429, "x-ratelimit-reset-requests: 30s\r\n", 30),
        (429, "RateLimit: \"default\";r=0;t=30\r\n", 30),
        (429, "X-RateLimit-Reset: 30\r\n", 30),
        // Azure's way to say that it does not know, and what says nothing.
        (429, "Retry-After: -1\r\n", 1),
        (503, "Retry-After: soon\r\n", 1),
        (503, "", 1),
    ] {
        let [first, second] = two(Act::Answer(code, headers, ""), Act::OK).await;
        let client = client(&[&first, &second]).await.with_retry(quick(2));
        let now = client.balancer().now();
        assert_eq!(client.get("/").send().await.expect("an answer").status(), 200, "{headers}");
        let rests = || match status(&client, first.addr).health {
            Health::Overloaded { until, .. } => Some(until.saturating_since(now)),
            _ => None,
        };
        until(|| rests().is_some()).await;
        let rest = rests().expect("it rests");
        // Lengthened by up to half, never shortened; the rest of the time is that of the test.
        let least = Duration::from_secs(seconds);
        assert!(
            rest >= least && rest < least.mul_f64(1.5) + Duration::from_secs(5),
            "{headers}: {rest:?}"
        );
        // Others have the requests meanwhile, and it has none.
        assert_eq!(client.get("/").send().await.expect("an answer").status(), 200);
        assert_eq!([first.times(), second.times()], [1, 2], "{headers}");
    }
}

#[tokio::test]
async fn all_that_refuse_are_not_asked_in_vain() {
    let [first, second] = two(Act::Answer(503, "", "a"), Act::Answer(503, "", "b")).await;
    let client = client(&[&first, &second]).await.with_retry(quick(2));
    let response = client.get("/").send().await.expect("the last answer");
    assert_eq!(response.status(), 503);
    assert_eq!([first.times(), second.times()], [1, 1]);
}
