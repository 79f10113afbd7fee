use core::time::Duration;

use super::error::{at_most, same, version};
use super::{Budget, BudgetError, BudgetImportError};
use crate::time::{Instant, nanos};

/// Finagle's and tower's retry budget: a share of the calls of the last seconds may be retried, and a few per second in any
/// case.
///
/// Each call deposits `can_retry` thousandths, each retry or hedge withdraws 1,000 of them, and both are forgotten after `ttl`,
/// in ten slots: between 0.9 and 1 `ttl` later. A reserve of `min_per_sec` for each whole second of `ttl` is there besides, so
/// that a client that has just begun, or seldom calls, may retry, too. (Finagle deposits 1,000 and withdraws 1,000 divided by the
/// share, which it must round.)
///
/// With `C` calls over a time `T` and the `ttl` before it, at most `can_retry · C / 1000 + min_per_sec · ttl · (1 + ⌈T / ttl⌉)`
/// extra attempts are sent in `T`.
///
/// ```
/// use evenkeel_core::Instant;
/// use evenkeel_core::retry::{Budget, RetryBudget};
/// # use core::time::Duration;
/// let now = Instant::ZERO;
/// let mut budget = RetryBudget::new(200, 0, Duration::from_secs(10))?; // 20 %, none per second
/// (0..10).for_each(|_| budget.on_call(now));
/// assert_eq!([budget.withdraw(now), budget.withdraw(now), budget.withdraw(now)], [true, true, false]);
/// # Ok::<(), evenkeel_core::retry::BudgetError>(())
/// ```
///
/// 104 bytes. A call is O(1) on average: what has expired is cleared slot by slot, ten at most. A clock that goes back begins
/// the present slot anew, so that what it knows lasts a tenth of `ttl` longer; one that jumps ahead makes it forget.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    /// The newest first.
    slots: [BudgetSlot; SLOTS],
    can_retry: u32,
    /// Retries for which no call is needed, in each `ttl`.
    reserve: u32,
    /// When the newest slot began, and how long it lasts, in nanoseconds. The former wraps: after an import it may lie before
    /// the origin of the clock.
    began: u64,
    length: u64,
}

/// How much happened in a tenth of the time that a [`RetryBudget`] remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BudgetSlot {
    /// Calls begun.
    pub calls: u32,
    /// Extra attempts allowed.
    pub retries: u32,
}

impl RetryBudget {
    /// A budget in which `can_retry` of a thousand calls may be retried (above 1,000: some more than once), besides `min_per_sec`
    /// retries per second, counted over `ttl`.
    ///
    /// # Errors
    /// [`BudgetError`] unless `can_retry` and `min_per_sec` are at most 1,000,000 and `ttl` is 1 to 60 seconds.
    pub const fn new(can_retry: u32, min_per_sec: u32, ttl: Duration) -> Result<Self, BudgetError> {
        if can_retry > 1_000_000 {
            return Err(BudgetError::CanRetry { value: can_retry });
        }
        if min_per_sec > 1_000_000 {
            return Err(BudgetError::MinPerSec { value: min_per_sec });
        }
        let seconds = ttl.as_secs();
        if seconds == 0 || nanos(ttl) > 60 * NANOS_PER_SEC {
            return Err(BudgetError::Ttl { value: ttl });
        }
        // A tenth, without a division of 64 bits.
        let length = seconds * (NANOS_PER_SEC / SLOTS as u64) + (ttl.subsec_nanos() / SLOTS as u32) as u64;
        Ok(Self::of(can_retry, min_per_sec * seconds as u32, length))
    }

    /// How many retries it would allow at `now`.
    pub fn balance(&self, now: Instant) -> u64 {
        let budget = self.at(now);
        let (credit, retries) = budget.totals();
        credit.saturating_sub(retries * RETRY) / RETRY
    }

    /// What to keep over a restart, as of `now`.
    pub fn export(&self, now: Instant) -> RetryBudgetState {
        let Self { slots, can_retry, reserve, began, length } = self.at(now);
        let newest_age = now.as_nanos().wrapping_sub(began);
        let ttl = length * SLOTS as u64;
        RetryBudgetState { version: VERSION, can_retry, reserve, ttl, newest_age, age: 0, slots }
    }

