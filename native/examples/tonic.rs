//! gRPC over three servers, of which one is killed: no call fails.
//!
//! ```text
//! cargo run -p evenkeel --features tonic --example tonic
//! ```

use core::convert::Infallible;
use core::error::Error;
use core::time::Duration;

use evenkeel::tonic::Channel;
use evenkeel::{Fixed, Retry, RetryPolicy};
use http::uri::PathAndQuery;
use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpListener, task::JoinSet};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, prost::Message)]
struct Hello {
    #[prost(string, tag = "1")]
    name: String,
}

type Codec = ProstCodec<Hello, Hello>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    run().await.map(|calls| println!("{calls} calls were answered, 0 failed"))
}

async fn run() -> Result<usize, Box<dyn Error>> {
    let (mut servers, mut addresses) = (vec![], vec![]);
    for name in ["one", "two", "three"] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        addresses.push(listener.local_addr()?.to_string());
        servers.push(tokio::spawn(serve(listener, name)));
    }
    let policy = RetryPolicy::new(3)?.with_timeout(Duration::from_secs(5))?;
    let channel = Channel::builder(Fixed::new(addresses)?).retry(Retry::new(policy)).build()?;
    for number in 0..300 {
        if number == 100 {
            servers[1].abort();
        }
        assert!(greet(&channel, "world").await?.starts_with("hello world from "));
    }
    Ok(300)
}

/// Calls the method, as generated clients do: they are made of the channel, too.
async fn greet(channel: &Channel, name: &str) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    let path = PathAndQuery::from_static("/greet.Greeter/Greet");
    let request = Request::new(Hello { name: name.to_owned() });
    client.ready().await?;
    Ok(client.unary(request, path, Codec::default()).await?.into_inner().name)
}

/// Serves until it is aborted, its connections with it.
async fn serve(listener: TcpListener, server: &'static str) {
    let greet = tower::service_fn(move |request: Request<Hello>| {
        let name = format!("hello {} from {server}", request.into_inner().name);
        async { Ok::<_, Status>(Response::new(Hello { name })) }
    });
    let serve = service_fn(move |request| async move {
        let answer = tonic::server::Grpc::new(Codec::default()).unary(greet, request).await;
        Ok::<_, Infallible>(answer)
    });
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let http2 = http2::Builder::new(TokioExecutor::new());
        connections.spawn(http2.serve_connection(TokioIo::new(stream), serve));
    }
}

#[tokio::test]
async fn no_call_fails() {
    assert_eq!(run().await.unwrap(), 300);
}
