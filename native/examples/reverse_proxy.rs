//! A reverse proxy with axum: bodies of both directions stream through it.
//!
//! `cargo run -p evenkeel --features http --example reverse_proxy`

use core::error::Error;
use core::net::SocketAddr;
use core::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use evenkeel::http::{self, Client};
use evenkeel::{Fixed, Retry, RetryBudget};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // These send back what they are sent, piece by piece.
    let echo = || Router::new().fallback(any(async |body: Body| body));
    let servers = [serve(echo()).await?, serve(echo()).await?];

    // Until the end of an answer's body.
    let retry = Retry::attempts(3)?.timeout(Duration::from_secs(30))?;
    let balanced = Client::over(Fixed::new(servers.map(|addr| addr.to_string()))?)?
        .with_retry(retry.budget(RetryBudget::default()));
    balanced.ready().await;
    let proxy = serve(Router::new().fallback(any(pass)).with_state(balanced)).await?;

    let client = Client::over(Fixed::new([proxy.to_string()])?)?;
    client.ready().await;
    let large = "a megabyte ".repeat(95_326);
    let request = client.put("/").body(large.clone()).timeout(Duration::from_secs(30));
    let response = request.send().await?;
    let body = response.into_body().bytes(2_000_000).await?;
    assert_eq!(body, large);
    println!("{} bytes went through it and back", body.len());
    Ok(())
}

/// Passes a request on to an endpoint, and its answer back. Its body is sent once, as it comes.
async fn pass(State(balanced): State<Client>, mut request: Request) -> Response {
    for own in [HOST, CONNECTION, TRANSFER_ENCODING] {
        request.headers_mut().remove(own);
    }
    match balanced.send(request.map(http::Body::once)).await {
        Ok(response) => response.map(Body::new),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn serve(service: Router) -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(axum::serve(listener, service).into_future());
    Ok(addr)
}

#[test]
fn it_shows_that() {
    main().unwrap();
}
