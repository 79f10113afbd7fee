//! Picks from the snapshot of the moment.

use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use arc_swap::Guard;
use evenkeel_core::set::{AllOfList, Set, Slots};
use evenkeel_core::{Cx, Instant, PickError as CoreError, Policy, Slot, View, Why};

use super::Balancer;
use crate::error::PickError;
use crate::lease::{Chosen, Pick};
use crate::shared::Counts;
use crate::snapshot::Snapshot;
use crate::stripe::{CounterRng, Stripe};
use crate::table::{Over, Row};
use crate::tally::{Count, Tally};

impl<C, P: Policy> Balancer<C, P> {
    /// Picks a client.
    ///
    /// # Errors
    /// [`PickError`] when there is no client to pick; it says why.
    #[inline]
    pub fn pick(&self) -> Result<Pick<C, P>, PickError> {
        self.pick_with(None, &[], false)
    }

    /// Picks a client for a request with a key: policies that hash keep the requests of one key
    /// together. The key should be a hash itself, such as [`hash::str`](crate::core::hash::str)
    /// makes.
    ///
    /// # Errors
    /// [`PickError`] when there is no client to pick; it says why.
    #[inline]
    pub fn pick_for(&self, key: u64) -> Result<Pick<C, P>, PickError> {
        self.pick_with(Some(key), &[], false)
    }

    pub(crate) fn pick_with(
        &self,
        key: Option<u64>,
        avoid: &[Slot],
        leave_level: bool,
    ) -> Result<Pick<C, P>, PickError> {
        let snapshot = self.shared.snapshot.load();
        // A retry is no probe: it should succeed.
        if self.shared.probes.any()
            && avoid.is_empty()
            && let Some(probe) = self.take_probe(&snapshot)
        {
            self.count(&snapshot, probe);
            return Ok(Pick::new(snapshot, probe));
        }
        let mut index = 0;
        if snapshot.sharing > 1 {
            let mut rng = self.stripe().rng().get();
            index = snapshot.draw(key, avoid, &mut rng);
            self.stripe().rng().set(rng);
        }
        if !avoid.is_empty() {
            index = snapshot.go_on(index, avoid, leave_level);
        }
        let members = snapshot.groups[index].members.all();
        if members.is_empty() {
            return Err(self.unavailable());
        }
        let request = Request { snapshot: &snapshot, key, avoid };
        let (row, mut chosen) = match avoid {
            [] => self.choose(&request, index, members, Why::Policy)?,
            _ => self.choose_among(&request, index, members)?,
        };
        if snapshot.needs.in_flight && !row.client.load.try_begin() {
            chosen = self.choose_with_room(&request, index)?;
        }
        self.count(&snapshot, chosen);
        Ok(Pick::new(snapshot, chosen))
    }

