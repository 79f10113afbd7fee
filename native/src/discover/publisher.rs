use core::slice;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::Endpoint;
use evenkeel_core::discovery::poller::PollerConfig;
use tokio::sync::watch;

use super::{Answer, Discover, Ended, folded};
use crate::aside::copied;
use crate::error::SharedError;
use crate::factory::BoxError;
use crate::target::Target;

/// Tells a balancer its endpoints, as they come and go: a source that pushes.
///
/// Every update is seen at once, and those that come together count as one. Clones tell the same
/// balancer; when the last is dropped, or one says the [end](Self::end), the endpoints stay, and
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
    /// The end, once what was said before it was looked up.
    ended: Option<Ended>,
}

#[derive(Debug)]
struct State {
    endpoints: Arc<Told>,
    says: Says,
    ended: Option<Ended>,
}

/// The endpoints that were told.
#[derive(Clone, Debug, Default)]
struct Told {
    /// Many at once, in the order of addresses.
    list: Vec<Endpoint<Target>>,
    /// What was told one by one since: `None` left.
    news: BTreeMap<Target, Option<Endpoint<Target>>>,
}

/// So many news are kept apart from a list, and a part of its length: then it is made anew.
const NEWS: usize = 64;

impl Told {
    /// Notes one that came, or left. O(log n) on average.
    fn note(&mut self, target: Target, endpoint: Option<Endpoint<Target>>) {
        self.news.insert(target, endpoint);
        if self.news.len() > NEWS + self.list.len() / 8 {
            let mut list = Vec::with_capacity(self.list.len() + self.news.len());
            list.extend(self.iter().cloned());
            *self = Self { list, news: BTreeMap::new() };
        }
    }

    fn contains(&self, target: &Target) -> bool {
        self.news.get(target).map_or_else(
            || self.list.binary_search_by(|known| known.addr.cmp(target)).is_ok(),
            Option::is_some,
        )
    }

    /// Lists them in the order of addresses.
    fn iter(&self) -> impl Iterator<Item = &Endpoint<Target>> {
        self.pieces().flatten()
    }

    /// Lists them in the order of addresses, in pieces: what is told anew, and what lies between.
    fn pieces(&self) -> impl Iterator<Item = &[Endpoint<Target>]> {
        let mut list = self.list.as_slice();
        self.news.iter().map(Some).chain([None]).flat_map(move |new| {
            let before = |(target, _): (&Target, _)| list.partition_point(|one| one.addr < *target);
            let (before, rest) = list.split_at(new.map_or(list.len(), before));
            let same = new
                .is_some_and(|(target, _)| rest.first().is_some_and(|known| known.addr == *target));
            list = rest.get(usize::from(same)..).unwrap_or_default();
            let new = new.and_then(|(_, endpoint)| endpoint.as_ref());
            [before, new.map(slice::from_ref).unwrap_or_default()]
        })
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
        let state = State { endpoints: Arc::default(), says: Says::Nothing, ended: None };
        let (state, receiver) = watch::channel(state);
        let source = Published { state: receiver, absent: false, confirm: false, ended: None };
        (Self { state }, source)
    }

    /// Publishes the whole set. None at all is not believed: the endpoints known so far stay; see
    /// [`absent`](Self::absent).
    pub fn replace(&self, endpoints: impl IntoIterator<Item = Endpoint<Target>>) {
        let endpoints = Told { list: folded(endpoints), news: BTreeMap::new() }.into();
        self.say(endpoints, Says::Endpoints);
    }

    /// Adds an endpoint, or puts it in the place of the one with the same target.
    pub fn upsert(&self, endpoint: Endpoint<Target>) {
        self.state.send_if_modified(|state| {
            let open = state.ended.is_none();
            if open {
                let told = Arc::make_mut(&mut state.endpoints);
                told.note(endpoint.addr.clone(), Some(endpoint));
                state.says = Says::Endpoints;
            }
            open
        });
    }

    /// Removes an endpoint; tells that it was there. The last one stays in force, as long as
    /// nothing else is published: see [`absent`](Self::absent).
    pub fn remove(&self, target: &Target) -> bool {
        self.state.send_if_modified(|state| {
            let removed = state.ended.is_none() && state.endpoints.contains(target);
            if removed {
                Arc::make_mut(&mut state.endpoints).note(target.clone(), None);
                state.says = Says::Endpoints;
            }
            removed
        })
    }

