//! What the recorder of the facade `metrics` gets of a balancer.
#![cfg(feature = "metrics")]

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use evenkeel::{Attempt, Balancer, Endpoint, Fixed, Publisher, Retry, Target};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Keeps each count by its name and labels.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Kept {
    fn cell(&self, key: &Key) -> Arc<AtomicU64> {
        let labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        Arc::clone(self.0.lock().unwrap().entry(name).or_default())
    }

    #[track_caller]
    fn of(&self, name: &str) -> u64 {
        let kept = self.0.lock().unwrap();
        kept.get(name).unwrap_or_else(|| panic!("no {name} in {kept:#?}")).load(Relaxed)
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn a_recorder_gets_all_that_was_counted() {
    let source = Fixed::new(["a:80", "b:80"]).unwrap();
    let balancer = Balancer::builder(source).build_with(|target: Target| target).unwrap();
    balancer.ready_all().await;
    let retry = Retry::attempts(2).unwrap().timeout(Duration::from_secs(60)).unwrap();
    let ask = async |client: Attempt<Target>| match client.target().host() {
        "a" => Err("out of order"),
        _ => Ok(()),
    };
    for _ in 0..10 {
        balancer.call(&retry, ask).await.unwrap();
    }
    let kept = Kept::default();
    metrics::with_local_recorder(&kept, || balancer.record_metrics("users"));
    let (all, each) = (balancer.stats(), balancer.endpoint_stats());
    assert_eq!(kept.of("evenkeel.calls balancer=users"), 10);
    assert_eq!(kept.of("evenkeel.calls.succeeded balancer=users"), 10);
    assert_eq!(kept.of("evenkeel.picks balancer=users"), 10 + all.retries);
    assert_eq!(kept.of("evenkeel.attempts balancer=users"), 10 + all.retries);
    for one in each {
        let of = |name| kept.of(&format!("{name} balancer=users endpoint={}", one.target));
        assert_eq!(of("evenkeel.endpoint.attempts"), one.attempts);
        assert_eq!(of("evenkeel.endpoint.failures"), u64::from(one.failures));
        assert_eq!(of("evenkeel.endpoint.ejections"), one.ejections);
        assert_eq!(of("evenkeel.endpoint.in_flight"), 0.0_f64.to_bits());
    }
    assert_eq!(kept.of("evenkeel.events balancer=users kind=added why="), 2);
    assert_eq!(kept.of("evenkeel.endpoints balancer=users"), 2.0_f64.to_bits());
}

#[tokio::test(start_paused = true)]
async fn the_counts_of_an_endpoint_go_on_with_another_client() {
    let source = Fixed::new(["a:80"]).unwrap();
    let balancer = Balancer::builder(source).build_with(|target: Target| target).unwrap();
    let kept = Kept::default();
    let record = |picks| {
        metrics::with_local_recorder(&kept, || balancer.record_metrics("users"));
        let name = "evenkeel.endpoint.picks balancer=users endpoint=a:80";
        assert_eq!(kept.of(name), picks);
    };
    balancer.ready().await;
    for _ in 0..10 {
        balancer.pick().unwrap().success();
    }
    record(10);
    record(10);
    balancer.pick().unwrap().lease().discard();
    record(11);
    let anew = async {
        while balancer.endpoint_stats().first().is_none_or(|stats| stats.picks > 0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), anew).await.expect("it is made anew");
    balancer.pick().unwrap().success();
    record(12);
    balancer.pick().unwrap().success();
    record(13);
}

#[tokio::test(start_paused = true)]
async fn what_a_client_did_after_the_last_record_is_not_lost_with_it() {
    let endpoint = |name: &str| Endpoint::new(name.parse::<Target>().unwrap());
    let (publisher, source) = Publisher::new();
    publisher.replace(["a:80", "b:80"].map(endpoint));
    let balancer = Balancer::builder(source).build_with(|target: Target| target).unwrap();
    let (kept, other) = (Kept::default(), Kept::default());
    let record = || {
        metrics::with_local_recorder(&kept, || balancer.record_metrics("users"));
        metrics::with_local_recorder(&other, || balancer.record_metrics("again"));
    };
    let told = |of: &Kept, label: &str| -> u64 {
        let name = |host| format!("evenkeel.endpoint.picks balancer={label} endpoint={host}:80");
        ["a", "b"].map(|host| of.of(&name(host))).iter().sum()
    };
    let all_is_told = async || {
        let is = async {
            record();
            while [told(&kept, "users"), told(&other, "again")] != [balancer.stats().picks; 2] {
                tokio::time::sleep(Duration::from_millis(1)).await;
                // Whoever picks lets go of clients that left.
                balancer.pick().unwrap().success();
                record();
            }
        };
        tokio::time::timeout(Duration::from_secs(10), is).await.expect("all is told");
    };
    balancer.ready_all().await;
    all_is_told().await;
    for _ in 0..10 {
        balancer.pick().unwrap().success();
    }
    balancer.pick().unwrap().lease().discard();
    tokio::time::sleep(Duration::from_secs(5)).await;
    all_is_told().await;

    for _ in 0..10 {
        balancer.pick().unwrap().success();
    }
    publisher.replace([endpoint("a:80")]);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(balancer.endpoints().len(), 1);
    all_is_told().await;
}
