//! C14-C23, N6: sets of endpoints. The life of what a factory makes of them is the native crate's.

use core::time::Duration;
use std::collections::BTreeMap;
use std::thread;

use evenkeel_core::discovery::poller::{
    Answer, Poller, PollerConfig, PollerStep, QueryId, SourceHealth,
};
use evenkeel_core::srv::{self, SrvRecord};
use evenkeel_core::{Cluster, Config, Endpoint, EventKind, Heap, Instant, PickError, Slot};

use super::{Names, addresses, balancer, pick, rng};

fn update(balancer: &mut Names, names: &[&'static str]) -> usize {
    let changes = balancer.update(Instant::ZERO, names.iter().copied().map(Endpoint::new));
    assert_eq!(changes.expect("an update").left_out, 0);
    balancer.len()
}

#[test]
fn c14_fixed_keeps_its_order() {
    assert_eq!(addresses(&balancer("round_robin", &["e1", "e2"])), ["e1", "e2"]);
}

/// 1 → 0 endpoints, and no error but that of the next pick.
#[test]
fn c15_replaced_by_nothing() {
    let mut balancer = balancer("round_robin", &["e1"]);
    assert_eq!(update(&mut balancer, &[]), 0);
    assert_eq!(balancer.pick(Instant::ZERO, &mut rng(15)), Err(PickError::NoEndpoints));
}

/// go-kit's static publisher keeps the order of its input.
///
/// Ours lists by address: a source that shuffles its answers, as name servers do, must not move the
/// rotation.
#[test]
fn c16_sorted_whatever_the_input_order() {
    assert_eq!(addresses(&balancer("round_robin", &["foo", "bar", "baz"])), ["bar", "baz", "foo"]);
    let mut shuffled = balancer("round_robin", &["foo", "bar", "baz"]);
    let first = pick(&mut shuffled, &mut rng(16));
    assert_eq!(update(&mut shuffled, &["baz", "bar", "foo"]), 3);
    let sorted = ["bar", "baz", "foo"];
    let next = sorted[(sorted.iter().position(|&name| name == first).expect("known") + 1) % 3];
    assert_eq!(pick(&mut shuffled, &mut rng(16)), next);
}

/// `[a b]`; `[a b]`; an error; `[a]`; `[]`: 2, 2, 2, 1, 0 endpoints, and what to close is told
/// exactly once.
///
/// The core half: an error is no update. The closing itself is native.
#[test]
fn c17_endpoint_cache() {
    assert_eq!(
        removed_after(&[&["a", "b"], &["a", "b"], &["a"], &[]]),
        [vec![], vec![], vec!["b"], vec!["a"]]
    );

    let mut poller = Poller::new(PollerConfig::default()).expect("the defaults");
    let id = query(&mut poller, Instant::ZERO);
    assert!(poller.on_result(Instant::ZERO, id, Answer::Fail { retry_after: None }));
    assert_eq!(poller.health(), SourceHealth::Pending);
}

/// As C17, in the end replaced by `[""]`: an empty address is as good as any.
#[test]
fn c17o_empty_address() {
    assert_eq!(removed_after(&[&["a", "b"], &["a"], &[""]]), [vec![], vec!["b"], vec!["a"]]);
    assert_eq!(addresses(&balancer("random", &[""])), [""]);
}

/// Errors for 100 ms: the last good set serves, then the source is expired and stays so whatever
/// error follows.
///
/// go-kit notices only when somebody asks for endpoints; ours has the moment in its timer.
#[test]
fn c18_invalidate_on_error() {
    // go-kit counts from the first error, ours from the last good answer: that is how old the set
    // is.
    let (max_stale, min_gap) = (Some(Duration::from_millis(100)), Duration::ZERO);
    let config = PollerConfig { max_stale, min_gap, ..PollerConfig::default() };
    let mut poller = Poller::new(config).expect("a config");
    let start = Instant::from_secs(9);
    let id = query(&mut poller, start);
    assert!(poller.on_result(start, id, Answer::Ok { ttl: None, retry_after: None }));
    poller.refresh(start);
    assert_eq!(poller.poll(start, &mut rng(18)), PollerStep::Health(SourceHealth::Fresh));
    let id = query(&mut poller, start);
    assert!(poller.on_result(start, id, Answer::Fail { retry_after: None }));
    let stale = SourceHealth::Stale { since: start };
    assert_eq!(poller.poll(start, &mut rng(18)), PollerStep::Health(stale));
    let expiry = start + Duration::from_millis(100);
    assert_eq!(
        poller.poll(start + Duration::from_millis(50), &mut rng(18)),
        PollerStep::Wait(Some(expiry))
    );
    assert_eq!(poller.health(), stale);
    let late = start + Duration::from_millis(150);
    assert_eq!(poller.poll(late, &mut rng(18)), PollerStep::Health(SourceHealth::Expired));
    poller.refresh(late);
    let id = query(&mut poller, late);
    assert!(poller.on_result(late, id, Answer::Fail { retry_after: None }));
    assert_eq!(poller.health(), SourceHealth::Expired);
}

/// A factory that always fails leaves nothing to pick, and no error of its own.
///
/// The core half: endpoints without a client stay in the set, as draining, and a pick can tell them
/// from no endpoints.
#[test]
fn c19_bad_factory() {
    let mut balancer = Names::new("round_robin".parse().expect("a policy"));
    let without_client = ["a", "b"].map(|name| Endpoint::new(name).with_draining(true));
    let changes = balancer.update(Instant::ZERO, without_client).expect("an update");
    assert_eq!((changes.added, balancer.len()), (2, 2));
    assert_eq!(balancer.pick(Instant::ZERO, &mut rng(19)), Err(PickError::AllDrained));
}

/// `[a b]` before anyone looks, then `[]`, then the end, then another answer: 2, then 0, then
/// nothing happens.
///
/// An update is in force when it returns: no second within which it should be.
#[test]
fn c20_default_endpointer() {
    let mut balancer = balancer("round_robin", &["a", "b"]);
    pick(&mut balancer, &mut rng(20));
    assert_eq!(update(&mut balancer, &[]), 0);

    let mut poller = Poller::new(PollerConfig::default()).expect("the defaults");
    let id = query(&mut poller, Instant::ZERO);
    poller.close();
    assert_eq!(poller.poll(Instant::ZERO, &mut rng(20)), PollerStep::Cancel { id });
    assert!(
        !poller.on_result(Instant::ZERO, id, Answer::Ok { ttl: None, retry_after: None }),
        "an answer after the end"
    );
    poller.close();
    assert_eq!(poller.poll(Instant::from_secs(99), &mut rng(20)), PollerStep::Wait(None));
}

#[test]
fn c21_sorted_at_every_update() {
    let mut balancer = balancer("round_robin", &["y", "x"]);
    assert_eq!(addresses(&balancer), ["x", "y"]);
    assert_eq!(update(&mut balancer, &["c", "a", "b"]), 3);
    assert_eq!(addresses(&balancer), ["a", "b", "c"]);
}

/// Two subscribers hear everything, until they leave.
///
/// The core half: whoever owns a set takes out what changed, and nobody else is told.
#[test]
fn c22_two_observers() {
    let heard = [(), ()].map(|()| {
        let mut owner = Owner::new();
        [["b", "a"], ["b", "c"]].map(|names| owner.update(&names)).concat()
    });
    assert_eq!(heard[0], ["+a", "+b", "-a", "+c"]);
    assert_eq!(heard[0], heard[1]);
}

/// 999 endpoints, two owners, each changing its own on a thread of its own: neither sees what the
/// other does.
#[test]
fn c23_each_owner_has_its_own_set() {
    let all: Vec<u16> = (0..999).rev().collect();
    let keep_only = |rest: u16| {
        let mut set: Cluster<u16, (), Config, Heap> = Cluster::new(Config::DEFAULT);
        let _ = set.update(Instant::ZERO, all.iter().copied().map(Endpoint::new));
        let ours = all.iter().copied().filter(|number| number % 2 == rest);
        let _ = set.update(Instant::ZERO, ours.map(Endpoint::new));
        set.iter().map(|(_, endpoint)| endpoint.addr).collect::<Vec<_>>()
    };
    let keep_only = &keep_only;
    let [even, odd] = thread::scope(|scope| {
        let owners = [0, 1].map(|rest| scope.spawn(move || keep_only(rest)));
        owners.map(|owner| owner.join().expect("no panic"))
    });
    assert!(even.iter().copied().eq((0..999).step_by(2)));
    assert!(odd.iter().copied().eq((1..999).step_by(2)));
}

/// Ports 80, 0, 80: go-kit throws the whole answer away. Ours drops the one record, keeps the rest
/// and says so.
#[test]
fn n06_port_zero() {
    let record = |port, target| SrvRecord { priority: 1, weight: 10, port, target };
    let mut records = [record(80, "foo."), record(0, "bar."), record(80, "baz.")];
    let mut kept = Vec::new();
    let skipped = srv::endpoints(
        &mut records,
        |name, port| format!("{name}:{port}"),
        |endpoint| kept.push(endpoint.addr),
    );
    kept.sort();
    assert_eq!(kept, ["baz:80", "foo:80"]);
    assert_eq!((skipped.port_zero, skipped.root), (1, 0));
}

/// Who keeps a set, and what belongs to each of its endpoints, by slot.
struct Owner {
    set: Cluster<&'static str, (), Config, Heap>,
    names: BTreeMap<Slot, &'static str>,
}

impl Owner {
    fn new() -> Self {
        Self { set: Cluster::new(Config::DEFAULT), names: BTreeMap::new() }
    }

    /// Tells who came and who went.
    fn update(&mut self, names: &[&'static str]) -> Vec<String> {
        let _ = self.set.update(Instant::ZERO, names.iter().copied().map(Endpoint::new));
        self.names.extend(self.set.iter().map(|(slot, endpoint)| (slot, endpoint.addr)));
        let told: Vec<_> = self.set.events().collect();
        let told = told.into_iter().map(|event| {
            let (slot, _) = event.endpoint.expect("of one");
            let sign = if event.kind == EventKind::Added { '+' } else { '-' };
            format!("{sign}{}", self.names[&slot])
        });
        told.collect()
    }
}

/// Returns who is to be closed after each of these updates.
fn removed_after(updates: &[&[&'static str]]) -> Vec<Vec<String>> {
    let mut owner = Owner::new();
    let closed_by = |names: &&[&'static str]| {
        let told = owner.update(names);
        assert_eq!(owner.set.len(), names.len());
        told.iter().filter_map(|told| Some(told.strip_prefix('-')?.to_owned())).collect()
    };
    updates.iter().map(closed_by).collect()
}

fn query(poller: &mut Poller, now: Instant) -> QueryId {
    match poller.poll(now, &mut rng(0)) {
        PollerStep::Query { id, .. } => id,
        step => panic!("{step:?} instead of a query"),
    }
}
