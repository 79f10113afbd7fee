//! A balanced service in a stack of tower's layers: limits around the call, a timeout around each
//! attempt. One of three endpoints hangs, and no call fails.
//!
//! ```text
//! cargo run -p evenkeel --features tower --example tower_stack
//! ```

use core::time::Duration;
use std::io;

use evenkeel::tower::{BalanceService, SharedService};
use evenkeel::{Balancer, Fixed, Retry, RetryPolicy, Target, Verdict};
use tower::timeout::error::Elapsed;
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneService};

type Client = SharedService<BoxCloneService<u32, String, BoxError>>;

/// Connects to an endpoint: here, a function that answers, or hangs.
async fn connect(target: Target) -> Result<Client, io::Error> {
    let endpoint = service_fn(move |number: u32| {
        let target = target.clone();
        async move {
            if target.host() == "10.0.0.2" {
                core::future::pending::<()>().await;
            }
            Ok::<_, io::Error>(format!("{number} by {target}"))
        }
    });
    let client = ServiceBuilder::new().timeout(Duration::from_millis(50)).service(endpoint);
    Ok(SharedService::new(BoxCloneService::new(client)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let answers = run().await?;
    println!("{} calls were answered, the last one: {}", answers.len(), answers[answers.len() - 1]);
    Ok(())
}

async fn run() -> Result<Vec<String>, BoxError> {
    let addresses = Fixed::new(["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"])?;
    let balancer = Balancer::builder(addresses).build(connect)?;
    let policy = RetryPolicy::new(3)?.with_timeout(Duration::from_secs(2))?;
    let retry = Retry::new(policy).classify(|error: &BoxError| {
        if error.is::<Elapsed>() { Verdict::TimedOut } else { Verdict::RetryableFailure }
    });
    let service = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(50)
        .timeout(Duration::from_secs(5))
        // The first calls wait until there are endpoints.
        .service(BalanceService::new(balancer).retry(retry).queue(50));
    let calls = (0..40).map(|number| tokio::spawn(service.clone().oneshot(number)));
    let mut answers = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        answers.push(call.await??);
    }
    Ok(answers)
}

#[tokio::test]
async fn all_are_answered_by_those_that_do_not_hang() {
    let answers = run().await.unwrap();
    assert_eq!(answers.len(), 40);
    assert!(answers.iter().all(|answer| !answer.contains("10.0.0.2")), "{answers:?}");
}
