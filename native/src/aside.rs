//! Work that takes long, on threads for blocking work: no task is kept from running.

use core::ops::{Deref, DerefMut};
use std::panic::resume_unwind;

use evenkeel_core::Endpoint;
use tokio::runtime::Handle;
use tokio::task::{JoinError, spawn_blocking};

use crate::target::Target;

/// What is done with more endpoints than that takes long: a millisecond or more.
pub(crate) const LONG: usize = 4_096;
/// To read text of more bytes than that takes long.
#[cfg(feature = "web")]
pub(crate) const LONG_TEXT: usize = 64 << 10;

/// Does work, on a thread for blocking work if it is `long`. Dropped meanwhile, the work goes on to
/// its end there, and what it returns is dropped.
pub(crate) async fn aside<T: Send + 'static>(
    long: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if !long {
        return work();
    }
    done(spawn_blocking(work).await).await
}

/// Returns what work on a thread for blocking work returned, or panics as it did.
pub(crate) async fn done<T>(work: Result<T, JoinError>) -> T {
    match work.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => resume_unwind(panic),
        // The runtime ends, and whoever waits for this with it.
        Err(Err(_)) => core::future::pending().await,
    }
}

/// Copies endpoints, about so many that come in pieces, and lets other tasks run in between.
pub(crate) async fn copied<'a>(
    pieces: impl Iterator<Item = &'a [Endpoint<Target>]> + Send,
    about: usize,
) -> Vec<Endpoint<Target>> {
    let (mut copies, mut turn) = (Vec::with_capacity(about), 0);
    for piece in pieces.flat_map(|piece| piece.chunks(LONG)) {
        copies.extend_from_slice(piece);
        turn += piece.len();
        if turn >= LONG {
            turn = 0;
            tokio::task::yield_now().await;
        }
    }
    copies
}

/// Something that can be so large that it takes long to drop.
pub(crate) trait Size: Default + Send + 'static {
    /// Returns how many endpoints it has.
    fn size(&self) -> usize;
}

impl Size for Vec<Endpoint<Target>> {
    fn size(&self) -> usize {
        self.len()
    }
}

/// Drops something aside, if that takes long.
#[derive(Debug, Default)]
pub(crate) struct DropAside<T: Size>(pub(crate) T);

impl<T: Size> Drop for DropAside<T> {
    fn drop(&mut self) {
        if self.0.size() > LONG
            && let Ok(runtime) = Handle::try_current()
        {
            let long = core::mem::take(&mut self.0);
            drop(runtime.spawn_blocking(move || drop(long)));
        }
    }
}

impl<T: Size> Size for DropAside<T> {
    fn size(&self) -> usize {
        self.0.size()
    }
}

impl<T: Size> Deref for DropAside<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Size> DerefMut for DropAside<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
