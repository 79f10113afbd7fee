//! A gRPC client with evenkeel's channel. Defaults, but for the time-outs.

use evenkeel::tonic::Channel;
use evenkeel::{Fixed, Retry, RetryBudget, RetryPolicy};
use http::uri::PathAndQuery;
use tonic::{Request, Status, client::Grpc};
use tonic_prost::ProstCodec;

use super::caller::{ATTEMPT, ATTEMPTS, BoxError, PATIENCE};

pub fn client(backends: &[String]) -> Result<Channel, BoxError> {
    let policy = RetryPolicy::new(ATTEMPTS)?.with_attempt_timeout(ATTEMPT)?;
    let retry = Retry::new(policy).budget(RetryBudget::default()).timeout(PATIENCE)?;
    Ok(Channel::builder(Fixed::new(backends)?).retry(retry).wait_for_ready().build()?)
}

pub async fn get(channel: Channel, path: &'static str) -> Result<(), Status> {
    let mut client = Grpc::new(channel);
    client.ready().await?;
    let path = PathAndQuery::from_static(path);
    let codec = ProstCodec::<(), ()>::default();
    client.unary(Request::new(()), path, codec).await?;
    Ok(())
}
