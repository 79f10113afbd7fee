//! Endpoints from the Domain Name System.
//!
//! [`DnsSrv`] reads SRV records, [`DnsHost`] addresses. Questions go over UDP, and over TCP where
//! an answer does not fit or none comes; with the features `dns-over-tls` and `dns-over-https`, to
//! a [`NameServer`] that wants it so, over TLS or HTTPS. What is found holds for its time to live,
//! and for [`PollerConfig::max`](crate::PollerConfig::max) at most. Of hickory, this uses the
//! messages: its resolver gives up at the first SERVFAIL, takes an SRV target behind a CNAME for
//! another CNAME, and does not say what TCP met.

mod config;
mod entry;
mod error;
mod family;
mod host;
mod hosts;
#[cfg(feature = "dns-over-https")]
mod https;
#[cfg(any(feature = "dns-over-tls", feature = "dns-over-https"))]
mod kept;
mod life;
mod message;
mod name;
mod name_server;
mod net;
#[cfg(any(feature = "dns-over-tls", feature = "dns-over-https"))]
mod place;
mod plain;
mod resolv_conf;
mod resolve;
mod server;
mod servers;
mod setters;
mod settings_error;
#[cfg(test)]
mod simulation;
mod srv;
mod tcp;
#[cfg(feature = "dns-over-tls")]
mod tls;
mod udp;

pub use error::{Cause, LookupError, ServerError};
pub use family::Family;
pub use host::DnsHost;
pub use name_server::NameServer;
pub use settings_error::DnsError;
pub use srv::DnsSrv;
