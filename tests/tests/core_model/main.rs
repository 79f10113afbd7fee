//! The core against plain models of it, over any sequence of events.
//!
//! The cases are the same in every run; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` ask for others, or
//! more. Cases that once failed are in `regressions`, and come first.

mod balancer;
mod call;
mod set;

use evenkeel_core::Endpoint;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};

fn config() -> ProptestConfig {
    let given = ProptestConfig::default();
    let rng_seed =
        if given.rng_seed == RngSeed::Random { RngSeed::Fixed(20_261_123) } else { given.rng_seed };
    let file = FileFailurePersistence::Direct(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/core_model/regressions"
    ));
    ProptestConfig { rng_seed, failure_persistence: Some(Box::new(file)), ..given }
}

/// One of a few addresses, with any content.
fn endpoint() -> impl Strategy<Value = Endpoint<u8>> {
    (0..12_u8, 0..4_u32, 0..3_u16, prop::bool::weighted(0.1)).prop_map(
        |(addr, weight, priority, draining)| {
            Endpoint::new(addr).with_weight(weight).with_priority(priority).with_draining(draining)
        },
    )
}
