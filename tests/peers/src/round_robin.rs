//! Plain round robin over hyper's client: one attempt, as most begin.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use super::caller::{ATTEMPT, BoxError};

#[derive(Clone)]
pub struct Client {
    http: legacy::Client<HttpConnector, Empty<Bytes>>,
    backends: Arc<[String]>,
    next: Arc<AtomicUsize>,
}

pub fn client(backends: &[String]) -> Client {
    let http = legacy::Client::builder(TokioExecutor::new()).build_http();
    Client { http, backends: backends.into(), next: Arc::default() }
}

pub async fn get(client: Client, path: &str) -> Result<StatusCode, BoxError> {
    let turn = client.next.fetch_add(1, Relaxed);
    let backend = &client.backends[turn % client.backends.len()];
    let uri = format!("http://{backend}{path}").parse()?;
    let response = timeout(ATTEMPT, client.http.get(uri)).await??;
    let status = response.status();
    response.into_body().collect().await?;
    Ok(status)
}
