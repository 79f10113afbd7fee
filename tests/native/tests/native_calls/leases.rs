//! Answers that come with their leases: in flight until those are dropped, reported once.

use std::io;

use evenkeel::{Attempt, Retry, Verdict};

use crate::{at_once, balancer, balancer_with, ms, pass, status, sums};

const NAMES: &str = "ab";

#[tokio::test(start_paused = true)]
async fn an_answer_is_in_flight_until_its_lease_is_dropped() {
    let balancer = balancer(NAMES).await;
    let retry = Retry::attempts(3).unwrap().timeout(ms(100)).unwrap();
    let ask = async |client: Attempt<String>| Ok::<_, io::Error>(client.to_string());
    let mut leases = Vec::new();
    for number in 1..=10 {
        let (name, lease) = balancer.call_lease(&retry, ask).await.unwrap();
        assert_eq!((lease.target().host(), &*lease), (&*name, &name));
        leases.push(lease);
        assert_eq!(sums(&balancer), (number, 0));
    }
    assert_eq!(status(&balancer, "a").in_flight, 5, "least request sees them");
    leases.truncate(3);
    assert_eq!(sums(&balancer), (3, 0));
    leases.clear();
    assert_eq!(sums(&balancer), (0, 0), "dropped, they are no failures");
}

#[tokio::test(start_paused = true)]
async fn what_failed_or_was_refused_is_over_and_the_answer_names_who_gave_it() {
    let balancer = balancer(NAMES).await;
    let judge = |&status: &u16| match status {
        500.. => Verdict::RetryableFailure,
        _ => Verdict::Success,
    };
    let retry = Retry::new(at_once(2).with_timeout(ms(100)).unwrap()).accept(judge);
    for key in 0..20 {
        let ask = async |client: Attempt<String>| match (key % 2, client.number()) {
            (0, 1) => Ok(500),
            (_, 1) => Err(io::Error::other("broken")),
            _ => Ok(200),
        };
        let (status, lease) = balancer.call_lease_for(key, &retry, ask).await.unwrap();
        assert_eq!((status, sums(&balancer).0), (200, 1), "{key}: only the answer is kept");
        drop(lease);
        assert_eq!(u64::from(sums(&balancer).1), key + 1, "one failure for each call");
    }
    // All fail: the last answer comes back, with its lease.
    let ask = async |_| Ok::<_, io::Error>(503);
    let (status, lease) = balancer.call_lease(&retry, ask).await.unwrap();
    assert_eq!((status, sums(&balancer).0), (503, 1));
    drop(lease);
    assert_eq!(sums(&balancer), (0, 22));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_a_failure_and_its_time_is_that_of_its_head() {
    let balancer = balancer_with("a", "peak_ewma", evenkeel::Config::default()).await;
    let retry = Retry::attempts(1).unwrap().timeout(ms(100)).unwrap();
    let ask = async |_| {
        pass(ms(20)).await;
        Ok::<_, io::Error>(())
    };
    let ((), lease) = balancer.call_lease(&retry, ask).await.unwrap();
    pass(ms(60_000)).await;
    lease.success();
    assert_eq!(sums(&balancer), (0, 0));
    let ((), lease) = balancer.call_lease(&retry, ask).await.unwrap();
    pass(ms(60_000)).await;
    assert_eq!(sums(&balancer), (1, 0));
    lease.failure();
    assert_eq!(sums(&balancer), (0, 1));
    let latency = status(&balancer, "a").latency.unwrap();
    assert!(latency < ms(30), "{latency:?} is not that of the bodies");
}
