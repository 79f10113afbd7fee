//! tower's discovery as a source of endpoints and of their clients.

use core::fmt;
use core::future::{Future, poll_fn};
use core::hash::Hash;
use core::pin::Pin;
use core::slice;
use core::task::{Context, Poll};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evenkeel_core::Endpoint;
use evenkeel_core::discovery::poller::PollerConfig;
use tower::discover::Change;

use super::shared::{SharedService, WeakService};
use crate::aside::copied;
use crate::discover::{Answer, Discover, Empty, Ended, when_told};
use crate::factory::{BoxError, Factory};
use crate::target::Target;

/// Follows one of tower's discoveries: a source whose endpoints come with their clients.
///
/// A service that is inserted anew under its key takes the place of the one before. When the last is
/// removed, none stays: tower's discoveries say who leaves. After an error, what is known stays, and
/// [`DiscoveryStatus::error`](crate::DiscoveryStatus::error) has it; when the discovery ends, so
/// says [`DiscoveryStatus::ended`](crate::DiscoveryStatus::ended).
///
/// ```
/// use evenkeel::tower::{BalanceService, FromDiscover};
/// use evenkeel::{Balancer, Endpoint, Target};
/// use tower::discover::ServiceList;
/// use tower::{ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let service = service_fn(async |n: u32| Ok::<_, std::io::Error>(n + 1));
/// // Its keys are numbers: these have to become targets.
/// let target = |key: &usize| Target::new("list", *key as u16 + 1).map(Endpoint::new);
/// let discover = ServiceList::new::<u32>([service, service]);
/// let (source, clients) = FromDiscover::new(discover, target);
/// let balancer = Balancer::builder(source).build(clients)?;
/// balancer.ready().await;
/// assert_eq!(BalanceService::new(balancer).oneshot(1).await?, 2);
/// # Ok(())
/// # }
/// ```
pub struct FromDiscover<D: tower::discover::Discover> {
    changes: Pin<Box<D>>,
    name: Name<D::Key>,
    /// Who is who, by the number of its last insertion.
    keys: HashMap<D::Key, (Target, u64)>,
    endpoints: BTreeMap<Target, Known>,
    /// What other keys inserted for a target before the service that is in place.
    spares: HashMap<Target, Spares<D::Service>>,
    insertions: u64,
    inserted: Inserted<D::Service>,
    /// It has said something.
    spoke: bool,
    /// Of the last change, until it is told.
    error: Option<BoxError>,
    ended: bool,
}

type Name<K> = Box<dyn Fn(&K) -> Result<Endpoint<Target>, BoxError> + Send>;

/// Endpoints and services, by the number of their insertion.
type Spares<S> = BTreeMap<u64, (Endpoint<Target>, S)>;

/// What is known of a target.
#[derive(Debug)]
struct Known {
    endpoint: Endpoint<Target>,
    /// The insertion whose service is in place.
    by: u64,
}

/// What became of the discovery, since it was asked last.
enum News {
    Changed,
    Failed,
    Ended,
}

impl<D> FromDiscover<D>
where
    D: tower::discover::Discover + Send + 'static,
    D::Key: Hash + Send + 'static,
    D::Service: Send + 'static,
    D::Error: Into<BoxError>,
{
    /// Makes a source of `discover`, and the factory that hands out what it inserts. `endpoint`
    /// makes an endpoint of a key: its target, and its weight, priority and zone; a key for which
    /// it fails is no endpoint, and the error is told. Two keys of one target are one endpoint,
    /// with the service that was inserted last of those that are not removed.
    pub fn new<E: Into<BoxError>>(
        discover: D,
        endpoint: impl Fn(&D::Key) -> Result<Endpoint<Target>, E> + Send + 'static,
    ) -> (Self, Inserted<D::Service>) {
        let services = Services { known: HashMap::new(), removed: HashMap::new() };
        let inserted = Inserted { services: Arc::new(Mutex::new(services)) };
        let source = Self {
            changes: Box::pin(discover),
            name: Box::new(move |key| endpoint(key).map_err(Into::into)),
            keys: HashMap::new(),
            endpoints: BTreeMap::new(),
            spares: HashMap::new(),
            insertions: 0,
            inserted: inserted.clone(),
            spoke: false,
            error: None,
            ended: false,
        };
        (source, inserted)
    }

    fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        if self.ended {
            return Poll::Ready(News::Ended);
        }
        self.changes.as_mut().poll_discover(cx).map(|change| {
            self.spoke = true;
            let adopted = match change {
                None => {
                    self.ended = true;
                    return News::Ended;
                }
                Some(Err(error)) => Err(error.into()),
                Some(Ok(Change::Insert(key, service))) => self.insert(key, service),
                Some(Ok(Change::Remove(key))) => {
                    self.remove(&key);
                    Ok(())
                }
            };
            match adopted {
                Ok(()) => News::Changed,
                Err(error) => {
                    self.error = Some(error);
                    News::Failed
                }
            }
        })
    }

    fn insert(&mut self, key: D::Key, service: D::Service) -> Result<(), BoxError> {
        let endpoint = (self.name)(&key)?;
        let target = endpoint.addr.clone();
        self.insertions += 1;
        let by = self.insertions;
        let replaced = self.inserted.insert(&target, service);
        let before = self.endpoints.insert(target.clone(), Known { endpoint, by });
        if let (Some(before), Some(replaced)) = (before, replaced) {
            let spares = self.spares.entry(target.clone()).or_default();
            spares.insert(before.by, (before.endpoint, replaced));
        }
        if let Some((before, by)) = self.keys.insert(key, (target, by)) {
            self.leave(&before, by);
        }
        Ok(())
    }

    fn remove(&mut self, key: &D::Key) {
        if let Some((target, by)) = self.keys.remove(key) {
            self.leave(&target, by);
        }
    }

    /// Drops what one insertion brought for a target.
    fn leave(&mut self, target: &Target, by: u64) {
        let Some(known) = self.endpoints.get_mut(target) else { return };
        let spares = self.spares.get_mut(target);
        if known.by != by {
            spares.and_then(|spares| spares.remove(&by));
        } else if let Some((by, (endpoint, service))) = spares.and_then(BTreeMap::pop_last) {
            *known = Known { endpoint, by };
            self.inserted.insert(target, service);
        } else {
            self.endpoints.remove(target);
            self.spares.remove(target);
            self.inserted.remove(target);
        }
    }
}

