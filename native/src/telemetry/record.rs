//! Hands what a balancer counts to the recorder of the facade `metrics`.

use std::sync::PoisonError;

use metrics::{SharedString, counter, gauge};

use super::left::{RECORDED, Totals};
use super::names::metric as name;
use crate::balancer::Balancer;
use crate::client::Client;
use crate::stats::{EndpointStats, Stats};

impl<C, P> Balancer<C, P> {
    /// Hands all counts of the moment to the recorder of the facade [`metrics`], under `balancer` as
    /// a label: totals of [`stats`](Self::stats), of its events by kind and reason, and of
    /// [each endpoint](Self::endpoint_stats). To be called before each time that they are read, or
    /// every few seconds: nothing is recorded by requests themselves. O(threads · endpoints)
    ///
    /// Names begin with `evenkeel.`; what is counted of one endpoint, with `evenkeel.endpoint.`, and
    /// has its address as the label `endpoint`. Of an endpoint, the recorder is told what came since
    /// the last time under the same label, so that its counts go on where it gets another client; it
    /// is to be the same recorder. It is told the last of a client that was replaced or whose endpoint
    /// left, too, once that is dropped; of those that were dropped before the first time, it is not.
    /// The last counts of an endpoint that left stay with it: most recorders can forget what is idle.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use evenkeel::{Balancer, Fixed};
    ///
    /// let balancer = Balancer::builder(Fixed::new(["10.0.0.1:80"])?).build_with(|target| target)?;
    /// balancer.ready().await;
    /// balancer.record_metrics("users");
    /// # Ok(())
    /// # }
    /// ```
    pub fn record_metrics(&self, balancer: &str) {
        let balancer = SharedString::from(balancer.to_owned());
        self.record_totals(&balancer);
        let listing = self.shared.listing.load();
        for (target, more) in self.shared.tallies.left.take(&balancer) {
            add(&balancer, &SharedString::from(target.to_string()), more);
        }
        listing.clients().for_each(|client| record_endpoint(&balancer, client));
    }

    fn record_totals(&self, balancer: &SharedString) {
        let Stats {
            calls,
            succeeded,
            abandoned,
            deadlines,
            unavailable,
            picks,
            attempts,
            retries,
            hedges,
            timed_out,
            given_up,
            budget_refusals,
            events,
        } = self.stats();
        for (name, total) in [
            (name::CALLS, calls),
            (name::SUCCEEDED, succeeded),
            (name::ABANDONED, abandoned),
            (name::DEADLINES, deadlines),
            (name::UNAVAILABLE, unavailable),
            (name::PICKS, picks),
            (name::ATTEMPTS, attempts),
            (name::RETRIES, retries),
            (name::HEDGES, hedges),
            (name::TIMED_OUT, timed_out),
            (name::GIVEN_UP, given_up),
            (name::BUDGET_REFUSALS, budget_refusals),
        ] {
            counter!(name, name::BALANCER => balancer.clone()).absolute(total);
        }
        for (kind, why, total) in events.iter() {
            let (kind, why) = (SharedString::const_str(kind), SharedString::const_str(why));
            counter!(
                name::EVENTS,
                name::BALANCER => balancer.clone(), name::KIND => kind, name::WHY => why
            )
            .absolute(total);
        }
        let counts = self.shared.clients.borrow().counts;
        for (name, count) in
            [(name::ENDPOINTS, counts.endpoints), (name::CANDIDATES, counts.pickable)]
        {
            // More than four billion are said to be that many.
            let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            gauge!(name, name::BALANCER => balancer.clone()).set(count);
        }
    }
}

/// A counter of each endpoint: its name, and where its total is.
type Counter = (&'static str, fn(&EndpointStats) -> u64);

/// What is recorded of each endpoint.
const COUNTERS: [Counter; RECORDED] = [
    (name::ENDPOINT_PICKS, |stats| stats.picks),
    (name::ENDPOINT_ATTEMPTS, |stats| stats.attempts),
    (name::ENDPOINT_RETRIES, |stats| stats.retries),
    (name::ENDPOINT_HEDGES, |stats| stats.hedges),
    (name::ENDPOINT_TIMED_OUT, |stats| stats.timed_out),
    (name::ENDPOINT_GIVEN_UP, |stats| stats.given_up),
    (name::ENDPOINT_FAILURES, |stats| stats.failures.into()),
    (name::ENDPOINT_EJECTIONS, |stats| stats.ejections),
    (name::ENDPOINT_HELD, |stats| stats.held),
];

fn record_endpoint<C>(balancer: &SharedString, client: &Client<C>) {
    let mut recorded = client.recorded.lock().unwrap_or_else(PoisonError::into_inner);
    let before = recorded.entry(balancer.to_string()).or_default();
    let stats = EndpointStats::of(client);
    let totals = totals(&stats);
    let mut more = totals;
    for (more, before) in more.iter_mut().zip(&*before) {
        *more = more.saturating_sub(*before);
    }
    *before = totals;
    let endpoint = SharedString::from(stats.target.to_string());
    add(balancer, &endpoint, more);
    gauge!(
        name::ENDPOINT_IN_FLIGHT,
        name::BALANCER => balancer.clone(), name::ENDPOINT => endpoint
    )
    .set(f64::from(stats.in_flight));
}

fn add(balancer: &SharedString, endpoint: &SharedString, more: Totals) {
    for ((name, _), more) in COUNTERS.into_iter().zip(more) {
        counter!(name, name::BALANCER => balancer.clone(), name::ENDPOINT => endpoint.clone())
            .increment(more);
    }
}

impl<C> Drop for Client<C> {
    fn drop(&mut self) {
        let tallies = self.column.tallies();
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.left.keep(&self.target, || totals(&EndpointStats::of(self)), &recorded);
    }
}

/// Returns the totals of a client, in the order of [`COUNTERS`].
fn totals(stats: &EndpointStats) -> Totals {
    COUNTERS.map(|(_, total)| total(stats))
}
