//! A client with pingora-load-balancing: its round robin over the backends that pass its HTTP check
//! each second, and three attempts by hand over hyper's client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use pingora_load_balancing::LoadBalancer;
use pingora_load_balancing::health_check::HttpHealthCheck;
use pingora_load_balancing::selection::RoundRobin;
use tokio::time::{sleep, timeout};

use super::caller::{ATTEMPT, ATTEMPTS, BoxError};

#[derive(Clone)]
pub struct Client {
    http: legacy::Client<HttpConnector, Empty<Bytes>>,
    upstreams: Arc<LoadBalancer<RoundRobin>>,
}

pub fn client(backends: &[String]) -> Result<Client, BoxError> {
    let http = legacy::Client::builder(TokioExecutor::new()).build_http();
    let mut upstreams = LoadBalancer::try_from_iter(backends)?;
    upstreams.set_health_check(Box::new(HttpHealthCheck::new("localhost", false)));
    let upstreams = Arc::new(upstreams);
    let checked = Arc::clone(&upstreams);
    tokio::spawn(async move {
        loop {
            checked.backends().run_health_check(true).await;
            sleep(Duration::from_secs(1)).await;
        }
    });
    Ok(Client { http, upstreams })
}

pub async fn get(client: Client, path: &str) -> Result<StatusCode, BoxError> {
    let mut attempt = 1;
    loop {
        match once(&client, path).await {
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

async fn once(client: &Client, path: &str) -> Result<StatusCode, BoxError> {
    let backend = client.upstreams.select(b"", 256).ok_or("no backend is healthy")?;
    let uri = format!("http://{}{path}", backend.addr).parse()?;
    let response = timeout(ATTEMPT, client.http.get(uri)).await??;
    let status = response.status();
    response.into_body().collect().await?;
    Ok(status)
}
