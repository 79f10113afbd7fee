//! What Consul answers of a service's health.

use core::fmt;
use std::borrow::Cow;

use evenkeel_core::Endpoint;
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use crate::discover::Answer;
use crate::discover::json::{Bad, from_json};
use crate::target::Target;

/// One instance. Texts stay where they are in the answer, which is long and mostly about something
/// else.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    #[serde(borrow)]
    node: Node<'a>,
    #[serde(borrow)]
    service: Service<'a>,
    #[serde(default)]
    checks: Option<Checks>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node<'a> {
    #[serde(default, borrow)]
    address: Cow<'a, str>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service<'a> {
    #[serde(default, borrow, rename = "ID")]
    id: Cow<'a, str>,
    #[serde(default, borrow)]
    address: Cow<'a, str>,
    port: u32,
    #[serde(default)]
    weights: Option<Weights>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Weights {
    passing: u32,
    warning: u32,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
}

/// What the checks of an instance say together.
#[derive(Clone, Copy, Default)]
struct Checks {
    /// One of them warns.
    warn: bool,
    /// One of them is critical, or in maintenance.
    fail: bool,
}

impl<'de> Deserialize<'de> for Checks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Checks;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Checks, A::Error> {
                let mut checks = Checks::default();
                while let Some(Check { status }) = list.next_element()? {
                    checks.warn |= status == "warning";
                    checks.fail |= !["passing", "warning"].contains(&&*status);
                }
                Ok(checks)
            }
        }
        deserializer.deserialize_seq(All)
    }
}

/// Reads an answer. Critical instances, and those in maintenance, are none; nor are those that
/// warn, without `warnings`.
pub(super) fn endpoints(bytes: &[u8], warnings: bool) -> Result<Answer, Bad> {
    let entries: Vec<Entry<'_>> = from_json(bytes)?;
    let mut answer = Answer::default();
    for Entry { node, service, checks } in entries {
        let Checks { warn, fail } = checks.unwrap_or_default();
        if fail || (warn && !warnings) {
            continue;
        }
        let Service { id, address, port, weights } = service;
        let weight =
            weights.map_or(1, |weights| if warn { weights.warning } else { weights.passing });
        let address = if address.is_empty() { node.address } else { address };
        let port = u16::try_from(port).unwrap_or(0);
        match Target::new(&address, port) {
            Ok(target) => answer.endpoints.push(Endpoint::new(target).with_weight(weight)),
            Err(error) => answer.skip(format!("service '{id}': {error}")),
        }
    }
    Ok(answer)
}
