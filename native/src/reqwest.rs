//! Balancing over a [`reqwest::Client`] of yours, and what its answers mean.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use evenkeel::{DnsSrv, reqwest::ClientWithBalancer};
//! use std::time::Duration;
//!
//! let source = DnsSrv::new("_http._tcp.users.example.com")?;
//! let client = ClientWithBalancer::over(reqwest::Client::new(), source)?;
//! let request = client.get("/users/7").timeout(Duration::from_secs(5));
//! let user = request.send().await?.text().await?;
//! # drop(user);
//! # Ok(())
//! # }
//! ```

mod client;
mod error;
mod origin;
mod request;
mod template;

use evenkeel_core::Verdict;

pub use client::ClientWithBalancer;
pub use error::Error;
pub use origin::{Origin, Origins};
pub use request::RequestBuilder;

use crate::http::exchange::Fault;

/// Returns what an answer means, by its status and headers: for
/// [`Retry::accept`](crate::Retry::accept), where you send requests yourself.
///
/// ```
/// use evenkeel::Retry;
/// use evenkeel::reqwest::{classify, classify_error};
/// use std::time::Duration;
///
/// let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
/// let retry = retry.accept(classify).classify(classify_error);
/// # drop(retry);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn classify(response: &::reqwest::Response) -> Verdict {
    crate::http::verdict(response.status(), response.headers())
}

/// Returns what an error means for a request that may be done twice.
pub fn classify_error(error: &::reqwest::Error) -> Verdict {
    if error.is_connect() {
        return Verdict::NeverSent;
    }
    if error.is_timeout() {
        return Verdict::TimedOut;
    }
    // The request is at fault, or where it was sent on to.
    if error.is_builder() || error.is_redirect() {
        return Verdict::Ignorable;
    }
    Verdict::RetryableFailure
}

impl Fault for ::reqwest::Error {
    fn usual(&self) -> Verdict {
        classify_error(self)
    }
}
