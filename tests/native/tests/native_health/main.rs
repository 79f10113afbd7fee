//! What becomes of endpoints that fail, through the tokio balancer: reports from any thread, and a
//! task that draws the conclusions.
//!
//! Time is tokio's paused clock, which jumps to the next timer when nothing else can run; only checks
//! of real servers and tests with threads take real time.

mod checks;
mod ejection;
mod intervals;
mod members;
mod overloaded;
mod panic;
mod probes;
mod threads;

use core::convert::Infallible;
use core::time::Duration;

use evenkeel::core::Instant;
use evenkeel::health::{Health, Held};
use evenkeel::{
    AnyPolicy, Balancer, Config, Endpoint, Event, EventKind, Outcome, Pick, PollerConfig, Status,
    Target, Why,
};
use evenkeel_tests::source::{Says, Script, source};
use tokio::sync::broadcast;

/// The steps of tokio's timers.
pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const BASE: Duration = Config::DEFAULT.base_ejection_time;

/// Our rules, without what depends on shares.
pub(crate) const ROWS: Config = Config { failure_percentage: 0, ..Config::DEFAULT };

/// A balancer whose clients are the endpoints' names, over a source whose answers the test changes;
/// and what it tells.
pub(crate) struct Bed {
    pub(crate) balancer: Balancer<String>,
    script: Script,
    events: broadcast::Receiver<Event>,
}

impl Bed {
    /// Round robin over one endpoint for each letter.
    pub(crate) async fn new(names: &str, config: Config) -> Self {
        Self::by("round_robin", all(names), config).await
    }

    pub(crate) async fn by(policy: &str, endpoints: Vec<Endpoint<Target>>, config: Config) -> Self {
        let (mut source, script) = source(Says::These(endpoints));
        let never = Duration::from_secs(100_000);
        source.poller = PollerConfig {
            min: never,
            max: never,
            default: never,
            min_gap: Duration::ZERO,
            ..PollerConfig::default()
        };
        let name = async |target: Target| Ok::<_, Infallible>(target.host().to_owned());
        let policy: AnyPolicy = policy.parse().unwrap();
        let balancer =
            Balancer::builder(source).policy(policy).config(config).seed(1).build(name).unwrap();
        let events = balancer.events();
        balancer.ready().await;
        let mut bed = Self { balancer, script, events };
        bed.told();
        bed
    }

    /// Discovery finds these from now on. Takes a millisecond.
    pub(crate) async fn becomes(&self, endpoints: Vec<Endpoint<Target>>) {
        self.script.say(Says::These(endpoints));
        self.balancer.refresh();
        pass(MS).await;
    }

    pub(crate) fn pick(&self) -> Pick<'_, String, AnyPolicy> {
        self.balancer.pick().unwrap()
    }

    /// Picks until this endpoint has its turn; the other requests say nothing.
    pub(crate) fn pick_of(&self, name: &str) -> Pick<'_, String, AnyPolicy> {
        for _ in 0..1000 {
            let pick = self.pick();
            if pick.with(|client| client == name) {
                return pick;
            }
            say_nothing(pick);
        }
        panic!("{name} is not picked");
    }

    /// So many requests to this endpoint, which end like this; then the balancer's task runs once.
    pub(crate) async fn report(&self, name: &str, outcome: Outcome, times: usize) {
        for _ in 0..times {
            self.pick_of(name).lease().report(outcome);
        }
        settle().await;
    }

    /// Ejects an endpoint by failures in a row.
    pub(crate) async fn eject(&self, name: &str) -> Duration {
        self.report(name, Outcome::Failure, 5).await;
        let Health::Ejected { until, .. } = self.health(name) else {
            panic!("{name}: {:?}", self.health(name))
        };
        until.saturating_since(self.balancer.now())
    }

    /// Why it is not ejected, though it fails.
    pub(crate) fn held(&self, name: &str) -> Option<Held> {
        self.status(name).held
    }

    /// Until when its level is calm.
    pub(crate) fn calm_until(&self, name: &str) -> Option<Instant> {
        self.status(name).calm_until
    }

    /// The names of those that get the next requests, in the order of names.
    pub(crate) fn picked(&self) -> String {
        let mut names: Vec<_> = (0..100).map(|_| say_nothing(self.pick())).collect();
        names.sort();
        names.dedup();
        names.concat()
    }

    pub(crate) fn status(&self, name: &str) -> Status {
        self.balancer
            .endpoints()
            .into_iter()
            .find(|status| status.target.host() == name)
            .expect("it is known")
    }

    pub(crate) fn health(&self, name: &str) -> Health {
        self.status(name).health
    }

    /// What has been told since this was asked last: names and kinds.
    pub(crate) fn told(&mut self) -> Vec<(String, EventKind)> {
        let mut told = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            told.push((
                event.target.map(|target| target.host().to_owned()).unwrap_or_default(),
                event.kind,
            ));
        }
        told
    }

    /// The same without times and reasons.
    pub(crate) fn told_briefly(&mut self) -> Vec<String> {
        self.told().into_iter().map(|(name, kind)| format!("{name}{}", brief(kind))).collect()
    }
}

fn brief(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Added => "+",
        EventKind::Removed => "-",
        EventKind::Held { .. } => " held",
        EventKind::Undone { .. } => " undone",
        EventKind::Ejected { .. } => " ejected",
        EventKind::HalfOpen => " half open",
        EventKind::Probing => " probing",
        EventKind::Readmitted => " back",
        EventKind::Overloaded { .. } => " overloaded",
        EventKind::Down => " down",
        EventKind::PanicOn => "panic",
        EventKind::PanicOff => "no panic",
        EventKind::Lost(_) => "?",
    }
}

/// Ends a request without a word on its endpoint's health, and says to whom it went. A row of
/// requests that are given up would be one; an answer to a request that decides would, too.
fn say_nothing(pick: Pick<String, AnyPolicy>) -> String {
    let name = pick.with(String::clone);
    match pick.why() {
        Why::Probe | Why::Panic => drop(pick),
        Why::Policy | Why::Retry | Why::LastResort => pick.lease().report(Outcome::Ignorable),
    }
    name
}

/// Ends a request, and says to whom it went, and why.
pub(crate) fn ended(pick: Pick<String, AnyPolicy>, outcome: Outcome) -> (String, Why) {
    let lease = pick.lease();
    let result = (lease.clone(), lease.why());
    lease.report(outcome);
    result
}

pub(crate) fn all(names: &str) -> Vec<Endpoint<Target>> {
    names.chars().map(|name| Endpoint::new(Target::new(&name.to_string(), 80).unwrap())).collect()
}

/// Lets every other task run once that can.
pub(crate) async fn settle() {
    tokio::task::yield_now().await;
}

/// Lets everything run that can, then this much time pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
