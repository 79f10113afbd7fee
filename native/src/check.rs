//! Active checks: endpoints that are asked from time to time if they are there.
//!
//! [`Balancer::check`] starts them. What a check is, a [`Probe`] says: [`Tcp`], [`HttpGet`], or an
//! asynchronous function from an endpoint to `bool`.

use core::error::Error;
use core::fmt;
use core::future::Future;
use core::ops::Deref;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use evenkeel_core::health::{CheckStep, Checker, HealthCheck};
use evenkeel_core::{ConfigError, hash};
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::abort::AbortOnDrop;
use crate::balancer::{Balancer, WeakBalancer};
use crate::client::Client;
use crate::shared::Order;
use crate::target::Target;

mod probes;

pub use probes::{HttpGet, HttpGetError, Tcp};

/// Asks an endpoint if it is there. An asynchronous function from [`Checked`] to `bool` is one.
pub trait Probe<C>: Send + Sync + 'static {
    /// Asks once; tells that the endpoint is well. Dropped when it takes longer than the
    /// [timeout](HealthCheck::timeout); a panic counts as a failure, too.
    fn probe(&self, endpoint: Checked<C>) -> impl Future<Output = bool> + Send + 'static;
}

impl<C, F, Fut> Probe<C> for F
where
    F: Fn(Checked<C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = bool> + Send + 'static,
{
    fn probe(&self, endpoint: Checked<C>) -> impl Future<Output = bool> + Send + 'static {
        self(endpoint)
    }
}

/// An endpoint that is checked; dereferences to its client.
#[derive(Debug)]
pub struct Checked<C>(Arc<Client<C>>);

impl<C> Checked<C> {
    /// Returns where it is.
    pub fn target(&self) -> &Target {
        &self.0.target
    }
}

impl<C> Deref for Checked<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0.inner
    }
}

impl<C: Send + Sync + 'static, P: Send + Sync + 'static> Balancer<C, P> {
    /// Checks every endpoint that has a client, for as long as the balancer lives: what
    /// [fails](HealthCheck::fall) takes no requests until it is [well again](HealthCheck::rise).
    /// To be called once: two kinds of checks would contradict each other.
    ///
    /// Costs a task per endpoint, and a request in each interval, of every client. What calls
    /// report finds out most by itself; checks add what is seldom called.
    ///
    /// ```
    /// use evenkeel::health::HealthCheck;
    /// use evenkeel::{Balancer, Fixed, check};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let balancer = Balancer::builder(Fixed::new(["10.0.0.1:80"])?).build_with(|target| target)?;
    /// balancer.check(HealthCheck::default(), check::HttpGet::new("/healthz")?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`CheckError`] for the first setting that makes no sense, and outside a tokio runtime.
    pub fn check(&self, settings: HealthCheck, probe: impl Probe<C>) -> Result<(), CheckError> {
        settings.check().map_err(CheckError::Settings)?;
        let runtime = Handle::try_current().map_err(|_| CheckError::NoRuntime)?;
        runtime.spawn(check_all(self.downgrade(), settings, Arc::new(probe)));
        Ok(())
    }
}

/// Why active checks did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckError {
    /// Not called within a tokio runtime, in which the checks would run.
    NoRuntime,
    /// A setting makes no sense.
    Settings(ConfigError),
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRuntime => f.write_str("no tokio runtime: begin the checks within one"),
            Self::Settings(error) => write!(f, "the settings of checks: {error}"),
        }
    }
}

impl Error for CheckError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoRuntime => None,
            Self::Settings(error) => Some(error),
        }
    }
}

/// Keeps a task for each endpoint that has a client, until the balancer is gone.
async fn check_all<C, P, R>(weak: WeakBalancer<C, P>, settings: HealthCheck, probe: Arc<R>)
where
    C: Send + Sync + 'static,
    P: Send + Sync + 'static,
    R: Probe<C>,
{
    let mut tasks: BTreeMap<Target, (Weak<Client<C>>, AbortOnDrop)> = BTreeMap::new();
    // Whether these checks say that an endpoint is down, until it is gone: also without a client.
    let mut down: BTreeMap<Target, Arc<AtomicBool>> = BTreeMap::new();
    loop {
        let Some(balancer) = weak.upgrade() else { return };
        let mut news = balancer.shared.clients.subscribe();
        let mut before = core::mem::take(&mut tasks);
        let known = balancer.shared.discovered.borrow().clone();
        let is_known =
            |target: &Target| known.endpoints.binary_search_by(|one| one.addr.cmp(target)).is_ok();
        down.retain(|target, down| is_known(target) || Arc::strong_count(down) > 1);
        for client in balancer.shared.listing.load().clients() {
            let same = before.remove(&client.target);
            let same = same.filter(|(known, _)| core::ptr::eq(known.as_ptr(), &raw const **client));
            let task = same.unwrap_or_else(|| {
                let one = CheckOne {
                    client: Arc::downgrade(client),
                    down: Arc::clone(down.entry(client.target.clone()).or_default()),
                    orders: balancer.shared.orders.clone(),
                    probe: Arc::clone(&probe),
                };
                let seed = hash::mix(balancer.shared.seed, client.id);
                let task = tokio::spawn(one.run(settings, seed));
                (Arc::downgrade(client), AbortOnDrop(task.abort_handle()))
            });
            tasks.insert(client.target.clone(), task);
        }
        drop(balancer);
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return },
            // An endpoint that replaced another changes no count.
            () = tokio::time::sleep(settings.interval) => {}
        }
    }
}

/// The checks of one endpoint.
struct CheckOne<C, R> {
    client: Weak<Client<C>>,
    /// These checks have said that it is down. Others may have said so, too: that is theirs.
    down: Arc<AtomicBool>,
    orders: mpsc::UnboundedSender<Order>,
    probe: Arc<R>,
}

impl<C: Send + Sync + 'static, R: Probe<C>> CheckOne<C, R> {
    /// Checks until the endpoint is gone.
    async fn run(self, settings: HealthCheck, seed: u64) {
        let Some((clock, target)) =
            self.client.upgrade().map(|client| (client.clock, client.target.clone()))
        else {
            return;
        };
        // A client made anew goes on where the last one ended.
        let initial = if self.down.load(Relaxed) { Some(false) } else { settings.initial };
        let mut checker = Checker::new(&HealthCheck { initial, ..settings }, clock.now(), seed);
        loop {
            let well = match checker.poll(clock.now()) {
                CheckStep::Check { id, deadline } => {
                    let Some(client) = self.client.upgrade() else { return };
                    // All that the user's code does is within.
                    let probe = async { self.probe.probe(Checked(client)).await };
                    let asked = AssertUnwindSafe(probe).catch_unwind();
                    let well = tokio::select! {
                        well = asked => well.unwrap_or(false),
                        // Then, it is to be canceled.
                        () = clock.sleep_until(Some(deadline)) => continue,
                    };
                    checker.on_result(clock.now(), id, well);
                    well
                }
                CheckStep::Cancel { .. } => false,
                CheckStep::Wait(until) => {
                    clock.sleep_until(Some(until)).await;
                    continue;
                }
            };
            // Good news are news only of what is down.
            if checker.healthy() == Some(well) && self.down.load(Relaxed) == well {
                self.down.store(!well, Relaxed);
                tracing::info!(%target, well, "the active check of an endpoint changed");
                let order = Order::SetDown { target: target.clone(), down: !well };
                if self.orders.send(order).is_err() {
                    return;
                }
            }
        }
    }
}
