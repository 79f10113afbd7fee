//! Requests of a client that is new: nobody waited for its endpoints.

use core::convert::Infallible;
use core::time::Duration;

use evenkeel::reqwest::ClientWithBalancer;
use evenkeel::{Answer, Discover, Endpoint, Publisher, http};

use super::{Act, Server, within};

#[tokio::test]
async fn the_first_request_waits_for_the_first_endpoint() {
    let server = Server::always(Act::OK).await;
    let (publisher, source) = Publisher::new();
    let client = http::Client::over(source).expect("a runtime");
    let asked = tokio::spawn(client.get("/").timeout(Duration::from_secs(60)).send());
    tokio::task::yield_now().await;
    publisher.replace([Endpoint::new(server.addr.into())]);
    assert_eq!(within(asked).await.expect("no panic").expect("an answer").status(), 200);

    let (publisher, source) = Publisher::new();
    let inner = reqwest::Client::builder().no_proxy().build().expect("a client");
    let client = ClientWithBalancer::over(inner, source).expect("a runtime");
    let asked = tokio::spawn(client.get("/").send());
    tokio::task::yield_now().await;
    publisher.replace([Endpoint::new(server.addr.into())]);
    assert_eq!(within(asked).await.expect("no panic").expect("an answer").status(), 200);
}

/// A service without endpoints, which knows why.
struct Nobody;

impl Discover for Nobody {
    type Error = Infallible;

    async fn lookup(&mut self) -> Result<Answer, Infallible> {
        Ok(Answer::none("the service is switched off"))
    }
}

#[tokio::test]
async fn where_none_comes_the_first_request_says_why_and_does_not_wait() {
    let (publisher, source) = Publisher::new();
    let client = http::Client::over(source).expect("a runtime");
    publisher.replace([]);
    let error = within(client.get("/").send()).await.expect_err("nobody answers");
    assert!(error.to_string().contains("discovery answers that there are none"), "{error}");
    let error = client.balancer().ready_within(Duration::from_millis(1)).await;
    let error = error.expect_err("nobody answers").to_string();
    assert!(error.ends_with("; discovery answers that there are none"), "{error}");

    let (publisher, other) = Publisher::new();
    publisher.replace([]);
    let client = http::Client::over(Nobody.or_else(other.merge(Nobody))).expect("a runtime");
    let error = within(client.get("/").send()).await.expect_err("nobody answers").to_string();
    assert_eq!(error, "no endpoints available: the service is switched off");

    let (publisher, source) = Publisher::new();
    let client = http::Client::over(source).expect("a runtime");
    drop(publisher);
    let error = within(client.post("/").send()).await.expect_err("nobody answers");
    assert!(error.to_string().contains("every publisher was dropped"), "{error}");

    // Nobody says anything: until the time is over.
    let (_publisher, source) = Publisher::new();
    let client = http::Client::over(source).expect("a runtime");
    let request = client.get("/").timeout(Duration::from_millis(1));
    within(request.send()).await.expect_err("nobody answers");

    let (_publisher, source) = Publisher::new();
    let client = http::Client::over(source).expect("a runtime");
    let asked = tokio::spawn(client.get("/").send());
    tokio::task::yield_now().await;
    within(client.balancer().close()).await;
    within(asked).await.expect("no panic").expect_err("it is closed");
}
