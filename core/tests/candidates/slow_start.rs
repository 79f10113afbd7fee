//! Slow start: how the weight of a new endpoint grows, and when nothing does.

use core::time::Duration;

use evenkeel_core::policy::WeightedRoundRobin;
use evenkeel_core::{Balancer, Config, Endpoint, Heap, Instant};
use proptest::prelude::*;

use super::cases::proptest_config;

type Cluster = evenkeel_core::Cluster<u32, (), Config, Heap>;

const WINDOW: u64 = 10;

fn config() -> Config {
    Config { slow_start: Duration::from_secs(WINDOW), ..Config::default() }
}

fn secs(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

/// A client that knows the endpoints 0 to 2, of weight 3, since the start.
fn warm() -> Cluster {
    let mut cluster = Cluster::new(config());
    let _ = cluster.update(secs(0), known());
    cluster
}

fn known() -> impl Iterator<Item = Endpoint<u32>> {
    (0..3).map(|addr| Endpoint::new(addr).with_weight(3))
}

fn new(addr: u32) -> Endpoint<u32> {
    Endpoint::new(addr).with_weight(3)
}

fn weights(cluster: &Cluster) -> Vec<u32> {
    cluster.members().map(|member| member.weight).filter(|weight| *weight > 0).collect()
}

/// Ten steps, of which the first two are one: at least a tenth.
#[test]
fn in_tenths() {
    let mut cluster = warm();
    assert_eq!(cluster.poll_timeout(), None);
    let _ = cluster.update(secs(100), known().chain([new(7)]));
    assert_eq!(weights(&cluster), [30, 30, 30, 3]);
    for second in 2..WINDOW {
        let due = secs(100 + second);
        assert_eq!(cluster.poll_timeout(), Some(due));
        assert!(!cluster.handle_timeout(Instant::from_nanos(due.as_nanos() - 1)), "too early");
        assert!(cluster.handle_timeout(due));
        assert_eq!(weights(&cluster), [30, 30, 30, 3 * second as u32]);
    }
    assert!(cluster.handle_timeout(secs(100 + WINDOW)));
    assert_eq!((weights(&cluster), cluster.poll_timeout()), (vec![3, 3, 3, 3], None));
}

#[test]
fn a_late_call_makes_up_for_it() {
    let mut cluster = warm();
    let _ = cluster.update(secs(100), known().chain([new(7)]));
    assert!(cluster.handle_timeout(secs(106)));
    assert_eq!(
        (weights(&cluster), cluster.poll_timeout()),
        (vec![30, 30, 30, 18], Some(secs(107)))
    );
    assert!(cluster.handle_timeout(secs(500)));
    assert_eq!((weights(&cluster), cluster.poll_timeout()), (vec![3, 3, 3, 3], None));
}

#[test]
fn a_cold_client_starts_at_once() {
    let cluster = warm();
    assert_eq!((weights(&cluster), cluster.poll_timeout()), (vec![3, 3, 3], None));
    // Also after an empty set.
    let mut cluster = warm();
    let _ = cluster.update(secs(50), []);
    let _ = cluster.update(secs(60), [new(8), new(9)]);
    assert_eq!((weights(&cluster), cluster.poll_timeout()), (vec![3, 3], None));
}

#[test]
fn not_while_more_than_half_would() {
    let mut cluster = warm();
    let _ = cluster.update(secs(100), known().chain((10..13).map(new)));
    assert_eq!(weights(&cluster), [30, 30, 30, 3, 3, 3]);
    let _ = cluster.update(secs(103), known().chain((10..14).map(new)));
    assert_eq!(weights(&cluster), [3; 7]);
    // When the first three are warm, the last is one of few.
    assert_eq!(cluster.poll_timeout(), Some(secs(110)));
    assert!(cluster.handle_timeout(secs(110)));
    assert_eq!(weights(&cluster), [30, 30, 30, 30, 30, 30, 21]);
}

#[test]
fn coming_back() {
    let mut cluster = warm();
    let drain =
        |draining| known().map(move |e| if e.addr == 1 { e.with_draining(draining) } else { e });
    let _ = cluster.update(secs(100), drain(true));
    assert_eq!(weights(&cluster), [3, 3]);
    let _ = cluster.update(secs(200), drain(false));
    assert_eq!(weights(&cluster), [30, 3, 30]);
    // A new weight does not start it again.
    let _ = cluster.update(
        secs(205),
        drain(false).map(|e| e.with_weight(if e.addr == 0 { 5 } else { e.weight })),
    );
    assert_eq!(weights(&cluster), [50, 15, 30]);
    // Weight 0 is out of service, too.
    let _ =
        cluster.update(secs(300), known().map(|e| if e.addr == 2 { e.with_weight(0) } else { e }));
    let _ = cluster.update(secs(400), known());
    assert_eq!(weights(&cluster), [30, 30, 3]);
    // Gone and come again.
    let _ = cluster.remove(secs(500), &0);
    let _ = cluster.update(secs(501), known());
    assert_eq!(weights(&cluster), [3, 30, 30]);
}

/// Where ten times the weight is too large, tenths are rounded down, to 1 at least.
#[test]
fn large_weights() {
    let mut cluster = warm();
    let large = |addr| Endpoint::new(addr).with_weight(u32::MAX);
    let few = || [large(0), large(1), Endpoint::new(2)];
    let _ = cluster.update(secs(50), few());
    let _ = cluster.update(secs(100), few().into_iter().chain([large(7), Endpoint::new(8)]));
    assert_eq!(weights(&cluster), [u32::MAX, u32::MAX, 1, u32::MAX / 10, 1]);
    let _ = cluster.handle_timeout(secs(105));
    assert_eq!(weights(&cluster), [u32::MAX, u32::MAX, 1, u32::MAX / 2, 1]);
}

/// Those that drain are not warming up when a level that panics uses them.
#[test]
fn in_panic() {
    let mut cluster: Cluster = Cluster::new(Config { overprovisioning_percent: 140, ..config() });
    let _ = cluster.update(secs(0), known());
    let _ = cluster.update(secs(50), known().map(|e| e.with_draining(e.addr > 0)));
    assert_eq!((weights(&cluster), cluster.poll_timeout()), (vec![3, 3, 3], None));
}

/// However many endpoints come at however many times, there are no more than ten rebuilds in a
/// window.
#[test]
fn steps_are_taken_together() {
    let mut cluster: Cluster = Cluster::new(config());
    let _ = cluster.update(secs(0), (0..200).map(new));
    for millis in 1..100_u64 {
        let now = Instant::from_millis(100_000 + millis);
        let _ = cluster.insert(now, new(1_000 + millis as u32));
    }
    let mut rebuilds = 0;
    while let Some(due) = cluster.poll_timeout() {
        assert!(cluster.handle_timeout(due));
        rebuilds += 1;
    }
    assert!(rebuilds <= 10, "{rebuilds}");
    assert_eq!(weights(&cluster), [3; 299]);
}

#[test]
fn through_a_balancer() {
    let mut balancer: Balancer<u32, WeightedRoundRobin> =
        Balancer::with_config(WeightedRoundRobin::new(), config()).unwrap();
    assert_eq!(balancer.poll_timeout(), None);
    assert!(balancer.update(secs(0), known()).is_ok());
    assert!(balancer.insert(secs(100), new(7)).is_ok());
    assert_eq!(balancer.poll_timeout(), Some(secs(102)));
    balancer.handle_timeout(secs(102));
    assert_eq!(balancer.poll_timeout(), Some(secs(103)));
    balancer.handle_timeout(secs(110));
    assert_eq!(balancer.poll_timeout(), None);
}

proptest! {
    #![proptest_config(proptest_config())]

    /// The weight is that of the rule: the time since it came over the window, in whole tenths, at
    /// least one.
    #[test]
    fn the_plain_rule(window in 10..u64::MAX / 4, part in 0..=1_000_u64, weight in 1..=u32::MAX / 10) {
        let window = window / 10 * 10;
        let slow_start = Duration::from_nanos(window);
        let mut cluster: Cluster = Cluster::new(Config { slow_start, ..Config::default() });
        let _ = cluster.update(secs(1), [Endpoint::new(1)]);
        let came = secs(2);
        let _ = cluster.update(came, [Endpoint::new(1), Endpoint::new(2).with_weight(weight)]);
        let since = (u128::from(window) * u128::from(part) / 1_000) as u64;
        let due = cluster.poll_timeout().unwrap();
        cluster.handle_timeout(came + Duration::from_nanos(since));
        let tenths = (u128::from(since) * 10 / u128::from(window)).max(1) as u32;
        let expected = if tenths == 10 { [1, weight] } else { [10, weight * tenths] };
        prop_assert_eq!(weights(&cluster), expected);
        prop_assert_eq!(due, came + Duration::from_nanos(window / 10 * 2));
    }
}
