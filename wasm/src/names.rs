//! From the core's `index()` to what it stands for, where that holds more than its name.

use core::time::Duration;

use evenkeel_core::{Outcome, Verdict};

/// Returns the outcome of this index.
#[inline]
pub(crate) fn outcome(index: u8, retry_after: Option<Duration>) -> Option<Outcome> {
    const ALL: &[Outcome] = &[
        Outcome::Success,
        Outcome::Failure,
        Outcome::TimedOut,
        Outcome::NeverSent,
        Outcome::Ignorable,
        Outcome::PushedBack,
        Outcome::Overloaded { retry_after: None },
        Outcome::Abandoned,
        Outcome::LostRace,
    ];
    const { assert!(Outcome::NAMES.len() == ALL.len(), "an outcome is missing here") };
    Some(match *ALL.get(usize::from(index))? {
        Outcome::Overloaded { .. } => Outcome::Overloaded { retry_after },
        outcome => outcome,
    })
}

/// Returns the verdict of this index.
pub fn verdict(index: u8, wait: Option<Duration>) -> Option<Verdict> {
    const ALL: &[Verdict] = &[
        Verdict::Success,
        Verdict::RetryableFailure,
        Verdict::NonRetryableFailure,
        Verdict::TimedOut,
        Verdict::Ignorable,
        Verdict::Overloaded { wait: None },
        Verdict::PushBack { wait: Duration::ZERO },
        Verdict::NeverSent,
        Verdict::Canceled,
    ];
    const { assert!(Verdict::NAMES.len() == ALL.len(), "a verdict is missing here") };
    Some(match *ALL.get(usize::from(index))? {
        Verdict::Overloaded { .. } => Verdict::Overloaded { wait },
        Verdict::PushBack { .. } => Verdict::PushBack { wait: wait.unwrap_or_default() },
        verdict => verdict,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_index_stands_for_its_own() {
        let outcomes = (0..=u8::MAX).map_while(|index| outcome(index, None));
        assert!(outcomes.map(|outcome| outcome.name()).eq(Outcome::NAMES.iter().copied()));
        let verdicts = (0..=u8::MAX).map_while(|index| verdict(index, None));
        assert!(verdicts.map(|verdict| verdict.name()).eq(Verdict::NAMES.iter().copied()));
    }
}