    /// Asks the policy of a group for one of these slots.
    #[inline]
    fn choose<'a>(
        &self,
        request: &Request<'a, C, P>,
        index: usize,
        slots: impl Slots,
        mut why: Why,
    ) -> Result<(&'a Row<C>, Chosen), PickError> {
        let snapshot = request.snapshot;
        let (group, stripe) = (&snapshot.groups[index], self.stripe());
        let view = Over::new(&snapshot.table, slots);
        // A retry takes nobody's turn, and what one endpoint fails is not all left to the one behind
        // it: retries take turns among themselves.
        let turns = if request.avoid.is_empty() { stripe.turn(index) } else { stripe.retries() };
        let mut turn = turns.get();
        let mut rng = stripe.rng().get();
        let mut now = if snapshot.needs.time { self.shared.clock.now() } else { Instant::ZERO };
        let mut cx = Cx::new(now, request.key, &mut turn, &mut rng);
        let slot = group.policy.pick(&view, &mut cx).ok_or(PickError::Declined)?;
        if !group.policy.keeps_to_view() && !view.has(slot) {
            return Err(PickError::Declined);
        }
        let row = snapshot.table.row(slot).ok_or(PickError::Declined)?;
        turns.set(turn);
        stripe.rng().set(rng);
        if group.panic {
            // It matters whether it was sent before an ejection or after.
            now = self.shared.clock.now();
            why = if why == Why::Policy { Why::Panic } else { why };
        }
        Ok((row, Chosen { slot: row.slot, why, decides: group.panic, sent: now }))
    }

    /// Chooses among what is left without the slots to avoid. When all are to be avoided, as if
    /// none were: the last resort.
    #[inline(never)]
    fn choose_among<'a>(
        &self,
        request: &Request<'a, C, P>,
        index: usize,
        slots: AllOfList<'_>,
    ) -> Result<(&'a Row<C>, Chosen), PickError> {
        if request.avoid.is_empty() {
            return self.choose(request, index, slots, Why::Policy);
        }
        let left = request.snapshot.less(slots, request.avoid);
        if left.is_empty() {
            return self.choose(request, index, slots, Why::LastResort);
        }
        self.choose(request, index, left, Why::Retry)
    }

    /// Chooses again, among those that have room for another request.
    #[cold]
    #[inline(never)]
    fn choose_with_room(
        &self,
        request: &Request<'_, C, P>,
        first: usize,
    ) -> Result<Chosen, PickError> {
        loop {
            let with_room = request.snapshot.with_room(first, request.avoid);
            let (index, slots) = with_room.ok_or_else(|| self.busy())?;
            let slots = slots.part_of(&request.snapshot.groups[index].members);
            let (row, chosen) = self.choose_among(request, index, slots)?;
            // Otherwise, another thread has taken the room meanwhile.
            if row.client.load.try_begin() {
                return Ok(chosen);
            }
        }
    }

    /// Makes this request the probe of a half-open endpoint, if one waits for it.
    #[cold]
    #[inline(never)]
    fn take_probe(&self, snapshot: &Snapshot<C, P>) -> Option<Chosen> {
        let sent = self.shared.clock.now();
        self.shared.probes.slots().iter().find_map(|&slot| {
            let client = snapshot.table.client(slot)?;
            if !client.vitals.take_probe(sent) {
                return None;
            }
            client.marks.mark(slot.index());
            if snapshot.needs.in_flight {
                client.load.begin();
            }
            Some(Chosen { slot, why: Why::Probe, decides: true, sent })
        })
    }

    /// Counts a pick in this thread's tally.
    #[inline]
    fn count(&self, snapshot: &Snapshot<C, P>, chosen: Chosen) {
        if let Some(row) = snapshot.table.row(chosen.slot.index()) {
            self.tally().add(row.column, Count::Pick);
        }
    }

    /// Returns this thread's tally.
    #[inline]
    pub(crate) fn tally(&self) -> &Tally {
        self.stripe().tally()
    }

    pub(crate) fn rng(&self) -> CounterRng {
        self.stripe().fork()
    }

    #[inline]
    fn stripe(&self) -> &Stripe {
        self.shared.stripes.get_or(|| {
            let ordinal = self.shared.striped.fetch_add(1, Relaxed);
            Stripe::new(self.shared.seed.wrapping_add(ordinal), self.shared.tallies.begin())
        })
    }

    #[cold]
    fn busy(&self) -> PickError {
        PickError::Busy { until: self.shared.clients.borrow().counts.busy_until }
    }

    #[cold]
    fn unavailable(&self) -> PickError {
        let discovery = self.shared.discovery.borrow().error.clone();
        let clients = self.shared.clients.borrow();
        match clients.counts {
            Counts { endpoints: 0, .. } => PickError::NoEndpoints { discovery },
            Counts { ready: 0, none: Some(none @ CoreError::AllDrained), .. } => none.into(),
            Counts { endpoints, ready: 0, .. } => {
                PickError::NoClients { endpoints, error: clients.error.clone() }
            }
            Counts { table: Some(full), .. } => PickError::Table(full),
            Counts { none, .. } => none.map_or(PickError::AllDrained, PickError::from),
        }
    }
}

/// A request, and the snapshot that it is picked from.
struct Request<'a, C, P> {
    snapshot: &'a Guard<Arc<Snapshot<C, P>>>,
    key: Option<u64>,
    avoid: &'a [Slot],
}
