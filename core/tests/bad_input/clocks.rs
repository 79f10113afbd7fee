//! Times and clocks at their limits, and clocks that jump.

use core::time::Duration;

use evenkeel_core::retry::{Backoff, Call, End, RetryPolicy, Step, Unlimited, Verdict};
use evenkeel_core::{Balancer, Cx, Endpoint, Instant, Outcome, View};

use super::{of, rng};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

#[test]
fn settings_at_the_limits() {
    let longest = Backoff::exponential(Duration::MAX, Duration::MAX);
    let policy = RetryPolicy::new(u32::MAX)
        .and_then(|policy| policy.with_backoff(longest))
        .expect("attempts");
    let policy = policy
        .with_timeout(Duration::MAX)
        .and_then(|policy| policy.with_attempt_timeout(Duration::MAX));
    let policy = policy.expect("timeouts");
    let mut call = Call::new(&policy, Instant::from_secs(1));
    assert_eq!(call.deadline(), None);
    let Step::Send(attempt) = call.poll(Instant::from_secs(1), &mut Unlimited, &mut rng()) else {
        panic!("no attempt")
    };
    assert_eq!(attempt.deadline(), None);
    call.on_outcome(Instant::from_secs(1), attempt, Verdict::PushBack { wait: Duration::MAX });
    let step = call.poll(Instant::from_secs(1), &mut Unlimited, &mut rng());
    assert_eq!(step, Step::Done(End::PushBack), "no wait to the end of time");
}

#[test]
fn clocks_of_a_balancer() {
    let mut balancer: Balancer<u8, _> = of(|view: &dyn View, cx: &mut Cx<'_>| cx.next(view), []);
    let times = [
        Instant::from_secs(100),
        Instant::ZERO,
        Instant::ZERO + YEAR,
        Instant::MAX,
        Instant::from_secs(1),
    ];
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
    let policy = RetryPolicy::new(3)
        .and_then(|policy| policy.with_backoff(Backoff::Constant(Duration::from_millis(50))));
    let policy =
        policy.and_then(|policy| policy.with_timeout(Duration::from_secs(1))).expect("a policy");
    let start = Instant::from_secs(1000);
    let sent = |call: &mut Call<&RetryPolicy>, now| match call.poll(now, &mut Unlimited, &mut rng())
    {
        Step::Send(attempt) => attempt,
        step => panic!("{step:?} instead of an attempt"),
    };

    // A year back: the time that is left stays what it was.
    let mut call = Call::new(&policy, start);
    let attempt = sent(&mut call, start);
    call.on_outcome(Instant::ZERO, attempt, Verdict::RetryableFailure);
    let due = Instant::from_millis(50);
    assert_eq!(call.poll(Instant::ZERO, &mut Unlimited, &mut rng()), Step::Wait(Some(due)));
    let attempt = sent(&mut call, due);
    assert_eq!(attempt.deadline(), Some(Instant::from_secs(1)));

    // A year ahead in the midst of an attempt: it is given up, and accounted for.
    let late = due + YEAR;
    let outcome = Outcome::TimedOut;
    assert_eq!(call.poll(late, &mut Unlimited, &mut rng()), Step::Cancel { attempt, outcome });
    assert_eq!(call.poll(late, &mut Unlimited, &mut rng()), Step::Done(End::Deadline));
    assert_eq!(call.attempts(), 2);

    // An outcome from a year ahead, and then the clock is right again: no wait of a year.
    let twice = RetryPolicy::new(2).expect("attempts");
    let mut call = Call::new(&twice, start);
    let attempt = sent(&mut call, start);
    call.on_outcome(start + YEAR, attempt, Verdict::RetryableFailure);
    let Step::Wait(Some(until)) = call.poll(start, &mut Unlimited, &mut rng()) else {
        panic!("no wait")
    };
    assert!(until <= start + Duration::from_millis(25), "{until}");
}
