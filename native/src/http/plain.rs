//! Connections without TLS, to servers that may want it.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How a record of TLS begins in which a server complains of what it was sent: an alert (21), of a
/// version of which the first byte is always 3 (RFC 8446 §5.1).
const ALERT: [u8; 2] = [21, 3];

/// A connection without TLS. Where the server's first bytes are an alert of TLS, it says so.
pub(super) struct Plain<S> {
    io: S,
    begun: bool,
}

impl<S> Plain<S> {
    pub(super) fn new(io: S) -> Self {
        Self { io, begun: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Plain<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let end = Pin::new(&mut self.io).poll_read(cx, buf);
        if !self.begun && end.is_ready() {
            self.begun = true;
            if buf.filled()[before..].starts_with(&ALERT) {
                let what =
                    "the server speaks TLS here: ask with TLS (https://), or at another port";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, what)));
            }
        }
        end
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Plain<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
