//! A reverse proxy in one function: bodies of both directions stream through it.
//!
//! `cargo run -p evenkeel --features http --example reverse_proxy`

use core::convert::Infallible;
use core::error::Error;
use core::net::SocketAddr;

use evenkeel::Fixed;
use evenkeel::http::{Body, Client, LeaseBody};
use futures_util::future::{FutureExt, ready};
use http_body_util::{Either, Full};
use hyper::body::{Body as HttpBody, Bytes, Incoming};
use hyper::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // These send back what they are sent, piece by piece.
    let echo = |request: Request<Incoming>| ready(Response::new(request.into_body()));
    let servers = [serve(echo).await?, serve(echo).await?];

    let balanced = Client::over(Fixed::new(servers.map(|addr| addr.to_string()))?)?;
    balanced.ready().await;
    let proxy = serve(move |request| pass(balanced.clone(), request)).await?;

    let client = Client::over(Fixed::new([proxy.to_string()])?)?;
    client.ready().await;
    let large = "a megabyte ".repeat(95_326);
    let response = client.put("/").body(large.clone()).send().await?;
    let body = response.into_body().bytes(2_000_000).await?;
    assert_eq!(body, large);
    println!("{} bytes went through it and back", body.len());
    Ok(())
}

/// Passes a request on to an endpoint, and its answer back. Its body is sent once, as it comes.
async fn pass(
    balanced: Client,
    mut request: Request<Incoming>,
) -> Response<Either<LeaseBody<Incoming>, Full<Bytes>>> {
    for own in [HOST, CONNECTION, TRANSFER_ENCODING] {
        request.headers_mut().remove(own);
    }
    match balanced.send(request.map(Body::once)).await {
        Ok(response) => response.map(Either::Left),
        Err(error) => {
            let mut answer = Response::new(Either::Right(error.to_string().into()));
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            answer
        }
    }
}

async fn serve<B, F>(
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> Result<SocketAddr, Box<dyn Error>>
where
    B: HttpBody<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            let service = service_fn(move |request| answer(request).map(Ok::<_, Infallible>));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(addr)
}

#[test]
fn it_shows_that() {
    main().unwrap();
}
