//! Another body in place of one that broke before anybody had anything of it.

use core::task::{Context, Poll};
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;

use super::{BodyError, LeaseBody};

/// Asks for another body that fits the head of the answer; `None` if there is none.
pub(super) type Again<B> = dyn FnOnce() -> Asking<B> + Send + Sync;

type Asking<B> = BoxFuture<'static, Option<LeaseBody<B>>>;

/// A body that is to come in place of one that broke.
pub(super) struct Asked<B> {
    /// A `Mutex` only to be `Sync`, as bodies are and futures are not; reached by `get_mut`.
    answer: Mutex<Asking<B>>,
    /// How the first one broke.
    error: BodyError,
}

/// Where to get another body from.
pub(super) enum Substitute<B> {
    /// Nowhere, or nobody needs it any more.
    None,
    /// From there, as long as nobody had anything of the first.
    #[cfg_attr(
        not(any(feature = "http", feature = "reqwest")),
        expect(dead_code, reason = "only a client can ask again")
    )]
    May(Box<Again<B>>),
    /// It has been asked for.
    Asked(Box<Asked<B>>),
}

impl<B> Substitute<B> {
    /// Asks for another one, after this error.
    ///
    /// # Errors
    /// The same, if there is none to be had.
    pub(super) fn ask(&mut self, error: BodyError) -> Result<(), BodyError> {
        match core::mem::replace(self, Self::None) {
            Self::May(again) if matches!(error, BodyError::Broken(_)) => {
                *self = Self::Asked(Box::new(Asked { answer: Mutex::new(again()), error }));
                Ok(())
            }
            Self::None | Self::May(_) | Self::Asked(_) => Err(error),
        }
    }
}

impl<B> Asked<B> {
    /// Waits for it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<LeaseBody<B>>> {
        self.answer.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }

    pub(super) fn into_error(self) -> BodyError {
        self.error
    }
}
