use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::core::TableFull;
use evenkeel::{AnyPolicy, Balancer, BuildError, Config, ConfigError, Cx, Fixed, Policy, View};

use crate::{Bed, all, expect, name, pass};

const WINDOW: Duration = Duration::from_secs(10);

/// A policy, and how often it was rebuilt.
#[derive(Clone)]
pub(crate) struct Counting {
    pub(crate) inner: AnyPolicy,
    pub(crate) rebuilds: Arc<AtomicUsize>,
}

impl Policy for Counting {
    type Load = <AnyPolicy as Policy>::Load;

    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        self.inner.pick(view, cx)
    }

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        self.rebuilds.fetch_add(1, SeqCst);
        self.inner.rebuild(view)
    }
}

fn config() -> Config {
    Config { slow_start: WINDOW, ..Config::default() }
}

async fn bed() -> (Bed<Counting>, Arc<AtomicUsize>) {
    let rebuilds = Arc::new(AtomicUsize::new(0));
    let inner = "weighted_round_robin".parse().unwrap();
    let bed =
        Bed::with(1, Counting { inner, rebuilds: Arc::clone(&rebuilds) }, config(), all("abc"))
            .await;
    (bed, rebuilds)
}

#[tokio::test(start_paused = true)]
async fn a_new_endpoint_gets_its_share_in_tenths_by_the_clock_alone() {
    let (bed, _) = bed().await;
    assert_eq!(
        bed.shares(9),
        expect([("a", 3), ("b", 3), ("c", 3)]),
        "a cold client's endpoints are warm"
    );
    bed.becomes(all("abcd")).await;
    assert_eq!(bed.shares(31), expect([("a", 10), ("b", 10), ("c", 10), ("d", 1)]));
    for tenths in 2..=10 {
        // The change took the first millisecond of the first second.
        pass(WINDOW / 10 * if tenths == 2 { 2 } else { 1 }).await;
        let others = 10 * 3;
        let shares = bed.shares(others + tenths);
        assert_eq!((shares["a"], shares["b"], shares["c"], shares["d"]), (10, 10, 10, tenths));
    }
}

#[tokio::test(start_paused = true)]
async fn its_timer_rebuilds_once_a_step_and_then_never() {
    let (bed, rebuilds) = bed().await;
    pass(WINDOW * 100).await;
    // The empty set, and the first.
    assert_eq!(rebuilds.load(SeqCst), 2);
    bed.becomes(all("abcd")).await;
    assert_eq!(rebuilds.load(SeqCst), 3);
    pass(WINDOW).await;
    assert_eq!(rebuilds.load(SeqCst), 3 + 9);
    pass(WINDOW * 100).await;
    assert_eq!(rebuilds.load(SeqCst), 3 + 9);

    // An answer that says the same changes nothing, in the middle of it neither.
    bed.becomes(all("abcde")).await;
    pass(WINDOW / 2).await;
    let before = rebuilds.load(SeqCst);
    bed.becomes(all("abcde")).await;
    assert_eq!(rebuilds.load(SeqCst), before);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_leaves_takes_its_steps_along() {
    let (bed, rebuilds) = bed().await;
    bed.becomes(all("abcd")).await;
    pass(WINDOW / 2).await;
    bed.becomes(all("abc")).await;
    let before = rebuilds.load(SeqCst);
    assert_eq!(bed.shares(9), expect([("a", 3), ("b", 3), ("c", 3)]));
    pass(WINDOW * 2).await;
    assert_eq!(rebuilds.load(SeqCst), before);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_comes_back_from_draining_warms_up_again() {
    let (bed, _) = bed().await;
    let drained = |draining| {
        all("abcd")
            .into_iter()
            .map(move |e| if e.addr.host() == "d" { e.with_draining(draining) } else { e })
    };
    bed.becomes(drained(true)).await;
    pass(WINDOW * 2).await;
    bed.becomes(drained(false)).await;
    assert_eq!(bed.shares(31)["d"], 1);
    pass(WINDOW).await;
    assert_eq!(bed.shares(40)["d"], 10);
}

#[tokio::test]
async fn a_policy_that_ignores_weights_is_refused_with_it() {
    let policies = ["pick_first", "random", "round_robin", "weighted_random", "ring_hash"];
    for policy in policies {
        let built = Balancer::builder(Fixed::new(["a:80", "b:80"]).unwrap())
            .policy(policy.parse::<AnyPolicy>().unwrap())
            .config(config())
            .build(name);
        let refused = Some(BuildError::Config(ConfigError::Unweighted { setting: "slow_start" }));
        let ignores = matches!(policy, "pick_first" | "random");
        assert_eq!(built.err(), refused.filter(|_| ignores), "{policy}");
    }
}
