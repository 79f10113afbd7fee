//! The settings of a balanced service: the layer.

use core::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::error::Judge;
use crate::balancer::Balancer;
use crate::call::{EveryAnswer, EveryError, Retry};
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::retry::RetryPolicy;

type Again<Req> = Arc<dyn Fn(&Req) -> Option<Req> + Send + Sync>;
type Key<Req> = Arc<dyn Fn(&Req) -> Option<u64> + Send + Sync>;

/// Puts a balancer before a service that reaches every endpoint: the service gets each attempt
/// [with its endpoint](super::Directed).
///
/// ```
/// use evenkeel::tower::{BalanceLayer, Directed};
/// use evenkeel::{Balancer, Fixed, Retry, Target};
/// use std::time::Duration;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let balancer = Balancer::builder(Fixed::new(["10.0.0.1:80"])?)
///     .build(async |target: Target| Ok::<_, std::io::Error>(format!("http://{target}")))?;
/// balancer.ready().await;
/// let client = service_fn(async |sent: Directed<String, &'static str>| {
///     // … one HTTP client for all endpoints …
///     Ok::<_, std::io::Error>(format!("{}{}", *sent.attempt, sent.request))
/// });
/// let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
/// let service = ServiceBuilder::new()
///     .layer(BalanceLayer::new(balancer).retry(retry))
///     .service(client);
/// assert_eq!(service.oneshot("/users/7").await?, "http://10.0.0.1:80/users/7");
/// # Ok(())
/// # }
/// ```
pub struct BalanceLayer<C, Req, P = AnyPolicy, K = EveryError, A = EveryAnswer> {
    pub(super) balancer: Balancer<C, P>,
    pub(super) retry: Arc<Retry<Judge<K>, A>>,
    /// Makes a request anew; `None` if that may not be done.
    pub(super) again: Option<Again<Req>>,
    pub(super) key: Option<Key<Req>>,
    pub(super) queue: Arc<Semaphore>,
}

impl<C, Req, P> BalanceLayer<C, Req, P> {
    /// Sends each request once, and fails it where there is no candidate.
    pub fn new(balancer: Balancer<C, P>) -> Self {
        let retry =
            Retry::new(RetryPolicy::DEFAULT.once().without_elsewhere()).classify(Judge(EveryError));
        let queue = Arc::new(Semaphore::new(0));
        Self { balancer, retry: Arc::new(retry), again: None, key: None, queue }
    }
}

impl<C, Req, P, K, A> BalanceLayer<C, Req, P, K, A> {
    /// Tries again as `retry` says, with clones of the request.
    #[must_use]
    pub fn retry<L: Clone, B: Clone>(self, retry: Retry<L, B>) -> BalanceLayer<C, Req, P, L, B>
    where
        Req: Clone + 'static,
    {
        self.retry_by(retry, |request| Some(Req::clone(request)))
    }

    /// Tries again as `retry` says, with requests that `again` makes of the first one. Of what it
    /// returns `None` for, one attempt is made and no other, within the limits of time of `retry`:
    /// for bodies that are streams, or writes that must not be done twice.
    #[must_use]
    pub fn retry_by<L: Clone, B: Clone>(
        self,
        retry: Retry<L, B>,
        again: impl Fn(&Req) -> Option<Req> + Send + Sync + 'static,
    ) -> BalanceLayer<C, Req, P, L, B> {
        let Self { balancer, key, queue, .. } = self;
        let retry = Arc::new(retry.map_classify(Judge));
        BalanceLayer { balancer, retry, again: Some(Arc::new(again)), key, queue }
    }

    /// Reads the key of a request, as [`Balancer::pick_for`] takes it: policies that hash keep the
    /// requests of one key together. Requests with `None` have none.
    #[must_use]
    pub fn key(self, key: impl Fn(&Req) -> Option<u64> + Send + Sync + 'static) -> Self {
        Self { key: Some(Arc::new(key)), ..self }
    }

    /// Lets so many calls wait for a candidate while there is none, of all clones together; default:
    /// none. One that waits does so until the time-out of `retry`, or of a layer around this.
    ///
    /// While all places are taken, the service is not ready, and a layer that sheds load does so.
    /// At most 2⁶¹ - 1; more means that.
    #[must_use]
    pub fn queue(self, calls: usize) -> Self {
        let calls = calls.min(Semaphore::MAX_PERMITS);
        Self { queue: Arc::new(Semaphore::new(calls)), ..self }
    }
}

impl<C, Req, P, K, A> Clone for BalanceLayer<C, Req, P, K, A> {
    fn clone(&self) -> Self {
        Self {
            balancer: self.balancer.clone(),
            retry: Arc::clone(&self.retry),
            again: self.again.clone(),
            key: self.key.clone(),
            queue: Arc::clone(&self.queue),
        }
    }
}

impl<C, Req, P, K, A> fmt::Debug for BalanceLayer<C, Req, P, K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BalanceLayer")
            .field("balancer", &self.balancer)
            .field("queue", &self.queue.available_permits())
            .finish_non_exhaustive()
    }
}
