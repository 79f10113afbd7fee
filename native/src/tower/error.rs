//! Errors that tower's stacks can box.

use core::error::Error;
use core::fmt;

use evenkeel_core::Verdict;

use crate::call::{AttemptError, CallError, Cause, Classify};
use crate::factory::BoxError;

/// What went wrong at one endpoint: its service's error, whatever its type.
#[derive(Debug)]
pub struct EndpointError(BoxError);

impl EndpointError {
    /// Returns the service's own error.
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }

    /// Takes the service's own error out.
    pub fn into_inner(self) -> BoxError {
        self.0
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for EndpointError {
    /// Returns the service's own error.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// Why an attempt failed.
#[derive(Debug)]
pub(super) enum Failure<E> {
    Service(E),
    /// There was no request left to send.
    Spent,
}

/// Judges an attempt by what its service's error means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge<K>(pub(super) K);

impl<E, K: Classify<E>> Classify<Failure<E>> for Judge<K> {
    fn verdict(&self, failure: &Failure<E>) -> Verdict {
        match failure {
            Failure::Service(error) => self.0.verdict(error),
            Failure::Spent => Verdict::Ignorable,
        }
    }
}

/// Makes the error of a call one that does not depend on the service's.
pub(super) fn boxed<E: Into<BoxError>>(error: CallError<Failure<E>>) -> CallError<EndpointError> {
    let CallError { attempts, end, unavailable } = error;
    let attempts = attempts.into_iter().map(|attempt| {
        let AttemptError { number, target, cause, elapsed } = attempt;
        let cause = match cause {
            Cause::Failed(Failure::Service(error)) => Cause::Failed(EndpointError(error.into())),
            Cause::Failed(Failure::Spent) => {
                Cause::Failed(EndpointError("the request could not be made anew".into()))
            }
            Cause::TimedOut => Cause::TimedOut,
            Cause::GivenUp => Cause::GivenUp,
        };
        AttemptError { number, target, cause, elapsed }
    });
    CallError { attempts: attempts.collect(), end, unavailable }
}
