//! Bad input: a clear error, and nothing is lost.

use core::error::Error;
use core::time::Duration;

use evenkeel_core::discovery::poller::{Poller, PollerConfig};
use evenkeel_core::policy::{AnyPolicy, Random, RoundRobin};
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::{Backoff, Call, End, RetryPolicy, RetryPolicyError, Step, Unlimited, Verdict};
use evenkeel_core::{
    Balancer, Cx, Endpoint, Inline, InsertError, Instant, Outcome, Pick, PickError, Policy, Request, Slot, Store,
    TableFull, UpdateError, View, Why,
};
use rand_chacha::ChaCha8Rng;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn of<P: Policy, S: Store>(policy: P, endpoints: impl IntoIterator<Item = Endpoint<u8>>) -> Balancer<u8, P, S> {
    let mut balancer = Balancer::new(policy);
    let _ = balancer.update(Instant::ZERO, endpoints).expect("an update");
    balancer
}

fn addresses<P: Policy, S: Store>(balancer: &Balancer<u8, P, S>) -> Vec<u8> {
    balancer.endpoints().map(|status| status.endpoint.addr).collect()
}

fn text(error: impl Error) -> String {
    error.to_string()
}

#[test]
fn more_endpoints_than_room() {
    let mut full: Balancer<u8, RoundRobin, Inline<3>> = of(RoundRobin, [5, 6, 7].map(Endpoint::new));
    let refused = full.insert(Instant::ZERO, Endpoint::new(1)).expect_err("no room");
    assert_eq!(refused, InsertError::Full { capacity: 3 });
    assert_eq!(text(refused), "the set is full: it holds 3 endpoints");
    assert_eq!(addresses(&full), [5, 6, 7], "nothing changes");
    let changes = full.insert(Instant::ZERO, Endpoint::new(6).with_weight(9)).expect("it is there already");
    assert_eq!((changes.added, changes.changed), (0, 1));

    // Those that are in the set stay, then addresses in their order; how many found no room is told.
    let changes = full.update(Instant::ZERO, [9, 1, 8, 7, 2, 6].map(Endpoint::new)).expect("an update");
    assert_eq!((changes.added, changes.removed, changes.left_out), (1, 1, 3));
    assert_eq!(addresses(&full), [1, 6, 7]);
    full.pick(Instant::ZERO, &mut rng()).map(drop).expect("it goes on");
}

#[test]
fn no_room_at_all() {
    let mut none: Balancer<u8, RoundRobin, Inline<0>> = Balancer::new(RoundRobin);
    let changes = none.update(Instant::ZERO, [1, 2].map(Endpoint::new)).expect("an update");
    assert_eq!((changes.added, changes.left_out), (0, 2));
    assert_eq!(none.insert(Instant::ZERO, Endpoint::new(1)), Err(InsertError::Full { capacity: 0 }));
    assert_eq!(none.pick(Instant::ZERO, &mut rng()), Err(PickError::NoEndpoints));
}

#[test]
fn empty_and_drained_sets() {
    let mut empty: Balancer<u8, Random> = of(Random, []);
    assert_eq!(empty.pick(Instant::ZERO, &mut rng()), Err(PickError::NoEndpoints));
    assert_eq!(empty.remove(Instant::ZERO, &3), Ok(None));

    let drained = [Endpoint::new(1).with_weight(0), Endpoint::new(2).with_draining(true).with_priority(1)];
    let mut drained: Balancer<u8, Random> = of(Random, drained);
    assert_eq!(drained.pick(Instant::ZERO, &mut rng()), Err(PickError::AllDrained));
    assert_eq!(text(PickError::AllDrained), "all endpoints are draining or have weight 0");
    assert_eq!(addresses(&drained), [1, 2], "they are still there");
    assert!(drained.endpoints().all(|status| !status.candidate));
    let _ = drained.insert(Instant::ZERO, Endpoint::new(1)).expect("back");
    assert!(drained.pick(Instant::ZERO, &mut rng()).is_ok());
}

#[test]
fn weights_of_nothing_and_of_everything() {
    let endpoints = [Endpoint::new(1).with_weight(0), Endpoint::new(2).with_weight(u32::MAX), Endpoint::new(3)];
    let mut balancer: Balancer<u8, RoundRobin> = of(RoundRobin, endpoints);
    let mut rng = rng();
    for turn in 0..10 {
        let pick = balancer.pick(Instant::ZERO, &mut rng).expect("a pick");
        let addr = balancer.endpoint(&pick).expect("an endpoint").addr;
        assert_ne!(addr, 1, "turn {turn}");
        balancer.report(Instant::ZERO, pick, Outcome::Success);
    }
    let weights =
        [1, 2, 3].map(|addr| balancer.endpoints().find(|s| s.endpoint.addr == addr).expect("known").endpoint.weight);
    assert_eq!(weights, [0, u32::MAX, 1]);
}

