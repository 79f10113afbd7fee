//! Sockets: tokio's; in this crate's own tests, those of a simulated network.

#[cfg(not(test))]
pub(super) use tokio::net::{TcpStream as Stream, UdpSocket};

#[cfg(test)]
pub(super) use super::simulation::{Stream, UdpSocket, connect};

/// Connects over TCP.
#[cfg(not(test))]
pub(super) async fn connect(server: core::net::SocketAddr) -> std::io::Result<Stream> {
    Stream::connect(server).await
}
