//! Connections to endpoints: TCP, or what the user makes.

use core::fmt;
use core::future::Future;
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::connect;
use crate::factory::BoxError;
use crate::target::Target;
#[cfg(feature = "tls")]
use crate::tls::{Connector as TlsConnector, Tls, explained};

/// What HTTP/2 can be spoken on: any byte stream of tokio's.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

type Connecting = Pin<Box<dyn Future<Output = Result<Box<dyn Io>, BoxError>> + Send>>;

/// Makes a connection to an endpoint.
#[derive(Clone)]
pub(super) struct Connector(Arc<dyn Fn(Target) -> Connecting + Send + Sync>);

impl Connector {
    pub(super) fn new<I, E, Fut>(connect: impl Fn(Target) -> Fut + Send + Sync + 'static) -> Self
    where
        I: Io,
        E: Into<BoxError>,
        Fut: Future<Output = Result<I, E>> + Send + 'static,
    {
        Self(Arc::new(move |target| {
            let connecting = connect(target);
            Box::pin(async {
                let io = connecting.await.map_err(Into::into)?;
                Ok(Box::new(io) as Box<dyn Io>)
            })
        }))
    }

    /// Connects by TCP, without delay (`TCP_NODELAY`).
    pub(super) fn tcp() -> Self {
        Self::new(tcp)
    }

    /// Connects by TLS, and speaks HTTP/2 only with a server that agrees to it, as gRPC does.
    #[cfg(feature = "tls")]
    pub(super) fn tls(tls: Tls) -> Self {
        let connector = TlsConnector::new(tls).speaking(&[b"h2"]);
        Self::new(move |target: Target| {
            let connector = connector.clone();
            async move {
                let (session, name) =
                    connector.session(target.host().trim_matches(['[', ']'])).await?;
                let stream = session.connect(name, tcp(target).await?).await.map_err(explained)?;
                if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                    return Err("the server does not agree to HTTP/2 (ALPN)".into());
                }
                Ok::<_, BoxError>(stream)
            }
        })
    }

    /// Connects. A panic of the user's code is an error.
    pub(super) async fn connect(&self, target: Target) -> Result<Box<dyn Io>, BoxError> {
        let connecting = AssertUnwindSafe(async { (self.0)(target).await }).catch_unwind();
        connecting.await.unwrap_or_else(|_| Err("the connector panicked".into()))
    }
}

/// Connects to the address of a target, or to its name.
pub(super) async fn tcp(target: Target) -> std::io::Result<TcpStream> {
    let stream = connect::to(&target).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}
