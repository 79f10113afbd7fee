//! Settings as serde reads and writes them: a map by their names, all of which may be left out. Flags
//! are booleans, books names, times texts such as `30s`, all others numbers. In formats that nobody
//! reads, times are nanoseconds.

mod time;

use core::fmt;

use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::time::Time;
use super::{Book, Config, Kind, Setting};

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Self::SETTINGS.len()))?;
        for (index, setting) in Self::SETTINGS.iter().enumerate() {
            let number = self.get(index).unwrap_or(0);
            match setting.kind {
                Kind::Flag => map.serialize_entry(setting.name, &(number > 0))?,
                Kind::Book => {
                    let name =
                        usize::try_from(number).ok().and_then(|index| Book::NAMES.get(index));
                    map.serialize_entry(setting.name, name.unwrap_or(&""))?;
                }
                Kind::Time => map.serialize_entry(setting.name, &Time(number))?,
                Kind::Count | Kind::Zone => map.serialize_entry(setting.name, &number)?,
            }
        }
        map.end()
    }
}

/// Reads what it writes, with defaults for what is left out. What is misspelt, beyond its limits, or
/// contradicts another setting is refused by its name.
impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Settings)
    }
}

struct Settings;

impl<'de> Visitor<'de> for Settings {
    type Value = Config;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings of a balancer by their names")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Config, M::Error> {
        let mut config = Config::DEFAULT;
        while let Some(Name(index, setting)) = map.next_key()? {
            let number = match setting.kind {
                Kind::Flag => u64::from(map.next_value::<bool>()?),
                Kind::Book => map.next_value::<BookName>()?.0,
                Kind::Time => map.next_value::<Time>()?.0,
                Kind::Count | Kind::Zone => map.next_value()?,
            };
            config.set(index, number).map_err(Error::custom)?;
        }
        config.check().map_err(Error::custom)?;
        Ok(config)
    }
}

fn one_of(f: &mut fmt::Formatter<'_>, names: impl Iterator<Item = &'static str>) -> fmt::Result {
    f.write_str("one of ")?;
    names
        .enumerate()
        .try_for_each(|(index, name)| write!(f, "{}{name}", if index == 0 { "" } else { ", " }))
}

/// A setting by its name.
struct Name(usize, &'static Setting);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                one_of(f, Config::SETTINGS.iter().map(|setting| setting.name))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Name, E> {
                let mut settings = Config::SETTINGS.iter().enumerate();
                let found = settings.find(|(_, setting)| setting.name == text);
                let unknown = || E::invalid_value(Unexpected::Str(text), &self);
                found.map(|(index, setting)| Name(index, setting)).ok_or_else(unknown)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The index of a book, by its name.
struct BookName(u64);

impl<'de> Deserialize<'de> for BookName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = BookName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                one_of(f, Book::NAMES.iter().copied())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<BookName, E> {
                let found = Book::NAMES.iter().position(|name| *name == text);
                let unknown = || E::invalid_value(Unexpected::Str(text), &self);
                found.map(|index| BookName(index as u64)).ok_or_else(unknown)
            }
        }
        deserializer.deserialize_str(Text)
    }
}
