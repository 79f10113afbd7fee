//! The form of a state: as text for people and JavaScript, in few bytes without an allocator, and what damage does to it.

use core::time::Duration;

use evenkeel_core::balancer::Status;
use evenkeel_core::health::OutlierDetection;
use evenkeel_core::policy::{PeakEwma, RoundRobin};
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Balancer, Config, Endpoint, Heap, ImportError, Inline, Instant, Outcome, State, Store};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::bed::{Client, SECOND, endpoints};
use crate::groups::proptest_config;

/// A balancer of two endpoints, of which one was ejected a second ago, and the time.
fn balancer<S: Store>() -> (Balancer<u16, RoundRobin, S>, Instant) {
    let mut balancer = Balancer::new(RoundRobin::new());
    let mut now = Instant::from_secs(1000);
    let _ = balancer.update(now, [80, 443].map(Endpoint::new)).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..9 {
        let pick = balancer.pick(now, &mut rng).unwrap();
        let bad = balancer.endpoint(&pick).is_some_and(|endpoint| endpoint.addr == 443);
        balancer.report(now, pick, if bad { Outcome::Failure } else { Outcome::Success });
    }
    now = now + Duration::from_secs(1);
    let _ = balancer.pick(now, &mut rng).unwrap();
    (balancer, now)
}

#[test]
fn the_text_is_this() {
    let (balancer, now) = balancer::<Heap>();
    let text = serde_json::to_string(&balancer.export(now)).unwrap();
    let parts = [
        r#"{"version":1,"endpoints":[{"addr":443,"latency":null,"health":{"#,
        r#""condition":{"ejected":{"reason":"consecutive_failures","left":2225061548}},"#,
        r#""since":1000000000,"successes":0,"failures":0,"streak":0,"ejections":1},"warming":0}],"#,
        r#""next":[{"addr":80,"place":1,"cycle":"500e711aaf89ac8b"},null,null,null],"#,
        r#""rounds":{"interval_left":null,"next_probe":0,"draws":2},"checksum":"fd6a31b3231e5b72"}"#,
    ];
    assert_eq!(text, parts.concat());
}

#[test]
fn it_needs_no_allocator() {
    let (balancer, now) = balancer::<Inline<8>>();
    let mut buffer = [0; 128];
    let state = balancer.export(now);
    let bytes = postcard::to_slice(&state, &mut buffer).unwrap();
    assert_eq!(bytes.len(), 51);
    let read: State<u16, Inline<8>> = postcard::from_bytes(bytes).unwrap();
    assert_eq!(read, state);
    let mut next: Balancer<u16, RoundRobin, Inline<2>> = Balancer::new(RoundRobin::new());
    let _ = next.update(now, [80, 443].map(Endpoint::new)).unwrap();
    assert_eq!(next.import(now, &read).unwrap().endpoints, 1);
    assert!(next.endpoints().map(|status| status.health).eq(balancer.endpoints().map(|status| status.health)));
}

#[test]
fn a_store_without_the_room_refuses_it() {
    let mut client: Client = Client::new("peak_ewma", Config::default(), SECOND, 8, 1);
    (0..300).for_each(|_| client.step());
    let state = client.balancer.export(client.now);
    assert_eq!(state.len(), 8);
    let text = serde_json::to_string(&state).unwrap();
    let error = serde_json::from_str::<State<String, Inline<7>>>(&text).unwrap_err().to_string();
    assert!(error.starts_with("invalid length 8, expected a list of at most 7"), "{error}");
    assert!(serde_json::from_str::<State<String, Inline<8>>>(&text).is_ok());

    // But a state of any store can be imported into any other.
    let mut small: Balancer<String, PeakEwma, Inline<2>> = Balancer::new(PeakEwma::new());
    let _ = small.update(client.now, endpoints(8)).unwrap();
    let imported = small.import(client.now, &state).unwrap();
    assert_eq!((imported.endpoints, imported.kept, imported.unknown), (2, 0, 6));
    let estimates = |status: Status<'_, String>| status.estimate;
    assert!(small.endpoints().map(estimates).eq(client.balancer.endpoints().take(2).map(estimates)));
}