#[test]
fn retry_settings() {
    let zero = RetryPolicy::new(0).expect_err("no attempt");
    assert_eq!((zero, text(zero).as_str()), (RetryPolicyError::ZeroAttempts, "0 attempts: at least 1 is needed"));
    let policy = RetryPolicy::default();
    for refused in [policy.with_timeout(Duration::ZERO), policy.with_attempt_timeout(Duration::ZERO)] {
        let zero = refused.expect_err("no time");
        assert_eq!(text(zero), "a timeout of 0: leave it out for no timeout");
    }
    let (base, cap) = (Duration::from_millis(25), Duration::from_millis(24));
    let below = policy.with_backoff(Backoff::exponential(base, cap)).expect_err("a cap below the base");
    assert_eq!(below, RetryPolicyError::CapBelowBase { base, cap });
    assert_eq!(text(below), "the backoff's cap 24ms is below its base 25ms");
}

#[test]
fn settings_at_the_limits() {
    let longest = Backoff::exponential(Duration::MAX, Duration::MAX);
    let policy = RetryPolicy::new(u32::MAX).and_then(|policy| policy.with_backoff(longest)).expect("attempts");
    let policy = policy.with_timeout(Duration::MAX).and_then(|policy| policy.with_attempt_timeout(Duration::MAX));
    let mut call = Call::new(&policy.expect("timeouts"), Instant::from_secs(1));
    assert_eq!(call.deadline(), Instant::MAX);
    let Step::Send(attempt) = call.poll(Instant::from_secs(1), &mut Unlimited, &mut rng()) else {
        panic!("no attempt")
    };
    assert_eq!(attempt.deadline(), None);
    call.on_outcome(Instant::from_secs(1), attempt, Verdict::RetryAfter(Duration::MAX));
    let step = call.poll(Instant::from_secs(1), &mut Unlimited, &mut rng());
    assert_eq!(step, Step::Done(End::Deadline), "nothing comes after the end of time");
}

#[test]
fn clocks_of_a_balancer() {
    let mut balancer: Balancer<u8, _> = of(|_: &View<'_>, cx: &mut Cx<'_>| Some(cx.turn(2)), []);
    let times = [Instant::from_secs(100), Instant::ZERO, Instant::ZERO + YEAR, Instant::MAX, Instant::from_secs(1)];
    let mut rng = rng();
    for (turn, now) in times.into_iter().enumerate() {
        let _ = balancer.update(now, [1, 2].map(Endpoint::new)).expect("an update");
        let pick = balancer.pick(now, &mut rng).expect("a pick");
        assert_eq!(pick.started(), now);
        balancer.report(times[(turn + 3) % times.len()], pick, Outcome::Success);
    }
    let counts: Vec<_> = balancer.endpoints().map(|status| status.stats).collect();
    assert_eq!(counts.iter().map(|stats| stats.successes).sum::<u32>(), 5);
    assert!(counts.iter().all(|stats| stats.in_flight == 0));
}

#[test]
fn clocks_of_a_call() {
    let policy =
        RetryPolicy::new(3).and_then(|policy| policy.with_backoff(Backoff::Constant(Duration::from_millis(50))));
    let policy = policy.and_then(|policy| policy.with_timeout(Duration::from_secs(1))).expect("a policy");
    let start = Instant::from_secs(1000);
    let sent = |call: &mut Call, now| match call.poll(now, &mut Unlimited, &mut rng()) {
        Step::Send(attempt) => attempt,
        step => panic!("{step:?} instead of an attempt"),
    };

    // A year back: the time that is left stays what it was.
    let mut call = Call::new(&policy, start);
    let attempt = sent(&mut call, start);
    call.on_outcome(Instant::ZERO, attempt, Verdict::Retry);
    let due = Instant::from_millis(50);
    assert_eq!(call.poll(Instant::ZERO, &mut Unlimited, &mut rng()), Step::Wait(due));
    let attempt = sent(&mut call, due);
    assert_eq!(attempt.deadline(), Some(Instant::from_secs(1)));

    // A year ahead in the midst of an attempt: it is given up, and accounted for.
    let late = due + YEAR;
    let outcome = Outcome::Failure;
    assert_eq!(call.poll(late, &mut Unlimited, &mut rng()), Step::Cancel { attempt, outcome });
    assert_eq!(call.poll(late, &mut Unlimited, &mut rng()), Step::Done(End::Deadline));
    assert_eq!(call.attempts(), 2);

    // An outcome from a year ahead, and then the clock is right again: no wait of a year.
    let mut call = Call::new(&RetryPolicy::new(2).expect("attempts"), start);
    let attempt = sent(&mut call, start);
    call.on_outcome(start + YEAR, attempt, Verdict::Retry);
    let Step::Wait(until) = call.poll(start, &mut Unlimited, &mut rng()) else { panic!("no wait") };
    assert!(until <= start + Duration::from_millis(25), "{until}");
}

