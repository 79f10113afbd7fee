//! Answers that nobody is given.

use core::future::poll_fn;
use core::pin::Pin;
use core::time::Duration;

use ::http::Version;
use ::http::response::{Parts, Response};
use http_body::Body;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// So much is read of a body for its connection to be used again.
const BYTES: u64 = 64 << 10;
/// So long it is waited for.
const TIME: Duration = Duration::from_millis(200);

/// An answer that may not be given to anybody. Dropped, its body is read to its end within bounds,
/// so that its connection is free for others; what takes longer is closed.
pub(super) struct MayBeUnused<B: Body + Send + Unpin + 'static>(Option<Response<B>>);

impl<B: Body + Send + Unpin + 'static> MayBeUnused<B> {
    pub(super) fn new(head: Parts, body: B) -> Self {
        Self(Some(Response::from_parts(head, body)))
    }

    /// Gives it to somebody.
    pub(super) fn take(mut self) -> Option<Response<B>> {
        self.0.take()
    }
}

impl<B: Body + Send + Unpin + 'static> Drop for MayBeUnused<B> {
    fn drop(&mut self) {
        let Some(response) = self.0.take() else { return };
        // A stream of HTTP/2 is closed without its connection.
        let alone = response.version() < Version::HTTP_2;
        let body = response.into_body();
        if !alone || body.is_end_stream() || body.size_hint().lower() > BYTES {
            return;
        }
        // Without a runtime any more, there is no connection to keep either.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(TIME, drain(body)));
        }
    }
}

async fn drain(mut body: impl Body + Unpin) {
    let mut left = BYTES;
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Some(data) = frame.data_ref() else { continue };
        let Some(rest) = left.checked_sub(remaining(data)) else { return };
        left = rest;
    }
}

fn remaining(data: &impl bytes::Buf) -> u64 {
    data.remaining() as u64
}
