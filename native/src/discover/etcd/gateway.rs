//! What etcd's JSON gateway says: numbers of 64 bits are strings, bytes are base64, and what is
//! zero is left out.

use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, Error, Visitor};

#[derive(serde::Deserialize)]
pub(super) struct Range {
    pub(super) header: Header,
    #[serde(default)]
    pub(super) kvs: Vec<KeyValue>,
    #[serde(default)]
    pub(super) more: bool,
}

#[derive(Clone, Copy, Default, serde::Deserialize)]
pub(super) struct Header {
    #[serde(default, deserialize_with = "number")]
    pub(super) cluster_id: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) revision: u64,
}

#[derive(serde::Deserialize)]
pub(super) struct KeyValue {
    #[serde(deserialize_with = "bytes")]
    pub(super) key: Vec<u8>,
    #[serde(default, deserialize_with = "bytes")]
    pub(super) value: Vec<u8>,
    /// The revision at which it was put or deleted.
    #[serde(default, deserialize_with = "number")]
    pub(super) mod_revision: u64,
}

#[derive(serde::Deserialize)]
pub(super) struct Authenticated {
    pub(super) token: String,
}

/// A line of a watch.
#[derive(serde::Deserialize)]
pub(super) struct Line {
    #[serde(default)]
    pub(super) result: Option<Watch>,
    #[serde(default)]
    pub(super) error: Option<Trouble>,
}

#[derive(serde::Deserialize)]
pub(super) struct Watch {
    #[serde(default)]
    pub(super) header: Header,
    #[serde(default)]
    pub(super) created: bool,
    #[serde(default)]
    pub(super) canceled: bool,
    #[serde(default, deserialize_with = "number")]
    pub(super) compact_revision: u64,
    #[serde(default)]
    pub(super) cancel_reason: String,
    #[serde(default)]
    pub(super) events: Vec<Event>,
}

#[derive(serde::Deserialize)]
pub(super) struct Event {
    /// Left out for `PUT`.
    #[serde(default, rename = "type")]
    pub(super) kind: Kind,
    pub(super) kv: KeyValue,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Kind {
    #[default]
    Put,
    Delete,
}

#[derive(serde::Deserialize)]
pub(super) struct Trouble {
    #[serde(default)]
    pub(super) message: String,
}

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Number;
    impl Visitor<'_> for Number {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, or one in a string")
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
            text.parse().map_err(|error| E::custom(format!("'{text}': {error}")))
        }
    }
    deserializer.deserialize_any(Number)
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    struct Base64;
    impl Visitor<'_> for Base64 {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes in base64")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
            STANDARD.decode(text).map_err(|error| E::custom(format!("'{text}': {error}")))
        }
    }
    deserializer.deserialize_str(Base64)
}
