//! What can go wrong in the settings.

use core::error::Error;
use core::fmt;

/// Why a [`DnsSrv`](super::DnsSrv) or a [`DnsHost`](super::DnsHost) cannot be set up as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DnsError {
    /// The name has no labels.
    EmptyName,
    /// The name has two dots in a row, or starts with one.
    EmptyLabel {
        /// The whole name.
        name: String,
    },
    /// One part of the name is longer than DNS allows.
    LabelTooLong {
        /// The label.
        label: String,
    },
    /// The name is longer than DNS allows.
    NameTooLong {
        /// The whole name.
        name: String,
    },
    /// The name has a character other than a letter, a digit, `-` or `_`.
    BadCharacter {
        /// The whole name.
        name: String,
        /// The first such character.
        found: char,
    },
    /// The list of name servers is empty.
    NoServers,
    /// A name server has port 0.
    ServerPortZero {
        /// The server.
        server: String,
    },
    /// A text names no name server.
    BadServer {
        /// The text.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The timeout is zero.
    ZeroTimeout,
    /// The port for endpoints is 0, where nothing answers.
    PortZero,
    /// The greatest number of hosts is 0.
    NoHosts,
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyName => f.write_str("the DNS name is empty"),
            Self::EmptyLabel { name } => write!(f, "the DNS name {name:?} has an empty label"),
            Self::LabelTooLong { label } => {
                write!(f, "the DNS label {label:?} has {} bytes, the limit is 63", label.len())
            }
            Self::NameTooLong { name } => {
                write!(f, "the DNS name {name:?} has {} bytes, the limit is 253", name.len())
            }
            Self::BadCharacter { name, found } => {
                write!(
                    f,
                    "the DNS name {name:?} has {found:?}: only letters, digits, '-' and '_' are \
                     allowed"
                )
            }
            Self::NoServers => f.write_str("the list of name servers is empty"),
            Self::ServerPortZero { server } => write!(f, "the name server {server} has port 0"),
            Self::BadServer { server, reason } => write!(f, "the name server '{server}': {reason}"),
            Self::ZeroTimeout => f.write_str("the DNS timeout is zero"),
            Self::PortZero => f.write_str("the port of the endpoints is 0: a port is 1 to 65535"),
            Self::NoHosts => f.write_str("at most 0 hosts are wanted: at least 1 is needed"),
        }
    }
}

impl Error for DnsError {}
