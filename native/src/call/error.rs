use core::error::Error;
use core::fmt;
use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::retry::End;

use super::flight::Flight;
use crate::error::PickError;
use crate::factory::BoxError;
use crate::target::Target;

/// A call that got no good answer: why it stopped, and what every attempt met.
#[derive(Debug)]
pub struct CallError<E> {
    /// The attempts in the order they ended.
    pub attempts: Vec<AttemptError<E>>,
    /// Why there was no other attempt.
    pub end: End,
    /// Why no endpoint could be picked, if that is why it stopped, or what it waited for until its
    /// deadline.
    pub unavailable: Option<PickError>,
}

/// One attempt that failed.
#[derive(Debug)]
pub struct AttemptError<E> {
    /// Which one it was: 1 for the first. One that never left the client is sent again under its
    /// number.
    pub number: u32,
    /// Where it went.
    pub target: Target,
    /// What went wrong.
    pub cause: Cause<E>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What went wrong with an attempt.
#[derive(Debug)]
pub enum Cause<E> {
    /// It failed.
    Failed(E),
    /// It took too long and was given up.
    TimedOut,
    /// It was given up because another one decided the call.
    GivenUp,
}

impl<E> CallError<E> {
    pub(super) fn push<C>(&mut self, flight: &Flight<C>, now: Instant, cause: Cause<E>) {
        let Flight { attempt, lease, began, .. } = flight;
        let (number, target) = (attempt.number(), lease.target().clone());
        self.attempts.push(AttemptError {
            number,
            target,
            cause,
            elapsed: now.saturating_since(*began),
        });
    }

    /// Makes the errors of attempts, whatever they are, errors with a source: for attempts that fail
    /// with `Box<dyn Error + Send + Sync>` or `anyhow::Error`, which are no errors themselves. With
    /// others, `?` takes a `CallError` as it is.
    ///
    /// ```
    /// use evenkeel::{Balancer, BoxError, CallError, Fixed, Retry};
    /// use std::time::Duration;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let balancer = Balancer::builder(Fixed::new(["10.0.0.1:80"])?).build_with(|target| target)?;
    /// let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
    /// let ask = async |_| Err::<(), BoxError>("no luck".into());
    /// balancer.call(&retry, ask).await.map_err(CallError::boxed)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn boxed(self) -> CallError<AnyError>
    where
        E: Into<BoxError>,
    {
        let boxed = |attempt: AttemptError<E>| {
            let AttemptError { number, target, cause, elapsed } = attempt;
            let cause = match cause {
                Cause::Failed(error) => Cause::Failed(AnyError(error.into())),
                Cause::TimedOut => Cause::TimedOut,
                Cause::GivenUp => Cause::GivenUp,
            };
            AttemptError { number, target, cause, elapsed }
        };
        let Self { attempts, end, unavailable } = self;
        CallError { attempts: attempts.into_iter().map(boxed).collect(), end, unavailable }
    }

    /// Returns the error of the last attempt that failed by itself.
    pub fn last(&self) -> Option<&E> {
        self.attempts.iter().rev().find_map(|attempt| match &attempt.cause {
            Cause::Failed(error) => Some(error),
            Cause::TimedOut | Cause::GivenUp => None,
        })
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.end, &self.unavailable) {
            (End::NoEndpoints, Some(error)) => write!(f, "{error}")?,
            (End::NoEndpoints, None) => f.write_str("no endpoints available")?,
            (End::Deadline, Some(error)) => write!(f, "deadline exceeded: {error}")?,
            (End::Deadline, None) => f.write_str("deadline exceeded")?,
            (End::NonRetryableFailure, _) => f.write_str("not retryable")?,
            (End::Ignorable, _) => f.write_str("the request is at fault")?,
            (End::Canceled, _) => f.write_str("canceled")?,
            (End::Budget, _) => f.write_str("retry budget exhausted")?,
            (End::PushBack, _) => f.write_str("the service asked to wait for too long")?,
            (End::Success | End::Attempts, _) => f.write_str("attempts exhausted")?,
        }
        match self.attempts.len() {
            0 => {}
            1 => f.write_str(" after 1 attempt")?,
            many => write!(f, " after {many} attempts")?,
        }
        for (i, attempt) in self.attempts.iter().enumerate() {
            write!(f, "{} {attempt}", if i == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl<E: fmt::Display> fmt::Display for AttemptError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Failed(error) => {
                write!(f, "{} failed after {:?}: {error}", self.target, self.elapsed)
            }
            Cause::TimedOut => write!(f, "{} timed out after {:?}", self.target, self.elapsed),
            Cause::GivenUp => write!(f, "{} was given up after {:?}", self.target, self.elapsed),
        }
    }
}

impl<E: Error + 'static> Error for CallError<E> {
    /// Returns the error of the last attempt that failed by itself, else why no endpoint could be
    /// picked.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.last() {
            Some(error) => Some(error),
            None => self.unavailable.as_ref().map(|error| error as &(dyn Error + 'static)),
        }
    }
}

impl<E: Error + 'static> Error for AttemptError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Failed(error) => Some(error),
            Cause::TimedOut | Cause::GivenUp => None,
        }
    }
}

/// Any error of an attempt; see [`CallError::boxed`].
#[derive(Debug)]
pub struct AnyError(pub BoxError);

impl fmt::Display for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for AnyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
