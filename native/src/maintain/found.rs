//! What discovery has found: compared with what was known before.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::cluster::Candidacy;
use evenkeel_core::discovery::poller::SourceHealth;
use evenkeel_core::health::Health;
use evenkeel_core::{Endpoint, Instant, Policy, hash};

use super::connections::Connection;
use super::line::{Due, Line};
use super::{Maintenance, bring_forward, is_due};
use crate::changes::Discovered;
use crate::client::Client;
use crate::discover::{Set, folded};
use crate::factory::Factory;
use crate::status::Place;
use crate::target::Target;

/// An endpoint that discovery has found.
pub(super) struct Found<C> {
    pub(super) endpoint: Endpoint<Target>,
    pub(super) connection: Connection<C>,
    pub(super) line: Line,
    /// Why it is no candidate, client or not.
    pub(super) left_out: Option<Candidacy>,
    /// Active checks say that it is not there.
    pub(super) down: bool,
    /// Discovery does not find it any more; it serves until another of its level can.
    pub(super) left: Option<Left>,
}

/// Since when discovery does not find an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// The time before that does not count.
    since: Instant,
    /// So many answers did not name it.
    answers: u32,
    /// Another can serve: it is drained, as long as its grace lasts.
    drained: bool,
}

impl<C> Found<C> {
    fn new(endpoint: Endpoint<Target>) -> Self {
        let connection = Connection::Waiting { failures: 0 };
        Self { endpoint, connection, line: Line::Out, left_out: None, down: false, left: None }
    }

    pub(super) fn client(&self) -> Option<&Arc<Client<C>>> {
        match &self.connection {
            Connection::Ready(client) => Some(client),
            Connection::Waiting { .. } | Connection::Making { .. } | Connection::Failed { .. } => {
                None
            }
        }
    }

    /// Tells that requests may be meant for it.
    pub(super) fn is_eligible(&self) -> bool {
        self.endpoint.weight > 0 && !self.endpoint.draining
    }

    /// Tells that its first client is awaited.
    pub(super) fn is_awaited(&self) -> bool {
        self.line != Line::Out && self.connection.is_new()
    }

    /// Tells that it is to have a client, and has none.
    pub(super) fn is_missing(&self) -> bool {
        let wanted = self.left.is_none() && self.left_out.is_none() && self.is_eligible();
        wanted && self.client().is_none()
    }

    /// Returns its turn, if it is to get a client and waits for it.
    pub(super) fn due(&self) -> Option<Due> {
        let Connection::Waiting { failures } = self.connection else { return None };
        let due = self.line != Line::Out || failures > 0;
        due.then(|| (failures, self.line, self.endpoint.priority, self.endpoint.addr.clone()))
    }

    /// Returns it as it is listed.
    pub(super) fn place(&self) -> Place {
        let leaving = self.left.is_some();
        Place { endpoint: self.endpoint.clone(), leaving, left_out: self.left_out }
    }

