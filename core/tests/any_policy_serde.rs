//! Policies in configuration.
#![cfg(all(feature = "alloc", feature = "serde"))]

use evenkeel_core::policy::AnyPolicy;

#[test]
fn every_policy_goes_into_configuration_and_comes_back() {
    let with_parameters = ["maglev(size=251)", "ring_hash(minimum=64, maximum=4096)", "peak_ewma(full_scan)"];
    for text in AnyPolicy::NAMES.into_iter().chain(with_parameters) {
        let json = format!("\"{text}\"");
        let policy: AnyPolicy = serde_json::from_str(&json).unwrap();
        assert_eq!(policy.to_string(), text);
        assert_eq!(serde_json::to_string(&policy).unwrap(), json);
    }
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let error = |json| serde_json::from_str::<AnyPolicy>(json).unwrap_err().to_string();
    let unknown = error("\"roundrobin\"");
    assert!(unknown.starts_with("unknown policy \"roundrobin\"; known are: "), "{unknown}");
    for name in AnyPolicy::NAMES {
        assert!(unknown.contains(name), "{unknown}");
    }
    let number = error("7");
    assert!(number.starts_with("invalid type: integer `7`, expected the name of a policy"), "{number}");
}
