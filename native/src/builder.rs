//! From settings to a running balancer.

use core::hash::{BuildHasher, Hasher};
use core::sync::atomic::AtomicU64;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

use arc_swap::ArcSwap;
use evenkeel_core::discovery::poller::Poller;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::{Cluster, Config, Policy};
use thread_local::ThreadLocal;
use tokio::sync::{Notify, broadcast, mpsc, watch};

use crate::balancer::{AbortOnDrop, Balancer};
use crate::clock::Clock;
use crate::counters::Counters;
use crate::discover::{Discover, DiscoveryStatus, drive};
use crate::error::BuildError;
use crate::factory::Factory;
use crate::maintain::Maintenance;
use crate::shared::{Clients, Shared};
use crate::snapshot::Snapshot;
use crate::stripe::CounterRng;

/// Changes and events kept for a receiver that lags.
const CHANGES: usize = 1024;

/// The settings of a [`Balancer`].
#[derive(Debug)]
pub struct Builder<D, P> {
    source: D,
    policy: P,
    config: Config,
    seed: Option<u64>,
}

/// (The builder knows no client yet; `()` stands for it, so that nobody has to name one.)
impl Balancer<()> {
    /// A balancer over the endpoints of `source`, yet to be configured.
    pub fn builder<D: Discover>(source: D) -> Builder<D, AnyPolicy> {
        Builder { source, policy: AnyPolicy::default(), config: Config::default(), seed: None }
    }
}

impl<D: Discover, P> Builder<D, P> {
    /// Who is picked; default: round robin. The type is kept, so that a policy known when compiling costs no more than it must.
    pub fn policy<Q: Policy>(self, policy: Q) -> Builder<D, Q> {
        Builder { source: self.source, policy, config: self.config, seed: self.seed }
    }

    /// Who may be picked: priorities, zones, subsets, slow start, [outlier detection](crate::health); and how answer times are
    /// averaged. Its seed is that of
    /// [`seed`](Self::seed).
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// Makes every choice of one thread follow from `seed`; default: from the operating system's randomness.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }
}

impl<D: Discover, P: Policy + Clone + Send + Sync + 'static> Builder<D, P> {
    /// Starts discovery in a task on the current runtime, and makes a client for each endpoint by `factory`. Returns at once.
    ///
    /// # Errors
    /// [`BuildError`] outside a tokio runtime, or when settings contradict each other.
    pub fn build<F: Factory>(self, factory: F) -> Result<Balancer<F::Client, P>, BuildError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let poller = Poller::new(self.source.poller()).map_err(BuildError::Poller)?;
        let seed = self.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let config = Config { seed, ..self.config };
        config.check().map_err(BuildError::Config)?;
        let mut policy = self.policy;
        policy.seed(seed);
        let clock = Clock::start();
        let counters = Arc::new(Counters::new(config.latency, clock));
        let (orders, ordered) = mpsc::unbounded_channel();
        let cluster = Cluster::with_config(config);
        let snapshot = Snapshot::new(1, &cluster, |_| None, &policy, &counters).map_err(BuildError::Table)?;
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(snapshot),
            stripes: ThreadLocal::new(),
            striped: AtomicU64::new(0),
            counters,
            seed,
            clock,
            refresh: Notify::new(),
            discovery: watch::Sender::new(DiscoveryStatus::default()),
            clients: watch::Sender::new(Clients::default()),
            changes: broadcast::Sender::new(CHANGES),
            entries: ArcSwap::default(),
            events: broadcast::Sender::new(CHANGES),
            orders,
        });
        let (sets, received) = mpsc::channel(1);
        let maintenance = Maintenance::new(Arc::clone(&shared), factory, policy, cluster);
        let source = self.source;
        let task = runtime.spawn({
            let shared = Arc::clone(&shared);
            async move {
                let rng = CounterRng(!seed);
                let driver = drive(source, poller, clock, rng, &shared.refresh, &shared.discovery, sets);
                tokio::join!(driver, maintenance.run(received, ordered));
            }
        });
        Ok(Balancer { shared, task: Arc::new(AbortOnDrop(task.abort_handle())) })
    }
}
