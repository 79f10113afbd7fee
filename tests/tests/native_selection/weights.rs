use std::sync::Barrier;

use evenkeel::{Config, PickError};

use crate::{Bed, all, at, expect};

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
