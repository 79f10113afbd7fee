//! From the core's `index()` to what it stands for, where that holds more than its name.

use core::time::Duration;

use evenkeel_core::{Outcome, Verdict};

/// Returns the outcome of this index.
pub(crate) fn outcome(index: u8, retry_after: Option<Duration>) -> Option<Outcome> {
    const { assert!(Outcome::NAMES.len() == 9, "an outcome is missing here") };
    let all = [
        Outcome::Success,
        Outcome::Failure,
        Outcome::TimedOut,
        Outcome::NeverSent,
        Outcome::Ignorable,
        Outcome::PushedBack,
        Outcome::Overloaded { retry_after },
        Outcome::Abandoned,
        Outcome::LostRace,
    ];
    all.into_iter().find(|outcome| outcome.index() == index)
}

/// Returns the verdict of this index.
pub fn verdict(index: u8, wait: Option<Duration>) -> Option<Verdict> {
    const { assert!(Verdict::NAMES.len() == 9, "a verdict is missing here") };
    let all = [
        Verdict::Success,
        Verdict::RetryableFailure,
        Verdict::NonRetryableFailure,
        Verdict::TimedOut,
        Verdict::Ignorable,
        Verdict::Overloaded { wait },
        Verdict::PushBack { wait: wait.unwrap_or_default() },
        Verdict::NeverSent,
        Verdict::Canceled,
    ];
    all.into_iter().find(|verdict| verdict.index() == index)
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