#[test]
fn poller_settings() {
    let good = PollerConfig::default();
    let (zero, secs) = (Duration::ZERO, Duration::from_secs);
    for (config, why) in [
        (PollerConfig { min: zero, ..good }, "`min` is 0: it must be above 0"),
        (PollerConfig { timeout: zero, ..good }, "`timeout` is 0: it must be above 0"),
        (PollerConfig { backoff_base: zero, ..good }, "`backoff_base` is 0: it must be above 0"),
        (PollerConfig { min: secs(301), ..good }, "`min` 301s is above `max` 300s"),
        (PollerConfig { max: zero, ..good }, "`min` 5s is above `max` 0ns"),
        (PollerConfig { backoff_base: secs(61), ..good }, "`backoff_max` 60s is below `backoff_base` 61s"),
    ] {
        assert_eq!(text(Poller::new(config).expect_err(why)), why);
    }
}

#[test]
fn policies_that_answer_nonsense() {
    for nonsense in [None, Some(2), Some(usize::MAX)] {
        let mut balancer: Balancer<u8, _> = of(move |_: &View<'_>, _: &mut Cx<'_>| nonsense, [1, 2].map(Endpoint::new));
        assert_eq!(balancer.pick(Instant::ZERO, &mut rng()), Err(PickError::Declined), "{nonsense:?}");
        let slots: Vec<_> = balancer.endpoints().map(|status| status.slot).collect();
        for avoid in [&slots[..1], &slots] {
            let request = Request::at(Instant::ZERO).avoiding(avoid);
            assert_eq!(balancer.pick_with(request, &mut rng()), Err(PickError::Declined), "{nonsense:?}");
        }
        assert!(balancer.endpoints().all(|status| status.stats.in_flight == 0));
    }
    assert_eq!(text(PickError::Declined), "the policy declined every endpoint");
}

/// A policy that knows only the first of two endpoints, even when that is to be avoided.
#[test]
fn a_policy_that_does_not_care_what_to_avoid() {
    let mut balancer: Balancer<u8, _> = of(|_: &View<'_>, _: &mut Cx<'_>| Some(0), [1, 2].map(Endpoint::new));
    let slots: Vec<Slot> = balancer.endpoints().map(|status| status.slot).collect();
    let request = Request::at(Instant::ZERO).avoiding(&slots[..1]);
    let pick = balancer.pick_with(request, &mut rng()).expect("a pick");
    assert_eq!(pick.slot(), slots[1]);
}

/// With everything to be avoided, departed slots included, the rotation goes on by one: no endpoint gets it all.
#[test]
fn everything_is_to_be_avoided() {
    for n in 1..=8 {
        let mut balancer: Balancer<u8, RoundRobin> = of(RoundRobin, (0..n + 3).map(Endpoint::new));
        let avoid: Vec<Slot> = balancer.endpoints().map(|status| status.slot).collect();
        let _ = balancer.update(Instant::ZERO, (0..n).map(Endpoint::new)).expect("an update");
        let mut rng = rng();
        let mut picked = || {
            let pick = balancer.pick_with(Request::at(Instant::ZERO).avoiding(&avoid), &mut rng).expect("a pick");
            assert_eq!(pick.why(), Why::LastResort);
            balancer.endpoint(&pick).expect("an endpoint").addr
        };
        let first = picked();
        for turn in 1..3 * n {
            assert_eq!(picked(), (first + turn) % n, "{n} endpoints");
        }
    }
}

#[test]
fn a_policy_without_room_for_its_table() {
    #[derive(Debug)]
    struct OfTwo;
    impl Policy for OfTwo {
        fn pick(&self, _view: &View<'_>, _cx: &mut Cx<'_>) -> Option<usize> {
            Some(0)
        }

        fn rebuild(&mut self, view: &View<'_>) -> Result<(), TableFull> {
            if view.len() <= 2 { Ok(()) } else { Err(TableFull { needed: view.len(), capacity: 2 }) }
        }
    }
    let mut balancer: Balancer<u8, OfTwo> = of(OfTwo, [1, 2].map(Endpoint::new));
    let full = TableFull { needed: 3, capacity: 2 };
    let error = balancer.insert(Instant::ZERO, Endpoint::new(3)).expect_err("no room in the table");
    assert_eq!(error, InsertError::Table(full));
    let source = error.source().expect("a source");
    assert_eq!(source.to_string(), "the policy's table holds 2 entries and needs 3");
    assert_eq!(addresses(&balancer), [1, 2, 3], "the set has it all the same");
    let error = balancer.update(Instant::ZERO, [1, 2, 4].map(Endpoint::new)).expect_err("no room in the table");
    assert_eq!((error, addresses(&balancer)), (UpdateError::Table(full), vec![1, 2, 4]));
    assert_eq!(balancer.remove(Instant::ZERO, &4).map(|removed| removed.is_some()), Ok(true));
}

