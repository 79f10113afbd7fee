//! An Envoy as a side-car: callers ask it, and it asks the backends.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use evenkeel::Backoff;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::time::{sleep, timeout};

use super::Connections;
use super::load::Manner;

const TYPE: &str = "type.googleapis.com/envoy.";
/// The longest wait for one to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where an Envoy is, and how it is told to work.
#[derive(Clone, Debug)]
pub struct Sidecar {
    /// The program.
    pub binary: PathBuf,
    /// Settings for outages as they are here, where Envoy's own are for large sets.
    pub tuned: bool,
}

/// An Envoy that runs. Killed when dropped.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    _config: NamedTempFile,
    admin: Connections,
    /// Its entry.
    pub entry: Arc<Connections>,
}

impl Sidecar {
    /// Starts an Envoy in front of these backends, the last `backups` of them of a second priority.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(
        &self,
        backends: &[SocketAddr],
        backups: usize,
        manner: Manner,
    ) -> io::Result<Envoy> {
        let entry = free_port()?;
        let primaries = backends.len().saturating_sub(backups);
        let clusters = [self.cluster(&backends[..primaries], &backends[primaries..])];
        let listeners = [listener(entry, &self.route(manner))];
        let mut envoy = Envoy::start(&self.binary, json!(clusters), json!(listeners), entry)?;
        timeout(PATIENCE, envoy.ready()).await??;
        Ok(envoy)
    }

    fn cluster(&self, primaries: &[SocketAddr], backups: &[SocketAddr]) -> Value {
        let level = |priority: usize, backends: &[SocketAddr]| {
            let endpoint = |addr: &SocketAddr| json!({ "endpoint": { "address": address(*addr) } });
            let endpoints: Vec<_> = backends.iter().map(endpoint).collect();
            json!({ "priority": priority, "lb_endpoints": endpoints })
        };
        let mut levels = vec![level(0, primaries)];
        if !backups.is_empty() {
            levels.push(level(1, backups));
        }
        let mut cluster = json!({
            "name": "backends",
            "type": "STATIC",
            "connect_timeout": "0.25s",
            "lb_policy": "LEAST_REQUEST",
            "load_assignment": { "cluster_name": "backends", "endpoints": levels },
            "outlier_detection": {},
        });
        if self.tuned {
            cluster["outlier_detection"] = json!({
                "interval": "1s",
                "base_ejection_time": "3s",
                "max_ejection_time": "60s",
                "max_ejection_percent": 100,
            });
            cluster["common_lb_config"] = json!({ "healthy_panic_threshold": { "value": 0 } });
            cluster["circuit_breakers"] = json!({ "thresholds": [{ "max_retries": 65_535 }] });
        }
        cluster
    }

    fn route(&self, manner: Manner) -> Value {
        let mut route = json!({ "cluster": "backends", "timeout": seconds(manner.patience) });
        let mut retry = if manner.attempts > 1 {
            json!({ "retry_on": "5xx,reset,connect-failure", "num_retries": manner.attempts - 1 })
        } else if self.tuned {
            // As ours: what was never sent is no attempt.
            json!({ "retry_on": "connect-failure", "num_retries": 3 })
        } else {
            return route;
        };
        // Both wait alike between attempts.
        if let Backoff::Exponential { base, cap, .. } = Backoff::DEFAULT {
            retry["retry_back_off"] =
                json!({ "base_interval": seconds(base), "max_interval": seconds(cap) });
        }
        if let Some(timeout) = manner.attempt_timeout {
            retry["per_try_timeout"] = seconds(timeout);
        }
        if self.tuned {
            retry["retry_host_predicate"] = json!([extension(
                "envoy.retry_host_predicates.previous_hosts",
                "retry.host.previous_hosts.v3.PreviousHostsPredicate",
                json!({}),
            )]);
            retry["retry_priority"] = extension(
                "envoy.retry_priorities.previous_priorities",
                "retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                json!({ "update_frequency": 2 }),
            );
            retry["host_selection_retry_max_attempts"] = json!(5);
        }
        route["retry_policy"] = retry;
        route
    }
}

