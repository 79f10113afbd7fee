//! Who may be picked: the set, narrowed down to the candidates.

mod candidates;
mod touched;

use core::fmt;

pub(crate) use candidates::Forming;
pub use candidates::{Candidates, GROUPS, Group};

use crate::config::Config;
use crate::endpoint::{Address, Endpoint};
use crate::error::{InsertError, PickError};
use crate::set::{Change, Changes, EndpointSet, Observer, Slot};
use crate::store::Store;
use crate::tier::{self, Warmth};
use crate::time::Instant;
use touched::{Noting, Touched};

/// The slow path of a balancer: the set of endpoints, and which of them are candidates.
///
/// An endpoint of weight 0 is never a candidate, a draining one only in a level that panics. Among the others, the settings
/// decide: [`tier`] says how. Both the single-threaded [`Balancer`](crate::Balancer) and shared ones are built
/// on it.
pub struct Cluster<A, #[cfg(feature = "alloc")] S: Store = crate::Heap, #[cfg(not(feature = "alloc"))] S: Store> {
    set: EndpointSet<A, S>,
    candidates: Candidates<S>,
    config: Config,
    /// The priority of all candidates, where a few differences can be made good without forming them anew.
    level: Option<u16>,
    warmth: Warmth<S>,
    /// When a candidate is due to weigh more.
    timeout: Option<Instant>,
}

impl<A: Address, S: Store> Cluster<A, S> {
    /// A cluster without endpoints, with the default settings.
    pub fn new() -> Self {
        Self::with_config(Config::default())
    }

    /// A cluster without endpoints; `config` has been [checked](Config::check).
    pub fn with_config(config: Config) -> Self {
        let (set, candidates, warmth) = (EndpointSet::new(), Candidates::default(), Warmth::default());
        Self { set, candidates, config, level: None, warmth, timeout: None }
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// All endpoints.
    pub fn set(&self) -> &EndpointSet<A, S> {
        &self.set
    }

    /// The endpoints that may be picked.
    pub fn candidates(&self) -> &Candidates<S> {
        &self.candidates
    }

    /// Why there is no candidate, when there is none: [`PickError::NoEndpoints`] or [`PickError::AllDrained`].
    #[cold]
    pub fn unavailable(&self) -> PickError {
        if self.set.is_empty() { PickError::NoEndpoints } else { PickError::AllDrained }
    }

    /// Replaces the whole set; see [`EndpointSet::update`].
    pub fn update(&mut self, now: Instant, endpoints: impl IntoIterator<Item = Endpoint<A>>) -> Changes {
        self.update_with(now, endpoints, &mut |_: Change<'_, A>| {})
    }

    /// Replaces the whole set and tells every difference to `observer`; see [`EndpointSet::update_with`].
    ///
    /// An update that changes nothing leaves the candidates alone.
    pub fn update_with(
        &mut self,
        now: Instant,
        endpoints: impl IntoIterator<Item = Endpoint<A>>,
        observer: &mut impl Observer<A>,
    ) -> Changes {
        let (end, mut touched) = (self.warm_at(now), Touched::default());
        let mut noting = Noting { touched: &mut touched, warmth: &mut self.warmth, end, observer };
        let changes = self.set.update_with(endpoints, &mut noting);
        if !changes.is_empty() {
            self.refresh(now, touched.few());
        }
        changes
    }

    /// Adds or changes one endpoint; see [`EndpointSet::insert_with`].
    ///
    /// # Errors
    /// [`InsertError::Full`] when the store has no room; nothing changes.
    pub fn insert(
        &mut self,
        now: Instant,
        endpoint: Endpoint<A>,
        observer: &mut impl Observer<A>,
    ) -> Result<Changes, InsertError> {
        let (end, mut touched) = (self.warm_at(now), Touched::default());
        let mut noting = Noting { touched: &mut touched, warmth: &mut self.warmth, end, observer };
        let changes = self.set.insert_with(endpoint, &mut noting)?;
        if !changes.is_empty() {
            self.refresh(now, touched.few());
        }
        Ok(changes)
    }

    /// Takes out one endpoint.
    pub fn remove(&mut self, now: Instant, addr: &A) -> Option<(Slot, Endpoint<A>)> {
        let (slot, endpoint) = self.set.remove(addr)?;
        self.refresh(now, Touched::one(slot).few());
        Some((slot, endpoint))
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do: the next step of an endpoint that warms up.
    ///
    /// Moved by `update`, `insert`, `remove` and `handle_timeout`.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    /// Does what is due at `now`; tells whether the candidates were formed anew. A call too early does nothing, one too late
    /// makes up for it.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        let due = self.timeout.is_some_and(|timeout| timeout <= now);
        if due {
            self.refresh(now, None);
        }
        due
    }

    /// When an endpoint that comes into service now has warmed up, where that takes time.
    fn warm_at(&self, now: Instant) -> Option<Instant> {
        let slow_start = self.config.slow_start?;
        // A cold client learns of all endpoints at once: most of them are warm already.
        Some(if self.candidates.is_empty() { Instant::ZERO } else { now + slow_start.window })
    }

    /// Makes the candidates follow the set, of which only the slots `touched` changed, if they are given.
    fn refresh(&mut self, now: Instant, touched: Option<&[Slot]>) {
        let available = |_: Slot, endpoint: &Endpoint<A>| !endpoint.draining;
        if let (Some(level), Some(touched)) = (self.level, touched)
            && tier::patch(&mut self.candidates, &self.set, level, touched, available)
        {
            return;
        }
        self.level = tier::form(self.candidates.form(), &self.set, &self.config, available);
        self.timeout = self.config.slow_start.and_then(|slow_start| {
            let groups = 0..self.candidates.groups();
            let next = groups.filter_map(|index| {
                let (slots, weights) = self.candidates.weights_mut(index);
                slow_start.weigh(self.warmth.ends(), slots, weights, now)
            });
            // Steps that are due soon after each other are taken together.
            next.min().map(|next| next.max(now + slow_start.tick()))
        });
    }
}

impl<A: Address, S: Store> Default for Cluster<A, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: fmt::Debug, S: Store> fmt::Debug for Cluster<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("set", &self.set)
            .field("candidates", &self.candidates)
            .field("config", &self.config)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
