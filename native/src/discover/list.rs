//! A list of endpoints as text.

use core::fmt;

use evenkeel_core::{Endpoint, Zone};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::json::{Bad, from_json};
use crate::target::Target;

/// Reads a list in JSON.
pub(super) fn json(bytes: &[u8]) -> Result<Vec<Endpoint<Target>>, Bad> {
    from_json::<List>(bytes).map(|list| list.0)
}

/// Endpoints: each a target, or an object with one.
pub(super) struct List(pub(super) Vec<Endpoint<Target>>);

struct Item(Endpoint<Target>);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    #[serde(deserialize_with = "target")]
    target: Target,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default)]
    priority: u16,
    #[serde(default)]
    zone: u16,
    #[serde(default)]
    draining: bool,
}

fn one() -> u32 {
    1
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Endpoints;
        impl<'de> Visitor<'de> for Endpoints {
            type Value = List;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of endpoints")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List, A::Error> {
                let mut endpoints = Vec::new();
                while let Some(Item(endpoint)) = items.next_element()? {
                    endpoints.push(endpoint);
                }
                Ok(List(endpoints))
            }
        }
        deserializer.deserialize_seq(Endpoints)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TargetOrRecord;
        impl<'de> Visitor<'de> for TargetOrRecord {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a target such as \"10.0.0.1:80\", or an object with a `target`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Item, E> {
                Ok(Item(Endpoint::new(text.parse().map_err(E::custom)?)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Item, A::Error> {
                let record = Record::deserialize(MapAccessDeserializer::new(map))?;
                let Record { target, weight, priority, zone, draining } = record;
                let endpoint = Endpoint::new(target).with_weight(weight).with_priority(priority);
                Ok(Item(endpoint.with_zone(Zone::new(zone)).with_draining(draining)))
            }
        }
        deserializer.deserialize_any(TargetOrRecord)
    }
}

/// Reads a target within its text's own visitor, so that an error is told where the text is.
fn target<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Target, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = Target;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a target such as \"10.0.0.1:80\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Target, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text)
}
