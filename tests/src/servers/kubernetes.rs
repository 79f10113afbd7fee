//! An API server of ours, of Kubernetes: lists and watches of `EndpointSlice`s, by pages, with
//! bookmarks and a history that can be forgotten; and as much else as `kubectl get --watch` asks.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::web::{Answering, Asked, Web};

/// The path of the slices.
pub const PATH: &str = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices";

/// The server.
#[derive(Debug)]
pub struct Kubernetes {
    /// Its API.
    pub web: Web,
    state: Arc<Mutex<State>>,
    news: Arc<watch::Sender<u64>>,
}

/// What the server has.
#[derive(Debug, Default)]
pub struct State {
    version: u64,
    /// Versions up to this one are forgotten.
    forgotten: u64,
    slices: Vec<Value>,
    log: Vec<(u64, Value)>,
    /// So many slices are in a page at most; 0: as many as are asked for.
    pub page: usize,
    /// Answers with this status and body instead, if any.
    pub fault: Option<(u16, &'static str)>,
    /// What is wanted in `Authorization`, if anything.
    pub token: Option<String>,
}

impl Kubernetes {
    /// Starts it without slices.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State { version: 100, ..State::default() }));
        let news = Arc::new(watch::channel(0).0);
        let (seen, heard) = (Arc::clone(&state), Arc::clone(&news));
        let web = Web::start(move |_, asked, answering| {
            let (state, heard) = (Arc::clone(&seen), heard.subscribe());
            async move { answer(&state, heard, asked, answering).await }
        })
        .await;
        Self { web, state, news }
    }

    /// Changes how it behaves, and ends no watch.
    pub fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.state));
    }

    /// Adds a slice, or puts it in the place of that with the same name.
    pub fn put(&self, name: &str, ports: &Value, endpoints: &Value) {
        let mut state = lock(&self.state);
        state.version += 1;
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {
                "name": name, "namespace": "shop", "uid": name,
                "resourceVersion": state.version.to_string(),
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"kubernetes.io/service-name": "web"},
            },
            "ports": ports, "endpoints": endpoints,
        });
        let place = state.slices.iter().position(|slice| slice["metadata"]["name"] == name);
        let kind = if place.is_some() { "MODIFIED" } else { "ADDED" };
        match place {
            Some(place) => state.slices[place] = slice.clone(),
            None => state.slices.push(slice.clone()),
        }
        self.log(state, &json!({"type": kind, "object": slice}));
    }

    /// Removes a slice.
    ///
    /// # Panics
    /// If it is not there.
    pub fn delete(&self, name: &str) {
        let mut state = lock(&self.state);
        state.version += 1;
        let place = state.slices.iter().position(|slice| slice["metadata"]["name"] == name);
        let mut slice = state.slices.remove(place.expect("a slice with this name"));
        slice["metadata"]["resourceVersion"] = state.version.to_string().into();
        self.log(state, &json!({"type": "DELETED", "object": slice}));
    }

    /// Tells watchers of a later version, without a change.
    pub fn bookmark(&self) {
        let mut state = lock(&self.state);
        state.version += 1;
        let object = json!({
            "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
            "metadata": {"resourceVersion": state.version.to_string(), "creationTimestamp": null},
            "endpoints": null, "ports": null,
        });
        self.log(state, &json!({"type": "BOOKMARK", "object": object}));
    }

    /// Forgets all history, which watchers hear as an error in their streams.
    pub fn forget(&self) {
        let mut state = lock(&self.state);
        state.version += 1;
        state.forgotten = state.version;
        state.log.clear();
        let object = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "too old resource version", "reason": "Expired", "code": 410,
        });
        self.log(state, &json!({"type": "ERROR", "object": object}));
    }

    fn log(&self, mut state: std::sync::MutexGuard<'_, State>, event: &Value) {
        let version = state.version;
        state.log.push((version, event.clone()));
        drop(state);
        self.news.send_replace(version);
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    state: &Mutex<State>,
    news: watch::Receiver<u64>,
    asked: Asked,
    answering: Answering,
) -> std::io::Result<()> {
    let json = "Content-Type: application/json\r\n";
    let (fault, denied) = {
        let state = lock(state);
        let authorization = asked.headers.get("authorization");
        (state.fault, state.token.is_some() && authorization != state.token.as_ref())
    };
    if let Some((status, body)) = fault {
        return answering.whole(status, json, body).await;
    }
    if denied {
        let body = r#"{"kind":"Status","message":"Unauthorized","code":401}"#;
        return answering.whole(401, json, body).await;
    }
    let body = match &*asked.path {
        PATH if asked.query.contains_key("watch") => {
            return stream(state, news, asked, answering).await;
        }
        PATH => page(&lock(state), &asked),
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/api/v1" => json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": []}),
        "/apis" => {
            let version = json!({"groupVersion": "discovery.k8s.io/v1", "version": "v1"});
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                {"name": "discovery.k8s.io", "versions": [version], "preferredVersion": version},
            ]})
        }
        "/apis/discovery.k8s.io/v1" => json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "discovery.k8s.io/v1",
            "resources": [{
                "name": "endpointslices", "singularName": "endpointslice", "namespaced": true,
                "kind": "EndpointSlice", "verbs": ["get", "list", "watch"],
            }],
        }),
        _ => return answering.whole(404, json, r#"{"kind":"Status","code":404}"#).await,
    };
    answering.whole(200, json, &body.to_string()).await
}

/// A list, or a page of it: the continuation is where the next one begins.
fn page(state: &State, asked: &Asked) -> Value {
    let number = |name| asked.query.get(name).and_then(|number: &String| number.parse().ok());
    let begin: usize = number("continue").unwrap_or(0);
    let limit = number("limit").unwrap_or(usize::MAX);
    let limit = if state.page > 0 { limit.min(state.page) } else { limit };
    let end = begin.saturating_add(limit).min(state.slices.len());
    let mut metadata = json!({"resourceVersion": state.version.to_string()});
    if end < state.slices.len() {
        metadata["continue"] = end.to_string().into();
    }
    json!({
        "kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "metadata": metadata,
        "items": state.slices[begin.min(end)..end],
    })
}

async fn stream(
    state: &Mutex<State>,
    mut news: watch::Receiver<u64>,
    asked: Asked,
    mut answering: Answering,
) -> std::io::Result<()> {
    let from = asked.query.get("resourceVersion").and_then(|from| from.parse().ok());
    let mut from: u64 = from.unwrap_or(0);
    if from < lock(state).forgotten {
        let body = r#"{"kind":"Status","message":"too old resource version","code":410}"#;
        return answering.whole(410, "Content-Type: application/json\r\n", body).await;
    }
    let bookmarks = asked.query.contains_key("allowWatchBookmarks");
    answering
        .write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await?;
    loop {
        let log: Vec<_> = {
            let state = lock(state);
            state.log.iter().filter(|(version, _)| *version > from).cloned().collect()
        };
        for (version, event) in log {
            from = version;
            if bookmarks || event["type"] != "BOOKMARK" {
                answering.chunk(&format!("{event}\n")).await?;
            }
        }
        if news.changed().await.is_err() {
            return answering.chunk("").await;
        }
    }
}
