//! Calls of clients of your own, whose answers are followed to their end.

use ::http::Response;
use evenkeel_core::Policy;
use http_body::Body;

use super::lease_body::{Following, LeaseBody};
use crate::balancer::Balancer;
use crate::call::{Accept, Attempt, CallError, Classify, Retry};
use crate::lease::Lease;

impl<C: Send + Sync + 'static, P: Policy + Send + Sync> Balancer<C, P> {
    /// Does what [`call`](Self::call) does, for clients of your own that answer in
    /// [`Response`]s: the body of the answer is followed to its end, as [`LeaseBody`] says. The
    /// endpoint is told once of each attempt, of a good head with its body.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use evenkeel::{Attempt, Balancer, Fixed, Retry, Target, http::verdict};
    /// use http::Response;
    /// use http_body_util::Full;
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let balancer = Balancer::builder(Fixed::new(["a:80", "b:80"])?)
    ///     .build(async |target: Target| Ok::<_, std::io::Error>(target.to_string()))?;
    /// balancer.ready().await;
    /// let retry = Retry::attempts(3)?
    ///     .timeout(Duration::from_secs(5))?
    ///     .accept(|answer: &Response<_>| verdict(answer.status(), answer.headers()));
    /// let send = async |client: Attempt<String>| {
    ///     // … send the request to `*client` …
    ///     # drop(client);
    ///     Ok::<_, std::io::Error>(Response::new(Full::new(Bytes::from("7 apples"))))
    /// };
    /// let answer = balancer.call_response(&retry, send).await?;
    /// assert_eq!(answer.into_body().bytes(1 << 20).await?, "7 apples");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_response<B: Body, E, Fut: Future<Output = Result<Response<B>, E>>>(
        &self,
        retry: &Retry<impl Classify<E>, impl Accept<Response<B>>>,
        attempt: impl FnMut(Attempt<C>) -> Fut,
    ) -> Result<Response<LeaseBody<B>>, CallError<E>> {
        let end = |lease: Lease<C>, means, _: &_| {
            let now = lease.now();
            Following::new(lease, means, now)
        };
        let (answer, lease) = self.call_with(None, None, retry, attempt, end).await?;
        Ok(answer.map(|body| LeaseBody::following(body, lease, None, None)))
    }
}
