//! The tonic channel against real servers, with tonic's own client and server code.

mod connections;
mod deadlines;
mod killing;
mod metrics;
mod secure;
mod server;
mod statuses;
mod streams;

use core::time::Duration;

use bytes::Bytes;
use evenkeel::tonic::{Builder, Channel};
use evenkeel::{Backoff, Fixed, Retry, RetryPolicy};
use http::uri::PathAndQuery;
use tokio::time::Instant;
use tonic::{Request, Status};

use self::server::{Raw, Server, UNARY};

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn to(servers: &[&Server]) -> Builder<Fixed> {
    Channel::builder(Fixed::new(servers.iter().map(|server| server.addr().to_string())).unwrap())
}

/// At once, without waits in between.
pub(crate) fn at_once(attempts: u32) -> Retry {
    Retry::new(RetryPolicy::new(attempts).unwrap().with_backoff(Backoff::None).unwrap())
}

pub(crate) async fn call(channel: &Channel, request: Request<Bytes>) -> Result<Bytes, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await?;
    let answer = client.unary(request, PathAndQuery::from_static(UNARY), Raw).await?;
    Ok(answer.into_inner())
}

pub(crate) async fn hello(channel: &Channel) -> Result<Bytes, Status> {
    call(channel, Request::new(Bytes::from_static(b"hello"))).await
}

/// Waits until something is so; fails after 10 s.
pub(crate) async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
        tokio::time::sleep(ms(2)).await;
    }
}
