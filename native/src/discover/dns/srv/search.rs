//! Under which name of the search list a service is found.

use hickory_proto::rr::{Name, RecordType};

use super::super::config::Setup;
use super::super::error::LookupError;
use super::super::host;
use super::super::resolve::{Resolved, lowest, resolve};
use super::records::service_host;

/// A name of the search list, with its records.
pub(super) struct Chosen {
    pub(super) name: Name,
    pub(super) resolved: Resolved,
}

/// A name under which something is known.
pub(super) struct Known {
    pub(super) name: Name,
    /// It is the host itself, for want of records.
    pub(super) is_host: bool,
}

/// Returns the records of the first name that has any; the one under which something is known comes
/// first, and no other while it does not say that there are none.
///
/// There are none only if every name says so: with one name unanswered, nothing is known. A name
/// that no server says anything of ends the search: the service may be there, and what another name
/// has may be another service. A server that cannot tell does not.
pub(super) async fn first_found(
    setup: Setup,
    known: Option<Known>,
    or_host: bool,
) -> Result<Chosen, LookupError> {
    let is_known = |name: &Name| known.as_ref().is_some_and(|known| known.name == *name);
    let is_known_host = known.as_ref().is_some_and(|known| known.is_host);
    let mut names = setup.names.clone();
    names.sort_by_key(|name| !is_known(name));
    let mut nothing: Option<Chosen> = None;
    let mut failure = None;
    for name in names {
        match resolve(&setup.servers, &name, RecordType::SRV).await {
            Ok(resolved) if !resolved.records.is_empty() => return Ok(Chosen { name, resolved }),
            Ok(resolved) if is_known_host && is_known(&name) => {
                return Ok(Chosen { name, resolved });
            }
            Ok(mut resolved) => {
                let before = nothing.and_then(|nothing| nothing.resolved.ttl);
                resolved.ttl = lowest(resolved.ttl, before);
                nothing = Some(Chosen { name, resolved });
            }
            Err(error) if is_known(&name) || error.is_silence() => return Err(error),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match (failure, nothing) {
        (Some(failure), _) => Err(failure),
        (None, Some(mut nothing)) => {
            if or_host {
                nothing.name = first_host(&setup).await?;
            }
            Ok(nothing)
        }
        (None, None) => {
            Err(LookupError::NoAnswer { question: "no name".into(), tried: Vec::new() })
        }
    }
}

/// Returns the first name whose host has an address; the last, if none has.
async fn first_host(setup: &Setup) -> Result<Name, LookupError> {
    if let [only] = &*setup.names {
        return Ok(only.clone());
    }
    let mut hosts = setup.clone();
    hosts.names = setup.names.iter().map(service_host).collect();
    let host = host::first_found(hosts).await?.name;
    let name = setup.names.iter().find(|name| service_host(name) == host);
    Ok(name.cloned().unwrap_or(host))
}
