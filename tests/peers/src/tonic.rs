//! A gRPC client with tonic's own balanced channel, and three attempts by hand: it has no retries.

use http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, client::Grpc};
use tonic_prost::ProstCodec;

use super::caller::{ATTEMPT, ATTEMPTS, BoxError};

pub fn client(backends: &[String]) -> Result<Channel, BoxError> {
    let endpoint = |backend: &String| {
        let endpoint = Endpoint::from_shared(format!("http://{backend}"))?;
        Ok(endpoint.timeout(ATTEMPT).connect_timeout(ATTEMPT))
    };
    let endpoints = backends.iter().map(endpoint).collect::<Result<Vec<_>, BoxError>>()?;
    Ok(Channel::balance_list(endpoints.into_iter()))
}

pub async fn get(channel: Channel, path: &'static str) -> Result<(), Status> {
    let mut attempt = 1;
    loop {
        match once(channel.clone(), path).await {
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

async fn once(channel: Channel, path: &'static str) -> Result<(), Status> {
    let mut client = Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::from_static(path);
    let codec = ProstCodec::<(), ()>::default();
    client.unary(Request::new(()), path, codec).await?;
    Ok(())
}
