//! What decides who is picked, through the tokio balancer: every policy's promise, priorities,
//! zones, subsets and slow start.
//!
//! Time is tokio's paused clock, which jumps to the next timer when nothing else can run; only the
//! tests with a name server take real time.

mod calls;
mod keys;
mod levels;
mod limits;
mod loads;
mod rotation;
mod slow_start;
mod srv;
mod tables;
mod weights;

use core::convert::Infallible;
use core::time::Duration;
use std::collections::BTreeMap;

use evenkeel::{AnyPolicy, Balancer, Config, Endpoint, Policy, PollerConfig, Status, Target, hash};
use evenkeel_tests::source::{Says, Script, source};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A client is its endpoint's name.
type Text<P> = Balancer<String, P>;

/// A balancer over a source whose answers the test changes.
pub(crate) struct Bed<P = AnyPolicy> {
    pub(crate) balancer: Text<P>,
    script: Script,
}

impl Bed {
    /// With the seed 1.
    pub(crate) async fn new(
        policy: &str,
        config: Config,
        endpoints: impl IntoIterator<Item = Endpoint<Target>>,
    ) -> Self {
        Self::seeded(1, policy, config, endpoints).await
    }

    pub(crate) async fn seeded(
        seed: u64,
        policy: &str,
        config: Config,
        endpoints: impl IntoIterator<Item = Endpoint<Target>>,
    ) -> Self {
        Self::with(seed, policy.parse::<AnyPolicy>().unwrap(), config, endpoints).await
    }
}

impl<P: Policy + Clone + Send + Sync + 'static> Bed<P> {
    pub(crate) async fn with(
        seed: u64,
        policy: P,
        config: Config,
        endpoints: impl IntoIterator<Item = Endpoint<Target>>,
    ) -> Self {
        let (mut source, script) = source(Says::These(endpoints.into_iter().collect()));
        source.poller = when_told();
        let balancer =
            Balancer::builder(source).policy(policy).config(config).seed(seed).build(name).unwrap();
        balancer.ready().await;
        Self { balancer, script }
    }

    /// Discovery finds these from now on. Takes a millisecond.
    pub(crate) async fn becomes(&self, endpoints: impl IntoIterator<Item = Endpoint<Target>>) {
        self.says(endpoints);
        self.balancer.refresh();
        pass(Duration::from_millis(1)).await;
    }

    /// Discovery finds these when it looks again.
    pub(crate) fn says(&self, endpoints: impl IntoIterator<Item = Endpoint<Target>>) {
        self.script.say(Says::These(endpoints.into_iter().collect()));
    }

    /// Who gets a request that ends at once.
    pub(crate) fn next(&self) -> String {
        let pick = self.balancer.pick().unwrap();
        let name = pick.with(String::clone);
        pick.success();
        name
    }

    /// Who gets the requests of this user.
    pub(crate) fn next_for(&self, user: u64) -> String {
        let pick = self.balancer.pick_for(key(user)).unwrap();
        let name = pick.with(String::clone);
        pick.success();
        name
    }

    /// How many of `picks` requests each endpoint gets.
    pub(crate) fn shares(&self, picks: usize) -> BTreeMap<String, usize> {
        counted((0..picks).map(|_| self.next()))
    }

    /// The endpoints that are picked from.
    pub(crate) fn names(&self) -> Vec<String> {
        candidates(&self.balancer).map(|status| status.target.host().to_owned()).collect()
    }
}

fn candidates<P: Policy>(balancer: &Text<P>) -> impl Iterator<Item = Status> {
    balancer.endpoints().into_iter().filter(|status| status.candidate)
}

async fn name(target: Target) -> Result<String, Infallible> {
    Ok(target.host().to_owned())
}

/// Looks again and waits until these are the hosts that are picked from, where the clock is not
/// paused.
pub(crate) async fn refreshed<P: Policy>(balancer: &Text<P>, hosts: &[&str]) {
    balancer.refresh();
    let known =
        || candidates(balancer).map(|status| status.target.host().to_owned()).collect::<Vec<_>>();
    let becomes = async {
        while known() != hosts {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, becomes)
        .await
        .unwrap_or_else(|_| panic!("{:?} are not {hosts:?}", known()));
}

/// Looks again at once when told to, and not by itself.
pub(crate) fn when_told() -> PollerConfig {
    let never = Duration::from_secs(100_000);
    PollerConfig {
        min: never,
        max: never,
        default: never,
        min_gap: Duration::ZERO,
        ..PollerConfig::default()
    }
}

pub(crate) fn key(user: u64) -> u64 {
    hash::bytes(&user.to_le_bytes())
}

pub(crate) fn at(name: &str) -> Endpoint<Target> {
    Endpoint::new(Target::new(name, 80).unwrap())
}

/// One endpoint for each letter.
pub(crate) fn all(names: &str) -> Vec<Endpoint<Target>> {
    names.chars().map(|name| at(&name.to_string())).collect()
}

pub(crate) fn counted(names: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}

/// Counts by name, to compare with.
pub(crate) fn expect<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

/// Lets everything run that can, then this much time pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
