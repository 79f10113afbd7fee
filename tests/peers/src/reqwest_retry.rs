//! A client with reqwest-middleware: its retries with their own waits, and below them a middleware
//! that sends each attempt to the next backend, which neither of them has.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use http::{Extensions, StatusCode};
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;

use super::caller::{ATTEMPT, ATTEMPTS, BoxError};

struct Rotation {
    backends: Vec<SocketAddr>,
    next: AtomicUsize,
}

#[async_trait::async_trait]
impl Middleware for Rotation {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let turn = self.next.fetch_add(1, Relaxed);
        let backend = self.backends[turn % self.backends.len()];
        let url = request.url_mut();
        let _ = url.set_ip_host(backend.ip());
        let _ = url.set_port(Some(backend.port()));
        next.run(request, extensions).await
    }
}

pub fn client(backends: &[String]) -> Result<ClientWithMiddleware, BoxError> {
    let backends = backends.iter().map(|backend| backend.parse()).collect::<Result<_, _>>()?;
    let retries = ExponentialBackoff::builder().build_with_max_retries(ATTEMPTS - 1);
    let http = reqwest::Client::builder().timeout(ATTEMPT).build()?;
    Ok(ClientBuilder::new(http)
        .with(RetryTransientMiddleware::new_with_policy(retries))
        .with(Rotation { backends, next: AtomicUsize::new(0) })
        .build())
}

pub async fn get(client: ClientWithMiddleware, path: &str) -> Result<StatusCode, BoxError> {
    let response = client.get(format!("http://backends{path}")).send().await?;
    let status = response.status();
    response.bytes().await?;
    Ok(status)
}