    /// Returns it as the cluster is to see it.
    pub(super) fn as_served(&self) -> Endpoint<Target> {
        let drained = self.left.is_some_and(|left| left.drained);
        let endpoint = self.endpoint.clone();
        let draining = endpoint.draining || drained;
        endpoint.with_draining(draining)
    }
}

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    /// Takes over what discovery found. Those that left the whole set stay for now, if they have a
    /// client or the removal grace keeps them. Tells that something differs, or may. O(n).
    pub(super) fn adopt(&mut self, now: Instant, set: Set) -> bool {
        let mut named = folded(set.endpoints);
        let above = self.cap(&mut named, set.whole);
        self.shared
            .discovery
            .send_if_modified(|status| core::mem::replace(&mut status.above_max, above) != above);
        let (mut named, mut fresh) = (named.iter(), Vec::new());
        self.left.clear();
        // Nothing is known of a set yet, not even that it is empty.
        let mut differs = self.found.is_empty();
        for found in self.found.iter_mut() {
            // Both are in the order of addresses, and the next is the same, mostly.
            let mut is_named = named.as_slice().first() == Some(&found.endpoint);
            if !is_named {
                let target = &found.endpoint.addr;
                let before = named.as_slice().iter().take_while(|next| next.addr < *target);
                fresh.extend(named.by_ref().take(before.count()).cloned());
                let next = named.as_slice().first().filter(|next| next.addr == *target);
                if let Some(endpoint) = next {
                    is_named = true;
                    self.touched.add(target);
                    found.endpoint.clone_from(endpoint);
                    differs = true;
                }
            }
            if is_named {
                named.next();
                if found.left.take().is_some() {
                    self.touched.add(&found.endpoint.addr);
                    differs = true;
                }
            } else if set.whole {
                if found.left.is_none() {
                    self.touched.add(&found.endpoint.addr);
                }
                let begun = Left { since: now, answers: 0, drained: false };
                let left = found.left.get_or_insert(begun);
                left.answers = left.answers.saturating_add(1);
            }
            if found.left.is_some() {
                self.left.push(found.endpoint.addr.clone());
            }
        }
        fresh.extend(named.cloned());
        differs |= !fresh.is_empty() || !self.left.is_empty();
        if !differs {
            return false;
        }
        for endpoint in &fresh {
            self.touched.add(&endpoint.addr);
        }
        self.found.add(fresh.into_iter().map(Found::new).collect());
        let useless = |found: &Found<F::Client>| found.client().is_none() || found.down;
        self.let_go(now, useless);
        self.leaving = !self.left.is_empty();
        self.tell(now);
        self.compare_weights();
        true
    }

    /// Says, once, that weights have no effect, if there are different ones.
    fn compare_weights(&mut self) {
        if self.unweighted || self.policy.weighs() {
            return;
        }
        let eligible = self.found.iter().filter(|found| found.is_eligible());
        let mut weights = eligible.map(|found| found.endpoint.weight);
        let first = weights.next();
        self.unweighted = weights.any(|weight| Some(weight) != first);
        if self.unweighted {
            tracing::warn!(
                "endpoints have different weights, which the policy ignores: peak_ewma, \
                 least_request, weighted_random and others go by them"
            );
        }
    }

    /// Takes those out that are too many: unknown ones first, and always the same of them. Returns
    /// how many.
    fn cap(&self, named: &mut Vec<Endpoint<Target>>, whole: bool) -> usize {
        let Some(max) = self.removal.max_endpoints else { return 0 };
        let known = |found: &Found<F::Client>| found.left.is_none();
        let others = self.found.iter().filter(|found| {
            let target = &found.endpoint.addr;
            let is_named = named.binary_search_by(|one| one.addr.cmp(target)).is_ok();
            !whole && known(found) && !is_named
        });
        let room = max.saturating_sub(others.count());
        if named.len() <= room {
            return 0;
        }
        let rank = |target: &Target| {
            let chance = hash::splitmix64(hash::of_key(target) ^ self.shared.seed);
            (!self.found.get(target).is_some_and(known), chance)
        };
        named.sort_by_cached_key(|endpoint| rank(&endpoint.addr));
        let above = named.split_off(room).len();
        named.sort_by(|one, other| one.addr.cmp(&other.addr));
        above
    }

    /// Lets those go that left, once one of their level can serve; without a level, once any can.
    /// Where the answer has no endpoint that is meant to serve, there is nothing to wait for. Those
    /// in their grace are drained. Tells that there are changes.
    pub(super) fn release(&mut self, now: Instant) -> bool {
        if !(self.leaving || is_due(self.grace_at, now)) {
            return false;
        }
        self.hold_grace(now);
        // By priority, if an endpoint of it can serve: of those that somebody left, and mostly the
        // first one can.
        let meant = || self.found.iter().filter(|it| it.left.is_none() && it.is_eligible());
        let mut levels = BTreeMap::new();
        for left in self.left.iter().filter_map(|target| self.found.get(target)) {
            let priority = left.endpoint.priority;
            levels.entry(priority).or_insert_with(|| {
                let mut of_level = meant().filter(|it| it.endpoint.priority == priority).peekable();
                let is_empty = of_level.peek().is_none();
                let any = || meant().next().is_none() || meant().any(|it| self.serves(it));
                if is_empty { any() } else { of_level.any(|it| self.serves(it)) }
            });
        }
        let replaced =
            |found: &Found<F::Client>| levels.get(&found.endpoint.priority) == Some(&true);
        let mut changed = self.let_go(now, replaced);
        self.leaving = false;
        for target in &self.left {
            let Some(found) = self.found.get_mut(target) else { continue };
            let replaced = replaced(found);
            let Some(left) = found.left.as_mut().filter(|left| !left.drained) else { continue };
            left.drained = replaced;
            if replaced {
                self.touched.add(target);
            }
            changed |= replaced;
            self.leaving |= !replaced;
        }
        // Without a grace, those that left were told so when they did.
        if changed && (!self.removal.grace.is_zero() || self.removal.grace_answers > 0) {
            self.tell(now);
        }
        changed
    }

    /// Lets those go that left, are past their grace, and may. Tells that there were any.
    fn let_go(&mut self, now: Instant, may: impl Fn(&Found<F::Client>) -> bool) -> bool {
        if self.left.is_empty() {
            return false;
        }
        let goes = |found: &Found<F::Client>| {
            found.left.is_some_and(|left| !self.in_grace(now, left)) && may(found)
        };
        let left = self.left.iter().cloned();
        let (going, stays): (Vec<_>, Vec<_>) =
            left.partition(|target| self.found.get(target).is_some_and(goes));
        self.left = stays;
        if going.is_empty() {
            return false;
        }
        for target in &going {
            self.touched.add(target);
        }
        // It is the user's code that drops a client: none is before all are out.
        drop(self.found.take(&going));
        true
    }

    /// Keeps graces from passing while discovery fails, and notes when the next is over.
    fn hold_grace(&mut self, now: Instant) {
        let passes = match self.shared.discovery.borrow().health {
            SourceHealth::Fresh | SourceHealth::Expired => true,
            SourceHealth::Pending | SourceHealth::Stale { .. } => false,
        };
        self.grace_at = None;
        for target in &self.left {
            let left = self.found.get_mut(target).and_then(|found| found.left.as_mut());
            let Some(left) = left else { continue };
            if !passes {
                left.since = now;
            }
            let over = left.since + self.removal.grace;
            if over > now {
                bring_forward(&mut self.grace_at, over);
            }
        }
    }

    /// Tells that an endpoint is drained and not dropped. What is known of an expired source is
    /// dropped.
    fn in_grace(&self, now: Instant, left: Left) -> bool {
        let expired = self.shared.discovery.borrow().health == SourceHealth::Expired;
        let soon = now < left.since + self.removal.grace;
        (soon || left.answers <= self.removal.grace_answers) && !expired
    }

    /// Publishes the set, if it is another one.
    fn tell(&self, now: Instant) {
        let known = self.shared.discovered.borrow().clone();
        let endpoints: Option<Arc<[_]>> = if self.left.is_empty() {
            let found = || self.found.iter().map(|found| &found.endpoint);
            // One copy, and none of what was told already.
            (!found().eq(known.endpoints.iter())).then(|| found().cloned().collect())
        } else {
            let told = self.found.iter().filter_map(|found| match found.left {
                None => Some(found.endpoint.clone()),
                Some(left) => {
                    self.in_grace(now, left).then(|| found.endpoint.clone().with_draining(true))
                }
            });
            let mut endpoints = Vec::with_capacity(self.found.len());
            endpoints.extend(told);
            (*known.endpoints != *endpoints).then(|| endpoints.into())
        };
        if let Some(endpoints) = endpoints {
            let new = Discovered { version: known.version + 1, endpoints };
            // The old set is dropped last: readers do not wait for it.
            self.shared.discovered.send_replace(new);
        }
    }

    /// Tells that an endpoint has a client and is well.
    pub(super) fn serves(&self, found: &Found<F::Client>) -> bool {
        let well = |slot| self.cluster.health(slot) == Health::Healthy;
        found.client().is_some()
            && !found.down
            && self.cluster.find(&found.endpoint.addr).is_some_and(well)
    }
}
