//! The state of a budget, kept over a restart.

use core::time::Duration;

use super::super::error::{at_most, same, version};
use super::super::{BudgetImportError, Deposits};
use super::{BudgetSlot, RETRY, RetryBudget, SLOTS};
use crate::time::{Instant, nanos, nanos_of_ticks, ticks_of_nanos};

/// All that a [`RetryBudget`] knows; its settings tell whose it is. Times are in nanoseconds, and
/// relative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RetryBudgetState {
    /// The form of this state: 2.
    pub version: u8,
    /// Thousandths of a retry for each deposit.
    pub can_retry: u32,
    /// Retries within `ttl` that need no deposit.
    pub reserve: u32,
    /// The budget's memory.
    pub ttl: u64,
    /// What deposits.
    pub deposits: Deposits,
    /// Time from the start of the newest slot to the export.
    pub newest_age: u64,
    /// Time since the export; see [`aged`](Self::aged).
    #[cfg_attr(feature = "serde", serde(default))]
    pub age: u64,
    /// Counts, the newest first.
    pub slots: [BudgetSlot; SLOTS],
}

impl RetryBudgetState {
    /// Tells how long ago the state was exported: only its owner can know, as clocks of two
    /// processes need not share an origin.
    #[must_use]
    pub const fn aged(self, age: Duration) -> Self {
        Self { age: nanos(age), ..self }
    }
}

impl RetryBudget {
    /// Returns what to keep over a restart, as of `now`.
    pub fn export(&self, now: Instant) -> RetryBudgetState {
        let budget = self.at(now);
        RetryBudgetState {
            version: VERSION,
            can_retry: self.can_retry(),
            reserve: self.reserve(),
            ttl: self.ttl_nanos(),
            deposits: self.deposits,
            newest_age: nanos_of_ticks(now.raw().wrapping_sub(budget.began)),
            age: 0,
            slots: budget.slots,
        }
    }

    /// Goes on with what a budget with the same settings knew, perhaps in another process, instead
    /// of what is known here.
    ///
    /// The origins of the two clocks do not matter; [`RetryBudgetState::aged`] tells how long ago
    /// the state was exported.
    ///
    /// # Errors
    /// [`BudgetImportError`], and no change, if the state is of another version or a budget with
    /// other settings, if all it knows has expired, or if no budget can be in such a state.
    pub fn import(
        &mut self,
        now: Instant,
        state: &RetryBudgetState,
    ) -> Result<(), BudgetImportError> {
        let ttl = self.ttl_nanos();
        version(state.version, VERSION)?;
        same("can_retry (thousandths)", state.can_retry.into(), self.can_retry().into())?;
        same("reserve (retries)", state.reserve.into(), self.reserve().into())?;
        same("ttl (nanoseconds)", state.ttl, ttl)?;
        if state.deposits != self.deposits {
            return Err(BudgetImportError::Deposits { found: state.deposits, own: self.deposits });
        }
        let newest = nanos_of_ticks(self.length()) - 1;
        at_most("nanoseconds in the newest slot", state.newest_age, newest)?;
        let mut imported = Self { slots: state.slots, ..self.clone() };
        let (credit, retries) = imported.totals();
        // Nothing has expired since a retry of the newest slot was allowed.
        let [BudgetSlot { retries: newest, .. }, ..] = state.slots;
        if newest > 0 {
            at_most("thousandths of a retry", retries * RETRY, credit)?;
        }
        let age = state.newest_age.saturating_add(state.age);
        if age >= ttl {
            return Err(BudgetImportError::Stale { age, ttl });
        }
        imported.began = now.raw().wrapping_sub(ticks_of_nanos(age));
        *self = imported;
        Ok(())
    }
}

/// The form of a state.
const VERSION: u8 = 2;
