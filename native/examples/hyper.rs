//! `http::Client` over three servers, of which one hangs and one is gone.
//!
//! `cargo run -p evenkeel --features http --example hyper`

use core::convert::Infallible;
use core::error::Error;
use core::future::pending;
use core::net::SocketAddr;
use core::time::Duration;

use evenkeel::http::{Attempts, Client, Connections};
use evenkeel::{Balancer, Fixed, Retry, RetryPolicy};
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let gone = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let servers = [gone, serve(true).await?, serve(false).await?];

    let source = Fixed::new(servers.map(|addr| addr.to_string()))?;
    let connections = Connections::default().max_age(Duration::from_secs(300));
    let balancer = Balancer::builder(source).build(connections)?;
    let policy = RetryPolicy::new(3)?
        .with_attempt_timeout(Duration::from_millis(100))?
        .with_timeout(Duration::from_secs(5))?;
    let client = Client::new(balancer).with_retry(Retry::new(policy));
    client.ready().await;

    for _ in 0..20 {
        let response = client.get("/users/7").send().await?;
        let attempts = response.extensions().get::<Attempts>().cloned();
        let body = response.into_body().bytes(1_000).await?;
        assert_eq!(body, "user 7");
        for attempt in attempts.iter().flat_map(Attempts::iter) {
            println!("{attempt}");
        }
    }

    // A write that may have been done is not done twice, and goes where it was never sent.
    let response = client.post("/users").body("{\"name\":\"Ann\"}").send().await?;
    println!("written: {}", response.status());
    let good = servers[2];
    let last = response.extensions().get::<Attempts>().map(|made| made.answered().target.clone());
    assert_eq!(last.and_then(|target| target.socket_addr()), Some(good));
    Ok(())
}

/// Starts a server that answers, or never does.
async fn serve(hangs: bool) -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = service_fn(move |_| async move {
                if hangs {
                    return pending().await;
                }
                Ok::<_, Infallible>(Response::new("user 7".to_owned()))
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    Ok(addr)
}

#[test]
fn it_shows_that() {
    main().expect("it does");
}
