//! tonic: a balanced channel for generated gRPC clients, that tries failed calls again.
//!
//! A [`Channel`] takes the place of tonic's own:
//!
//! ```no_run
//! use core::time::Duration;
//! use evenkeel::tonic::Channel;
//! use evenkeel::{DnsSrv, Retry};
//! # struct GreeterClient(Channel);
//! # impl GreeterClient { fn new(channel: Channel) -> Self { Self(channel) } }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let source = DnsSrv::new("_grpc._tcp.greeter.example.com")?;
//! let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
//! let channel = Channel::builder(source).retry(retry).build()?;
//! let client = GreeterClient::new(channel);
//! # drop(client);
//! # Ok(())
//! # }
//! ```
//!
//! # Connections
//!
//! Each endpoint has one HTTP/2 connection, which is made in the background and made again when it
//! is lost, by [gRPC's backoff](ConnectionBackoff): 1 s, then 1.6 times as long each time, at most
//! 120 s, ± 20 %. Only endpoints whose connection is ready get calls, unless none is. An endpoint
//! is never given up for good. See [`Channel::connections`].
//!
//! # Which calls are tried again
//!
//! What a status means is [one table](evenkeel_core::grpc::Code::verdict): `UNAVAILABLE` is tried
//! again after a backoff, `RESOURCE_EXHAUSTED` elsewhere at once, `DEADLINE_EXCEEDED` as long as the
//! call itself has time; a server's `grpc-retry-pushback-ms` is obeyed (gRPC's proposal A6). A
//! connection that breaks is `UNAVAILABLE`. What never left the client is sent elsewhere at once.
//!
//! - A call is tried again until its answer begins: an answer with a status alone ("trailers only")
//!   can be followed by another attempt, one with headers cannot.
//! - A request is sent again if all of it was there when the call began, in at most
//!   [256 KiB](Builder::resend_limit): all unary calls of that size. Anything longer, and a stream
//!   that goes on, is sent once, and elsewhere only where nothing of it was sent.
//! - The call's `grpc-timeout` ([`tonic::Request::set_timeout`](::tonic::Request::set_timeout))
//!   bounds all attempts, their waits and the answer's body; each attempt tells its server what is
//!   left of it.

//!
//! # Metrics
//!
//! With the feature `metrics`, the recorder of that facade gets gRPC's own: of calls
//! `grpc.client.call.duration`, `.retries`, `.hedges`, `.transparent_retries` and `.retry_delay` (its
//! proposals A66 and A96), of attempts `grpc.client.attempt.started` and `.duration`, of connections
//! `grpc.subchannel.open_connections`, `.connection_attempts_succeeded`, `.connection_attempts_failed`
//! and `.disconnections` (A94). Times are in seconds. What the balancer counts is recorded by
//! [`record_metrics`](crate::Balancer::record_metrics) of [`Channel::balancer`].

mod answer;
mod body;
mod builder;
mod calls;
mod channel;
mod connector;
mod failure;
mod link;
mod links;
mod make;
#[cfg(feature = "metrics")]
mod meter;
mod request;
mod seat;
#[cfg(not(feature = "metrics"))]
mod unmetered;

#[cfg(not(feature = "metrics"))]
use unmetered as meter;

pub use body::AnswerBody;
pub use builder::{Builder, SettingError};
pub use channel::{Channel, ResponseFuture};
pub use connector::Io;
pub use evenkeel_core::connection::{ConnectionBackoff, ConnectionBackoffError, Connectivity};
pub use evenkeel_core::grpc::{Code, PushBack};
pub use link::Link;
