//! What an operator wants to know of discovery.

use std::sync::Arc;

use evenkeel_core::Instant;
use evenkeel_core::discovery::poller::SourceHealth;
use tokio::sync::watch;

use super::{Ended, Skipped};
use crate::error::SharedError;

/// How discovery is doing. Times are those of [`Balancer::now`](crate::Balancer::now).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DiscoveryStatus {
    /// How good what is known still is.
    pub health: SourceHealth,
    /// Why the last query failed, or gave half a set; `None` once one succeeds.
    pub error: Option<SharedError>,
    /// Queries begun.
    pub queries: u64,
    /// Queries that failed, or gave half a set.
    pub failures: u64,
    /// When the last good answer came; from sources that hear of news, when the last news came.
    pub last_success: Option<Instant>,
    /// When the next query is due; `None` while one is under way, and for sources that hear of news.
    pub next_query: Option<Instant>,
    /// When the query under way is given up; `None` while none is.
    pub deadline: Option<Instant>,
    /// Who gave the last good answer, if the source says so.
    pub server: Option<Arc<str>>,
    /// Good answers without endpoints, which were not believed.
    pub empty_held: u64,
    /// The last good answer said that the service is decidedly not available.
    pub absent: bool,
    /// What of the last good answer was no endpoint, and why.
    pub skipped: Skipped,
    /// Why the last good answer had no endpoints, if it had none and the source says so.
    pub why_none: Option<Arc<str>>,
    /// Endpoints of the last good answer above [`max_endpoints`](crate::Removal::max_endpoints).
    pub above_max: usize,
    /// The source will say no more of itself when it has news, and why. What is known stays in
    /// force.
    pub ended: Option<Ended>,
    /// Each part of a source that is [made of others](crate::Discover::merge), in their order, once
    /// it is asked. Failures, server and skipped records above are those of all parts together.
    pub parts: Vec<watch::Receiver<DiscoveryStatus>>,
}

impl Default for DiscoveryStatus {
    fn default() -> Self {
        Self {
            health: SourceHealth::Pending,
            error: None,
            queries: 0,
            failures: 0,
            last_success: None,
            next_query: None,
            deadline: None,
            server: None,
            empty_held: 0,
            absent: false,
            skipped: Skipped::default(),
            why_none: None,
            above_max: 0,
            ended: None,
            parts: Vec::new(),
        }
    }
}
