//! go-kit's faults, by their numbers, and the better behaviour. Those not here are about clients,
//! sockets and tasks; fault 17 is in `tests/src/lib.rs`, as what does not compile.

use core::time::Duration;
use std::thread;

use evenkeel_core::discovery::poller::{
    Answer, Poller, PollerConfig, PollerConfigError, PollerStep, SourceHealth,
};
use evenkeel_core::policy::{Cx, Policy, Random, RoundRobin};
use evenkeel_core::retry::{Call, End, RetryPolicy, Step, Unlimited, Verdict};
use evenkeel_core::slot::Turn;
use evenkeel_core::srv::{self, SrvRecord};
use evenkeel_core::{Balancer, Book, Cluster, Config, Endpoint, Heap, Instant};
use evenkeel_tests::policies::Scene;

use super::{Names, balancer, call, pick, rng};

/// Duplicates had double weight, and each further update made and leaked one more client.
#[test]
fn fault_07_duplicates_are_folded() {
    let mut set: Cluster<&str, (), Config, Heap> = Cluster::new(Config::DEFAULT);
    for _ in 0..3 {
        let _ = set.update(Instant::ZERO, ["a", "b", "a", "a"].map(Endpoint::new));
    }
    assert_eq!((set.events().count(), set.len()), (2, 2));

    let (mut folded, mut rng) = (Names::new("round_robin".parse().expect("a policy")), rng(7));
    let changes =
        folded.update(Instant::ZERO, ["a", "b", "a", "a"].map(Endpoint::new)).expect("an update");
    assert_eq!(changes.added, 2);
    let picked_a = (0..100).filter(|_| pick(&mut folded, &mut rng) == "a").count();
    assert_eq!(picked_a, 50);
}

