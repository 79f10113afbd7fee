//! Answers that do not come in time, and callers that do not wait.

use core::time::Duration;

use evenkeel::http::{AttemptEnd, Attempts, Error, Repeat};
use evenkeel::{Cause, End, Hedging, Retry, RetryPolicy};

use super::{Act, client, quick, status, two, until, within};

fn limited(attempts: u32, each: Duration) -> Retry {
    Retry::new(RetryPolicy::new(attempts).unwrap().with_attempt_timeout(each).unwrap())
}

#[tokio::test]
async fn an_attempt_that_hangs_is_followed_only_if_it_may_be_done_twice() {
    for (repeat, times) in [(Repeat::Idempotent, 1), (Repeat::Sequential, 0), (Repeat::Never, 0)] {
        let [first, second] = two(Act::Hang, Act::OK).await;
        let retry = limited(3, Duration::from_millis(100));
        let client = client(&[&first, &second]).await.with_retry(retry);
        let answer = within(client.post("/").repeat(repeat).send()).await;
        assert_eq!([first.times(), second.times()], [1, times], "{repeat:?}");
        assert_eq!(status(&client, first.addr).failures, 1);
        match answer {
            Ok(response) => {
                let attempts = response.extensions().get::<Attempts>().expect("they are told");
                assert_eq!(attempts.iter().next().expect("one").end, AttemptEnd::GivenUp);
                assert_eq!(times, 1);
            }
            Err(Error::Call { call, .. }) => {
                assert_eq!(call.end, End::NonRetryableFailure, "{repeat:?}");
                assert!(matches!(call.attempts[0].cause, Cause::TimedOut));
                assert_eq!(times, 0);
            }
            Err(error) => panic!("{error}"),
        }
        // Its socket does not hang.
        first.open_at_most(0).await;
    }
}

#[tokio::test]
async fn a_request_has_a_time_of_its_own() {
    let [first, second] = two(Act::Hang, Act::Hang).await;
    let client = client(&[&first, &second]).await;
    let error = within(client.get("/").timeout(Duration::from_millis(100)).send()).await;
    let Err(Error::Call { call, .. }) = error else { panic!("{error:?}") };
    assert_eq!(call.end, End::Deadline);
    let error = client.get("/").timeout(Duration::ZERO).send().await.expect_err("no time");
    assert_eq!(error.to_string(), "a timeout of 0: leave it out for no timeout");
    assert_eq!(first.times() + second.times(), 1);
}

#[tokio::test]
async fn a_slow_answer_is_hedged_only_if_it_may_be_done_twice() {
    for (repeat, times) in [(Repeat::Idempotent, 1), (Repeat::Sequential, 0), (Repeat::Never, 0)] {
        let [first, second] = two(Act::After(Duration::from_millis(300)), Act::OK).await;
        let hedging = Hedging::new(Duration::from_millis(20), 1).unwrap();
        let retry = Retry::new(RetryPolicy::new(1).unwrap().with_hedging(hedging));
        let client = client(&[&first, &second]).await.with_retry(retry);
        let response = within(client.get("/").repeat(repeat).send()).await.expect("an answer");
        assert_eq!([first.times(), second.times()], [1, times], "{repeat:?}");
        let attempts = response.extensions().get::<Attempts>().expect("they are told");
        assert_eq!(attempts.hedges(), times, "{repeat:?}");
        assert_eq!(status(&client, first.addr).failures, 0);
    }
}

#[tokio::test]
async fn what_writes_is_not_hedged_unless_the_caller_says_that_it_may_be() {
    for (method, key, asked) in
        [("GET", false, 1), ("PUT", false, 0), ("DELETE", false, 0), ("DELETE", true, 1)]
    {
        let [first, second] = two(Act::After(Duration::from_millis(300)), Act::OK).await;
        let hedging = Hedging::new(Duration::from_millis(20), 1).unwrap();
        let retry = Retry::new(RetryPolicy::new(2).unwrap().with_hedging(hedging));
        let client = client(&[&first, &second]).await.with_retry(retry);
        let mut request = client.request(method.parse().expect("a method"), "/");
        if key {
            request = request.header("Idempotency-Key", "7");
        }
        within(request.send()).await.expect("an answer");
        assert_eq!([first.times(), second.times()], [1, asked], "{method} {key}");
    }
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_head_leaves_no_socket() {
    let [first, second] = two(Act::Hang, Act::OK).await;
    let client = client(&[&first, &second]).await.with_retry(quick(3));
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.get("/").send().await }
    });
    first.asked_times(1).await;
    call.abort();
    first.open_at_most(0).await;
    assert_eq!([first.times(), second.times()], [1, 0]);
    assert_eq!(status(&client, first.addr).failures, 0);
    until(|| first.connections().made == 1).await;
}
