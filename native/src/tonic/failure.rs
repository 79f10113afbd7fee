//! Why an attempt got no answer.

use core::error::Error;
use core::fmt;
use std::sync::Arc;

use evenkeel_core::grpc::Code;
use evenkeel_core::retry::End;
use tonic::Status;

use crate::call::CallError;
use crate::error::SharedError;
use crate::unread::is_unread;

/// Why an attempt got no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// There was no connection.
    Down(SharedError),
    /// The connection was closed before anything was sent, or the server refused the stream unread.
    /// `lost` tells that the request went with it.
    Unsent { error: hyper::Error, lost: bool },
    /// The connection or the stream broke.
    Broken { error: hyper::Error, code: Code },
    /// The request's own stream failed.
    Request(Status),
    /// The request went with an attempt before.
    Spent,
}

impl Failure {
    /// Tells what became of a request that was sent, from hyper's error; `lost` tells that the
    /// request has not come back.
    pub(super) fn of(error: hyper::Error, lost: bool) -> Self {
        if !lost {
            return Self::Unsent { error, lost };
        }
        if let Some(status) = in_chain::<Status>(&error) {
            return Self::Request(status.clone());
        }
        let Some(broken) = in_chain::<h2::Error>(&error) else {
            return Self::Broken { error, code: Code::Unavailable };
        };
        let code = match broken.reason() {
            Some(reason) if broken.is_reset() && broken.is_remote() => {
                Code::of_reset(reason.into())
            }
            _ => Code::Unavailable,
        };
        if is_unread(broken) { Self::Unsent { error, lost } } else { Self::Broken { error, code } }
    }

    /// Returns its status.
    #[cfg(feature = "metrics")]
    pub(super) fn grpc_code(&self) -> Code {
        code_of(self.code())
    }

    fn code(&self) -> tonic::Code {
        match self {
            Self::Down(_) | Self::Unsent { .. } | Self::Spent => tonic::Code::Unavailable,
            Self::Broken { code, .. } => tonic_code(*code),
            Self::Request(status) => status.code(),
        }
    }
}

/// Returns the code that tonic names so.
pub(super) fn code_of(code: tonic::Code) -> Code {
    usize::try_from(code as i32)
        .ok()
        .and_then(|index| Code::ALL.get(index))
        .copied()
        .unwrap_or(Code::Unknown)
}

/// Returns tonic's name of a code.
pub(super) fn tonic_code(code: Code) -> tonic::Code {
    tonic::Code::from_i32(code.index().into())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(error) => write!(f, "no connection: {error}"),
            Self::Unsent { error, .. } => write!(f, "not sent: {}", Reasons(error)),
            Self::Broken { error, .. } => write!(f, "the connection broke: {}", Reasons(error)),
            Self::Request(status) => write!(f, "the request's stream failed: {status}"),
            Self::Spent => f.write_str("the request's stream was sent already"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Down(error) => Some(&**error),
            Self::Unsent { error, .. } | Self::Broken { error, .. } => Some(error),
            Self::Request(status) => Some(status),
            Self::Spent => None,
        }
    }
}

/// An error and what it comes from, in one line.
struct Reasons<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        causes(self.0).try_for_each(|cause| write!(f, ": {cause}"))
    }
}

fn in_chain<E: Error + 'static>(error: &hyper::Error) -> Option<&E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// Lists what an error comes from, its immediate cause first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = error.source();
    core::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

/// Returns the status of a call that got no answer: that of its last failure, or that of a deadline.
/// Its source is the [`CallError`].
pub(super) fn status(error: CallError<Failure>) -> Status {
    let mut status = match (error.end, error.last()) {
        (End::Deadline, _) => Status::deadline_exceeded(error.to_string()),
        (_, Some(Failure::Request(status))) => return status.clone(),
        (_, Some(failure)) => Status::new(failure.code(), error.to_string()),
        // The last attempt took too long, and had no other after it.
        (_, None) if !error.attempts.is_empty() => Status::deadline_exceeded(error.to_string()),
        (_, None) => Status::unavailable(error.to_string()),
    };
    status.set_source(Arc::new(error));
    status
}
