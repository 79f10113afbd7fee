//! Counts what was reported of each endpoint.

use crate::outcome::Outcome;

/// The counts of one endpoint since it came. They wrap at 2³².
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counts {
    /// Requests reported as answered: successful, at fault themselves, or to wait.
    pub successes: u32,
    /// Requests reported as failed, timed out, never sent, or refused by an overloaded endpoint.
    pub failures: u32,
    /// Requests that were given up before an answer.
    pub canceled: u32,
}

/// Keeps counts of reports in a row, or nothing: successes, which are frequent, and the others.
#[doc(hidden)]
pub trait Counter: 'static {
    /// The number of successes.
    type Successes: Count;
    /// The numbers of other outcomes.
    type Others: Count;
    /// Returns the counts.
    fn counts(successes: &Self::Successes, others: &Self::Others) -> Counts;
}

/// Counts ends of requests.
#[doc(hidden)]
pub trait Count: Copy + core::fmt::Debug + 'static {
    /// Of a new endpoint.
    const NEW: Self;
    /// Counts the end of a request, if it is of this kind.
    fn count(&mut self, outcome: Outcome);
}

/// Counts nothing.
impl Count for () {
    const NEW: Self = ();

    #[inline]
    fn count(&mut self, _: Outcome) {}
}

impl Counter for () {
    type Successes = ();
    type Others = ();

    fn counts((): &(), (): &()) -> Counts {
        Counts::default()
    }
}

/// The number of successes.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Successes(u32);

impl Count for Successes {
    const NEW: Self = Self(0);

    #[inline]
    fn count(&mut self, outcome: Outcome) {
        let one = match outcome {
            Outcome::Success | Outcome::Ignorable | Outcome::PushedBack => 1,
            Outcome::Failure
            | Outcome::TimedOut
            | Outcome::NeverSent
            | Outcome::Overloaded { .. }
            | Outcome::Abandoned
            | Outcome::LostRace => 0,
        };
        self.0 = self.0.wrapping_add(one);
    }
}

/// The numbers of failures and cancellations.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Others {
    failures: u32,
    canceled: u32,
}

impl Count for Others {
    const NEW: Self = Self { failures: 0, canceled: 0 };

    fn count(&mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Success | Outcome::Ignorable | Outcome::PushedBack => return,
            Outcome::Failure
            | Outcome::TimedOut
            | Outcome::NeverSent
            | Outcome::Overloaded { .. } => &mut self.failures,
            Outcome::Abandoned | Outcome::LostRace => &mut self.canceled,
        };
        *counter = counter.wrapping_add(1);
    }
}

impl Counter for Counts {
    type Successes = Successes;
    type Others = Others;

    fn counts(successes: &Successes, others: &Others) -> Counts {
        let Others { failures, canceled } = *others;
        Counts { successes: successes.0, failures, canceled }
    }
}
