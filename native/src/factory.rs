//! From an address to what the user calls.

use core::error::Error;
use core::future::Future;

use crate::target::Target;

/// Any error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Makes the client of an endpoint, off the request path.
///
/// An asynchronous function from [`Target`] to a client, or an error, is one. It is called once for
/// each endpoint that comes, and again with backoff after a failure; the endpoint is picked once
/// there is a client.
pub trait Factory: Send + Sync + 'static {
    /// What the user calls.
    type Client: Send + Sync + 'static;

    /// Makes the client for `target`.
    fn make(
        &self,
        target: Target,
    ) -> impl Future<Output = Result<Self::Client, BoxError>> + Send + 'static;
}

impl<F, Made, C, E> Factory for F
where
    F: Fn(Target) -> Made + Send + Sync + 'static,
    Made: Future<Output = Result<C, E>> + Send + 'static,
    C: Send + Sync + 'static,
    E: Into<BoxError>,
{
    type Client = C;

    fn make(&self, target: Target) -> impl Future<Output = Result<C, BoxError>> + Send + 'static {
        let made = self(target);
        async { made.await.map_err(Into::into) }
    }
}
