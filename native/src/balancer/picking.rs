//! How a pick is made from a snapshot: the common case at once, everything else behind one door.

use evenkeel_core::set::{AllOfList, Set, Slots};
use evenkeel_core::{Cx, Instant, PickError as CoreError, Policy, Slot, View, Why};

use super::nobody::why_none;
use crate::error::PickError;
use crate::pick::Choice;
use crate::shared::{Counts, Shared};
use crate::snapshot::Snapshot;
use crate::stripe::Stripe;
use crate::table::{Over, Row};

/// A request, who picks for it, and the snapshot that it is picked from.
pub(crate) struct Picking<'a, 's, C, P> {
    pub(crate) shared: &'a Shared<C, P>,
    pub(crate) snapshot: &'s Snapshot<C, P>,
    pub(crate) stripe: &'a Stripe,
    /// When it is sent, if that has been looked up.
    pub(crate) now: Option<Instant>,
    pub(crate) key: Option<u64>,
    pub(crate) avoid: &'a [Slot],
    /// It should go on to another level.
    pub(crate) leave_level: bool,
}

impl<C, P> Clone for Picking<'_, '_, C, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C, P> Copy for Picking<'_, '_, C, P> {}

impl<'s, C, P: Policy> Picking<'_, 's, C, P> {
    /// Chooses for a first attempt.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the pick is copied through memory")]
    pub(crate) fn first(self) -> Result<Choice<'s, C>, PickError> {
        let Self { shared, snapshot, stripe, now, key, .. } = self;
        if !snapshot.plain || shared.probes.any() {
            // Not its result itself: that would be in memory, and all others with it.
            let choice = uncommon(shared, snapshot, stripe, (now, key))?;
            return Ok(choice);
        }
        let (row, sent) = self.ask(0, snapshot.groups[0].members.all())?;
        if snapshot.needs.in_flight && !row.client.load.try_begin() {
            let choice = crowded(shared, snapshot, stripe, (now, key))?;
            return Ok(choice);
        }
        stripe.tally().add_pick(row.column);
        Ok(Choice { row, why: Why::Policy, decides: false, sent })
    }

    /// Chooses for any attempt.
    #[inline(never)]
    pub(crate) fn any(self) -> Result<Choice<'s, C>, PickError> {
        let Self { snapshot, key, avoid, .. } = self;
        // A retry is no probe: it should succeed.
        if self.shared.probes.any()
            && avoid.is_empty()
            && let Some(probe) = self.take_probe()
        {
            return Ok(self.counted(probe));
        }
        let mut index = 0;
        if snapshot.sharing > 1 {
            index = snapshot.draw(key, avoid, &mut self.stripe.rng());
        }
        if !avoid.is_empty() {
            index = snapshot.go_on(index, avoid, self.leave_level);
        }
        let members = snapshot.groups[index].members.all();
        if members.is_empty() {
            return Err(self.unavailable());
        }
        let mut choice = match avoid {
            [] => self.choose(index, members, Why::Policy)?,
            _ => self.choose_among(index, members)?,
        };
        if snapshot.needs.in_flight && !choice.row.client.load.try_begin() {
            choice = self.with_room(index)?;
        }
        Ok(self.counted(choice))
    }

    fn now(self) -> Instant {
        self.now.unwrap_or_else(|| self.shared.clock.now())
    }

    /// Counts a pick in the tally of who picks.
    fn counted(self, choice: Choice<'s, C>) -> Choice<'s, C> {
        self.stripe.tally().add_pick(choice.row.column);
        choice
    }

    /// Chooses one of these slots by the policy of a group.
    fn choose(
        self,
        index: usize,
        slots: impl Slots,
        mut why: Why,
    ) -> Result<Choice<'s, C>, PickError> {
        let (row, mut sent) = self.ask(index, slots)?;
        let panic = self.snapshot.groups[index].panic;
        if panic {
            // It matters whether it was sent before an ejection or after.
            sent = self.now();
            why = if why == Why::Policy { Why::Panic } else { why };
        }
        Ok(Choice { row, why, decides: panic, sent })
    }

    /// Asks the policy of a group for one of these slots; returns its row, and the time if that
    /// matters to the policy.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the pick is copied through memory")]
    fn ask(self, index: usize, slots: impl Slots) -> Result<(&'s Row<C>, Instant), PickError> {
        let (snapshot, stripe) = (self.snapshot, self.stripe);
        let group = &snapshot.groups[index];
        let view = Over::new(&snapshot.table, slots);
        // A retry takes nobody's turn, and what one endpoint fails is not all left to the one behind
        // it: retries take turns among themselves.
        let turns = if self.avoid.is_empty() { stripe.turn(index) } else { stripe.retries() };
        let mut turn = turns.get();
        let mut rng = stripe.rng();
        let now = if snapshot.needs.time { self.now() } else { Instant::ZERO };
        let mut cx = Cx::new(now, self.key, &mut turn, &mut rng);
        // No `ok_or`: an error that is made has to be dropped, too.
        let Some(slot) = group.policy.pick(&view, &mut cx) else { return Err(PickError::Declined) };
        if !group.policy.keeps_to_view() && !view.has(slot) {
            return Err(PickError::Declined);
        }
        let Some(row) = snapshot.table.row(slot) else { return Err(PickError::Declined) };
        turns.set(turn);
        Ok((row, now))
    }

    /// Chooses among what is left without the slots to avoid. When all are to be avoided, among the
    /// ejected endpoints; without any, as if none were to be avoided: the last resort.
    #[inline(never)]
    fn choose_among(self, index: usize, slots: AllOfList<'_>) -> Result<Choice<'s, C>, PickError> {
        if self.avoid.is_empty() {
            return self.choose(index, slots, Why::Policy);
        }
        let left = self.snapshot.less(slots, self.avoid);
        if !left.is_empty() {
            return self.choose(index, left, Why::Retry);
        }
        if let Some(ejected) = self.snapshot.ejected(self.avoid) {
            return self.choose(index, ejected.apart(), Why::Retry);
        }
        self.choose(index, slots, Why::LastResort)
    }

    /// Chooses again, among those that have room for another request.
    #[cold]
    #[inline(never)]
    fn with_room(self, first: usize) -> Result<Choice<'s, C>, PickError> {
        loop {
            let with_room = self.snapshot.with_room(first, self.avoid);
            let (index, slots) = with_room.ok_or_else(|| self.busy())?;
            let slots = slots.part_of(&self.snapshot.groups[index].members);
            let choice = self.choose_among(index, slots)?;
            // Otherwise, another thread has taken the room meanwhile.
            if choice.row.client.load.try_begin() {
                return Ok(choice);
            }
        }
    }

    /// Makes this request the probe of a half-open endpoint, if one waits for it.
    #[cold]
    #[inline(never)]
    fn take_probe(self) -> Option<Choice<'s, C>> {
        let sent = self.now();
        self.shared.probes.slots().iter().find_map(|&slot| {
            let row = self.snapshot.table.row_of(slot)?;
            if !row.client.vitals.take_probe(sent) {
                return None;
            }
            row.client.marks.mark(slot.index());
            if self.snapshot.needs.in_flight {
                row.client.load.begin();
            }
            Some(Choice { row, why: Why::Probe, decides: true, sent })
        })
    }

    #[cold]
    fn busy(self) -> PickError {
        PickError::Busy { until: self.shared.clients.borrow().counts.busy_until }
    }

    #[cold]
    fn unavailable(self) -> PickError {
        let ended = self.shared.supervisor.has_ended();
        let discovery = why_none(&self.shared.discovery.borrow(), ended);
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

/// Chooses for a first attempt where the policy of the first group is not all that there is to ask.
/// It gets the parts of the request, which so need not be in memory before.
#[cold]
#[inline(never)]
fn uncommon<'s, C, P: Policy>(
    shared: &Shared<C, P>,
    snapshot: &'s Snapshot<C, P>,
    stripe: &Stripe,
    (now, key): (Option<Instant>, Option<u64>),
) -> Result<Choice<'s, C>, PickError> {
    Picking { shared, snapshot, stripe, now, key, avoid: &[], leave_level: false }.any()
}

/// Chooses for a first attempt where the endpoint that was chosen has no room.
#[cold]
#[inline(never)]
fn crowded<'s, C, P: Policy>(
    shared: &Shared<C, P>,
    snapshot: &'s Snapshot<C, P>,
    stripe: &Stripe,
    (now, key): (Option<Instant>, Option<u64>),
) -> Result<Choice<'s, C>, PickError> {
    let request = Picking { shared, snapshot, stripe, now, key, avoid: &[], leave_level: false };
    Ok(request.counted(request.with_room(0)?))
}