#[test]
fn picks_of_another_balancer_and_of_the_departed() {
    let counting = |view: &View<'_>, _: &mut Cx<'_>| (0..view.len()).min_by_key(|&place| view.in_flight(place));
    let mut ours: Balancer<u8, _> = of(counting, [1, 2].map(Endpoint::new));
    let mut theirs: Balancer<u8, _> = of(counting, [1, 2].map(Endpoint::new));
    let stats = |balancer: &Balancer<u8, _>| balancer.endpoints().map(|status| status.stats).collect::<Vec<_>>();

    let pick = ours.pick(Instant::ZERO, &mut rng()).expect("a pick");
    let foreign = theirs.pick(Instant::ZERO, &mut rng()).expect("a pick");
    assert_eq!(pick.slot(), foreign.slot(), "they look alike");
    let before = stats(&ours);
    assert_eq!(ours.endpoint(&foreign), None);
    ours.report(Instant::ZERO, foreign, Outcome::Failure);
    assert_eq!(stats(&ours), before);

    // Its endpoint leaves and comes back: another slot, and fresh counts.
    let addr = ours.endpoint(&pick).expect("an endpoint").addr;
    ours.remove(Instant::ZERO, &addr).expect("no table").expect("it was there");
    assert_eq!(ours.endpoint(&pick), None);
    let _ = ours.insert(Instant::ZERO, Endpoint::new(addr)).expect("room");
    assert_eq!(ours.endpoint(&pick), None);
    ours.report(Instant::ZERO, pick, Outcome::Failure);
    assert!(stats(&ours).iter().all(|stats| *stats == evenkeel_core::stats::Stats::default()));
}

/// The only slot is given away while a request to its first holder is under way.
#[test]
fn a_pick_whose_slot_is_another_endpoints() {
    let mut balancer: Balancer<u8, _, Inline<1>> = of(|_: &View<'_>, _: &mut Cx<'_>| Some(0), [Endpoint::new(1)]);
    let old = balancer.pick(Instant::ZERO, &mut rng()).expect("a pick");
    let _ = balancer.update(Instant::ZERO, [Endpoint::new(2)]).expect("an update");
    let new = balancer.pick(Instant::ZERO, &mut rng()).expect("a pick");
    assert_eq!((old.slot().index(), balancer.endpoint(&old)), (new.slot().index(), None));
    balancer.report(Instant::ZERO, old, Outcome::Failure);
    let stats = balancer.endpoints().next().expect("one").stats;
    assert_eq!((stats.in_flight, stats.failures), (1, 0));
    balancer.report(Instant::ZERO, new, Outcome::Success);
    let stats = balancer.endpoints().next().expect("one").stats;
    assert_eq!((stats.in_flight, stats.successes), (0, 1));
}

/// With room for more, a slot rests until the last request to its former holder has ended.
#[test]
fn a_slot_in_use_is_not_given_away() {
    let mut balancer: Balancer<u8, _> = of(|_: &View<'_>, _: &mut Cx<'_>| Some(0), [Endpoint::new(1)]);
    let old = balancer.pick(Instant::ZERO, &mut rng()).expect("a pick");
    let mut slot_of = |addr, old: Option<Pick>| {
        if let Some(old) = old {
            balancer.report(Instant::ZERO, old, Outcome::Canceled);
        }
        let _ = balancer.update(Instant::ZERO, [Endpoint::new(addr)]).expect("an update");
        balancer.endpoints().next().expect("one").slot.index()
    };
    let index = old.slot().index();
    assert_ne!(slot_of(2, None), index);
    assert_ne!(slot_of(3, None), index);
    assert_eq!(slot_of(4, Some(old)), index);
}

#[test]
fn names_of_no_policy() {
    let known = AnyPolicy::NAMES.join(", ");
    for name in ["", "roundrobin", "Round_Robin", "ran dom", "rändom"] {
        let error = name.parse::<AnyPolicy>().expect_err(name);
        assert_eq!(text(error), format!("unknown policy {name:?}; known are: {known}"));
    }
    let long = "ü".repeat(1000);
    let error = text(long.parse::<AnyPolicy>().expect_err("too long"));
    assert!(error.starts_with("unknown policy \"üüü") && error.len() < 100 + known.len(), "{error}");
}
