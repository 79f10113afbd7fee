//! A client as they are: it keeps connections that it may use again.

use core::net::SocketAddr;
use std::io;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::backend::DONE;

/// The connections to a backend.
#[derive(Debug)]
pub struct Connections {
    addr: SocketAddr,
    idle: Mutex<Vec<TcpStream>>,
}

impl Connections {
    /// Keeps connections to this address; none as yet.
    pub fn to(addr: SocketAddr) -> Self {
        Self { addr, idle: Mutex::default() }
    }

    /// Asks once. A connection that was closed while idle is replaced by a new one.
    ///
    /// # Errors
    /// The backend refuses, breaks off, or answers that it failed.
    pub async fn ask(&self) -> io::Result<()> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(stream) = idle {
            match self.ask_over(stream).await {
                Err(error) if is_closed(&error) => self.forget(),
                result => return result,
            }
        }
        let stream = TcpStream::connect(self.addr).await?;
        stream.set_nodelay(true)?;
        self.ask_over(stream).await
    }

    async fn ask_over(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.write_u8(b'?').await?;
        let answer = stream.read_u8().await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
        if answer == DONE { Ok(()) } else { Err(io::Error::other("500")) }
    }

    fn forget(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}
