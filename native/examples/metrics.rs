//! What a balancer counts, as text that Prometheus reads: a real service serves it at `/metrics`.
//! `cargo run -p evenkeel --example metrics`

use core::fmt::Write;
use core::time::Duration;

use evenkeel::{Attempt, Balancer, Fixed, LeastRequest, Policy, Retry, Target};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    let source = Fixed::new(["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"])?;
    let balancer = Balancer::builder(source)
        .policy(LeastRequest::new())
        .build_with(|target: Target| target)?;
    balancer.ready().await;
    let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
    // One of three fails.
    let ask = async |target: Attempt<Target>| match target.host() {
        "10.0.0.1" => Err("out of order"),
        _ => Ok(()),
    };
    for _ in 0..100 {
        balancer.call(&retry, ask).await.map_err(evenkeel::CallError::boxed)?;
    }
    print!("{}", prometheus(&balancer)?);
    Ok(())
}

fn prometheus<C, P: Policy>(balancer: &Balancer<C, P>) -> Result<String, core::fmt::Error> {
    let (stats, mut text) = (balancer.stats(), String::new());
    for (name, total) in [
        ("calls", stats.calls),
        ("calls_succeeded", stats.succeeded),
        ("calls_abandoned", stats.abandoned),
        ("attempts", stats.attempts),
        ("retries", stats.retries),
        ("hedges", stats.hedges),
        ("budget_refusals", stats.budget_refusals),
    ] {
        writeln!(text, "# TYPE evenkeel_{name}_total counter\nevenkeel_{name}_total {total}")?;
    }
    writeln!(text, "# TYPE evenkeel_events_total counter")?;
    for (kind, why, times) in stats.events.iter() {
        writeln!(text, "evenkeel_events_total{{kind=\"{kind}\",why=\"{why}\"}} {times}")?;
    }
    let endpoints = balancer.endpoints();
    writeln!(text, "# TYPE evenkeel_in_flight gauge")?;
    for status in &endpoints {
        let (target, count) = (&status.target, status.in_flight);
        writeln!(text, "evenkeel_in_flight{{endpoint=\"{target}\"}} {count}")?;
    }
    writeln!(text, "# TYPE evenkeel_failures_total counter")?;
    for status in &endpoints {
        let (target, count) = (&status.target, status.failures);
        writeln!(text, "evenkeel_failures_total{{endpoint=\"{target}\"}} {count}")?;
    }
    Ok(text)
}
