//! The slices, listed and watched.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::api::{Event, Kind, List, Named, Slice, Status};
use super::rules::{Part, Rules};
use crate::aside::{DropAside, Size};
use crate::discover::Answer;
use crate::discover::json::from_json;
use crate::discover::registry::list_watch::{Fault, News, Watched};
use crate::discover::registry::{Ask, Client, RegistryError, Reply, Secret};
use crate::discover::url::Url;

/// So many slices are asked for at once.
const PAGE: &str = "500";
/// The server ends a watch after so many seconds.
const WATCH: &str = "290";
/// History is gone.
const GONE: u16 = 410;

/// Where the token is.
#[derive(Clone, Debug)]
pub(super) enum Token {
    None,
    Fixed(HeaderValue),
    File(PathBuf),
}

/// What each slice says, by its name.
type Known = BTreeMap<String, Part>;

/// What is known of a service's slices.
pub(super) struct Slices {
    client: Client,
    url: Url,
    token: Token,
    rules: Rules,
    known: DropAside<Known>,
}

pub(super) enum Change {
    Set(String, Part),
    Delete(String),
}

impl Size for Known {
    fn size(&self) -> usize {
        self.values().map(Part::len).sum()
    }
}

impl Slices {
    pub(super) fn new(client: Client, url: Url, token: Token, rules: Rules) -> Self {
        Self { client, url, token, rules, known: DropAside::default() }
    }

    async fn get(&mut self, parameters: &[(&str, &str)]) -> Result<Reply, Fault> {
        let mut url = self.url.clone();
        for (name, value) in parameters {
            url.add(name, value);
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        match &self.token {
            Token::None => {}
            Token::Fixed(value) => drop(headers.insert(AUTHORIZATION, value.clone())),
            Token::File(path) => {
                let token = read(path.clone()).await?;
                headers.insert(AUTHORIZATION, token.header("token", "Bearer ")?);
                self.client.secrets = vec![token];
            }
        }
        match self.client.send(Ask::get(url, headers)).await {
            Err(RegistryError::Status { status: GONE, .. }) => Err(Fault::Gone),
            sent => Ok(sent?),
        }
    }
}

impl Watched for Slices {
    type Cursor = Arc<str>;
    type List = DropAside<Known>;
    type Events = Change;

    const BEGINS_WITH_A_LINE: bool = false;

    async fn list(&mut self) -> Result<(Arc<str>, DropAside<Known>), Fault> {
        // Given up in the middle, it may be large already.
        let (mut slices, mut more) = (DropAside(Known::new()), String::new());
        loop {
            let page = [("limit", PAGE), ("continue", &*more)];
            let page = if more.is_empty() { &page[..1] } else { &page[..] };
            let rules = self.rules.clone();
            let read = move |bytes: &[u8]| {
                let List { metadata, items } = from_json(bytes)?;
                let part = |slice: Slice| {
                    let part = rules.part(&slice);
                    (slice.metadata.name, part)
                };
                Ok((metadata, items.into_iter().flatten().map(part).collect::<Vec<_>>()))
            };
            let (metadata, parts) = self.get(page).await?.read(read).await?;
            slices.extend(parts);
            more = metadata.more.unwrap_or_default();
            if more.is_empty() {
                return Ok((metadata.resource_version.into(), slices));
            }
        }
    }

    async fn watch(&mut self, from: &Arc<str>) -> Result<Reply, Fault> {
        let parameters = [
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", WATCH),
            ("resourceVersion", from),
        ];
        self.get(&parameters).await
    }

    fn read(&mut self, at: &str, line: &[u8]) -> Result<News<Arc<str>, Change>, Fault> {
        let Event { kind, object } =
            from_json(line).map_err(|bad| RegistryError::content(at, bad))?;
        match kind {
            Kind::Added | Kind::Modified => {
                let slice: Slice = inner(at, object)?;
                let cursor = slice.metadata.resource_version.as_str().into();
                let part = self.rules.part(&slice);
                Ok(News::Events { cursor, events: Change::Set(slice.metadata.name, part) })
            }
            Kind::Deleted => {
                let Named { metadata } = inner(at, object)?;
                let cursor = metadata.resource_version.as_str().into();
                Ok(News::Events { cursor, events: Change::Delete(metadata.name) })
            }
            Kind::Bookmark => {
                let Named { metadata } = inner(at, object)?;
                Ok(News::Progress { cursor: Some(metadata.resource_version.into()) })
            }
            Kind::Error => {
                let Status { code, message } = inner(at, object)?;
                if code == GONE {
                    return Err(Fault::Gone);
                }
                let reason = format!("code {code}: {}", self.client.without_secrets(&message));
                Err(RegistryError::Watch { at: at.to_owned(), reason }.into())
            }
        }
    }

    fn replace(&mut self, list: DropAside<Known>) {
        self.known = list;
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Set(name, part) => drop(self.known.insert(name, part)),
            Change::Delete(name) => drop(self.known.remove(&name)),
        }
    }

    fn size(&self) -> usize {
        self.known.size()
    }

    fn answer(&self) -> Answer {
        self.rules.answer(self.known.values()).with_server(self.url.authority())
    }

    fn at(&self) -> String {
        self.url.to_string()
    }
}

fn inner<T: DeserializeOwned>(at: &str, object: &RawValue) -> Result<T, RegistryError> {
    from_json(object.get().as_bytes()).map_err(|bad| RegistryError::content(at, bad))
}

/// Reads a token, outside of async threads.
async fn read(path: PathBuf) -> Result<Secret, RegistryError> {
    let shown = path.display().to_string();
    let bad =
        |reason| RegistryError::Setting { name: "token", reason: format!("{shown}: {reason}") };
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
    let token = read.map_err(|error| bad(error.to_string()))?;
    let token = token.map_err(|error| bad(error.to_string()))?;
    Ok(Secret::new(token.trim()))
}