/// A shared random balancer was a data race. A policy is immutable; whoever picks brings his own
/// random numbers.
#[test]
fn fault_09_random_is_shared_without_a_race() {
    let (policy, scene) = (Random::new(), Scene::new(0..10_u8));
    let view = scene.all();
    // Threads share both.
    let shared: &(dyn Fn(&mut Cx<'_>) -> Option<usize> + Sync) = &|cx| policy.pick(&view, cx);
    let picks = |seed| {
        let (mut turn, mut rng) = (Turn::START, rng(seed));
        let mut slot = || shared(&mut Cx::new(Instant::ZERO, None, &mut turn, &mut rng));
        (0..1000).map(|_| slot().expect("a slot")).collect::<Vec<_>>()
    };
    let alone = [0, 1, 2, 3].map(&picks);
    let together = thread::scope(|scope| {
        let threads = [0, 1, 2, 3].map(|seed| {
            scope.spawn({
                let picks = &picks;
                move || picks(seed)
            })
        });
        threads.map(|thread| thread.join().expect("no panic"))
    });
    assert_eq!(together, alone);
    assert_ne!(alone[0], alone[1]);
}

/// An empty set was asked 260,081 times in 200 ms.
#[test]
fn fault_10_empty_set_is_not_asked_in_a_loop() {
    let policy = RetryPolicy::new(u32::MAX)
        .and_then(|policy| policy.with_timeout(Duration::from_millis(200)));
    let policy = policy.expect("a policy");
    let mut call = Call::new(&policy, Instant::ZERO);
    assert!(matches!(call.poll(Instant::ZERO, &mut Unlimited, &mut rng(1)), Step::Send(_)));
    call.no_endpoint(Instant::ZERO);
    assert_eq!(call.poll(Instant::ZERO, &mut Unlimited, &mut rng(1)), Step::Done(End::NoEndpoints));
}

/// Attempts followed each other without a pause: by default there is one now, random and growing.
#[test]
fn fault_10_attempts_are_paused() {
    let policy = RetryPolicy::new(1000).expect("attempts");
    let (mut now, mut rng) = (Instant::ZERO, rng(10));
    let mut call = Call::new(&policy, now);
    let (mut sent, mut longest) = (0, Duration::ZERO);
    while now < Instant::from_secs(10) {
        match call.poll(now, &mut Unlimited, &mut rng) {
            Step::Send(attempt) => {
                sent += 1;
                call.on_outcome(now, attempt, Verdict::RetryableFailure);
            }
            Step::Wait(until) => {
                let until = until.expect("nothing is in flight");
                longest = longest.max(until.saturating_since(now));
                now = until;
            }
            step => panic!("{step:?} within 10 s"),
        }
    }
    // On average an attempt each 125 ms, half the cap.
    assert!((60..110).contains(&sent), "{sent} attempts in 10 s");
    assert!(
        (Duration::from_millis(200)..=Duration::from_millis(250)).contains(&longest),
        "{longest:?}"
    );
}

/// A call that was over before it began was sent all the same.
#[test]
fn fault_10_nothing_is_sent_after_the_deadline() {
    let policy = RetryPolicy::default().with_timeout(Duration::from_millis(5)).expect("a timeout");
    let mut call = Call::new(&policy, Instant::ZERO);
    let late = Instant::from_millis(5);
    assert_eq!(call.poll(late, &mut Unlimited, &mut rng(1)), Step::Done(End::Deadline));
    assert_eq!(call.attempts(), 0);
}

/// On a timeout the attempts were lost, and those under way leaked: each one sent ends in an
/// outcome or a cancellation.
#[test]
fn fault_10_every_attempt_is_accounted_for_at_the_deadline() {
    let policy = RetryPolicy::new(9)
        .and_then(|policy| policy.with_attempt_timeout(Duration::from_millis(20)));
    let policy = policy
        .and_then(|policy| policy.with_timeout(Duration::from_millis(100)))
        .expect("a policy");
    for seed in 0..50 {
        let (mut now, mut rng) = (Instant::ZERO, rng(seed));
        let mut call = Call::new(&policy, now);
        let (mut open, mut canceled) = (None, 0);
        let end = loop {
            match call.poll(now, &mut Unlimited, &mut rng) {
                Step::Send(attempt) => {
                    assert_eq!(open.replace(attempt), None, "two attempts at once");
                }
                Step::Cancel { attempt, .. } => {
                    assert_eq!(open.take(), Some(attempt));
                    canceled += 1;
                }
                Step::Wait(until) => now = until.expect("it has a deadline"),
                Step::Done(end) => break end,
            }
        };
        assert_eq!((end, open, canceled), (End::Deadline, None, call.attempts()), "seed {seed}");
        assert!(
            now <= Instant::from_millis(100) && canceled >= 2,
            "seed {seed}: {canceled} until {now}"
        );
    }
}

/// One of two endpoints is dead, two attempts: 514 of 2,000 calls failed at random, and some in
/// turns shared by threads.
#[test]
fn fault_11_a_retry_avoids_what_was_tried() {
    let judge =
        |addr: &str| if addr == "dead" { Verdict::RetryableFailure } else { Verdict::Success };
    for policy in ["random", "round_robin"] {
        let (mut balancer, mut rng) = (balancer(policy, &["dead", "live"]), rng(11));
        let off = Config { book: Book::Off, ..Config::default() };
        balancer.set_config(Instant::ZERO, off).expect("good settings");
        let twice = RetryPolicy::new(2).expect("attempts");
        let (mut failed, mut retried) = (0, 0);
        for _ in 0..2000 {
            // Another caller's picks come in between.
            pick(&mut balancer, &mut rng);
            let (end, tried) = call(&twice, &mut balancer, &mut rng, judge);
            failed += usize::from(end != End::Success);
            retried += tried.len() - 1;
        }
        assert_eq!(failed, 0, "{policy}");
        assert!(
            policy == "round_robin" || retried > 800,
            "{policy} hit the dead endpoint only {retried} times"
        );
    }
}

/// Priorities were ignored: a backup got full traffic.
#[test]
fn fault_12_a_backup_waits_for_its_turn() {
    let mut kept = Names::new("round_robin".parse().expect("a policy"));
    let backup = Endpoint::new("backup").with_priority(1);
    let first = ["a", "b"].map(|name| Endpoint::new(name).with_priority(0));
    let picked = |balancer: &mut Names, endpoints: &[Endpoint<&'static str>]| {
        let _ = balancer.update(Instant::ZERO, endpoints.iter().copied()).expect("an update");
        let mut rng = rng(12);
        let mut seen: Vec<_> = (0..10).map(|_| pick(balancer, &mut rng)).collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    };
    assert_eq!(picked(&mut kept, &[first[0], backup, first[1]]), ["a", "b"]);
    assert_eq!(picked(&mut kept, &[backup]), ["backup"]);
    assert_eq!(picked(&mut kept, &[backup, first[1]]), ["b"]);
    let drained = [first[0].with_weight(0), first[1].with_draining(true), backup];
    assert_eq!(picked(&mut kept, &drained), ["backup"]);
}

/// Names kept their trailing dot and their case, the root became an address, and one port 0
/// poisoned the answer.
#[test]
fn fault_12_srv_targets_are_normalised() {
    let record = |port, target| SrvRecord { priority: 0, weight: 0, port, target };
    let mut records = [
        record(80, "foo.example.com."),
        record(80, "FOO.Example.Com"),
        record(80, "."),
        record(0, "bar.example.com."),
        record(81, "bar.example.com."),
    ];
    let mut balancer: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
    let mut endpoints = Vec::new();
    let skipped =
        srv::endpoints(&mut records, |name, port| format!("{name}:{port}"), |e| endpoints.push(e));
    assert_eq!((skipped.root, skipped.port_zero), (1, 1));
    let _ = balancer.update(Instant::ZERO, endpoints).expect("an update");
    let known: Vec<_> = balancer.endpoints().map(|status| status.endpoint.addr.as_str()).collect();
    assert_eq!(known, ["bar.example.com:81", "foo.example.com:80"]);
}

/// The time to live was ignored and there was no jitter: clients that start together ask together
/// for ever.
#[test]
fn fault_13_polls_follow_the_ttl_and_spread() {
    let ttl = Duration::from_secs(60);
    let waits: Vec<_> = (0..100)
        .map(|seed| wait_after(Answer::Ok { ttl: Some(ttl), retry_after: None }, seed))
        .collect();
    assert!(waits.iter().all(|&wait| wait >= ttl && wait <= ttl + ttl / 10), "{waits:?}");
    let (first, last) = (waits.iter().min().expect("some"), waits.iter().max().expect("some"));
    assert!(*last > *first + Duration::from_secs(5), "{first:?} to {last:?}");
}

/// An interval of 0 was a panic: settings of 0 are an error, and an answer that lives for 0 s no
/// busy loop.
#[test]
fn fault_13_zero_is_not_an_interval() {
    let config = PollerConfig { min: Duration::ZERO, ..PollerConfig::default() };
    assert_eq!(Poller::new(config).err(), Some(PollerConfigError::Zero { name: "min" }));
    let config = PollerConfig { timeout: Duration::ZERO, ..PollerConfig::default() };
    let error = Poller::new(config).expect_err("no time to answer");
    assert_eq!(error.to_string(), "`timeout` is 0: it must be above 0");
    let wait = wait_after(Answer::Ok { ttl: Some(Duration::ZERO), retry_after: None }, 13);
    assert!(wait >= PollerConfig::default().default, "{wait:?}");
}

/// There was no early look after a failure, or when nothing was known.
#[test]
fn fault_13_failures_and_trouble_are_looked_into_early() {
    let failed = wait_after(Answer::Fail { retry_after: None }, 13);
    assert!(failed <= Duration::from_millis(1200), "{failed:?} after a failure");
    let empty = wait_after(Answer::Empty { negative_ttl: None, retry_after: None }, 13);
    assert!(empty <= Duration::from_millis(1200), "{empty:?} after an empty answer");

    let mut poller = Poller::new(PollerConfig::default()).expect("the defaults");
    let (now, mut rng) = (Instant::from_secs(3), rng(13));
    let PollerStep::Query { id, .. } = poller.poll(now, &mut rng) else { panic!("no query") };
    assert!(poller.on_result(
        now,
        id,
        Answer::Ok { ttl: Some(Duration::from_secs(300)), retry_after: None }
    ));
    assert_eq!(poller.poll(now, &mut rng), PollerStep::Health(SourceHealth::Fresh));
    let trouble = now + Duration::from_secs(40);
    (0..1000).for_each(|_| poller.refresh(trouble));
    assert!(matches!(poller.poll(trouble, &mut rng), PollerStep::Query { .. }));
    assert!(matches!(poller.poll(trouble, &mut rng), PollerStep::Wait(_)));
}

/// All clients began with the first endpoint of the list.
#[test]
fn fault_18_clients_start_everywhere() {
    let names = ["a", "b", "c"];
    let firsts: Vec<_> =
        (0..300).map(|seed| pick(&mut balancer("round_robin", &names), &mut rng(seed))).collect();
    for name in names {
        let count = firsts.iter().filter(|first| **first == name).count();
        // A third of 300, give or take four standard deviations.
        assert!((67..=133).contains(&count), "{count} of 300 clients start with {name}");
    }
}

/// Clients that saw the set go and come again must not begin together either.
#[test]
fn fault_18_clients_start_everywhere_after_an_outage() {
    let firsts = (0..300).map(|seed| {
        let (mut balancer, mut rng) = (balancer("round_robin", &["a", "b", "c"]), rng(seed));
        pick(&mut balancer, &mut rng);
        for names in [&[][..], &["a", "b", "c"]] {
            let _ = balancer
                .update(Instant::ZERO, names.iter().copied().map(Endpoint::new))
                .expect("an update");
        }
        pick(&mut balancer, &mut rng)
    });
    let firsts: Vec<_> = firsts.collect();
    for name in ["a", "b", "c"] {
        let count = firsts.iter().filter(|first| **first == name).count();
        assert!((67..=133).contains(&count), "{count} of 300 clients start with {name}");
    }
}

/// A change of the set shifted the whole rotation. Ours goes on behind the endpoint that had the
/// last turn, in the order of slots: who comes has the least that is free.
#[test]
fn fault_18_a_change_does_not_move_the_rotation() {
    let before = ["b", "d", "f", "h"];
    let cases: [&[(usize, &'static str)]; 5] = [
        &[(0, "b"), (1, "d"), (2, "f"), (3, "h"), (4, "a")],
        &[(0, "b"), (1, "d"), (2, "f"), (3, "h"), (4, "i")],
        &[(0, "b"), (2, "f"), (3, "h")],
        &[(0, "b"), (1, "d"), (2, "f")],
        &[(0, "e")],
    ];
    for after in cases {
        for seed in 0..20 {
            let (mut balancer, mut rng) = (balancer("round_robin", &before), rng(seed));
            let last = pick(&mut balancer, &mut rng);
            let endpoints = after.iter().map(|(_, name)| Endpoint::new(*name));
            let _ = balancer.update(Instant::ZERO, endpoints).expect("an update");
            let slot = before.iter().position(|&name| name == last).expect("a name");
            let mut expected = after.to_vec();
            expected.sort_by_key(|(index, _)| (*index <= slot, *index));
            let cycle: Vec<_> = after.iter().map(|_| pick(&mut balancer, &mut rng)).collect();
            let expected: Vec<_> = expected.into_iter().map(|(_, name)| name).collect();
            assert_eq!(cycle, expected, "{before:?} to {after:?} after {last}");
        }
    }
}

/// The wait between an answer and the next query.
fn wait_after(answer: Answer, seed: u64) -> Duration {
    let mut poller = Poller::new(PollerConfig::default()).expect("the defaults");
    let (now, mut rng) = (Instant::from_secs(1), rng(seed));
    let PollerStep::Query { id, .. } = poller.poll(now, &mut rng) else { panic!("no query") };
    assert!(poller.on_result(now, id, answer));
    loop {
        match poller.poll(now, &mut rng) {
            PollerStep::Health(_) => {}
            PollerStep::Wait(Some(until)) => return until.saturating_since(now),
            step => panic!("{step:?} after {answer:?}"),
        }
    }
}
