//! What is in the file.

use core::fmt;
use std::fs;
use std::io::Read;
use std::path::Path;

use evenkeel_core::{Endpoint, Zone};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::error::FileError;
use crate::target::Target;

/// Most bytes that are read: some 500,000 endpoints with all that can be said of them.
const LIMIT: u64 = 64 << 20;

/// Reads the file, in the format that its name says.
pub(super) fn read(path: &Path) -> Result<Vec<Endpoint<Target>>, FileError> {
    let failed = |error| FileError::Read { path: path.to_owned(), error };
    // A pipe would keep the thread for ever.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(FileError::NotAFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(FileError::TooLarge { path: path.to_owned(), limit: LIMIT });
    }
    let toml = path.extension().is_some_and(|extension| extension == "toml");
    parse(&bytes, toml).map_err(|Bad { line, column, message }| FileError::Content {
        path: path.to_owned(),
        line,
        column,
        message,
    })
}

/// What is wrong, and where.
struct Bad {
    line: usize,
    column: usize,
    message: String,
}

impl Bad {
    /// Begins at this byte of the text.
    fn at(text: &[u8], offset: usize, message: String) -> Self {
        let before = String::from_utf8_lossy(&text[..offset.min(text.len())]);
        let last = before.rsplit('\n').next().unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Self { line, column: last.chars().count() + 1, message }
    }
}

fn parse(bytes: &[u8], toml: bool) -> Result<Vec<Endpoint<Target>>, Bad> {
    let text = core::str::from_utf8(bytes)
        .map_err(|error| Bad::at(bytes, error.valid_up_to(), "not UTF-8".to_owned()))?;
    if toml {
        let document = toml::from_str::<Document>(text);
        return document.map(|document| document.endpoints.0).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            Bad::at(bytes, offset, error.message().to_owned())
        });
    }
    serde_json::from_str::<List>(text).map(|list| list.0).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let (message, place) = (error.to_string(), format!(" at line {line} column {column}"));
        let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
        // It counts bytes.
        let begin = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default().as_bytes();
        let begin = &begin[..column.min(begin.len())];
        let column = String::from_utf8_lossy(begin).chars().count();
        Bad { line: line.max(1), column: column.max(1), message }
    })
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    endpoints: List,
}

struct List(Vec<Endpoint<Target>>);

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
