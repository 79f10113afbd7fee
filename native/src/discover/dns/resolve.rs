//! The records of one name and type: aliases followed, lowest TTL kept.
//!
//! hickory's own lookup takes an SRV target behind a CNAME for another CNAME (`caching_client.rs`),
//! so this is done on whole messages.

use core::time::Duration;
use std::sync::Arc;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::error::LookupError;
use super::life::seconds;
use super::name;
use super::servers::Servers;

const MAX_ALIASES: usize = 8;

/// What the DNS says of one name and type.
#[derive(Debug)]
pub(super) struct Resolved {
    /// The records, all of the type asked; none if the name or the type does not exist.
    pub(super) records: Vec<RData>,
    /// The additional section of the message that held them.
    pub(super) additionals: Vec<Record>,
    /// How long it holds: the lowest TTL of the aliases and records, or of the aliases and the
    /// proof that there are none.
    pub(super) ttl: Option<Duration>,
    /// The name exists, with records of this type or not.
    pub(super) exists: bool,
    /// Who said so.
    pub(super) server: Arc<str>,
}

/// Asks for the records of `owner`, following CNAMEs within an answer and by further questions.
pub(super) async fn resolve(
    servers: &Servers,
    owner: &Name,
    kind: RecordType,
) -> Result<Resolved, LookupError> {
    let mut chain = vec![owner.clone()];
    let mut ttl = None;
    loop {
        let asked = chain[chain.len() - 1].clone();
        let (message, server) = servers.ask(&Query::query(asked.clone(), kind)).await?;
        follow(&message, &mut chain, &mut ttl)?;
        let current = &chain[chain.len() - 1];
        let records: Vec<&Record> = message
            .answers
            .iter()
            .filter(|r| r.record_type() == kind && r.name == *current)
            .collect();
        if !records.is_empty() {
            let ttl =
                records.iter().fold(ttl, |ttl, record| lowest(ttl, Some(seconds(record.ttl))));
            let records = records.into_iter().map(|record| record.data.clone()).collect();
            let additionals = message.additionals;
            return Ok(Resolved { records, additionals, ttl, exists: true, server });
        }
        let exists = message.response_code != ResponseCode::NXDomain;
        let negative = negative_ttl(&message, current);
        if asked == *current || negative.is_some() || !exists {
            let (records, additionals) = (Vec::new(), Vec::new());
            let ttl = lowest(ttl, negative);
            return Ok(Resolved { records, additionals, ttl, exists, server });
        }
    }
}

/// Extends the chain by the aliases in this answer.
fn follow(
    message: &Message,
    chain: &mut Vec<Name>,
    ttl: &mut Option<Duration>,
) -> Result<(), LookupError> {
    loop {
        let current = &chain[chain.len() - 1];
        let alias = message.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *current => Some((record.ttl, target.0.clone())),
            _ => None,
        });
        let Some((alias_ttl, target)) = alias else { return Ok(()) };
        let name = name::host(&chain[0]);
        if chain.contains(&target) {
            return Err(LookupError::AliasLoop { name, alias: name::host(&target) });
        }
        if chain.len() > MAX_ALIASES {
            return Err(LookupError::TooManyAliases { name, limit: MAX_ALIASES });
        }
        *ttl = lowest(*ttl, Some(seconds(alias_ttl)));
        chain.push(target);
    }
}

/// Returns how long the answer proves that `name` has no such records (RFC 2308 §5), if it does.
fn negative_ttl(message: &Message, name: &Name) -> Option<Duration> {
    message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) if record.name.zone_of(name) => {
            Some(seconds(record.ttl).min(seconds(soa.minimum)))
        }
        _ => None,
    })
}

/// Returns the lower of two TTLs, of which either may be unknown.
pub(super) fn lowest(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    a.into_iter().chain(b).min()
}
