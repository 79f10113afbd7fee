//! The address of an endpoint: a host and a port, and perhaps where that host is.

mod host;

use core::cmp::Ordering;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;

use evenkeel_core::Address;

use self::host::Host;

/// Longest host name (RFC 1035, as text without the trailing dot).
const MAX_HOST: usize = 253;

/// Where an endpoint answers: `host:port`, or `ip:port` with the host's name kept beside it.
///
/// All of that is its identity: two names on one address are two endpoints, for a client that was
/// made for one name (for TLS, or in the `Host` header) is no client for the other.
///
/// ```
/// use evenkeel::Target;
///
/// let target: Target = "[::1]:8080".parse()?;
/// assert_eq!(target.socket_addr(), Some("[::1]:8080".parse().unwrap()));
/// let target: Target = "API.example.com.:443".parse()?;
/// assert_eq!((target.host(), target.port()), ("api.example.com", 443));
/// assert_eq!(target.socket_addr(), None);
/// # Ok::<(), evenkeel::TargetError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Target {
    host: Host,
    ip: Option<IpAddr>,
    port: u16,
}

impl Target {
    /// Names a host by its name, or by an IP address as text.
    ///
    /// # Errors
    /// [`TargetError`] when the port is 0 or the host is no name.
    pub fn new(host: &str, port: u16) -> Result<Self, TargetError> {
        if port == 0 {
            return Err(TargetError::PortZero { target: format!("{host}:0") });
        }
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(SocketAddr::new(ip, port).into());
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        if name.len() > MAX_HOST {
            return Err(TargetError::HostTooLong { host: host.to_owned() });
        }
        let good = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        if !name.split('.').all(good) {
            return Err(TargetError::BadHost { host: host.to_owned() });
        }
        Ok(Self { host: Host::lowercase(name), ip: None, port })
    }

    /// Names a host whose address is known. Upper case and a trailing dot do not matter.
    pub fn at(host: &str, addr: SocketAddr) -> Self {
        let ip = Some(addr.ip());
        let host = match host.parse::<IpAddr>() {
            Ok(host) => host.into(),
            Err(_) => Host::lowercase(host.strip_suffix('.').unwrap_or(host)),
        };
        Self { host, ip, port: addr.port() }
    }

    /// Moves the host, whose name is kept in one place for all of its addresses.
    pub(crate) fn with_ip(self, ip: IpAddr) -> Self {
        Self { ip: Some(ip), ..self }
    }

    /// Returns the host's name, or its IP address as text where no name is known.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Writes host and port as they are in a URL and in the `Host` header: IPv6 in brackets, and no
    /// port if it is the `usual` one.
    pub(crate) fn authority(&self, usual: u16) -> String {
        let (host, port) = (self.host(), self.port);
        match (host.contains(':'), port == usual) {
            (false, false) => format!("{host}:{port}"),
            (false, true) => host.to_owned(),
            (true, false) => format!("[{host}]:{port}"),
            (true, true) => format!("[{host}]"),
        }
    }

    /// Returns the address to connect to, if it is known; otherwise resolve [`host`](Self::host).
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.ip?, self.port))
    }

    /// Reads the text of [`key`](Address::key): what [`FromStr`] reads, or `host@ip:port`.
    pub(crate) fn of_key(text: &str) -> Result<Self, TargetError> {
        match text.split_once('@') {
            Some((host, addr)) => match addr.parse() {
                Ok(addr) => Self::new(host, SocketAddr::port(&addr)).map(|_| Self::at(host, addr)),
                Err(_) => Err(TargetError::BadHost { host: text.to_owned() }),
            },
            None => text.parse(),
        }
    }

    /// Targets are listed by address and port; those of one address by name, and those without an
    /// address by name and port.
    fn identity(&self) -> (Option<IpAddr>, u16, &str) {
        (self.ip, self.port, &self.host)
    }

    /// Tells that its address is all that is known of it.
    fn is_nameless(&self, ip: IpAddr) -> bool {
        self.host.parse() == Ok(ip)
    }
}

