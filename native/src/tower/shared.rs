//! A service that any thread may clone.

use core::fmt;
use core::task::{Context, Poll};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tower_service::Service;

/// Makes a service that can be cloned one that threads can share, too, as a balancer's clients are:
/// boxed services and stacks of layers often cannot be. Each clone takes a clone of its own before
/// its first request, under a lock for a moment.
///
/// ```
/// use evenkeel::tower::SharedService;
/// use tower::util::BoxCloneService;
/// use tower::{ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::io::Error> {
/// let boxed = BoxCloneService::new(service_fn(async |n: u32| Ok::<_, std::io::Error>(n + 1)));
/// let client = SharedService::new(boxed);
/// assert_eq!(client.clone().oneshot(1).await?, 2);
/// # Ok(())
/// # }
/// ```
pub struct SharedService<S> {
    origin: Arc<Mutex<S>>,
    /// The clone that requests go through. Never locked: the mutex makes it `Sync`.
    own: Mutex<Option<S>>,
}

impl<S> SharedService<S> {
    /// Shares a service.
    pub fn new(service: S) -> Self {
        Self { origin: Arc::new(Mutex::new(service)), own: Mutex::new(None) }
    }

    /// Puts another service in the place of the shared one, and returns that. Clones that are at
    /// work go on with what they have.
    pub(super) fn replace(&self, service: S) -> S {
        core::mem::replace(&mut *lock(&self.origin), service)
    }

    /// Finds the service again, as long as others share it.
    pub(super) fn downgrade(&self) -> WeakService<S> {
        WeakService(Arc::downgrade(&self.origin))
    }
}

/// A service that others share, if any do.
pub(super) struct WeakService<S>(Weak<Mutex<S>>);

impl<S> WeakService<S> {
    pub(super) fn upgrade(&self) -> Option<SharedService<S>> {
        let origin = self.0.upgrade()?;
        Some(SharedService { origin, own: Mutex::new(None) })
    }

    pub(super) fn is_shared(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl<S> Clone for SharedService<S> {
    fn clone(&self) -> Self {
        Self { origin: Arc::clone(&self.origin), own: Mutex::new(None) }
    }
}

impl<S: Service<Req> + Clone, Req> Service<Req> for SharedService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.own().poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> S::Future {
        self.own().call(request)
    }
}

impl<S: Clone> SharedService<S> {
    fn own(&mut self) -> &mut S {
        let own = self.own.get_mut().unwrap_or_else(PoisonError::into_inner);
        own.get_or_insert_with(|| lock(&self.origin).clone())
    }
}

impl<S> fmt::Debug for SharedService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedService").finish_non_exhaustive()
    }
}

fn lock<S>(service: &Mutex<S>) -> MutexGuard<'_, S> {
    // Where cloning panicked, the service is what it was.
    service.lock().unwrap_or_else(PoisonError::into_inner)
}
