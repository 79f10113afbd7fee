//! From settings to a running balancer.

use core::convert::Infallible;
use core::future::ready;
use core::hash::{BuildHasher, Hasher};
#[cfg(any(feature = "http", feature = "reqwest"))]
use core::sync::atomic::AtomicBool;
use core::sync::atomic::AtomicU64;
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use evenkeel_core::discovery::poller::Poller;
use evenkeel_core::policy::{AnyPolicy, honours};
use evenkeel_core::random::SplitMix64;
use evenkeel_core::{Config, Policy};
use thread_local::ThreadLocal;
use tokio::sync::{Notify, broadcast, mpsc, watch};

use crate::abort::AbortOnDrop;
use crate::balancer::Balancer;
use crate::clock::Clock;
use crate::discover::{Discover, DiscoveryStatus, Listener, Removal, drive, watchdog};
use crate::error::BuildError;
use crate::factory::Factory;
use crate::maintain::{Maintenance, Pace};
use crate::published::Published;
use crate::shared::{Clients, Probes, Shared};
use crate::snapshot::{Cluster, Snapshot};
use crate::state::{RestoreError, Restored};
use crate::status::Listing;
use crate::supervise::Supervisor;
use crate::table::Table;
use crate::target::Target;

/// Events kept for a receiver that lags.
const EVENTS: usize = 1024;

/// The settings of a [`Balancer`].
#[derive(Debug)]
pub struct Builder<D, P> {
    source: D,
    policy: P,
    config: Config,
    seed: Option<u64>,
    pace: Pace,
    removal: Removal,
    restored: Option<Restored>,
}

/// The builder knows no client yet; `()` stands for it, so that nobody has to name one.
impl Balancer<()> {
    /// Begins a balancer over the endpoints of `source`.
    pub fn builder<D: Discover>(source: D) -> Builder<D, AnyPolicy> {
        Builder {
            source,
            policy: AnyPolicy::default(),
            config: Config::default(),
            seed: None,
            pace: Pace::default(),
            removal: Removal::default(),
            restored: None,
        }
    }
}

impl<D: Discover, P> Builder<D, P> {
    /// Sets the policy; default: peak EWMA. The type is kept, so that a policy known when
    /// compiling costs no more than it must.
    pub fn policy<Q: Policy>(self, policy: Q) -> Builder<D, Q> {
        let Self { source, config, seed, pace, removal, restored, .. } = self;
        Builder { source, policy, config, seed, pace, removal, restored }
    }

    /// Sets the [settings](evenkeel_core::Settings): which endpoints may be picked, by
    /// [health](crate::health), priorities, zones, a subset, a slow start or the requests in
    /// flight, and how answer times are averaged. Their seed is that of [`seed`](Self::seed).
    ///
    /// The requests in flight are counted with any policy, where they are limited; what other
    /// clients send to an endpoint does not count.
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// Makes every choice of one thread follow from `seed`; default: from the operating system's
    /// randomness.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// Sets how many clients are made at the same time, at least 1; default: 32. The others wait
    /// for their turn, so that a new set of 1,000 endpoints is no storm of connections.
    #[must_use]
    pub fn clients_at_once(self, at_once: usize) -> Self {
        Self { pace: Pace { at_once, ..self.pace }, ..self }
    }

    /// Sets how long the making of a client may take, above zero; default: 10 s. Longer is a
    /// failure, after which it is tried again.
    #[must_use]
    pub fn client_timeout(self, timeout: Duration) -> Self {
        Self { pace: Pace { timeout, ..self.pace }, ..self }
    }

    /// Sets the least time between two questions to discovery that failures of endpoints cause,
    /// above zero; default: 30 s, as in gRPC. The first failure asks at once. Such questions keep to
    /// the source's own [gap](crate::PollerConfig::min_gap) as well, and to the time that it
    /// [asked for](crate::Answer::retry_after); with [`Duration::MAX`], there is one at most.
    ///
    /// ```
    /// use core::time::Duration;
    ///
    /// use evenkeel::{Balancer, DnsSrv, Target};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // Addresses change often here: whoever cannot be reached has moved.
    /// let balancer = Balancer::builder(DnsSrv::new("_http._tcp.web.example.com.")?)
    ///     .failure_refresh_gap(Duration::from_secs(5))
    ///     .build(async |target: Target| target.socket_addr().ok_or("no address"))?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn failure_refresh_gap(self, gap: Duration) -> Self {
        Self { pace: Pace { failure_refresh_gap: gap, ..self.pace }, ..self }
    }

    /// Sets when endpoints are let go that discovery does not name any more, and how many are taken
    /// over at most; default: at once, but never because an answer has none at all.
    #[must_use]
    pub fn removal(self, removal: Removal) -> Self {
        Self { removal, ..self }
    }

    /// Goes on with what an earlier balancer learned, by [`Balancer::state`]: as soon as the first
    /// endpoints have clients, those it knows are as they were, less the time in between. Settings
    /// and policy may be others.
    ///
    /// # Errors
    /// [`RestoreError`] for bytes that are no state, are damaged, of another version, or older than
    /// an [hour](evenkeel_core::state::MAX_AGE).
    pub fn restore(self, state: &[u8]) -> Result<Self, RestoreError> {
        Ok(Self { restored: Some(Restored::read(state)?), ..self })
    }
}

