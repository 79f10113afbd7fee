//! Picks before which something is due, or that have slots to avoid or several groups.

use rand_core::Rng;

use super::pick::Choice;
use super::{Balancer, Over, Request, Why};
use crate::cluster::draw_group;
use crate::endpoint::Address;
use crate::kit::Kit;
use crate::policy::{Cx, Policy, View};
use crate::set::{Set, Slots};
use crate::slot::Slot;
use crate::store::Store;
use crate::time::Instant;

impl<A: Address, P: Policy + Clone, S: Kit, St: Store> Balancer<A, P, S, St> {
    /// Does what is due, then picks among what is left of a group, unless it has to be a probe. A
    /// retry is none: it should succeed.
    #[inline(never)]
    pub(super) fn choose(
        &mut self,
        now: Instant,
        key: Option<u64>,
        avoid: &[Slot],
        leave_level: bool,
        rng: &mut impl Rng,
    ) -> Option<Choice> {
        self.choose_few(&Request { now, key, avoid, leave_level }, rng)
    }

    /// The same, for all picks where there are few endpoints: one way is less code than two.
    #[inline]
    pub(super) fn choose_few(
        &mut self,
        request: &Request<'_>,
        rng: &mut impl Rng,
    ) -> Option<Choice> {
        if self.cluster.wakes(request.now) {
            let retry = !request.avoid.is_empty();
            if let Some(slot) = self.attend(request.now, retry) {
                return Some(Choice { slot, why: Why::Probe, decides: true });
            }
        }
        self.choose_among(request, rng)
    }

    /// Does what is due; returns the slot that the next request has to probe, unless it is a retry.
    #[cold]
    #[inline(never)]
    fn attend(&mut self, now: Instant, retry: bool) -> Option<u32> {
        self.handle_timeout(now);
        if retry { None } else { Some(self.cluster.start_probe(now)?.index) }
    }

    /// Picks among what is left of a group. When all candidates are to be avoided, or the request
    /// leaves the level, among the next level. Where there is none, it picks among those left;
    /// without any, among those ejected; without these, the policy picks as if none were to be
    /// avoided: the last resort.
    #[inline]
    fn choose_among(&mut self, request: &Request<'_>, rng: &mut impl Rng) -> Option<Choice> {
        let index = self.draw_group(request, rng);
        let pool = self.cluster.pool(index);
        if pool.ready.is_empty() {
            return None;
        }
        let live = |slot| self.cluster.has(slot);
        let next: St::Set;
        let mut left = St::Set::less(pool.ready, request.avoid, live);
        if !request.avoid.is_empty() && (request.leave_level || left.is_empty()) {
            next = self.cluster.elsewhere(request.avoid, left.is_empty());
            if !next.is_empty() {
                left = next.apart();
            }
        }
        let why = match request.avoid {
            [] if pool.panic => Why::Panic,
            [] => Why::Policy,
            _ if left.is_empty() => Why::LastResort,
            _ => Why::Retry,
        };
        let (policy, turn) = match index.checked_sub(1).and_then(|at| self.more.get_mut(at)) {
            Some((policy, turn)) => (&*policy, turn),
            None => (&self.policy, &mut self.turn),
        };
        // A retry takes nobody's turn, and what one endpoint fails is not all left to the one behind
        // it: retries take turns among themselves.
        let turn = if request.avoid.is_empty() { turn } else { &mut self.retries };
        let mut cx = Cx::new(request.now, request.key, turn, rng);
        let slot = match why {
            _ if St::ONE_WAY => {
                // One type of view, so that the policy is there once.
                let slots = if why == Why::Retry { left } else { St::Set::uncut(pool.ready) };
                ask(policy, &Over::new(slots, &self.cluster), &mut cx)?
            }
            Why::Retry => ask(policy, &Over::new(left, &self.cluster), &mut cx)?,
            Why::Policy | Why::Panic | Why::Probe | Why::LastResort => {
                ask(policy, &Over::new(pool.ready, &self.cluster), &mut cx)?
            }
        };
        Some(Choice { slot: slot as u32, why, decides: pool.panic })
    }

    /// Draws the group of a request by the shares: from its key, if it has one, so that it stays in
    /// its group. Where all of that group are to be avoided, or have no room, the first that has
    /// others.
    fn draw_group(&self, request: &Request<'_>, rng: &mut impl Rng) -> usize {
        let groups = self.cluster.groups();
        if groups < 2 {
            return 0;
        }
        let shares = self.cluster.candidate_groups().map(|group| group.share);
        let drawn = draw_group(shares, request.key, rng);
        let live = |slot| self.cluster.has(slot);
        let offers = |index: usize| {
            !St::Set::less(self.cluster.pool(index).ready, request.avoid, live).is_empty()
        };
        // The last resort is one that has room.
        let has_room = |index: usize| !self.cluster.pool(index).ready.is_empty();
        if offers(drawn) {
            return drawn;
        }
        let first = (0..groups).find(|&index| offers(index));
        let last_resort =
            || if has_room(drawn) { None } else { (0..groups).find(|&at| has_room(at)) };
        first.or_else(last_resort).unwrap_or(drawn)
    }
}

/// Asks a policy for a slot. Who downloads code has it once.
#[cfg_attr(not(target_arch = "wasm32"), inline)]
#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(super) fn ask<P: Policy, V: View>(policy: &P, view: &V, cx: &mut Cx<'_>) -> Option<usize> {
    let slot = policy.pick(view, cx)?;
    (policy.keeps_to_view() || view.has(slot)).then_some(slot)
}

/// Asks a policy whose picks are short.
#[inline]
pub(super) fn ask_short<P: Policy>(policy: &P, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
    let slot = policy.pick_short(view, cx)?;
    (policy.keeps_to_view() || view.has(slot)).then_some(slot)
}