impl<D> Discover for FromDiscover<D>
where
    D: tower::discover::Discover + Send + 'static,
    D::Key: Hash + Send + 'static,
    D::Service: Send + 'static,
    D::Error: Into<BoxError>,
{
    type Error = BoxError;

    /// Waits for the first change, and answers with all that are there by now.
    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        poll_fn(|cx| {
            // One error at a time: each is told.
            while self.error.is_none() && !self.ended && self.poll_news(cx).is_ready() {}
            if self.spoke { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        match self.error.take() {
            Some(error) => Err(error),
            None if self.ended && self.endpoints.is_empty() && self.keys.is_empty() => {
                Err("tower's discovery has ended without any endpoint".into())
            }
            None => {
                let endpoints =
                    self.endpoints.values().map(|known| slice::from_ref(&known.endpoint));
                let count = endpoints.len();
                let answer = Answer::new(copied(endpoints, count).await);
                self.inserted.forget();
                Ok(answer)
            }
        }
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        match poll_fn(|cx| self.poll_news(cx)).await {
            News::Changed | News::Failed => Ok(()),
            News::Ended => Err(Ended::because("tower's discovery has ended")),
        }
    }

    fn poller(&self) -> PollerConfig {
        when_told()
    }

    fn empty(&self) -> Option<Empty> {
        Some(Empty::Accept)
    }
}

impl<D: tower::discover::Discover> fmt::Debug for FromDiscover<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromDiscover")
            .field("endpoints", &self.endpoints)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// The factory that hands out the services which a [`FromDiscover`] inserts.
pub struct Inserted<S> {
    services: Arc<Mutex<Services<S>>>,
}

struct Services<S> {
    known: HashMap<Target, SharedService<S>>,
    /// Removed, but the balancer may still have it: one that comes back is the same endpoint then,
    /// with the same client.
    removed: HashMap<Target, WeakService<S>>,
}

impl<S> Inserted<S> {
    /// Puts a service in place, and returns the one before.
    fn insert(&self, target: &Target, service: S) -> Option<S> {
        let mut services = self.lock();
        let removed = services.removed.remove(target).and_then(|removed| removed.upgrade());
        if let Some(removed) = removed {
            services.known.insert(target.clone(), removed);
        }
        if let Some(known) = services.known.get(target).cloned() {
            drop(services);
            Some(known.replace(service))
        } else {
            services.known.insert(target.clone(), SharedService::new(service));
            None
        }
    }

    fn remove(&self, target: &Target) {
        let mut services = self.lock();
        let Some(removed) = services.known.remove(target) else { return };
        services.removed.insert(target.clone(), removed.downgrade());
        drop(services);
        // It is the user's code that drops a service: not under the lock.
        drop(removed);
    }

    /// Forgets those that nobody has any more.
    fn forget(&self) {
        self.lock().removed.retain(|_, removed| removed.is_shared());
    }

    fn lock(&self) -> MutexGuard<'_, Services<S>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Send + 'static> Factory for Inserted<S> {
    type Client = SharedService<S>;

    fn make(
        &self,
        target: Target,
    ) -> impl Future<Output = Result<SharedService<S>, BoxError>> + Send + 'static {
        let service = self.lock().known.get(&target).cloned();
        async move { service.ok_or_else(|| format!("{target} was removed").into()) }
    }
}

impl<S> Clone for Inserted<S> {
    fn clone(&self) -> Self {
        Self { services: Arc::clone(&self.services) }
    }
}

impl<S> fmt::Debug for Inserted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inserted").field("services", &self.lock().known.len()).finish()
    }
}
