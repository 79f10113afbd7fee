//! The form of a state: as text for people and JavaScript, and in few bytes without an allocator.

use core::time::Duration;

use evenkeel_core::balancer::Status;
use evenkeel_core::policy::{PeakEwma, RoundRobin};
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{
    Balancer, Config, Endpoint, Heap, ImportError, Inline, Instant, Outcome, State, Store,
};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::fixture::{Client, SECOND, endpoints};

/// A balancer of two endpoints, of which one was ejected a second ago, and the time.
fn balancer<S: Store>() -> (Balancer<u16, RoundRobin, Config, S>, Instant) {
    let mut balancer = Balancer::with_config(RoundRobin::new(), Config::default()).unwrap();
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
        r#"{"version":3,"endpoints":[{"addr":443,"latency":null,"health":{"#,
        r#""condition":{"ejected":{"reason":"consecutive_failures","left":935036929}},"#,
        r#""since":1000000000,"successes":0,"failures":0,"streak":0,"ejections":1,"#,
        r#""began":1000000000,"slow":false,"heard":true,"cancels":0,"held":null},"warming":0}],"#,
        r#""turns":[{"addr":80,"place":0,"walk":0},null,null,null],"rounds":{"interval_left":null,"#,
        r#""next_probe":0,"draws":2,"longest":0,"calm":null},"checksum":"d677aa83c400093f"}"#,
    ];
    assert_eq!(text, parts.concat());
}

#[test]
fn a_state_without_a_walk_is_taken_over() {
    let (balancer, now) = balancer::<Heap>();
    let text = serde_json::to_string(&balancer.export(now)).unwrap();
    let older = text.replace(r#","walk":0"#, "");
    assert_ne!(older, text);
    let state: State<u16> = serde_json::from_str(&older).unwrap();
    let mut next = Balancer::new(RoundRobin::new());
    let _ = next.update(now, [80, 443].map(Endpoint::new)).unwrap();
    assert_eq!(next.import(now, &state).unwrap().endpoints, 1);
}

#[test]
fn it_needs_no_allocator() {
    let (balancer, now) = balancer::<Inline<8>>();
    let mut buffer = [0; 128];
    let state = balancer.export(now);
    let bytes = postcard::to_slice(&state, &mut buffer).unwrap();
    assert_eq!(bytes.len(), 54);
    let read: State<u16, Inline<8>> = postcard::from_bytes(bytes).unwrap();
    assert_eq!(read, state);
    let mut next: Balancer<u16, RoundRobin, Config, Inline<2>> =
        Balancer::with_config(RoundRobin::new(), Config::default()).unwrap();
    let _ = next.update(now, [80, 443].map(Endpoint::new)).unwrap();
    assert_eq!(next.import(now, &read).unwrap().endpoints, 1);
    assert!(
        next.endpoints()
            .map(|status| status.health)
            .eq(balancer.endpoints().map(|status| status.health))
    );
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
    let mut small: Balancer<String, PeakEwma, Config, Inline<2>> =
        Balancer::with_config(PeakEwma::new(), Config::default()).unwrap();
    let _ = small.update(client.now, endpoints(8)).unwrap();
    let imported = small.import(client.now, &state).unwrap();
    assert_eq!((imported.endpoints, imported.kept, imported.unknown), (2, 0, 6));
    let estimates = |status: Status<'_, String>| status.estimate;
    assert!(
        small.endpoints().map(estimates).eq(client.balancer.endpoints().take(2).map(estimates))
    );
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
        let text =
            serde_json::to_string(&client.balancer.export(Instant::from_nanos(end))).unwrap();
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
    let second = [
        r#"{"version":2,"endpoints":[{"addr":443,"latency":null,"health":{"#,
        r#""condition":{"ejected":{"reason":"consecutive_failures","left":935036929}},"#,
        r#""since":1000000000,"successes":0,"failures":0,"streak":0,"ejections":1},"warming":0}],"#,
        r#""turns":[{"addr":80,"place":0,"walk":0},null,null,null],"#,
        r#""rounds":{"interval_left":null,"next_probe":0,"draws":2},"#,
        r#""checksum":"7445e14a15c3564c"}"#,
    ]
    .concat();
    for (text, found) in [
        ("{}", 0),
        (r#"{"version":1,"next":[]}"#, 1),
        (&second, 2),
        (r#"{"version":4,"news":[1,2]}"#, 4),
        (r#"{"version":65535}"#, 65535),
    ] {
        let state: State<u16> = serde_json::from_str(text).unwrap();
        let error = balancer.import(now, &state).unwrap_err();
        assert_eq!(error, ImportError::Version { found, supported: 3 });
    }
}
