use core::convert::Infallible;
use core::time::Duration;
use std::sync::Barrier;

use evenkeel::{Balancer, Config, PickError, Target};
use evenkeel_tests::source::{Says, source};

use crate::{Bed, all, at, expect, pass};

#[tokio::test(start_paused = true)]
async fn weighted_round_robin_is_exact_over_a_cycle_on_each_thread() {
    let weighted = [at("a").with_weight(5), at("b").with_weight(1), at("c").with_weight(2)];
    let bed = Bed::new("weighted_round_robin", Config::default(), weighted).await;
    let together = Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                together.wait();
                for _ in 0..1_000 {
                    assert_eq!(bed.shares(8), expect([("a", 5), ("b", 1), ("c", 2)]));
                }
            });
        }
    });
}

/// By name, round robin honours weights where they differ.
#[tokio::test(start_paused = true)]
async fn round_robin_by_name_is_weighted() {
    let weighted = [at("a").with_weight(5), at("b").with_weight(1), at("c").with_weight(2)];
    let bed = Bed::new("round_robin", Config::default(), weighted).await;
    assert_eq!(bed.shares(800), expect([("a", 500), ("b", 100), ("c", 200)]));
    for names in ["a", "ab", "abcde", "abcdefghij"] {
        bed.becomes(all(names)).await;
        let shares = bed.shares(10 * names.len());
        assert!(shares.values().all(|&share| share == 10), "{names}: {shares:?}");
    }
}

/// Who names no policy gets peak EWMA, which honours weights and avoids what is slow.
#[tokio::test(start_paused = true)]
async fn the_default_is_peak_ewma() {
    for (weights, slow) in [([1, 1], 2), ([1, 2], 2), ([1, 10], 2), ([1, 1], 20), ([1, 10], 20)] {
        let endpoints = [at("a").with_weight(weights[0]), at("b").with_weight(weights[1])];
        let source = source(Says::These(endpoints.to_vec())).0;
        let name = async |target: Target| Ok::<_, Infallible>(target.host().to_owned());
        let balancer = Balancer::builder(source).seed(1).build(name).unwrap();
        balancer.ready().await;
        let mut picked = [0_u32; 2];
        for _ in 0..10_000 {
            let lease = balancer.pick().unwrap().lease();
            let heavy = *lease == "b";
            picked[usize::from(heavy)] += 1;
            pass(Duration::from_millis(if heavy { slow } else { 2 })).await;
            lease.success();
        }
        let due = weights.map(|weight| 10_000 * weight / (weights[0] + weights[1]));
        let fair = picked[0].abs_diff(due[0]) * 100 < 15 * due[0];
        assert_eq!(fair, slow == 2, "{weights:?}: {picked:?}");
        assert!(fair || 5 * picked[1] < due[1], "{weights:?}: {picked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn weighted_round_robin_follows_weights_that_change() {
    let bed = Bed::new("weighted_round_robin", Config::default(), all("ab")).await;
    assert_eq!(bed.shares(10), expect([("a", 5), ("b", 5)]));
    bed.becomes([at("a").with_weight(9), at("b").with_weight(1)]).await;
    assert_eq!(bed.shares(20), expect([("a", 18), ("b", 2)]));
    bed.becomes([at("a").with_weight(0), at("b").with_weight(1)]).await;
    assert_eq!(bed.shares(5), expect([("b", 5)]), "weight 0 is drained");
    bed.becomes([at("a").with_weight(0), at("b").with_draining(true)]).await;
    assert!(matches!(bed.balancer.pick(), Err(PickError::AllDrained)));
}

#[tokio::test(start_paused = true)]
async fn weighted_random_keeps_to_the_weights() {
    let weighted = [at("a").with_weight(50), at("b").with_weight(10), at("c").with_weight(20)];
    let bed = Bed::new("weighted_random", Config::default(), weighted).await;
    let counts = bed.shares(8_000);
    let off =
        |name: &str, expected: f64| (f64::from(counts[name] as u32) - expected).powi(2) / expected;
    let chi_square = off("a", 5_000.0) + off("b", 1_000.0) + off("c", 2_000.0);
    // Two degrees of freedom, p = 0.001; the seed is fixed.
    assert!(chi_square < 13.8, "{chi_square}: {counts:?}");
}

#[tokio::test(start_paused = true)]
async fn least_request_gives_idle_endpoints_their_weights_share() {
    let bed =
        Bed::new("least_request(full_scan)", Config::default(), [at("a").with_weight(3), at("b")])
            .await;
    let leases: Vec<_> = (0..8).map(|_| bed.balancer.pick().unwrap().lease()).collect();
    assert_eq!(leases.iter().filter(|lease| ***lease == *"a").count(), 6);
}
