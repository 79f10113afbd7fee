//! Thousands of calls that end in every way, while the set is replaced.

use core::convert::Infallible;
use core::time::Duration;

use evenkeel::{AnyPolicy, Attempt, Config, Hedging, Retry, RetryPolicy};
use tokio::time::timeout;

use crate::works::{Client, How, Works};
use crate::{Bed, MS, SECOND, numbered, pass};

/// The rows of cancellations of many that give up together are no news of health here.
const CONFIG: Config = Config { book: evenkeel::Book::Off, ..Config::DEFAULT };

#[tokio::test(start_paused = true)]
async fn of_15_000_dropped_aborted_and_hedged_calls_none_is_left_in_flight() {
    for policy in ["least_request", "peak_ewma"] {
        let policy: AnyPolicy = policy.parse().unwrap();
        let works = Works::new().all(How::After(20 * MS));
        let bed = Bed::tuned(numbered(0, 10), works, |b| b.policy(policy).config(CONFIG));
        bed.balancer.ready().await;
        let hedged =
            Retry::new(RetryPolicy::new(3).unwrap().with_hedging(Hedging::new(5 * MS, 2).unwrap()));
        let mut calls = Vec::new();
        for number in 0..15_000_u32 {
            let (balancer, retry) = (bed.balancer.clone(), hedged.clone());
            let call = async move {
                let attempt = async |client: Attempt<Client>| {
                    // The first of three is so slow that others go beside it.
                    let long = if client.number() == 1 { number % 97 } else { number % 11 };
                    tokio::time::sleep(Duration::from_millis(long.into())).await;
                    Ok::<_, Infallible>(())
                };
                let call = balancer.call(&retry, attempt);
                if number % 3 == 0 {
                    // A time-out outside: the call is dropped.
                    timeout(Duration::from_millis((number % 23).into()), call)
                        .await
                        .is_ok_and(|r| r.is_ok())
                } else {
                    call.await.is_ok()
                }
            };
            let call = tokio::spawn(call);
            if number % 3 == 1 {
                let abort = call.abort_handle();
                tokio::spawn(async move {
                    pass(Duration::from_millis((number % 29).into())).await;
                    abort.abort();
                });
            }
            calls.push((number, call));
            if number % 1_500 == 1_499 {
                let round = number as usize / 1_500 + 1;
                bed.becomes(numbered(round * 10, 10)).await;
                pass(15 * MS).await;
            }
        }
        for (number, call) in calls {
            let ended = call.await;
            assert!(number % 3 != 2 || ended.unwrap(), "{number}: nobody gave it up");
        }
        pass(SECOND).await;
        let statuses = bed.balancer.endpoints();
        assert_eq!(statuses.iter().map(|status| status.in_flight).sum::<u32>(), 0);
        let alive: String = numbered(100, 10).iter().map(|e| e.addr.host().to_owned()).collect();
        assert_eq!(bed.works.alive(), alive, "nobody holds a client of an endpoint that left");
    }
}
