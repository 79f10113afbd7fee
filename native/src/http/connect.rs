//! Connections to one endpoint.

use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::{Arc, OnceLock, Weak};

use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{CaptureConnection, Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tower_service::Service;

use super::plain::Plain;
use crate::connect;
use crate::factory::BoxError;
use crate::target::Target;
#[cfg(feature = "tls")]
use crate::tls::{Connector as TlsConnector, explained};

/// Connects to its endpoint, whatever the URL says. hyper's client makes clones for each request.
#[derive(Clone, Debug)]
pub(super) struct Connector(pub(super) Arc<Settings>);

/// How.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) target: Target,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<(TlsConnector, Arc<str>)>,
    pub(super) timeout: Duration,
    pub(super) max_age: Option<Duration>,
}

impl Settings {
    async fn connect(&self) -> Result<Stream, BoxError> {
        let born = Instant::now();
        let limit = self.timeout;
        let connected = AtomicBool::new(false);
        let late = |_| {
            let what = if connected.load(Relaxed) {
                format!("connected, but no TLS within {limit:?}: does the server speak it here?")
            } else {
                format!("no connection within {limit:?}")
            };
            io::Error::new(io::ErrorKind::TimedOut, what)
        };
        let (io, h2) = timeout(limit, self.open(&connected)).await.map_err(late)??;
        let retires = self.max_age.and_then(|age| born.checked_add(age));
        let exit = retires.map(|_| Arc::default());
        let retires = retires.map(|at| Box::pin(sleep_until(at)));
        Ok(Stream { io: TokioIo::new(io), h2, exit, retires })
    }

    /// Opens a connection; tells that HTTP/2 was agreed on, and before that, that TCP is connected.
    async fn open(&self, connected: &AtomicBool) -> Result<(Box<dyn Io>, bool), BoxError> {
        let tcp = connect::to(&self.target).await?;
        tcp.set_nodelay(true)?;
        connected.store(true, Relaxed);
        #[cfg(feature = "tls")]
        if let Some((tls, host)) = &self.tls {
            let (connector, name) = tls.session(host).await?;
            let stream = connector.connect(name, tcp).await.map_err(explained)?;
            let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            return Ok((Box::new(stream), h2));
        }
        Ok((Box::new(Plain::new(tcp)), false))
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Stream, BoxError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let settings = Arc::clone(&self.0);
        Box::pin(async move { settings.connect().await })
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// How to take a connection out of its pool once it is old enough.
#[derive(Default)]
struct Exit {
    connection: OnceLock<CaptureConnection>,
    due: AtomicBool,
}

impl Exit {
    fn retire(&self) {
        self.due.store(true, Relaxed);
        if let Some(connection) = self.connection.get()
            && let Some(connected) = &*connection.connection_metadata()
        {
            connected.poison();
        }
    }
}

/// An extension of each answer, by which its connection learns how to retire. What a connection
/// says of itself has one: it must not own what knows the connection.
#[derive(Clone)]
pub(super) struct Age(Weak<Exit>);

impl Age {
    /// Learns from a request that was sent over the connection.
    pub(super) fn learn(&self, connection: CaptureConnection) {
        let Some(exit) = self.0.upgrade() else { return };
        // What is known already is the same.
        let _known = exit.connection.set(connection);
        if exit.due.load(Relaxed) {
            exit.retire();
        }
    }
}

/// A connection, which retires when it is old enough: requests under way go on, and others go
/// elsewhere.
pub(super) struct Stream {
    io: TokioIo<Box<dyn Io>>,
    h2: bool,
    /// Where it retires some time: what answers bring with them is made for each.
    exit: Option<Arc<Exit>>,
    retires: Option<Pin<Box<Sleep>>>,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let mut connected = Connected::new();
        if let Some(exit) = &self.exit {
            connected = connected.extra(Age(Arc::downgrade(exit)));
        }
        if self.h2 { connected.negotiated_h2() } else { connected }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // Who owns a connection reads all the time, if only to see its end.
        if let Some(retires) = &mut self.retires
            && retires.as_mut().poll(cx).is_ready()
        {
            self.retires = None;
            self.exit.as_ref().inspect(|exit| exit.retire());
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Stream {
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
