//! A state that cannot be used is refused with a reason, and changes nothing.

use core::time::Duration;

use evenkeel_core::state::MAX_AGE;
use evenkeel_core::{Config, Endpoint, ImportError, Imported, Instant, State};
use serde_json::{Value, json};

use crate::fixture::{Client, SECOND};

/// A client that knows something of its endpoints, and the state of another one.
fn clients() -> (Client, State<String>) {
    let new = |seed| {
        let mut client = Client::new("peak_ewma", Config::default(), SECOND, 5, seed);
        (0..300).for_each(|_| client.step());
        client
    };
    let other: Client = new(2);
    (new(1), other.balancer.export(other.now))
}

/// Imports what must be refused, and lives on beside one that never heard of it.
fn refused(state: &State<String>) -> ImportError {
    let ((mut client, _), (mut same, _)) = (clients(), clients());
    let error = client.balancer.import(client.now, state).unwrap_err();
    assert_eq!(client.view(), same.view());
    for _ in 0..200 {
        client.step();
        same.step();
    }
    assert_eq!((client.view(), client.seen), (same.view(), same.seen), "{error}");
    error
}

/// A state of this content, with the checksum that it should have.
pub(crate) fn forged(mut content: Value) -> State<String> {
    let read = |content: &Value| serde_json::from_value::<State<String>>(content.clone()).unwrap();
    let mut client: Client = Client::new("random", Config::default(), 0, 1, 0);
    if let Err(ImportError::Checksum { computed, .. }) =
        client.balancer.import(client.now, &read(&content))
    {
        content["checksum"] = json!(format!("{computed:016x}"));
    }
    read(&content)
}

/// The content of a state, with one thing changed by hand, and sound otherwise.
fn changed(change: impl Fn(&mut Value)) -> State<String> {
    let mut content = serde_json::to_value(clients().1).unwrap();
    change(&mut content);
    forged(content)
}

#[test]
fn a_sound_one_is_not() {
    let (mut client, _) = clients();
    let imported = client.balancer.import(client.now, &changed(|_| {})).unwrap();
    assert_eq!(imported, Imported { endpoints: 0, kept: 5, unknown: 0 });
}

#[test]
fn another_version() {
    let error = refused(&changed(|content| content["version"] = json!(4)));
    assert_eq!(error, ImportError::Version { found: 4, supported: 3 });
    assert_eq!(error.to_string(), "the state has version 4; only 3 is supported");
}

#[test]
fn a_stale_one() {
    let (_, state) = clients();
    let (most, little) = (MAX_AGE, Duration::from_nanos(1));
    let error = refused(&state.clone().aged(most + little));
    assert_eq!(error, ImportError::Stale { age: 3_600_000_000_001, most: 3_600_000_000_000 });
    assert_eq!(error.to_string(), "the state is 3600000000001 ns old; the most is 3600000000000");
    refused(&state.clone().aged(Duration::MAX));
    // What is said last counts.
    let (mut client, _) = clients();
    assert!(client.balancer.import(client.now, &state.aged(Duration::MAX).aged(most)).is_ok());
}

