//! The keys, listed and watched.

use std::collections::BTreeMap;

use evenkeel_core::Endpoint;

use super::gateway::{Event, Header, KeyValue, Kind, Line, Range, Watch, encode};
use super::members::Members;
use crate::aside::{DropAside, Size};
use crate::discover::Answer;
use crate::discover::json::from_json;
use crate::discover::registry::list_watch::{Fault, News, Watched};
use crate::discover::registry::{RegistryError, Reply};
use crate::target::Target;

/// So many keys are asked for at once.
const PAGE: usize = 10_000;

/// Each key with its endpoint, or why it has none.
type Known = BTreeMap<Vec<u8>, Result<Endpoint<Target>, String>>;

/// What is known of the keys below a prefix.
pub(super) struct Keys {
    members: Members,
    prefix: Vec<u8>,
    end: Vec<u8>,
    known: DropAside<Known>,
    /// The cluster that was listed.
    cluster: u64,
}

#[derive(Default)]
pub(super) struct Listed {
    keys: Vec<KeyValue>,
    cluster: u64,
}

impl Size for Known {
    fn size(&self) -> usize {
        self.len()
    }
}

impl Size for Listed {
    fn size(&self) -> usize {
        self.keys.len()
    }
}

impl Keys {
    pub(super) fn new(members: Members, prefix: &str) -> Self {
        let (known, cluster) = (DropAside::default(), 0);
        let (prefix, end) = (prefix.as_bytes().to_owned(), after_prefix(prefix.as_bytes()));
        Self { members, prefix, end, known, cluster }
    }

    fn set(&mut self, key: Vec<u8>, value: &[u8]) {
        let endpoint = endpoint(value);
        let endpoint =
            endpoint.map_err(|why| format!("key '{}': {why}", String::from_utf8_lossy(&key)));
        self.known.insert(key, endpoint);
    }
}

impl Watched for Keys {
    type Cursor = u64;
    type List = DropAside<Listed>;
    type Events = Vec<Event>;

    async fn list(&mut self) -> Result<(u64, DropAside<Listed>), Fault> {
        let (mut from, mut first) = (self.prefix.clone(), None::<Header>);
        // Given up in the middle, it may be large already.
        let mut listed = DropAside(Listed::default());
        loop {
            let body = serde_json::json!({
                "key": encode(&from),
                "range_end": encode(&self.end),
                "limit": PAGE.to_string(),
                // All pages show what the first one shows.
                "revision": first.map_or(0, |header| header.revision).to_string(),
            });
            let page = self.members.read("/v3/kv/range", &body.to_string()).await;
            let page: Range = page.map_err(|error| {
                // The revision of the first page, before the last one came.
                if error.says(400, "compacted") { Fault::Gone } else { error.into() }
            })?;
            let header = *first.get_or_insert(page.header);
            if header.cluster_id != page.header.cluster_id {
                return Err(Fault::Gone);
            }
            listed.cluster = header.cluster_id;
            listed.keys.extend(page.kvs);
            match listed.keys.last() {
                Some(last) if page.more => {
                    from.clone_from(&last.key);
                    from.push(0);
                }
                Some(_) | None => return Ok((header.revision, listed)),
            }
        }
    }

    async fn watch(&mut self, from: &u64) -> Result<Reply, Fault> {
        let body = serde_json::json!({ "create_request": {
            "key": encode(&self.prefix),
            "range_end": encode(&self.end),
            "start_revision": from.saturating_add(1).to_string(),
            "progress_notify": true,
        }});
        Ok(self.members.ask("/v3/watch", &body.to_string()).await?)
    }

    fn read(&mut self, at: &str, line: &[u8]) -> Result<News<u64, Vec<Event>>, Fault> {
        let line: Line = from_json(line).map_err(|bad| RegistryError::content(at, bad))?;
        let client = &self.members.client;
        let ended = |reason: &str| {
            let reason = client.without_secrets(reason);
            Fault::Error(RegistryError::Watch { at: at.to_owned(), reason })
        };
        let Some(watch) = line.result else {
            let said = line.error.map(|trouble| trouble.message);
            return Err(ended(said.as_deref().unwrap_or("neither a result nor an error")));
        };
        let Watch { header, created, canceled, compact_revision, cancel_reason, events } = watch;
        // The stream stays open when the watch in it has ended.
        if compact_revision > 0 {
            return Err(Fault::Gone);
        }
        if canceled {
            let why = if cancel_reason.is_empty() {
                "canceled, without a reason"
            } else {
                &cancel_reason
            };
            let fault = ended(why);
            // The token may have come to its end.
            self.members.log_in_again();
            return Err(fault);
        }
        if header.cluster_id != self.cluster {
            return Err(Fault::Gone);
        }
        let revision = (header.revision > 0).then_some(header.revision);
        if created {
            self.members.stay();
            return Ok(News::Created { at: revision });
        }
        // What came to pass while nobody watched is told by 1,000 revisions at a time: the header
        // then says how far the store is, and the last event how far the watch is.
        let told = events.last().map(|event| event.kv.mod_revision);
        match told.filter(|told| *told > 0).or(revision) {
            Some(cursor) if !events.is_empty() => Ok(News::Events { cursor, events }),
            Some(_) | None => Ok(News::Progress { cursor: revision }),
        }
    }

    fn replace(&mut self, mut list: DropAside<Listed>) {
        self.cluster = list.cluster;
        self.known = DropAside::default();
        for KeyValue { key, value, .. } in core::mem::take(&mut list.keys) {
            self.set(key, &value);
        }
    }

    fn apply(&mut self, events: Vec<Event>) {
        for Event { kind, kv: KeyValue { key, value, .. } } in events {
            match kind {
                Kind::Put => self.set(key, &value),
                Kind::Delete => drop(self.known.remove(&key)),
            }
        }
    }

    fn size(&self) -> usize {
        self.known.size()
    }

    fn answer(&self) -> Answer {
        let mut answer = Answer::default().with_server(self.members.current().authority());
        for known in self.known.values() {
            match known {
                Ok(endpoint) => answer.endpoints.push(endpoint.clone()),
                Err(why) => answer.skip(&**why),
            }
        }
        answer
    }

    fn at(&self) -> String {
        self.members.current().to_string()
    }
}

/// Returns the first key after all that begin with the prefix; a single zero where there is none.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![0]
}

/// The value of etcd's `naming` package.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    addr: String,
}

/// Reads a value: an address, a URL, or an update of etcd's `naming`.
fn endpoint(value: &[u8]) -> Result<Endpoint<Target>, String> {
    let text = core::str::from_utf8(value).map_err(|_| "its value is not UTF-8".to_owned())?;
    let text = text.trim();
    let addr = if text.starts_with('{') {
        serde_json::from_str::<Update>(text).map_err(|error| error.to_string())?.addr
    } else {
        text.to_owned()
    };
    let (addr, default) = match addr.split_once("://") {
        Some(("http", rest)) => (rest, Some(80)),
        Some(("https", rest)) => (rest, Some(443)),
        Some((scheme, _)) => return Err(format!("'{scheme}://' is neither http nor https")),
        None => (&*addr, None),
    };
    let addr = addr.split(['/', '?', '#']).next().unwrap_or_default();
    let target = addr.parse::<Target>().or_else(|error| match default {
        Some(port)
            if !addr.trim_end_matches(|digit: char| digit.is_ascii_digit()).ends_with(':') =>
        {
            Target::new(addr.trim_matches(['[', ']']), port)
        }
        Some(_) | None => Err(error),
    });
    target.map(Endpoint::new).map_err(|error| error.to_string())
}
