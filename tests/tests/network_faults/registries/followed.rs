//! A registry of each kind, and a balancer that follows it.

use core::any::Any;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::{
    Consul, Discover, DiscoveryStatus, Etcd, HttpList, Kubernetes, ListWatchConfig, LongPollConfig,
};
use evenkeel_tests::bed::{Bed, becomes, bed};
use evenkeel_tests::servers::gate::Gate;
use evenkeel_tests::servers::web::Web;
use evenkeel_tests::servers::{consul, etcd, kubernetes};
use serde_json::{Value, json};

use super::name_servers;
use crate::net::connections_to;

/// The longest wait between two questions that fail; less than usual, so as not to wait for it.
pub(super) const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// How long they may be silent for all that they know: only the connection can tell.
const SILENT: Duration = Duration::from_secs(300);

pub(super) const NODES: [&str; 6] =
    ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"];

/// Returns what is known when so many nodes are there.
pub(super) fn known(count: usize) -> String {
    NODES[..count].iter().map(|node| format!("{node}:80")).collect::<Vec<_>>().join(" ")
}

pub(super) struct Followed {
    pub(super) name: &'static str,
    /// Where the balancer asks, and nobody else.
    pub(super) port: u16,
    pub(super) bed: Bed,
    /// Lets so many nodes be there, one more than before.
    pub(super) put: Box<dyn Fn(usize)>,
    _server: Box<dyn Any>,
}

impl Followed {
    /// Starts one of each, which have told a change: each is being followed.
    pub(super) async fn start_all() -> [Self; 6] {
        let (tls, https) = (name_servers::over_tls().await, name_servers::over_https().await);
        [consul().await, etcd().await, kubernetes().await, http().await, tls, https]
    }

    pub(super) async fn start(
        name: &'static str,
        url: &str,
        source: impl Discover,
        put: impl Fn(usize) + 'static,
        server: impl Any,
    ) -> Self {
        put(1);
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let bed = bed(source);
        becomes(&bed, &known(1)).await;
        put(2);
        becomes(&bed, &known(2)).await;
        Self { name, port, bed, put: Box::new(put), _server: Box::new(server) }
    }

    pub(super) fn failures(&self) -> u64 {
        self.bed.discovery().borrow().failures
    }

    pub(super) async fn status(&self, says: impl FnMut(&DiscoveryStatus) -> bool) {
        drop(self.bed.discovery().wait_for(says).await.expect("the balancer lives"));
    }

    /// Waits for the set with this number.
    pub(super) async fn version(&self, version: u64) {
        let mut discovered = self.bed.discovered();
        drop(discovered.wait_for(|set| set.version >= version).await.expect("the balancer lives"));
    }

    /// Returns how many connections to it were begun since these are counted: registries are asked
    /// once over each.
    pub(super) fn asked(&self) -> u64 {
        connections_to(self.port)
    }

    /// Sees that so many nodes are known, and that there never was another set on the way.
    pub(super) fn keeps(&self, count: usize) {
        assert_eq!(evenkeel_tests::bed::known(&self.bed), known(count), "{}", self.name);
        assert_eq!(self.bed.discovered().borrow().version, count as u64, "{}", self.name);
        assert!(self.bed.pick().is_ok(), "{}", self.name);
    }
}

fn long_poll() -> LongPollConfig {
    LongPollConfig {
        wait: SILENT,
        interval: Duration::from_secs(5),
        backoff_max: BACKOFF_MAX,
        ..LongPollConfig::default()
    }
}

fn list_watch() -> ListWatchConfig {
    ListWatchConfig { idle: SILENT, backoff_max: BACKOFF_MAX, ..ListWatchConfig::default() }
}

async fn consul() -> Followed {
    let server = Arc::new(consul::Consul::start(Vec::new()).await);
    let source = Consul::new(&server.web.url, "web").unwrap().with_config(long_poll()).unwrap();
    let (url, own) = (server.web.url.clone(), Arc::clone(&server));
    let put = move |count| {
        own.change(|state| {
            let nodes = NODES[..count].iter();
            state.index += 1;
            state.instances = nodes.map(|node| consul::Instance::on(node, 80)).collect();
        });
    };
    let followed = Followed::start("Consul", &url, source, put, ()).await;
    // The next question waits for the next change.
    server.web.asked_times(3).await;
    followed
}

/// Behind a gate, as etcd asks itself at its own port.
async fn etcd() -> Followed {
    let server = etcd::Etcd::start(1);
    let gate = Gate::to(&server.urls()[0]).await;
    let url = gate.url.clone();
    let source = Etcd::new([&*url], "/web/").unwrap().with_config(list_watch()).unwrap();
    let put = move |count: usize| {
        let node = NODES[count - 1];
        server.put(&format!("/web/{node}"), &format!("{node}:80"));
    };
    Followed::start("etcd", &url, source, put, gate).await
}

async fn kubernetes() -> Followed {
    let server = kubernetes::Kubernetes::start().await;
    let url = server.web.url.clone();
    let source = Kubernetes::new(&url, "shop", "web").unwrap().with_config(list_watch()).unwrap();
    let put = move |count| {
        let ports = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
        let endpoints = NODES[..count].iter().map(|address| json!({"addresses": [address]}));
        server.put("web-1", &ports, &endpoints.collect::<Value>());
    };
    Followed::start("Kubernetes", &url, source, put, ()).await
}

/// A list without an index: asked for each 5 s.
async fn http() -> Followed {
    let count = Arc::new(AtomicUsize::new(1));
    let now = Arc::clone(&count);
    let web = Web::start(move |_, asked, answering| {
        let count = now.load(Relaxed);
        async move {
            let tag = format!("\"{count}\"");
            let headers = format!("ETag: {tag}\r\n");
            if asked.headers.get("if-none-match") == Some(&tag) {
                return answering.whole(304, &headers, "").await;
            }
            let list = NODES[..count].iter().map(|node| format!("{node}:80"));
            answering.whole(200, &headers, &list.collect::<Value>().to_string()).await
        }
    })
    .await;
    let source = HttpList::new(&web.url).unwrap().with_config(long_poll()).unwrap();
    let url = web.url.clone();
    let put = move |new| count.store(new, Relaxed);
    Followed::start("an HTTP list", &url, source, put, web).await
}
