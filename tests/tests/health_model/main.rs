//! Health against a plain model of it, over any sequence of events.
//!
//! The cases are the same in every run; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` ask for others, or
//! more. Cases that once failed are in `regressions`, and come first.

mod events;

use evenkeel_core::{Heap, Inline};
use evenkeel_tests::health::{SMALL, Start, check, live};
use events::{events, start};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};

fn config(cases: u32) -> ProptestConfig {
    let given = ProptestConfig::default();
    let rng_seed =
        if given.rng_seed == RngSeed::Random { RngSeed::Fixed(20_261_123) } else { given.rng_seed };
    let file = FileFailurePersistence::Direct(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/health_model/regressions"
    ));
    let cases = if given.cases == 256 { cases } else { given.cases };
    ProptestConfig { rng_seed, cases, failure_persistence: Some(Box::new(file)), ..given }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn round_robin_on_the_heap(start in start(), events in events()) {
        live::<Heap>(&Start { least_request: false, ..start }, &events);
    }

    #[test]
    fn least_request_on_the_heap(start in start(), events in events()) {
        live::<Heap>(&Start { least_request: true, ..start }, &events);
    }

    #[test]
    fn round_robin_of_four(start in start(), events in events()) {
        live::<Inline<SMALL>>(&Start { least_request: false, ..start }, &events);
    }

    #[test]
    fn least_request_of_four(start in start(), events in events()) {
        live::<Inline<SMALL>>(&Start { least_request: true, ..start }, &events);
    }

    /// What the fuzz target reads.
    #[test]
    fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&data);
    }
}