impl Ord for Target {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.ip, other.ip) {
            // Much the most often these, and as numbers they are compared at once.
            (Some(IpAddr::V4(one)), Some(IpAddr::V4(other))) if one != other => {
                u32::from(one).cmp(&u32::from(other))
            }
            (None, None) => (&*self.host, self.port).cmp(&(&*other.host, other.port)),
            _ => self.identity().cmp(&other.identity()),
        }
    }
}

impl PartialOrd for Target {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.ip == other.ip && self.port == other.port && self.host == other.host
    }
}

impl Eq for Target {}

impl core::hash::Hash for Target {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl fmt::Display for Target {
    /// Writes `ip:port`, with IPv6 in brackets, or `host:port`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.socket_addr() {
            Some(addr) => addr.fmt(f),
            None => write!(f, "{}:{}", self.host(), self.port),
        }
    }
}

impl Address for Target {
    /// Feeds the text of `Display`; where there are both a name and an address, `host@ip:port`, for
    /// two names on one address are two endpoints.
    fn key(&self, sink: &mut dyn FnMut(&[u8])) {
        if let Some(addr) = self.socket_addr() {
            if !self.is_nameless(addr.ip()) {
                sink(self.host.as_bytes());
                sink(b"@");
            }
            return addr.key(sink);
        }
        sink(self.host.as_bytes());
        sink(b":");
        sink(self.port.to_string().as_bytes());
    }
}

/// As text: what [`FromStr`] reads, or `host@ip:port` of a name whose address is known.
#[cfg(feature = "serde")]
impl serde::Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Vec::new();
        self.key(&mut |piece| text.extend_from_slice(piece));
        serializer.serialize_str(&String::from_utf8_lossy(&text))
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::of_key(&text).map_err(serde::de::Error::custom)
    }
}

impl From<SocketAddr> for Target {
    fn from(addr: SocketAddr) -> Self {
        let ip = addr.ip();
        Self { host: ip.into(), ip: Some(ip), port: addr.port() }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    /// Reads `host:port`, `1.2.3.4:port` or `[::1]:port`.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        if let Ok(addr) = text.parse::<SocketAddr>() {
            if addr.port() == 0 {
                return Err(TargetError::PortZero { target: format!("{}:0", addr.ip()) });
            }
            return Ok(addr.into());
        }
        let (host, port) =
            text.rsplit_once(':').ok_or_else(|| TargetError::NoPort { target: text.to_owned() })?;
        if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(TargetError::NoPort { target: text.to_owned() });
        }
        let port =
            port.parse().map_err(|_| TargetError::PortTooLarge { target: text.to_owned() })?;
        Self::new(host, port)
    }
}

/// What is wrong with a [`Target`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// There is no `:port` at its end.
    NoPort {
        /// The text.
        target: String,
    },
    /// Nothing answers on port 0.
    PortZero {
        /// The text.
        target: String,
    },
    /// A port is at most 65535.
    PortTooLarge {
        /// The text.
        target: String,
    },
    /// A host name has at most 253 characters.
    HostTooLong {
        /// The name.
        host: String,
    },
    /// A label is empty, longer than 63 characters, or has a character other than letters, digits,
    /// `-` and `_`.
    BadHost {
        /// The name.
        host: String,
    },
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPort { target } => {
                write!(f, "{target:?} has no port: write host:port, 1.2.3.4:port or [::1]:port")
            }
            Self::PortZero { target } => write!(f, "{target:?} has port 0: a port is 1 to 65535"),
            Self::PortTooLarge { target } => write!(f, "{target:?} has a port above 65535"),
            Self::HostTooLong { host } => {
                write!(f, "host name of {} characters: at most {MAX_HOST}", host.len())
            }
            Self::BadHost { host } => {
                write!(
                    f,
                    "{host:?} is no host name: labels of 1 to 63 letters, digits, '-' or '_', \
                     separated by dots"
                )
            }
        }
    }
}

impl core::error::Error for TargetError {}
