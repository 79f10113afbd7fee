//! For shells whose threads count with atomics: outcomes in bulk, and probes that were sent before the table is told.

use super::{Scope, Table};
use crate::health::{Arithmetic, Standing};
use crate::set::Slot;
use crate::store::Store;
use crate::time::Instant;

/// What became of the requests to an endpoint since its last tally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that succeeded; those of an endpoint that is not [watched](crate::Cluster::watches) need not be counted.
    pub successes: u32,
    /// Requests that failed.
    pub failures: u32,
    /// Failures in a row up to now, those of earlier tallies included.
    pub streak: u32,
    /// The most failures in a row at any moment since the last tally, those of earlier ones included; 0 without a failure.
    pub longest: u32,
}

impl<S: Store> Table<S> {
    /// Learns from the ends of several requests: as if the successes had come first, except for failures in a row. Tells whether
    /// these begin anew.
    ///
    /// Whether an endpoint that is out of service comes back is not theirs to decide; see [`observe`](Self::observe).
    pub(crate) fn tally(&mut self, scope: &mut Scope<'_, S>, slot: Slot, tally: Tally) -> bool {
        let Tally { successes, failures, streak, longest } = tally;
        let mut row = self.row(slot.index());
        let in_service = matches!(row.standing, Standing::Admitted | Standing::Resting);
        let before = row.failures;
        if in_service || self.follows(Arithmetic::Grpc) {
            self.count(&mut row, scope.now, successes, failures);
        }
        let mut anew = !in_service;
        if in_service && self.settings.is_some() {
            row.streak = capped(longest.max(streak));
            if failures > 0 || longest > 0 {
                self.cross(scope, slot, &mut row);
                anew = row.streak == 0;
            }
            row.streak = if anew { 0 } else { capped(streak) };
        }
        self.put(slot.index(), row);
        if in_service && failures > 0 {
            self.judge(scope, slot, before);
            anew |= !matches!(self.row(slot.index()).standing, Standing::Admitted | Standing::Resting);
        }
        anew
    }

    /// A request that was sent to a half-open endpoint decides; tells whether it does.
    pub(crate) fn begin_probe(&mut self, scope: &mut Scope<'_, S>, slot: Slot, sent: Instant) -> bool {
        let half_open = self.row(slot.index()).standing == Standing::HalfOpen;
        if half_open {
            self.probe(scope, slot, sent);
            self.probes = self.half_open > 0;
        }
        half_open
    }

    /// Whether a success of the endpoint in this slot changes anything.
    pub(crate) fn watches(&self, slot: Slot) -> bool {
        self.judge.is_some() || !self.row(slot.index()).quiet()
    }
}

fn capped(count: u32) -> u16 {
    count.try_into().unwrap_or(u16::MAX)
}
