//! What a balancer counts, as text that Prometheus reads, and its calls as spans: a real service has
//! an exporter of metrics and one of traces, and no recorder of its own.
//! `cargo run -p evenkeel --features metrics --example metrics`

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use evenkeel::{Attempt, Balancer, Fixed, LeastRequest, Retry, Target};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tracing_subscriber::fmt::format::FmtSpan;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn core::error::Error + Send + Sync>> {
    // Each attempt is a span with OpenTelemetry's names; nobody pays for them who does not ask.
    tracing_subscriber::fmt()
        .with_env_filter("evenkeel::call=debug")
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init()?;
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
    let registry = Registry::default();
    metrics::with_local_recorder(&registry, || balancer.record_metrics("users"));
    for (series, value) in &*registry.0.lock().expect("nobody panics") {
        println!("{series} {}", value.load(Relaxed));
    }
    Ok(())
}

/// A recorder: each series of Prometheus, and its value.
#[derive(Default)]
struct Registry(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Registry {
    fn series(&self, key: &Key) -> Arc<AtomicU64> {
        let labels = key.labels().map(|label| format!("{}=\"{}\"", label.key(), label.value()));
        let labels = labels.collect::<Vec<_>>().join(",");
        let series = format!("{}{{{labels}}}", key.name().replace('.', "_"));
        Arc::clone(self.0.lock().expect("nobody panics").entry(series).or_default())
    }
}

impl Recorder for Registry {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    // Gauges are numbers with a point, of which an exporter makes text; here, only totals are shown.
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
