//! A client with evenkeel. Defaults, but for the time-outs: peak EWMA, ejection, a retry budget.

use evenkeel::http::{Client, Connections};
use evenkeel::{Balancer, Fixed, Retry, RetryBudget, RetryPolicy};
use hyper::StatusCode;

use super::caller::{ATTEMPT, ATTEMPTS, BoxError, PATIENCE};

/// Makes the client.
///
/// # Errors
/// A backend has no address.
pub fn client(backends: &[String]) -> Result<Client, BoxError> {
    let balancer = Balancer::builder(Fixed::new(backends)?).build(Connections::default())?;
    let policy = RetryPolicy::new(ATTEMPTS)?.with_attempt_timeout(ATTEMPT)?;
    let retry = Retry::new(policy).budget(RetryBudget::default()).wait_for_ready();
    Ok(Client::new(balancer).with_retry(retry.timeout(PATIENCE)?))
}

/// Gets a path; returns the status of its answer.
///
/// # Errors
/// There is none.
pub async fn get(client: Client, path: &str) -> Result<StatusCode, BoxError> {
    let response = client.get(path).send().await?;
    let status = response.status();
    response.into_body().bytes(1 << 20).await?;
    Ok(status)
}
