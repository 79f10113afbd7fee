//! What can go wrong in a lookup.

use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::SharedError;

/// Why a lookup gave no answer; the endpoints known so far stay.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LookupError {
    /// The system's configuration could not be read.
    Setup {
        /// The file, where it is one.
        file: Option<PathBuf>,
        /// What happened.
        error: SharedError,
    },
    /// No name server gave a usable answer.
    NoAnswer {
        /// What was asked: a name and a record type.
        question: String,
        /// What each server said, in the order they were asked.
        tried: Vec<ServerError>,
    },
    /// There was no answer yet when the lookup had to end; the questions go on.
    Unanswered {
        /// What was asked first of all that is unanswered: a name and what of it.
        question: String,
        /// For how long.
        after: Duration,
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
            Self::Setup { file: Some(file), error } => {
                write!(f, "DNS cannot be set up: {}: {error}", file.display())
            }
            Self::Setup { file: None, error } => write!(f, "DNS cannot be set up: {error}"),
            Self::Unanswered { question, after } => {
                write!(f, "no answer to {question} within {after:?}, and still waiting")
            }
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

impl LookupError {
    /// Tells that no server said anything: a name may have what was asked for, for all that is
    /// known.
    pub(super) fn is_silence(&self) -> bool {
        match self {
            Self::NoAnswer { tried, .. } => tried.iter().all(|error| error.cause.is_silence()),
            Self::Unanswered { .. } => true,
            Self::Setup { .. } | Self::AliasLoop { .. } | Self::TooManyAliases { .. } => false,
        }
    }
}

impl Error for LookupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Setup { error, .. } => Some(&**error),
            Self::NoAnswer { tried, .. } => {
                tried.last().map(|error| error as &(dyn Error + 'static))
            }
            Self::Unanswered { .. } | Self::AliasLoop { .. } | Self::TooManyAliases { .. } => None,
        }
    }
}

/// Why one name server was given up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerError {
    /// The server, as it was given.
    pub server: Arc<str>,
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
        self.cause.source()
    }
}

/// What a name server did instead of answering.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// It said nothing for this long, over all that it is asked by.
    TimedOut(Duration),
    /// It answered with this DNS response code (2 is SERVFAIL, 5 is REFUSED).
    Code(u16),
    /// It answered with this status of HTTP, and only 200 comes with an answer.
    Status(u16),
    /// Its answer was cut short.
    Truncated,
    /// It named other servers instead of an answer: it is no resolver and does not have the zone.
    Referral,
    /// It answered another question.
    WrongQuestion,
    /// What it sent cannot be read.
    Unusable(String),
    /// It was not asked, because of what was met when it was, and nothing was heard of it since.
    Resting {
        /// How long ago that was.
        ago: Duration,
        /// What was met.
        met: Box<Cause>,
    },
    /// The network.
    Failed(SharedError),
    /// There is no secure connection: its certificate, or it does not speak TLS.
    Tls(SharedError),
    /// It failed over UDP and over TCP.
    Both {
        /// Over UDP.
        udp: Box<Cause>,
        /// Over TCP.
        tcp: Box<Cause>,
    },
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
            Self::Status(status) => write!(f, "answered with HTTP status {status}"),
            Self::Truncated => f.write_str("sent a truncated answer"),
            Self::Referral => f.write_str("referred to other servers"),
            Self::WrongQuestion => f.write_str("answered another question"),
            Self::Unusable(what) => write!(f, "sent what is no answer: {what}"),
            Self::Resting { ago, met } => {
                write!(f, "was not asked, for {} s ago it {met}", ago.as_secs())
            }
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::Tls(error) => write!(f, "made no secure connection: {error}"),
            Self::Both { udp, tcp } => write!(f, "over UDP {udp}, over TCP {tcp}"),
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) | Self::Tls(error) => Some(&**error),
            Self::Resting { met, .. } => met.source(),
            Self::TimedOut(_)
            | Self::Code(_)
            | Self::Status(_)
            | Self::Truncated
            | Self::Referral
            | Self::WrongQuestion
            | Self::Unusable(_)
            | Self::Both { .. } => None,
        }
    }
}

impl Cause {
    pub(super) fn io(error: io::Error) -> Self {
        Self::Failed(Arc::new(error))
    }

    /// Takes an error of a stream that should have gone on.
    pub(super) fn closed(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::io(io::Error::new(error.kind(), "it closed the connection"))
        } else {
            Self::io(error)
        }
    }

    /// A stream has a message without a byte.
    pub(super) fn no_message() -> Self {
        Self::Unusable("a message of length 0".into())
    }

    /// Tells that the server said nothing at all, or nothing that it can be trusted with.
    pub(super) fn is_silence(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::Failed(_) | Self::Tls(_) | Self::Resting { .. } => true,
            Self::Code(_)
            | Self::Status(_)
            | Self::Truncated
            | Self::Referral
            | Self::WrongQuestion
            | Self::Unusable(_) => false,
            Self::Both { udp, tcp } => udp.is_silence() && tcp.is_silence(),
        }
    }

    /// Adds what came of TCP, once UDP has failed by this; the same twice is said once.
    pub(super) fn and_over_tcp(self, tcp: Self) -> Self {
        let both_silent = matches!((&self, &tcp), (Self::TimedOut(_), Self::TimedOut(_)));
        if both_silent || self.to_string() == tcp.to_string() {
            self
        } else {
            Self::Both { udp: Box::new(self), tcp: Box::new(tcp) }
        }
    }
}
