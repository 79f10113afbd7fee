//! The whole set that discovery found, and how it differs from the one before.

use core::cmp::Ordering;
use core::fmt;
use std::collections::VecDeque;
use std::sync::Arc;

use evenkeel_core::Endpoint;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::aside::{LONG, aside};
use crate::target::Target;

/// The whole set that discovery found; see [`Balancer::discovered`](crate::Balancer::discovered).
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// Counts the sets, from 0 for none yet.
    pub version: u64,
    /// The endpoints, in the order of addresses. One that is missing in the last answer, and kept
    /// by the [removal grace](crate::Removal), is draining.
    pub endpoints: Arc<[Endpoint<Target>]>,
}

/// One difference that discovery made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new endpoint; it is picked as soon as it has a client.
    Added(Endpoint<Target>),
    /// An endpoint that left.
    Removed(Endpoint<Target>),
    /// An endpoint with another weight, priority, zone or draining mark than before.
    Changed(Endpoint<Target>),
}

/// The differences from set to set, as their reader meets them: beginning with all that is known,
/// and none is lost. A reader that is late gets the difference to the newest set at once; what came
/// and left in between is no difference.
pub struct Changes {
    sets: watch::Receiver<Discovered>,
    /// The set that they lead to.
    known: Discovered,
    told: VecDeque<Change>,
    /// The differences to the next set, where they are being found.
    finding: Option<Finding>,
}

type Finding = BoxFuture<'static, (Discovered, VecDeque<Change>)>;

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Changes");
        shown.field("known", &self.known.version).field("told", &self.told.len());
        shown.finish_non_exhaustive()
    }
}

impl Changes {
    pub(crate) fn new(sets: watch::Receiver<Discovered>) -> Self {
        Self { sets, known: Discovered::default(), told: VecDeque::new(), finding: None }
    }

    /// Waits for the next difference; `None` when the balancer is gone.
    ///
    /// Dropped and called again at will.
    pub async fn recv(&mut self) -> Option<Change> {
        while self.told.is_empty() {
            if self.finding.is_none() {
                let known = self.known.clone();
                let new = self.sets.wait_for(|set| set.version != known.version).await;
                let new = new.ok()?.clone();
                self.finding = Some(Box::pin(find(known, new)));
            }
            // Who drops this wait, and begins another, has lost nothing of the work.
            if let Some(finding) = &mut self.finding {
                (self.known, self.told) = finding.await;
                self.finding = None;
            }
        }
        self.told.pop_front()
    }

    /// Returns the next difference, if there is one. Finds all that lead to a new set at once:
    /// O(n), a few milliseconds for 100,000 endpoints, other than [`recv`](Self::recv), which lets
    /// a thread for blocking work do that.
    pub fn try_recv(&mut self) -> Option<Change> {
        if self.told.is_empty() && self.sets.borrow().version != self.known.version {
            self.finding = None;
            let new = self.sets.borrow().clone();
            self.told = differences(&self.known.endpoints, &new.endpoints);
            self.known = new;
        }
        self.told.pop_front()
    }
}

/// Returns a set, and what leads to it from the one that is known.
async fn find(known: Discovered, new: Discovered) -> (Discovered, VecDeque<Change>) {
    let (from, to) = (known.endpoints, Arc::clone(&new.endpoints));
    let long = from.len().max(to.len()) > LONG;
    let told = aside(long, move || differences(&from, &to)).await;
    (new, told)
}

/// Lists what leads from one set to another, both in the order of addresses.
fn differences(old: &[Endpoint<Target>], new: &[Endpoint<Target>]) -> VecDeque<Change> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut changes = VecDeque::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some(old), Some(new)) => old.addr.cmp(&new.addr),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return changes,
        };
        let was = old.next_if(|_| order.is_le());
        let is = new.next_if(|_| order.is_ge());
        match (was, is) {
            (Some(was), None) => changes.push_back(Change::Removed(was.clone())),
            (None, Some(is)) => changes.push_back(Change::Added(is.clone())),
            (Some(was), Some(is)) if was != is => changes.push_back(Change::Changed(is.clone())),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Arc<[Endpoint<Target>]> {
        let endpoint = |word: &str| {
            let (host, weight) = word.split_at(1);
            let target = Target::new(host, 80).unwrap();
            Endpoint::new(target).with_weight(weight.parse().unwrap())
        };
        text.split_whitespace().map(endpoint).collect()
    }

    fn shown(changes: impl IntoIterator<Item = Change>) -> String {
        let shown = changes.into_iter().map(|change| {
            let (sign, endpoint) = match change {
                Change::Added(endpoint) => ("+", endpoint),
                Change::Removed(endpoint) => ("-", endpoint),
                Change::Changed(endpoint) => ("~", endpoint),
            };
            format!("{sign}{}{}", endpoint.addr.host(), endpoint.weight)
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn differences_lead_from_one_set_to_the_other() {
        for (old, new, expected) in [
            ("", "", ""),
            ("", "a1 b1", "+a1 +b1"),
            ("a1 b1", "", "-a1 -b1"),
            ("a1 b1 c1", "a1 b2 d1", "~b2 -c1 +d1"),
            ("b1", "a1 b1 c1", "+a1 +c1"),
            ("a1 b1", "b1", "-a1"),
        ] {
            assert_eq!(shown(differences(&set(old), &set(new))), expected, "{old:?} to {new:?}");
        }
    }

    #[test]
    fn a_late_reader_sees_all_and_a_slow_one_the_newest() {
        let sender = watch::Sender::new(Discovered { version: 1, endpoints: set("a1") });
        let mut changes = Changes::new(sender.subscribe());
        let mut rest = || core::iter::from_fn(|| changes.try_recv()).collect::<Vec<_>>();
        assert_eq!(shown(rest()), "+a1");
        for (version, text) in [(2, "a1 b1"), (3, "b1"), (4, "b1 c1")] {
            sender.send_replace(Discovered { version, endpoints: set(text) });
        }
        assert_eq!(shown(rest()), "-a1 +b1 +c1");
        assert_eq!(shown(rest()), "");
    }
}
