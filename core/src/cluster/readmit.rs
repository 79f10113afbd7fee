//! Brings back endpoints that are out: by what active checks find, and by requests that probe them.

use super::{Cluster, RulesOf};
use crate::endpoint::Address;
use crate::event::EventKind;
use crate::health::{HealthRow, Phase, Rules};
use crate::kit::Kit;
use crate::load::Load;
use crate::part::Part;
use crate::row::Row;
use crate::set::Set;
use crate::slot::Slot;
use crate::store::Store;
use crate::time::Instant;

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
    /// Takes over what active checks find of the endpoint in `slot`: see
    /// [`Checker`](crate::health::Checker). Good news open an ejected endpoint to a probe, or
    /// [bring it back](crate::Settings::check_readmits). Tells that the candidates changed.
    pub fn set_down(&mut self, now: Instant, slot: Slot, down: bool) -> bool {
        self.follow_clock(now);
        let now = self.last;
        let readmits = self.settings.check_readmits();
        let half_open = self.settings.half_open() && !RulesOf::<S>::timed(&self.settings);
        let Some(mut row) = self.row_mut(slot) else { return false };
        let ejected = row.as_row().watched().is_some_and(HealthRow::ejected);
        let changed = row.as_row().is_down() != down;
        row.set_down(down);
        let mut opened = false;
        row.change::<St, _>(|health| {
            if !down && ejected && readmits {
                health.admit(now);
            } else if !down && half_open && health.phase() == Phase::Ejected {
                health.set_phase(Phase::HalfOpen);
                opened = true;
            } else if changed && health.phase() == Phase::InService {
                health.until = now;
            }
        });
        if !down && ejected && readmits {
            self.note(Some(slot), EventKind::Readmitted);
        } else if changed && (down || !ejected) {
            self.note(Some(slot), if down { EventKind::Down } else { EventKind::Readmitted });
        } else if opened {
            self.note(Some(slot), EventKind::HalfOpen);
        } else if !changed {
            return false;
        }
        self.place(slot.index());
        self.finish();
        true
    }

    /// Lists the slots of half-open endpoints whose next request decides. O(n)
    pub fn probes(&self) -> impl Iterator<Item = Slot> + '_ {
        let worst = self.worst_priority();
        let open = self.watch.get().into_iter().flat_map(|watch| watch.open.iter());
        open.filter_map(move |index| {
            let row = self.rows.get(index)?;
            self.may_probe(row, worst).then(|| row.slot(index))
        })
    }

    /// Starts a probe of a half-open endpoint, if there is one at a priority in use: the next
    /// request has to go to it, and what becomes of it has to be [told](Self::observe).
    pub fn start_probe(&mut self, now: Instant) -> Option<Slot> {
        self.follow_clock(now);
        let next = self.watch.get()?.next_probe as usize;
        let index = self.next_open(next).or_else(|| self.next_open(0))?;
        self.watch.get_mut()?.next_probe = index as u32 + 1;
        let slot = self.live(index)?;
        self.probe(slot, now, self.last);
        Some(slot)
    }

    /// Makes a request that was sent to the half-open endpoint in `slot` a moment ago its
    /// [probe](Self::start_probe). Tells that it is: the endpoint may have come back meanwhile, or
    /// be probed already.
    pub fn begin_probe(&mut self, now: Instant, slot: Slot, sent: Instant) -> bool {
        self.follow_clock(now);
        let half_open = self.row(slot).is_some_and(|r| r.health_row().phase() == Phase::HalfOpen);
        if half_open {
            self.probe(slot, sent, sent);
        }
        half_open
    }

    /// Lets the request sent to a half-open endpoint at this time decide; its timeout counts from
    /// `begin` on.
    fn probe(&mut self, slot: Slot, sent: Instant, begin: Instant) {
        let timeout = self.settings.ticks(self.settings.probe_timeout());
        if let Some(mut row) = self.row_mut(slot) {
            row.change::<St, _>(|health| {
                health.since = sent;
                health.enter(Phase::Probing, begin.later(timeout));
            });
        }
        self.place(slot.index());
        self.note(Some(slot), EventKind::Probing);
        self.note_wake();
    }

    /// Returns the first half-open slot from `from` on that may be probed.
    pub(super) fn next_open(&self, from: usize) -> Option<usize> {
        let (open, worst) = (&self.watch.get()?.open, self.worst_priority());
        let mut slot = open.from(from)?;
        while !self.rows.get(slot).is_some_and(|row| self.may_probe(row, worst)) {
            slot = open.from(slot + 1)?;
        }
        Some(slot)
    }

    /// Tells that a half-open endpoint may be probed: it is at a priority in use, and has room.
    fn may_probe(&self, row: Row<'_, A, L, S::Parts>, worst: u16) -> bool {
        row.priority() <= worst && !self.is_full(row)
    }
}
