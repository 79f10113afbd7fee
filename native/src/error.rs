//! What can go wrong, one enum or struct per operation.

use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use evenkeel_core::discovery::poller::PollerConfigError;
use evenkeel_core::{ConfigError, Instant, TableFull};

/// An error that several callers may be told.
pub type SharedError = Arc<dyn Error + Send + Sync>;

/// Why no client could be picked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PickError {
    /// Discovery has found no endpoint.
    NoEndpoints {
        /// What it last complained of.
        discovery: Option<SharedError>,
    },
    /// There are endpoints, but none has a client yet.
    NoClients {
        /// How many endpoints.
        endpoints: usize,
        /// Why the last client could not be made, if one was tried.
        error: Option<SharedError>,
    },
    /// There are clients, but their endpoints are all draining or have weight 0.
    AllDrained,
    /// There are clients, but their endpoints are all ejected, overloaded or down, and the settings
    /// want no panic.
    AllEjected,
    /// There are clients, but their endpoints all have as many requests in flight as they may have:
    /// see [`max_in_flight`](crate::Config::max_in_flight).
    Busy {
        /// When to try again at the latest, on the clock of [`Balancer::now`](crate::Balancer::now):
        /// then, one that is ejected or overloaded may be back. `None` if only a request that ends
        /// makes room.
        until: Option<Instant>,
    },
    /// There are clients, but too many endpoints for the policy's table.
    Table(TableFull),
    /// The policy declined every endpoint, or named a slot outside the view.
    Declined,
}

impl From<evenkeel_core::PickError> for PickError {
    fn from(error: evenkeel_core::PickError) -> Self {
        match error {
            evenkeel_core::PickError::NoEndpoints => Self::NoEndpoints { discovery: None },
            evenkeel_core::PickError::AllDrained => Self::AllDrained,
            evenkeel_core::PickError::AllEjected => Self::AllEjected,
            evenkeel_core::PickError::Busy { until } => Self::Busy { until },
            evenkeel_core::PickError::Declined => Self::Declined,
        }
    }
}

impl fmt::Display for PickError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEndpoints { discovery: None } => f.write_str("no endpoints available"),
            Self::NoEndpoints { discovery: Some(error) } => {
                write!(f, "no endpoints available: {error}")
            }
            Self::NoClients { endpoints, error: None } => {
                write!(f, "none of {endpoints} endpoints has a client yet")
            }
            Self::NoClients { endpoints, error: Some(error) } => {
                write!(f, "none of {endpoints} endpoints has a client: {error}")
            }
            Self::AllDrained => f.write_str("all endpoints are draining or have weight 0"),
            Self::AllEjected => f.write_str("all endpoints are ejected, overloaded or down"),
            Self::Busy { .. } => {
                f.write_str("all endpoints have as many requests in flight as they may have")
            }
            Self::Table(full) => full.fmt(f),
            Self::Declined => f.write_str("the policy declined every endpoint"),
        }
    }
}

impl Error for PickError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoEndpoints { discovery: error } | Self::NoClients { error, .. } => {
                source(error.as_ref())
            }
            Self::Table(full) => Some(full),
            Self::AllDrained | Self::AllEjected | Self::Busy { .. } | Self::Declined => None,
        }
    }
}

/// There was no client to pick in time.
#[derive(Clone, Debug)]
pub struct NotReady {
    /// How long was waited; at most, if the task has [ended](Self::ended).
    pub timeout: Duration,
    /// How many endpoints discovery has found.
    pub endpoints: usize,
    /// What discovery last complained of.
    pub discovery: Option<SharedError>,
    /// Why the last client could not be made.
    pub factory: Option<SharedError>,
    /// Why the policy could not take the endpoints.
    pub policy: Option<TableFull>,
    /// The balancer's task has ended, with its runtime: nothing comes any more.
    pub ended: bool,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not ready")?;
        // It was not waited any longer for a task that has ended.
        if !self.ended {
            write!(f, " after {:?}", self.timeout)?;
        }
        write!(f, ": {} endpoints found, none usable", self.endpoints)?;
        for error in self.discovery.iter().chain(&self.factory) {
            write!(f, "; {error}")?;
        }
        if let Some(full) = self.policy {
            write!(f, "; {full}")?;
        }
        if self.ended { f.write_str("; the balancer's task has ended") } else { Ok(()) }
    }
}

impl Error for NotReady {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let policy = self.policy.as_ref().map(|full| full as &(dyn Error + 'static));
        policy.or(source(self.factory.as_ref().or(self.discovery.as_ref())))
    }
}

/// Why a balancer could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Not called within a tokio runtime, which discovery needs.
    NoRuntime,
    /// The source's settings contradict each other.
    Poller(PollerConfigError),
    /// This setting of the builder must be above 0.
    Zero {
        /// Its name.
        setting: &'static str,
    },
    /// The balancer's settings make no sense.
    Config(ConfigError),
    /// The policy has no room even for no endpoints.
    Table(TableFull),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero { setting } => write!(f, "`{setting}` is 0: it must be above 0"),
            Self::NoRuntime => f.write_str("no tokio runtime: build the balancer within one"),
            Self::Poller(error) => write!(f, "the settings of discovery: {error}"),
            Self::Config(error) => write!(f, "the balancer's settings: {error}"),
            Self::Table(error) => write!(f, "the policy: {error}"),
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoRuntime | Self::Zero { .. } => None,
            Self::Poller(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Table(error) => Some(error),
        }
    }
}

fn source(error: Option<&SharedError>) -> Option<&(dyn Error + 'static)> {
    error.map(|error| &**error as &(dyn Error + 'static))
}

#[cfg(test)]
mod tests {
    use evenkeel_core::Config;

    use super::BuildError;

    #[test]
    fn a_wrong_setting_is_named_with_its_value_and_its_limit() {
        let config = Config { max_ejection_percent: 200, ..Config::default() };
        let error = BuildError::Config(config.check().expect_err("above 100"));
        let says = "the balancer's settings: max_ejection_percent is 200; the most is 100";
        assert_eq!(error.to_string(), says);
    }
}
