//! A name server, and the way to ask it.

use core::fmt;
#[cfg(any(feature = "dns-over-tls", feature = "dns-over-https"))]
use core::net::IpAddr;
use core::net::SocketAddr;
use core::str::FromStr;

#[cfg(feature = "dns-over-https")]
use hyper::Uri;

#[cfg(any(feature = "dns-over-tls", feature = "dns-over-https"))]
use super::place::Place;
use super::settings_error::DnsError;
#[cfg(feature = "dns-over-https")]
use crate::discover::url::Url;
#[cfg(any(feature = "dns-over-tls", feature = "dns-over-https"))]
use crate::tls::Tls;

/// The port of DNS.
const PORT: u16 = 53;
/// That of DNS over TLS (RFC 7858 §3.1).
#[cfg(feature = "dns-over-tls")]
const TLS_PORT: u16 = 853;

/// A name server, and the way to ask it: over UDP and TCP, over TLS with the feature
/// `dns-over-tls`, or over HTTPS with the feature `dns-over-https`.
///
/// A secure server is asked over one connection, which all questions share at once. It is closed
/// 10 s after the last one, and made anew when it breaks. What is said of time-outs, and of the
/// next server's turn, holds for all.
///
/// ```
/// use core::net::SocketAddr;
///
/// use evenkeel::DnsSrv;
/// use evenkeel::dns::NameServer;
///
/// # fn main() -> Result<(), evenkeel::dns::DnsError> {
/// let mut servers = vec![NameServer::from(SocketAddr::from(([10, 0, 0, 2], 53)))];
/// # #[cfg(feature = "dns-over-tls")]
/// servers.push(NameServer::tls(SocketAddr::from(([9, 9, 9, 9], 853)), "dns.quad9.net")?);
/// # #[cfg(feature = "dns-over-https")]
/// servers.push(NameServer::https("https://dns.quad9.net/dns-query")?);
/// let source = DnsSrv::new("_http._tcp.web.example.com")?.servers(servers)?;
/// # Ok(())
/// # }
/// ```
///
/// As text, it is `IP`, `IP:PORT`, `tls://IP#NAME`, `tls://IP:PORT#NAME`, `tls://NAME` or an
/// `https://` URL:
///
/// ```
/// use evenkeel::dns::NameServer;
///
/// # fn main() -> Result<(), evenkeel::dns::DnsError> {
/// let server: NameServer = "10.0.0.2".parse()?;
/// assert_eq!(server.to_string(), "10.0.0.2:53");
/// # #[cfg(feature = "dns-over-tls")]
/// # {
/// let server: NameServer = "tls://9.9.9.9#dns.quad9.net".parse()?;
/// assert_eq!(server.to_string(), "tls://9.9.9.9:853#dns.quad9.net");
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct NameServer(Kind);

/// How it is asked.
#[derive(Clone)]
pub(super) enum Kind {
    Plain(SocketAddr),
    #[cfg(feature = "dns-over-tls")]
    Tls(Place, Tls),
    #[cfg(feature = "dns-over-https")]
    Https(Uri, Place, Tls),
}

impl NameServer {
    /// Asks over UDP, and over TCP where an answer does not fit or none comes.
    pub fn new(addr: SocketAddr) -> Self {
        Self(Kind::Plain(addr))
    }

    /// Asks over TLS (RFC 7858), usually at port 853. The certificate must have this name, which
    /// may be an IP address.
    ///
    /// # Errors
    /// If no certificate can have the name.
    #[cfg(feature = "dns-over-tls")]
    pub fn tls(addr: SocketAddr, name: &str) -> Result<Self, DnsError> {
        let place = Place::new(name, addr.port(), Some(addr.ip()));
        let place = place.map_err(|reason| bad(&format!("tls://{addr}#{name}"), reason))?;
        Ok(Self(Kind::Tls(place, Tls::default())))
    }

    /// Asks over HTTPS (RFC 8484), by HTTP/2: the server has this URL, such as
    /// `https://dns.example.com/dns-query`, and the certificate its host. The system is asked for
    /// the host's address, unless it is [given](Self::with_address).
    ///
    /// # Errors
    /// If it is no URL that begins with `https://`.
    #[cfg(feature = "dns-over-https")]
    pub fn https(url: &str) -> Result<Self, DnsError> {
        // As RFC 8484 writes URLs: nothing takes the place of the variable where one posts.
        let text = url.strip_suffix("{?dns}").unwrap_or(url);
        let url = Url::new(text).map_err(|error| bad(&error.url, error.reason))?;
        if !url.https {
            return Err(bad(&url.to_string(), "it does not begin with https://"));
        }
        let whole = format!("https://{}{}", url.authority(), url.origin_form());
        let uri = whole.parse().map_err(|_| bad(&url.to_string(), "it cannot be asked"))?;
        let ip = url.host.parse().ok();
        let place = Place::new(&url.host, url.port, ip);
        let place = place.map_err(|reason| bad(&url.to_string(), reason))?;
        Ok(Self(Kind::Https(uri, place, Tls::default())))
    }

