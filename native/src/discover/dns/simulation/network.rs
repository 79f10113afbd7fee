//! Sockets of a simulated network: a name server is a function, and time is tokio's, paused.

use core::cell::RefCell;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep, sleep_until};

/// How a question comes to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Way {
    Udp,
    Tcp,
}

/// Answers the bytes of a question after some time, or stays silent.
type Serve = Arc<dyn Fn(Way, &[u8]) -> Option<(Duration, Vec<u8>)> + Send + Sync>;

/// As many bytes as two messages have.
const BUFFER: usize = 2 * 65_537;

thread_local! {
    /// The servers that the tests of this thread can reach.
    static SERVERS: RefCell<BTreeMap<SocketAddr, Serve>> = const { RefCell::new(BTreeMap::new()) };
}

/// Sets a server up, for the sockets of this thread.
pub(in super::super) fn serve(
    addr: SocketAddr,
    server: impl Fn(Way, &[u8]) -> Option<(Duration, Vec<u8>)> + Send + Sync + 'static,
) {
    SERVERS.with_borrow_mut(|servers| servers.insert(addr, Arc::new(server)));
}

fn server_at(addr: SocketAddr) -> io::Result<Serve> {
    let server = SERVERS.with_borrow(|servers| servers.get(&addr).cloned());
    server.ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
}

/// A socket with one server at its other end.
#[derive(Default)]
pub(in super::super) struct UdpSocket {
    server: Mutex<Option<Serve>>,
    /// What is on its way back.
    coming: Mutex<Vec<(Instant, Vec<u8>)>>,
}

#[expect(clippy::unused_async, reason = "as tokio's")]
impl UdpSocket {
    pub(in super::super) async fn bind(_any: SocketAddr) -> io::Result<Self> {
        Ok(Self::default())
    }

    pub(in super::super) async fn connect(&self, server: SocketAddr) -> io::Result<()> {
        *self.server.lock().unwrap() = Some(server_at(server)?);
        Ok(())
    }

    pub(in super::super) async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let server = self.server.lock().unwrap().clone();
        let server = server.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
        if let Some((after, answer)) = server(Way::Udp, bytes) {
            self.coming.lock().unwrap().push((Instant::now() + after, answer));
        }
        Ok(bytes.len())
    }

    pub(in super::super) async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let first = self.coming.lock().unwrap().iter().map(|(at, _)| *at).min();
        let Some(first) = first else { return core::future::pending().await };
        sleep_until(first).await;
        let mut coming = self.coming.lock().unwrap();
        let index = coming.iter().position(|(at, _)| *at == first).expect("nobody else takes it");
        let (_, bytes) = coming.swap_remove(index);
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

/// A connection over TCP.
pub(in super::super) type Stream = DuplexStream;

/// Connects to a server, which answers one question after the other.
pub(in super::super) async fn connect(server: SocketAddr) -> io::Result<Stream> {
    let server = server_at(server)?;
    let (ours, theirs) = duplex(BUFFER);
    tokio::spawn(answer_all(theirs, server));
    Ok(ours)
}

async fn answer_all(mut stream: DuplexStream, server: Serve) -> io::Result<()> {
    loop {
        let mut question = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut question).await?;
        let Some((after, answer)) = server(Way::Tcp, &question) else { continue };
        sleep(after).await;
        stream.write_u16(u16::try_from(answer.len()).map_err(io::Error::other)?).await?;
        stream.write_all(&answer).await?;
    }
}
