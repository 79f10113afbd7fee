//! How the tokio balancer makes clients, keeps them and lets them go, and what it outlives.
//!
//! Time is tokio's paused clock, which jumps to the next timer when nothing else can run.

mod calls;
mod discarding;
mod gap;
mod handles;
mod making;
mod ready;
mod restoring;
mod supervision;
mod trouble;
mod works;

use core::time::Duration;
use std::collections::BTreeSet;

use evenkeel::{AnyPolicy, Balancer, Builder, Config, Endpoint, Policy, PollerConfig, Target};
use evenkeel_tests::source::{Says, Script, Source, source};

use crate::works::{Client, Works};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A balancer over a source whose answers the test changes, with clients that the test makes wait.
pub(crate) struct Bed<P = AnyPolicy> {
    pub(crate) balancer: Balancer<Client, P>,
    pub(crate) script: Script,
    pub(crate) works: Works,
}

impl Bed {
    /// Round robin, with our defaults.
    pub(crate) fn new(names: &str, works: Works) -> Self {
        Self::with(all(names), Config::default(), works)
    }

    pub(crate) fn with(endpoints: Vec<Endpoint<Target>>, config: Config, works: Works) -> Self {
        Self::tuned(endpoints, works, |builder| {
            let policy: AnyPolicy = "round_robin".parse().unwrap();
            builder.policy(policy).config(config)
        })
    }
}

impl<P: Policy + Clone + Send + Sync + 'static> Bed<P> {
    pub(crate) fn tuned(
        endpoints: Vec<Endpoint<Target>>,
        works: Works,
        tune: impl FnOnce(Builder<Source, AnyPolicy>) -> Builder<Source, P>,
    ) -> Self {
        let (mut source, script) = source(Says::These(endpoints));
        source.poller = PollerConfig { min_gap: MS, ..when_told() };
        let factory = works.clone();
        let balancer = tune(Balancer::builder(source).seed(1))
            .build(move |target| factory.make(target))
            .unwrap();
        Self { balancer, script, works }
    }

    /// Discovery finds these from now on. Takes two milliseconds.
    pub(crate) async fn becomes(&self, endpoints: Vec<Endpoint<Target>>) {
        self.script.say(Says::These(endpoints));
        self.balancer.refresh();
        pass(2 * MS).await;
    }

    /// Who gets a request that ends well; nobody, if it fails.
    pub(crate) fn next(&self) -> Option<String> {
        let pick = self.balancer.pick().ok()?;
        let name = pick.target().host().to_owned();
        pick.success();
        Some(name)
    }

    /// The names of those that get the next 100 requests, in the order of names.
    pub(crate) fn picked(&self) -> String {
        let names: BTreeSet<_> = (0..100).map(|_| self.next().unwrap_or("?".into())).collect();
        names.into_iter().collect()
    }

    /// Ejects an endpoint by failures in a row.
    pub(crate) async fn eject(&self, name: &str) {
        for _ in 0..1_000 {
            let pick = self.balancer.pick().unwrap();
            if pick.target().host() == name { pick.failure() } else { pick.success() }
        }
        pass(MS).await;
    }
}

/// Looks again when told to, and not by itself.
pub(crate) fn when_told() -> PollerConfig {
    let never = Duration::from_secs(100_000);
    PollerConfig { min: never, max: never, default: never, ..PollerConfig::default() }
}

pub(crate) fn at(name: &str) -> Endpoint<Target> {
    Endpoint::new(Target::new(name, 80).unwrap())
}

/// One endpoint for each letter.
pub(crate) fn all(names: &str) -> Vec<Endpoint<Target>> {
    names.chars().map(|name| at(&name.to_string())).collect()
}

/// The same at this priority.
pub(crate) fn level(priority: u16, names: &str) -> Vec<Endpoint<Target>> {
    all(names).into_iter().map(|endpoint| endpoint.with_priority(priority)).collect()
}

/// So many endpoints, named by their numbers.
pub(crate) fn numbered(from: usize, count: usize) -> Vec<Endpoint<Target>> {
    (from..from + count).map(|number| at(&format!("e{number:04}"))).collect()
}

/// Lets everything run that can, then this much time pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
