//! The checks that need no code: a connection, an HTTP request.

use core::error::Error;
use core::fmt;
use core::future::Future;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Checked, Probe};
use crate::connect;
use crate::target::Target;

/// An endpoint is well if it takes a TCP connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl<C: Send + Sync + 'static> Probe<C> for Tcp {
    fn probe(&self, endpoint: Checked<C>) -> impl Future<Output = bool> + Send + 'static {
        let target = endpoint.target().clone();
        async move { connect::to(&target).await.is_ok() }
    }
}

/// An endpoint is well if it answers a `GET` of a path with a status of 200 to 299, by HTTP/1.1
/// over a connection of its own, without TLS, with the endpoint's name as its `Host`. Others are a
/// function away: a [`Probe`] has the client.
#[derive(Clone, Debug)]
pub struct HttpGet {
    path: Arc<str>,
}

impl HttpGet {
    /// Asks for `path`, which may have a query.
    ///
    /// # Errors
    /// [`HttpGetError`] if it does not begin with a slash, or has spaces or other signs that no
    /// request line has.
    pub fn new(path: &str) -> Result<Self, HttpGetError> {
        if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self { path: path.into() })
        } else {
            Err(HttpGetError { path: path.into() })
        }
    }
}

impl<C: Send + Sync + 'static> Probe<C> for HttpGet {
    fn probe(&self, endpoint: Checked<C>) -> impl Future<Output = bool> + Send + 'static {
        let path = Arc::clone(&self.path);
        async move { get(endpoint.target(), &path).await.is_ok_and(|well| well) }
    }
}

/// A path that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGetError {
    /// What was given.
    pub path: String,
}

impl fmt::Display for HttpGetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        write!(f, "{path:?} is no path: it begins with / and has visible ASCII characters only")
    }
}

impl Error for HttpGetError {}

/// Tells that a `GET` is answered by a status of 200 to 299.
async fn get(target: &Target, path: &str) -> io::Result<bool> {
    let mut stream = connect::to(target).await?;
    let host = target.authority(80);
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    // RFC 9112 §4: the version, a space, three digits, a space.
    let mut line = [0; b"HTTP/1.1 200 ".len()];
    stream.read_exact(&mut line).await?;
    Ok(line.starts_with(b"HTTP/1.") && line[8..10] == *b" 2")
}
