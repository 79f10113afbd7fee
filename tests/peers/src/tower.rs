//! A client with tower: its balance with peak EWMA (30 ms at first, decaying over 10 s, as in its
//! own example), its time-out and its retry, over hyper's client.

use std::future::{Ready, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PeakEwma};
use tower::retry::Policy;
use tower::util::BoxCloneService;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::caller::{ATTEMPT, ATTEMPTS, BoxError};

pub type Client = BoxCloneService<String, StatusCode, BoxError>;
type Http = legacy::Client<HttpConnector, Empty<Bytes>>;

#[derive(Clone)]
struct Retries(u32);

impl Policy<String, StatusCode, BoxError> for Retries {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut String,
        result: &mut Result<StatusCode, BoxError>,
    ) -> Option<Ready<()>> {
        result.as_ref().err()?;
        self.0 = self.0.checked_sub(1)?;
        Some(ready(()))
    }

    fn clone_request(&mut self, path: &String) -> Option<String> {
        Some(path.clone())
    }
}

pub fn client(backends: &[String]) -> Client {
    let http: Http = legacy::Client::builder(TokioExecutor::new()).build_http();
    let endpoint = |backend: &String| {
        let (http, backend) = (http.clone(), backend.clone());
        let send = move |path: String| send(http.clone(), format!("http://{backend}{path}"));
        let service = ServiceBuilder::new().timeout(ATTEMPT).service(service_fn(send));
        let rtt = Duration::from_millis(30);
        PeakEwma::new(service, rtt, 1e10, CompleteOnResponse::default())
    };
    let endpoints: Vec<_> = backends.iter().map(endpoint).collect();
    let balance = Balance::new(ServiceList::new::<String>(endpoints));
    let retries = Retries(ATTEMPTS - 1);
    BoxCloneService::new(ServiceBuilder::new().retry(retries).buffer(1_024).service(balance))
}

async fn send(http: Http, uri: String) -> Result<StatusCode, BoxError> {
    let response = http.get(uri.parse()?).await?;
    let status = response.status();
    response.into_body().collect().await?;
    Ok(status)
}

pub async fn get(client: Client, path: &str) -> Result<StatusCode, BoxError> {
    client.oneshot(path.to_owned()).await
}