impl<D: Discover, P: Policy + Clone + Send + Sync + 'static> Builder<D, P> {
    /// Does what [`build`](Self::build) does, with clients that need no waiting and cannot fail: an
    /// address, a URL, a handle of a pool that connects by itself. What they need beside the
    /// address, the function captures.
    ///
    /// ```
    /// use evenkeel::{Balancer, Fixed, Target};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let scheme = String::from("https");
    /// let balancer = Balancer::builder(Fixed::new(["api.example.com:443"])?)
    ///     .build_with(move |target: Target| format!("{scheme}://{target}"))?;
    /// balancer.ready().await;
    /// balancer.pick()?.with(|url| assert_eq!(url, "https://api.example.com:443"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_with<C: Send + Sync + 'static>(
        self,
        client: impl Fn(Target) -> C + Send + Sync + 'static,
    ) -> Result<Balancer<C, P>, BuildError> {
        self.build(move |target| ready(Ok::<_, Infallible>(client(target))))
    }

    /// Starts discovery in a task on the current runtime, and makes clients by `factory`: for the
    /// candidates, and for those that would be candidates without them (the next priority, the next
    /// of a subset). Returns at once.
    ///
    /// # Errors
    /// [`BuildError`] outside a tokio runtime, or when settings contradict each other.
    pub fn build<F: Factory>(self, factory: F) -> Result<Balancer<F::Client, P>, BuildError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        self.pace.check()?;
        let poller = Poller::new(self.source.poller()).map_err(BuildError::Poller)?;
        let seed = self.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let config = Config { seed, ..self.config };
        config.check().map_err(BuildError::Config)?;
        honours(&self.policy, &config).map_err(BuildError::Config)?;
        let mut policy = self.policy;
        policy.seed(seed);
        let clock = Clock::start();
        let (orders, ordered) = mpsc::unbounded_channel();
        let cluster = Cluster::new(config);
        let snapshot = Snapshot::new(1, &cluster, &[], None, Table::EMPTY, |_| None, &policy);
        let snapshot = Arc::new(snapshot.map_err(BuildError::Table)?);
        let shared = Arc::new(Shared {
            snapshot: Published::new(Arc::clone(&snapshot)),
            probes: Probes::default(),
            tallies: Arc::default(),
            seats: ThreadLocal::new(),
            striped: AtomicU64::new(0),
            marks: Arc::default(),
            seed,
            clock,
            refresh: Notify::new(),
            discovery: watch::Sender::new(DiscoveryStatus::default()),
            clients: watch::Sender::new(Clients::default()),
            #[cfg(any(feature = "http", feature = "reqwest"))]
            begun: AtomicBool::new(false),
            discovered: watch::Sender::default(),
            listing: ArcSwap::from_pointee(Listing::empty(snapshot)),
            events: broadcast::Sender::new(EVENTS),
            told: Mutex::default(),
            orders,
            supervisor: Supervisor::default(),
        });
        let (sets, received) = mpsc::channel(1);
        let maintenance = Maintenance::new(
            Arc::clone(&shared),
            factory,
            self.pace,
            policy,
            cluster,
            self.removal,
            self.restored,
        );
        let (source, empty) = (self.source, self.removal.empty);
        let (turns, turned) = watch::channel(None);
        // A task of its own: a source that blocks its thread stops nobody else.
        let driver = runtime.spawn({
            let shared = Arc::clone(&shared);
            async move {
                let listener = Listener {
                    clock,
                    wanted: &shared.refresh,
                    status: &shared.discovery,
                    supervisor: &shared.supervisor,
                    turns: &turns,
                    sets,
                };
                drive(source, poller, SplitMix64::new(!seed), empty, listener).await;
            }
        });
        let driver = AbortOnDrop(driver.abort_handle());
        let ends = shared.supervisor.guard();
        let task = runtime.spawn({
            let shared = Arc::clone(&shared);
            async move {
                let (_driver, _ends) = (driver, ends);
                let watchdog = watchdog(clock, &shared.discovery, turned);
                tokio::join!(watchdog, maintenance.run(received, ordered));
            }
        });
        Ok(Balancer { shared, task: Arc::new(AbortOnDrop(task.abort_handle())) })
    }
}
