use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::health::Health;
use evenkeel::{AnyPolicy, Balancer, BuildError, Config, ConfigError, Fixed, PickError};

use crate::slow_start::Counting;
use crate::{Bed, all, name, pass};

#[tokio::test(start_paused = true)]
async fn a_table_too_small_at_first_is_named() {
    let policy: AnyPolicy = "maglev(size=2)".parse().unwrap();
    let balancer = Balancer::builder(Fixed::new(["a:80", "b:80", "c:80"]).unwrap())
        .policy(policy)
        .build(name)
        .unwrap();
    let error = balancer.ready_within(Duration::from_secs(3)).await.unwrap_err();
    let table = "the policy's table holds 2 entries and needs 3";
    assert_eq!(
        error.to_string(),
        format!("not ready after 3s: 3 endpoints found, none usable; {table}")
    );
    let error = balancer.pick().unwrap_err();
    assert!(matches!(error, PickError::Table(_)));
    assert_eq!(error.to_string(), table);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_becomes_too_small_serves_the_endpoints_from_before() {
    let bed = Bed::new("maglev(size=3)", Config::default(), all("abc")).await;
    bed.becomes(all("bcde")).await;
    assert_eq!(
        (bed.names().join(" "), bed.shares(100).len()),
        ("b c".to_owned(), 2),
        "what left is out at once"
    );
    bed.becomes(all("de")).await;
    assert_eq!(bed.shares(100).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_goes_on_failing_rebuilds_nothing() {
    let rebuilds = Arc::new(AtomicUsize::new(0));
    let policy = Counting {
        inner: "round_robin".parse::<AnyPolicy>().unwrap(),
        rebuilds: Arc::clone(&rebuilds),
    };
    let bed = Bed::with(1, policy, Config::default(), all("abc")).await;
    let fails = |requests: usize| {
        for _ in 0..requests {
            let pick = bed.balancer.pick().unwrap();
            if pick.with(|name| name == "b") { pick.failure() } else { pick.success() }
        }
    };
    let before = rebuilds.load(SeqCst);
    fails(15);
    pass(Duration::from_millis(1)).await;
    assert_eq!((bed.names(), rebuilds.load(SeqCst)), (vec!["a".into(), "c".into()], before + 1));
    let mut probes = 0;
    for _ in 0..600 {
        pass(Duration::from_secs(1)).await;
        probes += u32::from(bed.balancer.endpoints()[1].health == Health::HalfOpen);
        fails(2);
    }
    assert!(probes > 3, "{probes}");
    assert_eq!(rebuilds.load(SeqCst), before + 1, "it was never back");
}

#[tokio::test]
async fn settings_are_checked() {
    let config = Config { probe_timeout: Duration::ZERO, ..Config::default() };
    let error =
        Balancer::builder(Fixed::new(["a:80"]).unwrap()).config(config).build(name).unwrap_err();
    let expected =
        ConfigError::TooSmall { setting: "probe_timeout (ns)", value: 0, least: 1_000_000 };
    assert_eq!(error, BuildError::Config(expected));
}
