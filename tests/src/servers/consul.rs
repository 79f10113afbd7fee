//! A Consul of ours: `/v1/health/service/NAME` with blocking queries, written from the published
//! protocol (hashicorp/consul, website/content/api-docs: features/blocking, health).
//!
//! - Without an index it answers at once; with one, when the index differs or after `wait`.
//! - The index is above 0, rises with every change, and falls after a restore.
//! - `passing` leaves out what warns or fails, and a `filter` those without the tags that it asks for;
//!   what else it says, `dc` and `stale` are only noted.
//!
//! `py-consul` 1.8 follows it as it would follow Consul, in the test `consul_client`; for other
//! clients, `cargo run -p evenkeel-tests --example registries` runs it.

use core::time::Duration;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::web::Web;

/// The server.
#[derive(Debug)]
pub struct Consul {
    /// Its HTTP API.
    pub web: Web,
    state: Arc<watch::Sender<State>>,
}

/// What the server has.
#[derive(Clone, Debug)]
pub struct State {
    /// The index.
    pub index: u64,
    /// The instances of all services; each has the status of its one check.
    pub instances: Vec<Instance>,
    /// Answers with this status and body instead, if any.
    pub fault: Option<(u16, &'static str)>,
    /// More headers.
    pub headers: &'static str,
}

/// An instance of a service.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its identity.
    pub id: &'static str,
    /// The address of the node.
    pub node: &'static str,
    /// The address of the service itself, or nothing.
    pub address: &'static str,
    /// The port.
    pub port: u32,
    /// As `passing`.
    pub status: &'static str,
    /// The weights, when it passes and when it warns.
    pub weights: (u32, u32),
    /// The tags of the service.
    pub tags: &'static [&'static str],
}

impl Instance {
    /// Makes an instance that passes, on a node with this address.
    pub fn on(node: &'static str, port: u32) -> Self {
        Self { id: node, node, address: "", port, status: "passing", weights: (1, 1), tags: &[] }
    }

    fn json(&self) -> Value {
        json!({
            "Node": {
                "ID": "40e4a748-2192-161a-0510-9bf59fe950b5", "Node": "n", "Address": self.node,
                "Datacenter": "dc1", "TaggedAddresses": {"lan": self.node}, "Meta": null,
                "CreateIndex": 5, "ModifyIndex": 7,
            },
            "Service": {
                "ID": self.id, "Service": "web", "Tags": self.tags, "Address": self.address,
                "Meta": null, "Port": self.port, "EnableTagOverride": false,
                "Weights": {"Passing": self.weights.0, "Warning": self.weights.1},
                "Proxy": {"Mode": "", "MeshGateway": {}, "Expose": {}}, "Connect": {},
                "CreateIndex": 10, "ModifyIndex": 10,
            },
            "Checks": [
                {"Node": "n", "CheckID": "serfHealth", "Name": "Serf Health Status",
                 "Status": "passing", "Notes": "", "Output": "", "ServiceID": "",
                 "ServiceTags": [], "Definition": {}},
                {"Node": "n", "CheckID": "service:web", "Name": "web", "Status": self.status,
                 "Notes": "", "Output": "", "ServiceID": self.id, "ServiceTags": null,
                 "Definition": {}},
            ],
        })
    }
}

impl Consul {
    /// Starts it with these instances, at index 10.
    pub async fn start(instances: Vec<Instance>) -> Self {
        let state = State { index: 10, instances, fault: None, headers: "" };
        let state = Arc::new(watch::channel(state).0);
        let seen = Arc::clone(&state);
        let web = Web::start(move |_, asked, answering| {
            let mut state = seen.subscribe();
            async move {
                if asked.method != "GET" || asked.path != "/v1/health/service/web" {
                    return answering
                        .whole(404, "", "Invalid URL path: not a recognized HTTP API endpoint")
                        .await;
                }
                if let Some(index) = asked.query.get("index").filter(|index| *index != "0") {
                    let wait = asked.query.get("wait").and_then(|wait| wait.strip_suffix('s'));
                    let wait = wait.and_then(|wait| wait.parse().ok()).unwrap_or(300);
                    let other = state.wait_for(|state| {
                        state.fault.is_some() || state.index.to_string() != *index
                    });
                    drop(tokio::time::timeout(Duration::from_secs(wait), other).await);
                }
                let State { index, instances, fault, headers } = state.borrow().clone();
                if let Some((status, body)) = fault {
                    return answering.whole(status, headers, body).await;
                }
                let passing = asked.query.contains_key("passing");
                let tags = asked.query.get("filter").map(|filter| tags(filter)).unwrap_or_default();
                let has = |one: &Instance, tag: &String| one.tags.contains(&tag.as_str());
                let instances = instances.iter().filter(|one| {
                    (!passing || one.status == "passing") && tags.iter().all(|tag| has(one, tag))
                });
                let body = Value::from(instances.map(Instance::json).collect::<Vec<_>>());
                let headers = format!(
                    "Content-Type: application/json\r\nX-Consul-Index: {index}\r\n\
                     X-Consul-Knownleader: true\r\nX-Consul-Lastcontact: 0\r\n{headers}"
                );
                answering.whole(200, &headers, &body.to_string()).await
            }
        })
        .await;
        Self { web, state }
    }

    /// Changes what it has; the index is for the caller to change, too.
    pub fn change(&self, change: impl FnOnce(&mut State)) {
        self.state.send_modify(change);
    }
}

/// Reads the tags that a filter asks for.
fn tags(filter: &str) -> Vec<String> {
    let parts = filter.split(" and ");
    let quoted = parts.filter_map(|part| part.strip_prefix("Service.Tags contains "));
    quoted.filter_map(|tag| serde_json::from_str(tag).ok()).collect()
}
