//! Where a secure name server is, and the way there.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use std::io;
use std::sync::Arc;

use rustls::AlertDescription;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::error::Cause;
use crate::connect::connect;
use crate::tls::{Connector, server_name};

/// What is wrong with a server that agrees on nothing else.
pub(super) const NO_HTTP_2: &str = "it speaks no HTTP/2";

/// A host and a port.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The name that the certificate must have.
    host: String,
    pub(super) port: u16,
    /// Where it is known without asking the system for the host.
    pub(super) ip: Option<IpAddr>,
}

impl Place {
    /// # Errors
    /// If no certificate can have the name.
    pub(super) fn new(host: &str, port: u16, ip: Option<IpAddr>) -> Result<Self, String> {
        server_name(host).map_err(|error| error.reason)?;
        Ok(Self { host: host.to_owned(), port, ip })
    }

    /// Makes a secure connection.
    pub(super) async fn connect(&self, tls: &Connector) -> Result<TlsStream<TcpStream>, Cause> {
        let tcp = match self.ip {
            Some(ip) => TcpStream::connect((ip, self.port)).await,
            None => connect(&self.host, self.port).await,
        };
        let tcp = tcp.map_err(Cause::io)?;
        tcp.set_nodelay(true).map_err(Cause::io)?;
        let session = tls.session(&self.host).await;
        let (connector, name) = session.map_err(|error| Cause::Tls(Arc::new(error)))?;
        connector.connect(name, tcp).await.map_err(insecure)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            Some(ip) if ip.to_string() == self.host => SocketAddr::new(ip, self.port).fmt(f),
            Some(ip) => write!(f, "{}#{}", SocketAddr::new(ip, self.port), self.host),
            None => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Says why the handshake failed.
fn insecure(error: io::Error) -> Cause {
    let cause = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    let what = match cause {
        Some(rustls::Error::InvalidMessage(_)) => "it does not speak TLS",
        // The only one that is ever asked for.
        Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => NO_HTTP_2,
        Some(_) | None => return Cause::Tls(Arc::new(error)),
    };
    Cause::Tls(Arc::new(io::Error::other(format!("{what}: {error}"))))
}
