//! What the README of go-kit's `loadbalancer` showed, in today's words: find the instances of a
//! service, make an endpoint of each, take them in turn, try again at most three times within
//! half a second.
//!
//! There, it took a publisher, a factory, a `RoundRobin` and a `Retry`; here, these are a source, a
//! function, a policy and a `Retry`. `cargo run -p evenkeel --example go_kit_usage`

use core::net::SocketAddr;
use core::time::Duration;
use std::io;

use evenkeel::{Attempt, Balancer, Fixed, Retry, RoundRobin, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    // Two instances, and one that is not there. A service has them in DNS, and there it is
    // `DnsSrv::new("_http._tcp.foosvc.internal.example.com")?`.
    let gone = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let instances = [serve("one").await?, serve("two").await?, gone];
    let source = Fixed::new(instances.map(|address| address.to_string()))?;

    let balancer = Balancer::builder(source)
        .policy(RoundRobin)
        .build(async |target: Target| target.socket_addr().ok_or("no address"))?;
    balancer.ready().await;
    let retry = Retry::attempts(3)?.timeout(Duration::from_millis(500))?;

    for request in 1..=6 {
        let answer = balancer.call(&retry, greet).await?;
        println!("request {request}: {answer}");
    }
    Ok(())
}

/// One attempt: what go-kit calls an endpoint.
async fn greet(address: Attempt<SocketAddr>) -> io::Result<String> {
    let mut stream = TcpStream::connect(*address).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// An instance of the service.
async fn serve(name: &'static str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(format!("hello from {name}").as_bytes()).await;
        }
    });
    Ok(address)
}
