//! What a caller beside a side-car needs: hyper's client, one address, and the proxy's own retries.

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use super::caller::BoxError;

#[derive(Clone)]
pub struct Client {
    http: legacy::Client<HttpConnector, Empty<Bytes>>,
    proxy: String,
}

pub fn client(proxy: &str) -> Client {
    let http = legacy::Client::builder(TokioExecutor::new()).build_http();
    Client { http, proxy: proxy.to_owned() }
}

pub async fn get(client: Client, path: &str) -> Result<StatusCode, BoxError> {
    let uri = format!("http://{}{path}", client.proxy).parse()?;
    let response = client.http.get(uri).await?;
    let status = response.status();
    response.into_body().collect().await?;
    Ok(status)
}
