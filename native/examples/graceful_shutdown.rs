//! Ends without losing what is under way: no new requests first, then `close`, which waits.
//!
//! `cargo run -p evenkeel --example graceful_shutdown`

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use evenkeel::{Balancer, Fixed, Retry, Target};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

#[tokio::main]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    let endpoints = Fixed::new(["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"])?;
    let balancer = Balancer::builder(endpoints).build_with(|target: Target| target)?;
    balancer.ready().await;
    let retry = Arc::new(Retry::attempts(3)?.timeout(Duration::from_secs(5))?);

    let (begun, answered) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let mut requests = JoinSet::new();
    for number in 0..12 {
        let (balancer, retry) = (balancer.clone(), Arc::clone(&retry));
        let (begun, answered) = (Arc::clone(&begun), Arc::clone(&answered));
        requests.spawn(async move {
            let ask = async |_| {
                begun.fetch_add(1, Relaxed);
                sleep(Duration::from_millis(50 + 10 * number)).await; // a slow answer
                Ok::<_, io::Error>(())
            };
            if balancer.call(&retry, ask).await.is_ok() {
                answered.fetch_add(1, Relaxed);
            }
        });
    }
    // Here a service waits for `tokio::signal::ctrl_c()`, and stops taking requests.
    while begun.load(Relaxed) < 12 {
        tokio::task::yield_now().await;
    }
    println!("asked to end: {} requests are under way", 12 - answered.load(Relaxed));
    timeout(Duration::from_secs(30), balancer.close()).await?;
    while requests.join_next().await.is_some() {}
    println!("closed: {} of 12 were answered", answered.load(Relaxed));
    println!("a request now: {}", balancer.pick().expect_err("nobody is picked any more"));
    Ok(())
}
