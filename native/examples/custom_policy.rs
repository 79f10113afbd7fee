//! A policy of one's own: of three endpoints drawn at random, the one with the fewest requests.
//!
//! ```text
//! cargo run -p evenkeel --example custom_policy
//! ```

use core::time::Duration;
use std::io;

use evenkeel::core::load::InFlight;
use evenkeel::{Attempt, Balancer, Cx, Fixed, Pick, Policy, Retry, RetryPolicy, Target, View};

/// Costs three draws, however many endpoints there are.
#[derive(Clone, Copy)]
struct BestOfThree;

impl Policy for BestOfThree {
    // Requests in flight are counted for it, and nothing else.
    type Load = InFlight;

    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        let drawn = (0..3).filter_map(|_| view.at(cx.below(view.len())));
        drawn.min_by_key(|&slot| view.in_flight(slot))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    let counts = run().await?;
    println!("requests in flight at each of 10 endpoints, with 100 at once: {counts:?}");
    Ok(())
}

async fn run() -> Result<Vec<u32>, Box<dyn core::error::Error>> {
    let addresses = Fixed::new((1..=10).map(|n| format!("10.0.0.{n}:80")))?;
    let balancer = Balancer::builder(addresses)
        .policy(BestOfThree)
        .build(async |target: Target| Ok::<_, io::Error>(target))?;
    balancer.ready().await;
    // Requests that are held: the policy sees them as it picks the next.
    let held: Result<Vec<_>, _> = (0..100).map(|_| balancer.pick().map(Pick::lease)).collect();
    let held = held?;
    let counts = balancer.endpoints().iter().map(|endpoint| endpoint.in_flight).collect();
    drop(held);
    // Calls with retries work with any policy.
    let retry = Retry::new(RetryPolicy::new(3)?.with_timeout(Duration::from_secs(1))?);
    let ask = async |client: Attempt<Target>| {
        let target = client.target().clone();
        if client.number() > 1 { Ok(target) } else { Err(io::Error::other("the first one fails")) }
    };
    balancer.call(&retry, ask).await?;
    Ok(counts)
}

#[tokio::test]
async fn the_load_is_even() {
    let counts = run().await.unwrap();
    assert_eq!((counts.len(), counts.iter().sum::<u32>()), (10, 100));
    // At random, the busiest of ten would have some 15, and this one 11.
    assert!(counts.iter().all(|count| (7..=13).contains(count)), "{counts:?}");
}
