//! What an attempt's result means: the errors, and the answers.

use evenkeel_core::{Outcome, Verdict};

/// Tells what an error of an attempt means. A function from `&E` to [`Verdict`] does.
pub trait Classify<E> {
    /// Tells what `error` means for the call; what it means for the endpoint
    /// [follows](Verdict::outcome).
    fn verdict(&self, error: &E) -> Verdict;

    /// Tells both at once, where what it means for the endpoint does not follow from the verdict.
    fn judge(&self, error: &E) -> (Verdict, Outcome) {
        let verdict = self.verdict(error);
        (verdict, verdict.outcome())
    }

    /// Tells that another attempt may follow one that took too long; by default it may. Otherwise
    /// the call ends with it.
    fn follows_late(&self) -> bool {
        true
    }
}

impl<E, F: Fn(&E) -> Verdict> Classify<E> for F {
    fn verdict(&self, error: &E) -> Verdict {
        self(error)
    }
}

/// Every error is worth another attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryError;

impl<E> Classify<E> for EveryError {
    fn verdict(&self, _error: &E) -> Verdict {
        Verdict::RetryableFailure
    }
}

/// Tells what an answer means: what an attempt returned as `Ok`. A function from `&T` to
/// [`Verdict`] does.
pub trait Accept<T> {
    /// Tells what `answer` means for the call; what it means for the endpoint
    /// [follows](Verdict::outcome).
    fn verdict(&self, answer: &T) -> Verdict;

    /// Tells both at once, where what it means for the endpoint does not follow from the verdict.
    fn judge(&self, answer: &T) -> (Verdict, Outcome) {
        let verdict = self.verdict(answer);
        (verdict, verdict.outcome())
    }
}

impl<T, F: Fn(&T) -> Verdict> Accept<T> for F {
    fn verdict(&self, answer: &T) -> Verdict {
        self(answer)
    }
}

/// Every answer is good.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryAnswer;

impl<T> Accept<T> for EveryAnswer {
    fn verdict(&self, _answer: &T) -> Verdict {
        Verdict::Success
    }
}