    /// Publishes that the endpoints cannot be told at the moment. Those known so far stay, and the
    /// status of discovery has the error until the next update.
    pub fn fail(&self, error: impl Into<BoxError>) {
        let error = error.into().into();
        self.state.send_if_modified(|state| {
            let open = state.ended.is_none();
            if open {
                state.says = Says::Error(error);
            }
            open
        });
    }

    /// Publishes that the service is decidedly not there: no endpoint stays.
    pub fn absent(&self) {
        self.say(Arc::default(), Says::Absent);
    }

    /// Ends the source for this reason, such as "the registry's lease was lost". What was published
    /// stays in force; what is published from now on, by clones too, is ignored.
    ///
    /// ```
    /// let (publisher, source) = evenkeel::Fixed::new(["10.0.0.1:80"])?.replaceable();
    /// publisher.end("the configuration server was shut down");
    /// assert!(!publisher.remove(&"10.0.0.1:80".parse()?), "it has ended");
    /// # Ok::<(), evenkeel::TargetError>(())
    /// ```
    pub fn end(&self, reason: &str) {
        self.state.send_if_modified(|state| {
            let open = state.ended.is_none();
            state.ended.get_or_insert_with(|| Ended::because(reason));
            open
        });
    }

    fn say(&self, endpoints: Arc<Told>, says: Says) {
        let mut old = endpoints;
        self.state.send_if_modified(|state| {
            let open = state.ended.is_none();
            if open {
                core::mem::swap(&mut state.endpoints, &mut old);
                state.says = says;
            }
            open
        });
        // The balancer does not wait until the old set is dropped.
        drop(old);
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
        let published =
            |state: &State| state.ended.is_some() || !matches!(state.says, Says::Nothing);
        let (published, absent) = {
            let state = self.state.wait_for(published).await;
            let state = state.map_err(|_| "every publisher was dropped before it said anything")?;
            let absent = matches!(state.says, Says::Absent);
            self.confirm = absent && !self.absent;
            self.absent = absent;
            self.ended.clone_from(&state.ended);
            match (&state.says, &state.ended) {
                (Says::Error(error), _) => return Err(Arc::clone(error).into()),
                (Says::Nothing, Some(ended)) => return Err(ended.clone().into()),
                (Says::Nothing | Says::Endpoints | Says::Absent, _) => {}
            }
            (Arc::clone(&state.endpoints), absent)
        };
        let about = published.list.len() + published.news.len();
        Ok(Answer { absent, ..Answer::new(copied(published.pieces(), about).await) })
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        if self.confirm {
            return Ok(());
        }
        if let Some(ended) = self.ended.take() {
            return Err(ended);
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

#[cfg(test)]
mod tests {
    use evenkeel_core::rand_core::Rng as _;
    use evenkeel_core::random::SplitMix64;

    use super::*;

    /// Against a map, with more news at times than are kept apart.
    #[test]
    fn what_is_told_one_by_one_counts_as_if_it_were_told_at_once() {
        let target = |port: u64| Target::new("a", port as u16 + 1).expect("a target");
        for seed in 0..50 {
            let mut rng = SplitMix64::new(seed);
            let all = 1 + rng.next_u64() % 400;
            let list: Vec<_> =
                (0..all).step_by(2).map(|port| Endpoint::new(target(port))).collect();
            let known = list.iter().map(|known| (known.addr.clone(), known.clone()));
            let mut model: BTreeMap<_, _> = known.collect();
            let mut told = Told { list, news: BTreeMap::new() };
            for _ in 0..300 {
                let target = target(rng.next_u64() % all);
                assert_eq!(told.contains(&target), model.contains_key(&target), "seed {seed}");
                if rng.next_u64().is_multiple_of(2) {
                    model.remove(&target);
                    told.note(target, None);
                } else {
                    let endpoint = Endpoint::new(target.clone()).with_weight(rng.next_u32());
                    model.insert(target.clone(), endpoint.clone());
                    told.note(target, Some(endpoint));
                }
                assert!(told.iter().eq(model.values()), "seed {seed}");
            }
            assert!(told.news.len() <= NEWS + told.list.len() / 8);
        }
    }
}
