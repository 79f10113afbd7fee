use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::Endpoint;
use evenkeel_core::discovery::poller::PollerConfig;
use tokio::sync::watch;

use super::{Answer, Discover, Ended, folded};
use crate::aside::LONG;
use crate::error::SharedError;
use crate::factory::BoxError;
use crate::target::Target;

/// Tells a balancer its endpoints, as they come and go: a source that pushes.
///
/// Every update is seen at once, and those that come together count as one. Clones tell the same
/// balancer; when the last is dropped, the endpoints stay, and
/// [`DiscoveryStatus::ended`](crate::DiscoveryStatus::ended) says so.
///
/// ```
/// use evenkeel::{Balancer, Endpoint, Publisher, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (publisher, source) = Publisher::new();
/// let balancer =
///     Balancer::builder(source).build(async |target: Target| Ok::<_, &str>(target))?;
///
/// // Wherever you learn of endpoints:
/// publisher.replace(["10.0.0.1:80".parse().map(Endpoint::new)?]);
/// publisher.upsert(Endpoint::new("10.0.0.2:80".parse()?).with_weight(2));
/// publisher.remove(&"10.0.0.1:80".parse()?);
///
/// balancer.ready().await;
/// assert_eq!(balancer.pick()?.target().to_string(), "10.0.0.2:80");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Publisher {
    state: watch::Sender<State>,
}

/// The source that a [`Publisher`] feeds, for [`Balancer::builder`](crate::Balancer::builder).
#[derive(Debug)]
pub struct Published {
    state: watch::Receiver<State>,
    /// The last lookup said that the service is absent.
    absent: bool,
    /// It is to be said once more: only then it is believed.
    confirm: bool,
}

#[derive(Debug)]
struct State {
    endpoints: Arc<Told>,
    says: Says,
}

/// The endpoints that were told.
#[derive(Clone, Debug, Default)]
struct Told {
    /// As a whole, in the order of addresses; empty as soon as one of them is told alone.
    list: Vec<Endpoint<Target>>,
    /// One by one.
    map: BTreeMap<Target, Endpoint<Target>>,
}

impl Told {
    /// Returns them to be told one by one. O(n) after they were told as a whole.
    fn map(&mut self) -> &mut BTreeMap<Target, Endpoint<Target>> {
        let list = core::mem::take(&mut self.list).into_iter();
        self.map.extend(list.map(|endpoint| (endpoint.addr.clone(), endpoint)));
        &mut self.map
    }

    fn contains(&self, target: &Target) -> bool {
        let is_listed = self.list.binary_search_by(|known| known.addr.cmp(target)).is_ok();
        is_listed || self.map.contains_key(target)
    }

    fn len(&self) -> usize {
        self.list.len() + self.map.len()
    }

    fn iter(&self) -> impl Iterator<Item = &Endpoint<Target>> {
        self.list.iter().chain(self.map.values())
    }
}

#[derive(Debug)]
enum Says {
    /// Nothing was published yet.
    Nothing,
    Endpoints,
    Absent,
    Error(SharedError),
}

impl Publisher {
    /// Makes a publisher, and the source that it feeds. A balancer over it waits until something is
    /// published.
    pub fn new() -> (Self, Published) {
        let state = State { endpoints: Arc::default(), says: Says::Nothing };
        let (state, receiver) = watch::channel(state);
        (Self { state }, Published { state: receiver, absent: false, confirm: false })
    }

    /// Publishes the whole set. None at all is not believed: the endpoints known so far stay; see
    /// [`absent`](Self::absent).
    pub fn replace(&self, endpoints: impl IntoIterator<Item = Endpoint<Target>>) {
        let endpoints = Told { list: folded(endpoints), map: BTreeMap::new() }.into();
        let new = State { endpoints, says: Says::Endpoints };
        // The old set is dropped last: the balancer does not wait for it.
        self.state.send_replace(new);
    }

    /// Adds an endpoint, or puts it in the place of the one with the same target.
    pub fn upsert(&self, endpoint: Endpoint<Target>) {
        self.state.send_modify(|state| {
            Arc::make_mut(&mut state.endpoints).map().insert(endpoint.addr.clone(), endpoint);
            state.says = Says::Endpoints;
        });
    }

    /// Removes an endpoint; tells that it was there. The last one stays in force, as long as
    /// nothing else is published: see [`absent`](Self::absent).
    pub fn remove(&self, target: &Target) -> bool {
        self.state.send_if_modified(|state| {
            let removed = state.endpoints.contains(target);
            if removed {
                Arc::make_mut(&mut state.endpoints).map().remove(target);
                state.says = Says::Endpoints;
            }
            removed
        })
    }

    /// Publishes that the endpoints cannot be told at the moment. Those known so far stay, and the
    /// status of discovery has the error until the next update.
    pub fn fail(&self, error: impl Into<BoxError>) {
        let error = error.into().into();
        self.state.send_modify(|state| state.says = Says::Error(error));
    }

    /// Publishes that the service is decidedly not there: no endpoint stays.
    pub fn absent(&self) {
        self.state.send_replace(State { endpoints: Arc::default(), says: Says::Absent });
    }

    /// Waits until nobody listens any more: the balancer is gone.
    pub async fn closed(&self) {
        self.state.closed().await;
    }
}

impl Discover for Published {
    type Error = BoxError;

    /// Waits for the first update; after it, answers at once.
    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        let published = |state: &State| !matches!(state.says, Says::Nothing);
        let (published, absent) = {
            let state = self.state.wait_for(published).await;
            let state = state.map_err(|_| "every publisher was dropped before it said anything")?;
            let absent = matches!(state.says, Says::Absent);
            self.confirm = absent && !self.absent;
            self.absent = absent;
            if let Says::Error(error) = &state.says {
                return Err(Arc::clone(error).into());
            }
            (Arc::clone(&state.endpoints), absent)
        };
        let mut endpoints = Vec::with_capacity(published.len());
        for endpoint in published.iter() {
            endpoints.push(endpoint.clone());
            if endpoints.len() % LONG == 0 {
                // A long list must not keep other tasks from running.
                tokio::task::yield_now().await;
            }
        }
        Ok(Answer { absent, ..Answer::new(endpoints) })
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        if self.confirm {
            return Ok(());
        }
        let changed = self.state.changed().await;
        changed.map_err(|_| Ended::because("every publisher was dropped"))
    }

    fn poller(&self) -> PollerConfig {
        when_told()
    }
}

/// Asks when the source has news, and when somebody wants it, but never by itself.
pub(crate) fn when_told() -> PollerConfig {
    const NEVER: Duration = Duration::MAX;
    PollerConfig {
        max: NEVER,
        default: NEVER,
        timeout: NEVER,
        backoff_base: NEVER,
        backoff_max: NEVER,
        ..PollerConfig::default()
    }
}
