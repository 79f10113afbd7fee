//! C7-C13: retries. An error itself never reaches the core: the caller keeps it and tells the core
//! its verdict.

use core::time::Duration;

use evenkeel_core::retry::{Backoff, Call, End, RetryPolicy, Step, Unlimited, Verdict};
use evenkeel_core::{Instant, Outcome};

use super::{balancer, call, rng};

fn attempts(most: u32) -> RetryPolicy {
    RetryPolicy::new(most).expect("attempts")
}

fn judge(addr: &str) -> Verdict {
    if addr.starts_with("ok") { Verdict::Success } else { Verdict::RetryableFailure }
}

/// An empty set, at most 999 attempts, 1 s: an error, and not the timeout.
///
/// Ours ends at once: trying again would find nothing either, and go-kit made 260,081 attempts in
/// 200 ms of it.
#[test]
fn c07_retry_without_endpoints() {
    let policy = attempts(999).with_timeout(Duration::from_secs(1)).expect("a timeout");
    let (end, tried) = call(&policy, &mut balancer("round_robin", &[]), &mut rng(7), judge);
    assert_eq!((end, tried.len()), (End::NoEndpoints, 0));
}

/// Two endpoints fail, one works; two attempts. go-kit always starts with the first and always
/// fails.
///
/// Ours starts anywhere, and a retry does, too: it fails when both of its attempts go to the two that
/// fail, which is one time in three.
#[test]
fn c08_retry_with_too_few_attempts() {
    let mut ends = [0, 0];
    for seed in 0..100 {
        let mut balancer = balancer("round_robin", &["err1", "err2", "ok"]);
        let (end, tried) = call(&attempts(2), &mut balancer, &mut rng(seed), judge);
        if tried.last().is_none_or(|last| *last != "ok") {
            assert_eq!(end, End::Attempts, "seed {seed}");
            assert!(
                tried == ["err1", "err2"] || tried == ["err2", "err1"],
                "seed {seed}: {tried:?}"
            );
            ends[0] += 1;
        } else {
            assert_eq!(end, End::Success, "seed {seed}");
            ends[1] += 1;
        }
    }
    assert!(ends[0] > 20 && ends[1] > 50, "{ends:?}");
}

/// The same, three attempts: success, whichever endpoint comes first.
#[test]
fn c09_retry_with_enough_attempts() {
    for seed in 0..100 {
        let mut balancer = balancer("round_robin", &["err1", "err2", "ok"]);
        let (end, tried) = call(&attempts(3), &mut balancer, &mut rng(seed), judge);
        assert_eq!((end, tried.last()), (End::Success, Some(&"ok")), "seed {seed}: {tried:?}");
    }
}

/// An endpoint that blocks, a timeout of 1 ms: success when it answers at once, the deadline when
/// only after 10 ms.
///
/// go-kit leaves the late attempt running and loses its error; ours has it given up and accounted
/// for.
#[test]
fn c10_retry_timeout() {
    let policy = attempts(1).with_timeout(Duration::from_millis(1)).expect("a timeout");
    let start = Instant::from_secs(5);

    let mut in_time = Call::new(&policy, start);
    let Step::Send(attempt) = in_time.poll(start, &mut Unlimited, &mut rng(1)) else {
        panic!("no attempt")
    };
    in_time.on_outcome(start, attempt, Verdict::Success);
    assert_eq!(in_time.poll(start, &mut Unlimited, &mut rng(1)), Step::Done(End::Success));

    let mut late = Call::new(&policy, start);
    let Step::Send(attempt) = late.poll(start, &mut Unlimited, &mut rng(1)) else {
        panic!("no attempt")
    };
    let deadline = start + Duration::from_millis(1);
    assert_eq!(late.poll(start, &mut Unlimited, &mut rng(1)), Step::Wait(Some(deadline)));
    let outcome = Outcome::TimedOut;
    assert_eq!(late.poll(deadline, &mut Unlimited, &mut rng(1)), Step::Cancel { attempt, outcome });
    assert_eq!(late.poll(deadline, &mut Unlimited, &mut rng(1)), Step::Done(End::Deadline));
    late.on_outcome(start + Duration::from_millis(10), attempt, Verdict::Success);
    let after = start + Duration::from_millis(10);
    assert_eq!(late.poll(after, &mut Unlimited, &mut rng(1)), Step::Done(End::Deadline));
}

/// A callback that stops at the first error, over an empty set: go-kit answers with the callback's
/// error.
///
/// Ours asks nobody: an empty set is an end of its own, which no verdict turns into something else.
#[test]
fn c11_empty_set_asks_for_no_verdict() {
    let never = |addr: &str| -> Verdict { panic!("{addr} was judged") };
    assert_eq!(
        call(&attempts(3), &mut balancer("random", &[]), &mut rng(11), never),
        (End::NoEndpoints, vec![])
    );
}

/// A callback that stops at the first error: there is no second attempt.
///
/// In go-kit the callback may also put another error in its place; here the caller has the error,
/// and the core cannot change it.
#[test]
fn c12_fatal_verdict_ends_the_call() {
    let (end, tried) =
        call(&attempts(9), &mut balancer("random", &["a", "b"]), &mut rng(12), |_| {
            Verdict::Ignorable
        });
    assert_eq!((end, tried.len()), (End::Ignorable, 1));
}

/// No callback at all: every error is worth another attempt, and success is success.
#[test]
fn c13_default_retry_policy() {
    let mut one = balancer("random", &["ok"]);
    assert_eq!(
        call(&RetryPolicy::default(), &mut one, &mut rng(13), judge),
        (End::Success, vec!["ok"])
    );

    let mut dead = balancer("random", &["err"]);
    assert_eq!(
        call(&RetryPolicy::default(), &mut dead, &mut rng(13), judge),
        (End::Attempts, vec!["err"; 3])
    );
    let none = RetryPolicy::default().with_backoff(Backoff::None).expect("no backoff");
    assert_eq!(call(&none, &mut dead, &mut rng(13), judge), (End::Attempts, vec!["err"; 3]));
}