/// All numbers in a text.
fn numbers(value: &Value) -> Vec<u64> {
    match value {
        Value::Number(number) => vec![number.as_u64().expect("a whole number")],
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Object(values) => values.values().flat_map(numbers).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn javascript_can_carry_it() {
    let times = [0, 1, SECOND, 1 << 53, 1 << 60, u64::MAX - 1, u64::MAX];
    for (begin, end) in times.into_iter().flat_map(|begin| times.map(|end| (begin, end))) {
        let mut client: Client = Client::new("peak_ewma", Config::default(), begin, 4, 1);
        (0..200).for_each(|_| client.step());
        let text = serde_json::to_string(&client.balancer.export(Instant::from_nanos(end))).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(numbers(&value).into_iter().all(|number| number < 1 << 53), "{text}");
        // The order of names does not matter.
        let state: State<String> = serde_json::from_value(value).unwrap();
        let mut next: Client = Client::new("peak_ewma", Config::default(), 0, 4, 1);
        next.balancer.import(next.now, &state).unwrap();
    }
}

#[test]
fn a_text_of_another_version_is_refused_for_that() {
    let (mut balancer, now) = balancer::<Heap>();
    for (text, found) in [("{}", 0), (r#"{"version":2,"news":[1,2]}"#, 2), (r#"{"version":65535}"#, 65535)] {
        let state: State<u16> = serde_json::from_str(text).unwrap();
        let error = balancer.import(now, &state).unwrap_err();
        assert_eq!(error, ImportError::Version { found, supported: 1 });
    }
}

/// A state in which each kind of knowledge is.
fn full() -> State<String> {
    let config = Config { outlier_detection: Some(OutlierDetection::ENVOY), ..Config::default() };
    let mut client: Client = Client::new("peak_ewma", config, SECOND, 5, 2);
    (0..300).for_each(|_| client.step());
    client.balancer.export(client.now)
}

/// Imported, it must be refused, unless it is what it was.
fn is_harmless(state: &State<String>, read: Result<State<String>, impl core::fmt::Debug>, what: &str) -> bool {
    let Ok(read) = read else { return true };
    let mut client: Client = Client::new("peak_ewma", Config::default(), SECOND, 5, 2);
    let before = format!("{:?}", client.balancer);
    match client.balancer.import(client.now, &read) {
        Ok(_) => assert_eq!(read, *state, "{what}"),
        Err(_) => assert_eq!(format!("{:?}", client.balancer), before, "{what}"),
    }
    read != *state
}

#[test]
fn every_damage_of_a_byte_is_found() {
    let state = full();
    let text = serde_json::to_string(&state).unwrap();
    let mut buffer = [0; 1024];
    let bytes: &[u8] = postcard::to_slice(&state, &mut buffer).unwrap();
    let mut found = 0;
    let flips = (0..8).map(|bit| 1 << bit);
    for (at, flip) in (0..text.len()).flat_map(|at| flips.clone().map(move |flip| (at, flip))) {
        let mut text = text.clone().into_bytes();
        text[at] ^= flip;
        let read = serde_json::from_slice(&text);
        found += u32::from(is_harmless(&state, read, &String::from_utf8_lossy(&text)));
    }
    for (at, flip) in (0..bytes.len()).flat_map(|at| (1..=255).map(move |flip| (at, flip))) {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= flip;
        let read = postcard::from_bytes(&bytes);
        found += u32::from(is_harmless(&state, read, &format!("byte {at}, {flip}")));
    }
    for length in 0..text.len() {
        found += u32::from(is_harmless(&state, serde_json::from_str(&text[..length]), &text[..length]));
    }
    for length in 0..bytes.len() {
        found += u32::from(is_harmless(&state, postcard::from_bytes(&bytes[..length]), "cut off"));
    }
    let tried = 9 * text.len() + 256 * bytes.len();
    // The others are names that may be missing, such as that of an answer time that is not known.
    assert!(found as usize > tried * 99 / 100, "{found} of {tried}");
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn more_damage_is_found_too(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), text: bool) {
        let state = full();
        let mut bytes = if text {
            serde_json::to_vec(&state).unwrap()
        } else {
            let mut buffer = [0; 1024];
            postcard::to_slice(&state, &mut buffer).unwrap().to_vec()
        };
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if text {
            is_harmless(&state, serde_json::from_slice(&bytes), "damaged text");
        } else {
            is_harmless(&state, postcard::from_bytes(&bytes), "damaged bytes");
        }
    }
}
