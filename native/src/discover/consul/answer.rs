//! What Consul answers of a service's health.

use evenkeel_core::Endpoint;

use crate::discover::Answer;
use crate::discover::json::{Bad, from_json};
use crate::target::Target;

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    node: Node,
    service: Service,
    #[serde(default)]
    checks: Option<Vec<Check>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    #[serde(default)]
    address: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    #[serde(default, rename = "ID")]
    id: String,
    #[serde(default)]
    address: String,
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
struct Check {
    status: String,
}

/// Reads an answer. Critical instances, and those in maintenance, are none; nor are those that
/// warn, without `warnings`.
pub(super) fn endpoints(bytes: &[u8], warnings: bool) -> Result<Answer, Bad> {
    let entries: Vec<Entry> = from_json(bytes)?;
    let mut answer = Answer::default();
    for Entry { node, service, checks } in entries {
        let checks = checks.unwrap_or_default();
        let warns = checks.iter().any(|check| check.status == "warning");
        let good = |check: &Check| ["passing", "warning"].contains(&&*check.status);
        if !checks.iter().all(good) || (warns && !warnings) {
            continue;
        }
        let Service { id, address, port, weights } = service;
        let weight =
            weights.map_or(1, |weights| if warns { weights.warning } else { weights.passing });
        let address = if address.is_empty() { node.address } else { address };
        let port = u16::try_from(port).unwrap_or(0);
        match Target::new(&address, port) {
            Ok(target) => answer.endpoints.push(Endpoint::new(target).with_weight(weight)),
            Err(error) => answer.skip(format!("service '{id}': {error}")),
        }
    }
    Ok(answer)
}
