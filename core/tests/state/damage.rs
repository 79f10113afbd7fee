//! What damage does to a state: it is found.

use evenkeel_core::{Config, State};
use proptest::prelude::*;

use crate::cases::proptest_config;
use crate::fixture::{Client, SECOND, address};

/// A state in which each kind of knowledge is.
fn full() -> State<String> {
    let config = Config::ENVOY;
    let mut client: Client = Client::new("peak_ewma", config, SECOND, 5, 2);
    (0..300).for_each(|_| client.step());
    client.balancer.export(client.now)
}

#[test]
fn every_damage_of_bytes_without_serde_is_found() {
    let state = full();
    let mut bytes = Vec::new();
    state.write(&mut |piece| bytes.extend_from_slice(piece));
    let read = |bytes: &[u8]| State::read(bytes, address).ok_or("no such bytes");
    let flips = (0..8).map(|bit| 1 << bit);
    for (at, flip) in (0..bytes.len()).flat_map(|at| flips.clone().map(move |flip| (at, flip))) {
        let mut bytes = bytes.clone();
        bytes[at] ^= flip;
        assert!(is_harmless(&state, read(&bytes), &format!("byte {at}, {flip}")));
    }
    (0..bytes.len()).for_each(|length| assert!(read(&bytes[..length]).is_err()));
    bytes.push(0);
    assert!(read(&bytes).is_err());
}

/// Imported, it must be refused, unless it is what it was.
fn is_harmless(
    state: &State<String>,
    read: Result<State<String>, impl core::fmt::Debug>,
    what: &str,
) -> bool {
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
        found +=
            u32::from(is_harmless(&state, serde_json::from_str(&text[..length]), &text[..length]));
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
    fn more_damage_is_found_too(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        text: bool,
    ) {
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