    /// Says whom to trust instead of the system's authorities, and who the client is. Where UDP
    /// and TCP are asked, it changes nothing.
    #[cfg(any(feature = "dns-over-tls", feature = "dns-over-https"))]
    #[must_use]
    pub fn with_tls(mut self, settings: Tls) -> Self {
        match &mut self.0 {
            Kind::Plain(_) => {}
            #[cfg(feature = "dns-over-tls")]
            Kind::Tls(_, tls) => *tls = settings,
            #[cfg(feature = "dns-over-https")]
            Kind::Https(_, _, tls) => *tls = settings,
        }
        self
    }

    /// Connects to this address instead of asking the system for that of the server's name.
    #[cfg(any(feature = "dns-over-tls", feature = "dns-over-https"))]
    #[must_use]
    pub fn with_address(mut self, ip: IpAddr) -> Self {
        match &mut self.0 {
            Kind::Plain(addr) => addr.set_ip(ip),
            #[cfg(feature = "dns-over-tls")]
            Kind::Tls(place, _) => place.ip = Some(ip),
            #[cfg(feature = "dns-over-https")]
            Kind::Https(_, place, _) => place.ip = Some(ip),
        }
        self
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.0
    }

    /// Returns its text if its port is 0, where nothing answers.
    pub(super) fn without_port(&self) -> Option<String> {
        let port = match &self.0 {
            Kind::Plain(addr) => addr.port(),
            #[cfg(feature = "dns-over-tls")]
            Kind::Tls(place, _) => place.port,
            #[cfg(feature = "dns-over-https")]
            Kind::Https(_, place, _) => place.port,
        };
        (port == 0).then(|| self.to_string())
    }
}

impl From<SocketAddr> for NameServer {
    fn from(addr: SocketAddr) -> Self {
        Self::new(addr)
    }
}

impl fmt::Display for NameServer {
    /// Writes it as it is read; leaves out the query of a URL, which may have secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Plain(addr) => addr.fmt(f),
            #[cfg(feature = "dns-over-tls")]
            Kind::Tls(place, _) => write!(f, "tls://{place}"),
            #[cfg(feature = "dns-over-https")]
            Kind::Https(uri, ..) => {
                let authority = uri.authority().map_or("", |authority| authority.as_str());
                write!(f, "https://{authority}{}", uri.path())
            }
        }
    }
}

impl fmt::Debug for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for NameServer {
    type Err = DnsError;

    /// Reads the text of a name server.
    ///
    /// # Errors
    /// If it is none, or needs a feature that is off.
    fn from_str(text: &str) -> Result<Self, DnsError> {
        if let Some(rest) = text.strip_prefix("tls://") {
            return over_tls(text, rest);
        }
        if text.contains("://") {
            return over_https(text);
        }
        match with_port(text, PORT) {
            Some(addr) if addr.port() == 0 => Err(bad(text, "a name server cannot have port 0")),
            Some(addr) => Ok(Self::new(addr)),
            None => {
                let reason = "not an IP address and a port, such as 127.0.0.1:53 or [::1]:53, nor \
                              tls://IP#NAME or an https:// URL";
                Err(bad(text, reason))
            }
        }
    }
}

#[cfg(feature = "dns-over-tls")]
fn over_tls(text: &str, rest: &str) -> Result<NameServer, DnsError> {
    let (at, name) = rest.split_once('#').map_or((rest, None), |(at, name)| (at, Some(name)));
    let (name, port, ip) = if let Some(addr) = with_port(at, TLS_PORT) {
        (name.unwrap_or(&addr.ip().to_string()).to_owned(), addr.port(), Some(addr.ip()))
    } else if name.is_some() {
        return Err(bad(text, "not an IP address before the '#'"));
    } else {
        let (host, port) =
            at.rsplit_once(':').map_or((at, Ok(TLS_PORT)), |(host, port)| (host, port.parse()));
        (host.to_owned(), port.map_err(|_| bad(text, "its port is not one"))?, None)
    };
    if port == 0 {
        return Err(bad(text, "a name server cannot have port 0"));
    }
    let place = Place::new(&name, port, ip).map_err(|reason| bad(text, reason))?;
    Ok(NameServer(Kind::Tls(place, Tls::default())))
}

#[cfg(not(feature = "dns-over-tls"))]
fn over_tls(text: &str, _: &str) -> Result<NameServer, DnsError> {
    Err(bad(text, "the feature dns-over-tls is off"))
}

#[cfg(feature = "dns-over-https")]
fn over_https(text: &str) -> Result<NameServer, DnsError> {
    NameServer::https(text)
}

#[cfg(not(feature = "dns-over-https"))]
fn over_https(text: &str) -> Result<NameServer, DnsError> {
    Err(bad(text, "the feature dns-over-https is off"))
}

/// Reads an address, with or without a port.
fn with_port(text: &str, port: u16) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, port)))
}

fn bad(server: &str, reason: impl Into<String>) -> DnsError {
    DnsError::BadServer { server: server.to_owned(), reason: reason.into() }
}