impl Envoy {
    /// Starts an Envoy, and does not wait until it is ready.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(
        binary: &Path,
        clusters: Value,
        listeners: Value,
        entry: SocketAddr,
    ) -> io::Result<Self> {
        let admin = free_port()?;
        let config = json!({
            "admin": { "address": address(admin) },
            "static_resources": { "clusters": clusters, "listeners": listeners },
        });
        let mut file = tempfile::Builder::new().suffix(".json").tempfile()?;
        file.write_all(config.to_string().as_bytes())?;
        let child = start(binary, file.path())?;
        let (admin, entry) = (Connections::to(admin), Arc::new(Connections::to(entry)));
        Ok(Self { child, _config: file, admin, entry })
    }

    async fn ready(&mut self) -> io::Result<()> {
        while self.admin.get("/ready").await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("Envoy ended: {status}")));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Tells that no backend is ejected.
    ///
    /// # Errors
    /// It does not answer, or not as its documentation says.
    pub async fn all_well(&self) -> io::Result<bool> {
        let hosts = self.hosts().await?;
        if hosts.is_empty() {
            return Err(io::Error::other("no hosts in /clusters"));
        }
        let ejected = |host: &Value| host["health_status"]["failed_outlier_check"] == true;
        Ok(!hosts.iter().any(ejected))
    }

    /// Returns what it says of the hosts of its cluster.
    ///
    /// # Errors
    /// It does not answer, or not as its documentation says.
    pub async fn hosts(&self) -> io::Result<Vec<Value>> {
        let clusters = self.admin.get("/clusters?format=json").await?;
        let clusters: Value = serde_json::from_slice(&clusters).map_err(io::Error::other)?;
        let hosts = clusters["cluster_statuses"][0]["host_statuses"].as_array();
        Ok(hosts.cloned().unwrap_or_default())
    }

    /// Returns a counter of its cluster.
    ///
    /// # Errors
    /// As [`hosts`](Self::hosts).
    pub async fn stat(&self, name: &str) -> io::Result<u64> {
        let path = format!("/stats?filter=cluster.backends.{name}$");
        let text = self.admin.get(&path).await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let value = text.rsplit(' ').next().and_then(|value| value.trim().parse().ok());
        value.ok_or_else(|| io::Error::other(text))
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(binary: &Path, config: &Path) -> io::Result<Child> {
    Command::new(binary)
        .arg("-c")
        .arg(config)
        .args(["--concurrency", "1", "--use-dynamic-base-id", "-l", "error"])
        .stdin(Stdio::null())
        .spawn()
}

fn listener(entry: SocketAddr, route: &Value) -> Value {
    let routes = json!([{ "match": { "prefix": "/" }, "route": route }]);
    let router = extension("envoy.filters.http.router", "filters.http.router.v3.Router", json!({}));
    let manager = json!({
        "stat_prefix": "entry",
        "http_filters": [router],
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] },
    });
    let kind = "filters.network.http_connection_manager.v3.HttpConnectionManager";
    let manager = extension("envoy.filters.network.http_connection_manager", kind, manager);
    json!({ "address": address(entry), "filter_chains": [{ "filters": [manager] }] })
}

fn extension(name: &str, kind: &str, mut config: Value) -> Value {
    config["@type"] = json!(format!("{TYPE}extensions.{kind}"));
    json!({ "name": name, "typed_config": config })
}

fn address(addr: SocketAddr) -> Value {
    json!({ "socket_address": { "address": addr.ip().to_string(), "port_value": addr.port() } })
}

fn seconds(time: Duration) -> Value {
    json!(format!("{}s", time.as_secs_f64()))
}

/// Returns a loopback port that is free.
///
/// # Errors
/// There is none.
pub fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
