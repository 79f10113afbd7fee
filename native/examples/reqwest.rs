//! Balances over a `reqwest::Client`: one of two servers answers 500, and nobody notices.
//!
//! `cargo run -p evenkeel --features reqwest --example reqwest`

use core::convert::Infallible;
use core::error::Error;
use core::net::SocketAddr;
use core::time::Duration;

use evenkeel::http::Attempts;
use evenkeel::reqwest::ClientWithBalancer;
use evenkeel::{Fixed, Retry, RetryBudget};
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let servers = [serve(500).await?, serve(200).await?].map(|addr| addr.to_string());

    // All that it takes:
    let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
    let client = ClientWithBalancer::over(reqwest::Client::new(), Fixed::new(servers)?)?
        .with_retry(retry.budget(RetryBudget::default()));
    client.ready().await;
    let response = client.get("/users/7").send().await?;
    println!("{}: {}", response.status(), response.text().await?);

    // What it took is in each answer.
    let (mut attempts, mut good) = (0, 0);
    for _ in 0..100 {
        let response = client.get("/users/7").send().await?;
        attempts += response.extensions().get::<Attempts>().map_or(0, Attempts::count);
        good += usize::from(response.status().is_success());
    }
    println!("{good} of 100 requests were answered well, by {attempts} attempts");
    for status in client.balancer().endpoints() {
        println!("{}: {:?}, {} failures", status.target, status.health, status.failures);
    }
    assert_eq!(good, 100);
    // The one that fails was left alone soon.
    assert!(attempts < 120, "{attempts} attempts");
    Ok(())
}

/// Starts a server that always answers with this status.
async fn serve(status: u16) -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = service_fn(move |_| async move {
                let mut response = Response::new(format!("from port {}", addr.port()));
                *response.status_mut() = status.try_into().unwrap_or_default();
                Ok::<_, Infallible>(response)
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
