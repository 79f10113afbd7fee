//! Endpoints from the Domain Name System.
//!
//! [`DnsSrv`] reads SRV records, [`DnsHost`] addresses. Questions go over UDP, and over TCP where
//! an answer does not fit or none comes. Of hickory, this uses the messages: its resolver gives up
//! at the first SERVFAIL, takes an SRV target behind a CNAME for another CNAME, and does not say
//! what TCP met.

mod config;
mod entry;
mod error;
mod family;
mod host;
mod hosts;
mod life;
mod message;
mod name;
mod resolv_conf;
mod resolve;
mod server;
mod servers;
mod setters;
mod settings_error;
mod srv;
mod tcp;
mod udp;

pub use error::{Cause, LookupError, ServerError};
pub use family::Family;
pub use host::DnsHost;
pub use settings_error::DnsError;
pub use srv::DnsSrv;
