//! What holds for every policy, whatever it is given.
//!
//! The cases are the same in every run; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` ask for others, or
//! more.

mod extremes;
mod rebuilds;

use evenkeel_core::policy::AnyPolicy;
use evenkeel_tests::{config, policies};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn proptest_config() -> ProptestConfig {
    let given = ProptestConfig::default();
    let rng_seed =
        if given.rng_seed == RngSeed::Random { RngSeed::Fixed(20_261_123) } else { given.rng_seed };
    ProptestConfig { rng_seed, failure_persistence: None, ..given }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..400)
}

/// Something like a policy's text: mostly made of the right parts.
fn text() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        prop::sample::select(AnyPolicy::NAMES),
        Just(""),
        Just("Maglev"),
        Just("größe")
    ];
    let parameter =
        prop::sample::select(&["size", "minimum", "maximum", "bound", "seed", "full_scan", ""][..]);
    let equals = prop::sample::select(&["=", " = ", "", "=="][..]);
    let numbers = prop_oneof![
        0..8_u64,
        any::<u64>(),
        Just(251),
        Just(u64::from(u32::MAX)),
        Just(u64::from(u32::MAX) + 1)
    ];
    let value = prop_oneof![
        numbers.prop_map(|number| number.to_string()),
        Just("-1".to_owned()),
        Just("fünf".to_owned())
    ];
    let parameters = prop::collection::vec(
        (parameter, equals, value)
            .prop_map(|(name, equals, value)| name.to_owned() + equals + &value),
        0..4,
    );
    let brackets =
        prop::sample::select(&[("(", ")"), (" ( ", " ) "), ("(", ""), ("", ""), ("((", "))")][..]);
    (name, brackets, parameters)
        .prop_map(|(name, (open, close), list)| format!("{name}{open}{}{close}", list.join(", ")))
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn any_policy_any_view(data in bytes()) {
        policies::check(&data);
    }

    #[test]
    fn any_policy_any_settings_any_events(data in bytes()) {
        config::check(&data);
    }

    #[test]
    fn any_text(text in text()) {
        config::check_text(&text);
    }
}

#[test]
fn every_policy_is_among_those_tested() {
    let tested: Vec<_> = policies::TEXTS
        .iter()
        .map(|text| text.parse::<AnyPolicy>().expect("valid").name())
        .collect();
    assert!(AnyPolicy::NAMES.iter().all(|name| tested.contains(name)));
    for text in policies::TEXTS {
        assert!(config::check_text(text).is_some());
    }
}
