//! A client as they are: it keeps connections that it may use again.

use core::net::SocketAddr;
use std::io;
use std::sync::{Mutex, PoisonError};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

type Connection = SendRequest<Empty<Bytes>>;

/// The connections to an HTTP server.
#[derive(Debug)]
pub struct Connections {
    addr: SocketAddr,
    idle: Mutex<Vec<Connection>>,
}

impl Connections {
    /// Keeps connections to this address; none as yet.
    pub fn to(addr: SocketAddr) -> Self {
        Self { addr, idle: Mutex::default() }
    }

    /// Returns the address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Asks once. A connection that was closed while idle is replaced by a new one.
    ///
    /// # Errors
    /// The server refuses, breaks off, or answers that it failed.
    pub async fn ask(&self) -> io::Result<()> {
        self.get("/").await.map(drop)
    }

    /// Gets the body of this path, as [`ask`](Self::ask) does.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn get(&self, path: &str) -> io::Result<Bytes> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut connection) = idle {
            match self.get_over(&mut connection, path).await {
                Err(error) if is_closed(&error) => self.forget(),
                result => return self.end(connection, result),
            }
        }
        let stream = TcpStream::connect(self.addr).await?;
        stream.set_nodelay(true)?;
        let (mut connection, driver) =
            handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(driver);
        let result = self.get_over(&mut connection, path).await;
        self.end(connection, result)
    }

    async fn get_over(
        &self,
        connection: &mut Connection,
        path: &str,
    ) -> hyper::Result<(StatusCode, Bytes)> {
        connection.ready().await?;
        let request = Request::get(path).header(HOST, self.addr.to_string());
        let request = request.body(Empty::new()).expect("paths are written here");
        let (head, body) = connection.send_request(request).await?.into_parts();
        Ok((head.status, body.collect().await?.to_bytes()))
    }

    /// Keeps what can be used again.
    fn end(
        &self,
        connection: Connection,
        result: hyper::Result<(StatusCode, Bytes)>,
    ) -> io::Result<Bytes> {
        let (status, body) = result.map_err(io::Error::other)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        if status == StatusCode::OK { Ok(body) } else { Err(io::Error::other(status.to_string())) }
    }

    fn forget(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn is_closed(error: &hyper::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    let io =
        core::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    error.is_closed()
        || error.is_canceled()
        || error.is_incomplete_message()
        || io.is_some_and(|error| {
            matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
        })
}