#[test]
fn one_of_other_endpoints() {
    let other = changed(|content| {
        for endpoint in content["endpoints"].as_array_mut().unwrap() {
            endpoint["addr"] = json!(format!("other {}", endpoint["addr"].as_str().unwrap()));
        }
    });
    let error = refused(&other);
    assert_eq!(error, ImportError::Foreign { addresses: 5, set: 5 });
    let expected = "none of the state's 5 addresses is among the set's 5: update it first";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn one_before_the_first_update() {
    let (client, state) = clients();
    let mut turns: Client = Client::new("round_robin", Config::default(), SECOND, 5, 1);
    (0..9).for_each(|_| turns.step());
    for state in [state, turns.balancer.export(turns.now)] {
        let mut new: Client = Client::new("peak_ewma", Config::default(), SECOND, 0, 1);
        let before = format!("{:?}", new.balancer);
        let error = new.balancer.import(client.now, &state).unwrap_err();
        assert!(matches!(error, ImportError::Foreign { set: 0, .. }), "{error}");
        assert_eq!(format!("{:?}", new.balancer), before);
    }
    // There is nothing in it to be refused.
    let nothing: Client = Client::new("peak_ewma", Config::default(), SECOND, 0, 1);
    let state = nothing.balancer.export(nothing.now);
    assert!(state.is_empty());
    let mut new: Client = Client::new("peak_ewma", Config::default(), SECOND, 0, 1);
    assert_eq!(new.balancer.import(new.now, &state), Ok(Imported::default()));
}

#[test]
fn a_damaged_one() {
    let (_, state) = clients();
    let mut content = serde_json::to_value(&state).unwrap();
    content["endpoints"][0]["warming"] = json!(1);
    let error = refused(&serde_json::from_value(content).unwrap());
    let ImportError::Checksum { found, computed } = error else { panic!("{error}") };
    assert_ne!(found, computed);
    let expected = format!(
        "the state is damaged: its checksum is {found:016x}, that of its content {computed:016x}"
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn endpoints_out_of_order_or_twice() {
    let swapped = changed(|content| content["endpoints"].as_array_mut().unwrap().swap(1, 2));
    assert_eq!(refused(&swapped), ImportError::Unordered { place: 2 });
    let twice = changed(|content| content["endpoints"][4] = content["endpoints"][3].clone());
    let error = refused(&twice);
    assert_eq!(error, ImportError::Unordered { place: 4 });
    assert_eq!(error.to_string(), "endpoint 4 of the state does not come after the one before it");
}

/// What is changed, the most that it may be, and how.
type Change<'a> = (&'static str, u64, &'a dyn Fn(&mut Value, u64));

#[test]
fn numbers_that_no_balancer_exports() {
    const LONGEST: u64 = (1 << 53) - 1;
    const TWO_DAYS: u64 = 2 * 24 * 3600 * SECOND;
    let health = |condition: Value| {
        json!({
            "condition": condition, "since": 0,
            "successes": 0, "failures": 0, "streak": 0, "ejections": 0,
            "began": 0, "slow": false, "heard": true, "cancels": 0, "held": null
        })
    };
    let changes: [Change<'_>; 11] = [
        ("latency.nanos", LONGEST, &|content, value| {
            content["endpoints"][1]["latency"]["nanos"] = json!(value);
        }),
        ("latency.age", LONGEST, &|content, value| {
            content["endpoints"][1]["latency"]["age"] = json!(value);
        }),
        ("warming", LONGEST, &|content, value| content["endpoints"][0]["warming"] = json!(value)),
        ("health.since", LONGEST, &|content, value| {
            content["endpoints"][0]["health"] = health(json!({"in_service": {"served": null}}));
            content["endpoints"][0]["health"]["since"] = json!(value);
        }),
        ("health.began", LONGEST, &|content, value| {
            content["endpoints"][0]["health"] = health(json!({"in_service": {"served": null}}));
            content["endpoints"][0]["health"]["began"] = json!(value);
        }),
        ("calm.left", LONGEST, &|content, value| {
            content["rounds"]["calm"] = json!({"level": 0, "undos": 1, "left": value, "over": 0});
        }),
        ("calm.over", LONGEST, &|content, value| {
            content["rounds"]["calm"] = json!({"level": 0, "undos": 1, "left": 0, "over": value});
        }),
        ("served", LONGEST, &|content, value| {
            content["endpoints"][0]["health"] = health(json!({"in_service": {"served": value}}));
        }),
        ("left", TWO_DAYS, &|content, value| {
            content["endpoints"][0]["health"] = health(json!({"overloaded": {"left": value}}));
        }),
        ("left", TWO_DAYS, &|content, value| {
            content["endpoints"][0]["health"] =
                health(json!({"ejected": {"reason": "success_rate", "left": value}}));
        }),
        ("interval_left", TWO_DAYS, &|content, value| {
            content["rounds"]["interval_left"] = json!(value);
        }),
    ];
    for (what, most, change) in changes {
        let error = refused(&changed(|content| change(content, most + 1)));
        assert_eq!(error, ImportError::TooLarge { what, value: most + 1, most });
        assert_eq!(
            error.to_string(),
            format!("the state has a {what} of {}; the most is {most}", most + 1)
        );
        let (mut client, _) = clients();
        assert!(
            client.balancer.import(client.now, &changed(|content| change(content, most))).is_ok(),
            "{what}"
        );
    }
}

#[test]
fn what_is_refused_does_not_turn_the_clock_back() {
    let (mut client, state) = clients();
    let stale = state.aged(Duration::MAX);
    let before = format!("{:?}", client.balancer);
    assert!(client.balancer.import(Instant::ZERO, &stale).is_err());
    assert_eq!(format!("{:?}", client.balancer), before);
    let _ = client.balancer.insert(client.now, Endpoint::new("x".to_string())).unwrap();
}
