//! Calls, their backoff and their budgets.

// Figures of backoffs and budgets are in nanoseconds.
#[cfg(not(feature = "millis32"))]
mod backoffs;
#[cfg(not(feature = "millis32"))]
mod budgets;
mod calls;
#[cfg(feature = "millis32")]
mod wrap;

#[cfg(not(feature = "millis32"))]
use proptest::{prelude::ProptestConfig, test_runner::RngSeed};

/// Tries the same cases in every run; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` ask for others, or
/// more.
#[cfg(not(feature = "millis32"))]
fn proptest_config() -> ProptestConfig {
    let given = ProptestConfig::default();
    let fixed = RngSeed::Fixed(20_261_123);
    let rng_seed = if given.rng_seed == RngSeed::Random { fixed } else { given.rng_seed };
    ProptestConfig { rng_seed, failure_persistence: None, ..given }
}
