//! What calls did, in numbers: each thread counts for itself, and whoever asks adds it all up.

use core::sync::atomic::Ordering::Relaxed;

use evenkeel_core::EventCounts;

use crate::client::Client;
use crate::target::Target;

/// What a balancer did since it began, for metrics; see
/// [`Balancer::stats`](crate::Balancer::stats). Totals, which only grow.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that ended, however that was.
    pub calls: u64,
    /// Calls that were answered well.
    pub succeeded: u64,
    /// Calls that were dropped before they ended.
    pub abandoned: u64,
    /// Calls that ended because their time was over.
    pub deadlines: u64,
    /// Calls that ended because there was no endpoint for them.
    pub unavailable: u64,
    /// Picks, those of calls included.
    pub picks: u64,
    /// Attempts, hedges included.
    pub attempts: u64,
    /// Attempts after the first of their call that are no hedges.
    pub retries: u64,
    /// Attempts beside others that had not answered yet.
    pub hedges: u64,
    /// Attempts that took too long and were given up.
    pub timed_out: u64,
    /// Attempts that were given up because another one decided their call.
    pub given_up: u64,
    /// Times that the [budget](crate::Retry::budget) refused a retry or a hedge.
    pub budget_refusals: u64,
    /// What happened to endpoints: ejections by reason, and those that were held back.
    pub events: EventCounts,
}

/// What a balancer did with one endpoint since it got its client, for metrics; see
/// [`Balancer::endpoint_stats`](crate::Balancer::endpoint_stats). Totals, which begin anew where
/// the endpoint gets another client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointStats {
    /// Where it is.
    pub target: Target,
    /// Picks, those of calls included.
    pub picks: u64,
    /// Attempts of calls, hedges included.
    pub attempts: u64,
    /// Attempts after the first of their call that are no hedges.
    pub retries: u64,
    /// Attempts beside others that had not answered yet.
    pub hedges: u64,
    /// Attempts that took too long and were given up.
    pub timed_out: u64,
    /// Attempts that were given up because another one decided their call.
    pub given_up: u64,
    /// Requests reported as failed or refused. Wraps at 2³².
    pub failures: u32,
    /// Requests in flight, where they are counted: see
    /// [`Status::in_flight`](crate::Status::in_flight).
    pub in_flight: u32,
    /// How often it was ejected.
    pub ejections: u64,
    /// How often it was not ejected though it failed, for one of the rules that keep endpoints.
    pub held: u64,
}

impl EndpointStats {
    pub(crate) fn of<C>(client: &Client<C>) -> Self {
        let [picks, first, retries, hedges, timed_out, given_up] = client.column.sum();
        let [ejections, held] = client.ejections.each_ref().map(|count| count.load(Relaxed));
        Self {
            target: client.target.clone(),
            picks,
            attempts: first + retries + hedges,
            retries,
            hedges,
            timed_out,
            given_up,
            failures: client.vitals.failures(),
            in_flight: client.load.in_flight(),
            ejections,
            held,
        }
    }
}
