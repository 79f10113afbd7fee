//! What can go wrong: in the settings, and in a lookup.

use core::error::Error;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

/// Why a [`DnsSrv`](super::DnsSrv) cannot be set up as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DnsSrvError {
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
        server: SocketAddr,
    },
    /// The timeout is zero.
    ZeroTimeout,
}

impl fmt::Display for DnsSrvError {
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
            Self::ZeroTimeout => f.write_str("the DNS timeout is zero"),
        }
    }
}

impl Error for DnsSrvError {}

/// Why a lookup gave no answer; the endpoints known so far stay.
#[derive(Debug)]
#[non_exhaustive]
pub enum LookupError {
    /// The resolver could not be set up: most often, the system's configuration could not be read.
    Setup(Box<dyn Error + Send + Sync>),
    /// No name server gave a usable answer.
    NoAnswer {
        /// What was asked: a name and a record type.
        question: String,
        /// What each server said, in the order they were asked.
        tried: Vec<ServerError>,
    },
    /// The aliases of a name lead back to one of them.
    AliasLoop {
        /// What was asked.
        name: String,
        /// The alias met a second time.
        alias: String,
    },
    /// A name has more aliases in a row than are followed.
    TooManyAliases {
        /// What was asked.
        name: String,
        /// How many are followed.
        limit: usize,
    },
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(error) => write!(f, "DNS cannot be set up: {error}"),
            Self::NoAnswer { question, tried } => {
                write!(f, "no answer to {question}")?;
                for (i, error) in tried.iter().enumerate() {
                    write!(f, "{} {error}", if i == 0 { ":" } else { "," })?;
                }
                Ok(())
            }
            Self::AliasLoop { name, alias } => {
                write!(f, "the CNAMEs of {name} lead back to {alias}")
            }
            Self::TooManyAliases { name, limit } => {
                write!(f, "{name} has more than {limit} CNAMEs in a row")
            }
        }
    }
}

impl Error for LookupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Setup(error) => Some(&**error),
            Self::NoAnswer { tried, .. } => {
                tried.last().map(|error| error as &(dyn Error + 'static))
            }
            Self::AliasLoop { .. } | Self::TooManyAliases { .. } => None,
        }
    }
}

/// Why one name server was given up.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerError {
    /// The server.
    pub server: SocketAddr,
    /// What happened.
    pub cause: Cause,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.server, self.cause)
    }
}

impl Error for ServerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Failed(error) => Some(&**error),
            _ => None,
        }
    }
}

/// What a name server did instead of answering.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// It said nothing for this long, over UDP and TCP.
    TimedOut(Duration),
    /// It answered with this DNS response code (2 is SERVFAIL, 5 is REFUSED).
    Code(u16),
    /// Its answer was cut short over TCP too.
    Truncated,
    /// It named other servers instead of an answer: it is no resolver and does not have the zone.
    Referral,
    /// The network, or the form of its answer.
    Failed(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(after) => write!(f, "timed out after {after:?}"),
            Self::Code(1) => f.write_str("answered FORMERR"),
            Self::Code(2) => f.write_str("answered SERVFAIL"),
            Self::Code(4) => f.write_str("answered NOTIMP"),
            Self::Code(5) => f.write_str("answered REFUSED"),
            Self::Code(code) => write!(f, "answered with response code {code}"),
            Self::Truncated => f.write_str("sent a truncated answer over TCP"),
            Self::Referral => f.write_str("referred to other servers"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}