    /// Goes on with what a budget with the same settings knew, perhaps in another process, instead of what is known here.
    ///
    /// The origins of the two clocks do not matter; say with [`RetryBudgetState::aged`] how long ago the state was exported.
    ///
    /// # Errors
    /// [`BudgetImportError`], and no change, if the state is of another version or a budget with other settings, if all it knows
    /// has expired, or if no budget can be in such a state.
    pub fn import(&mut self, now: Instant, state: &RetryBudgetState) -> Result<(), BudgetImportError> {
        let ttl = self.length * SLOTS as u64;
        version(state.version, VERSION)?;
        same("can_retry (thousandths)", state.can_retry.into(), self.can_retry.into())?;
        same("reserve (retries)", state.reserve.into(), self.reserve.into())?;
        same("ttl (nanoseconds)", state.ttl, ttl)?;
        at_most("nanoseconds in the newest slot", state.newest_age, self.length - 1)?;
        let mut imported = Self { slots: state.slots, ..self.clone() };
        let (credit, retries) = imported.totals();
        // Nothing has expired since a retry of the newest slot was allowed.
        if state.slots[0].retries > 0 {
            at_most("thousandths of a retry", retries * RETRY, credit)?;
        }
        let age = state.newest_age.saturating_add(state.age);
        if age >= ttl {
            return Err(BudgetImportError::Stale { age, ttl });
        }
        imported.began = now.as_nanos().wrapping_sub(age);
        *self = imported;
        Ok(())
    }

    const fn of(can_retry: u32, reserve: u32, length: u64) -> Self {
        let slots = [BudgetSlot { calls: 0, retries: 0 }; SLOTS];
        Self { slots, can_retry, reserve, began: 0, length }
    }

    /// The same, as of `now`.
    fn at(&self, now: Instant) -> Self {
        let mut budget = self.clone();
        budget.advance(now);
        budget
    }

    /// Drops what has expired at `now`.
    fn advance(&mut self, now: Instant) {
        let now = now.as_nanos();
        let mut elapsed = now.wrapping_sub(self.began);
        if elapsed > u64::MAX / 2 {
            // Before the newest slot began. A little happens all the time where threads share a clock; what is known stays.
            self.began = now;
        } else if elapsed >= self.length * SLOTS as u64 {
            self.slots = [BudgetSlot::default(); SLOTS];
            self.began = now;
        } else {
            while elapsed >= self.length {
                elapsed -= self.length;
                self.slots.copy_within(..SLOTS - 1, 1);
                self.slots[0] = BudgetSlot::default();
            }
            self.began = now.wrapping_sub(elapsed);
        }
    }

    /// What the calls and the reserve are worth, in thousandths of a retry, and how many retries there were.
    fn totals(&self) -> (u64, u64) {
        let sum = |count: fn(&BudgetSlot) -> u32| self.slots.iter().map(|slot| u64::from(count(slot))).sum::<u64>();
        let calls = sum(|slot| slot.calls);
        (u64::from(self.reserve) * RETRY + calls * u64::from(self.can_retry), sum(|slot| slot.retries))
    }
}

impl Default for RetryBudget {
    /// 20 % of the calls and 10 retries per second, over 10 seconds, as in Finagle and tower.
    fn default() -> Self {
        Self::of(200, 10 * 10, NANOS_PER_SEC)
    }
}

impl Budget for RetryBudget {
    fn on_call(&mut self, now: Instant) {
        self.advance(now);
        let slot = &mut self.slots[0];
        slot.calls = slot.calls.saturating_add(1);
    }

    fn withdraw(&mut self, now: Instant) -> bool {
        self.advance(now);
        let (credit, retries) = self.totals();
        let slot = &mut self.slots[0];
        let Some(more) = slot.retries.checked_add(1) else { return false };
        let granted = credit >= (retries + 1) * RETRY;
        if granted {
            slot.retries = more;
        }
        granted
    }
}

/// In how many parts time is forgotten.
const SLOTS: usize = 10;
/// The price of a retry: calls bring thousandths of it.
const RETRY: u64 = 1000;
const NANOS_PER_SEC: u64 = 1_000_000_000;
/// The form of a state.
const VERSION: u8 = 1;

/// What a [`RetryBudget`] knows; its settings tell whose it is. Times are in nanoseconds, and relative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RetryBudgetState {
    /// Of this form: 1.
    pub version: u8,
    /// Thousandths of a retry for each call.
    pub can_retry: u32,
    /// Retries within `ttl` for which no call is needed.
    pub reserve: u32,
    /// How long it remembers.
    pub ttl: u64,
    /// How long before the export the newest slot began.
    pub newest_age: u64,
    /// How long ago the export was; see [`aged`](Self::aged).
    #[cfg_attr(feature = "serde", serde(default))]
    pub age: u64,
    /// What happened, the newest first.
    pub slots: [BudgetSlot; SLOTS],
}

impl RetryBudgetState {
    /// The same state, exported so long ago: only its owner can know, as clocks of two processes need not share an origin.
    #[must_use]
    pub const fn aged(self, age: Duration) -> Self {
        Self { age: nanos(age), ..self }
    }
}
