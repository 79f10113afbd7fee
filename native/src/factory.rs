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
///
/// What it captures goes along as a clone, for its futures outlive the call:
///
/// ```
/// use evenkeel::{Balancer, Fixed, Target};
/// use std::sync::Arc;
///
/// # struct Settings { secret: String }
/// # struct Users { target: Target, settings: Arc<Settings> }
/// # impl Users {
/// #     async fn connect(target: Target, settings: Arc<Settings>) -> std::io::Result<Self> {
/// #         Ok(Self { target, settings })
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let settings = Settings { secret: "secret".into() };
/// let settings = Arc::new(settings);
/// let balancer = Balancer::builder(Fixed::new(["10.0.0.1:80"])?).build(move |target| {
///     let settings = Arc::clone(&settings);
///     async move { Users::connect(target, settings).await }
/// })?;
/// balancer.ready().await;
/// # let lease = balancer.pick()?.lease();
/// # assert!(!lease.settings.secret.is_empty() && lease.target.port() == 80);
/// # lease.success();
/// # Ok(())
/// # }
/// ```
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
