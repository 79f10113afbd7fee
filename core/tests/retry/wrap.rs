//! Times of 32 bits wrap after 49.7 days: nothing here may notice.

use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::{
    Backoff, Budget, Call, Hedging, LatencyPercentile, RetryBudget, RetryBudgetSettings,
    RetryPolicy, Step, Verdict,
};
use rand_chacha::ChaCha8Rng;

/// The origin, a while after it, the middle, shortly before all comes round, and just before.
const STARTS: [u64; 5] = [0, 1 << 20, 1 << 31, u32::MAX as u64 - 3_000, u32::MAX as u64];

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a client did and saw, in milliseconds after its start.
fn script(start: u64) -> Vec<String> {
    let at = |millis: u64| Instant::from_millis((start + millis) & u64::from(u32::MAX));
    let after = |time: Instant| (time.as_millis() as u32).wrapping_sub(start as u32);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let policy = RetryPolicy::new(4)
        .and_then(|policy| policy.with_timeout(ms(9_000)))
        .and_then(|policy| policy.with_attempt_timeout(ms(700)))
        .and_then(|policy| policy.with_backoff(Backoff::exponential(ms(200), ms(2_000))))
        .expect("a good policy")
        .with_hedging(Hedging::new(ms(300), 2).expect("two hedges"));
    // One whose slots begin with the first call.
    let mut budget = RetryBudget::new(RetryBudgetSettings::FINAGLE).expect("good settings");
    let mut latencies = LatencyPercentile::default();
    let (mut now, mut log) = (0, Vec::new());
    for number in 0..400 {
        let mut call = Call::new(&policy, at(now));
        let mut sent = Vec::new();
        loop {
            match call.poll(at(now), &mut budget, &mut rng) {
                Step::Send(attempt) => {
                    log.push(format!("{number} {} {:?}", now, attempt.deadline().map(after)));
                    sent.push(attempt);
                }
                Step::Wait(until) => {
                    let until = until.map_or(now, |until| u64::from(after(until)));
                    // Of three attempts one is stuck, one fails and one succeeds.
                    let last = sent.last().filter(|last| last.number() % 3 != number % 3);
                    if let Some(&last) = last
                        && now + 40 < until
                    {
                        now += 40;
                        latencies.observe(at(now), ms(40));
                        let failed = last.number() % 3 == (number + 1) % 3 || number % 5 == 0;
                        let wait = Verdict::PushBack { wait: ms(150) };
                        call.on_outcome(
                            at(now),
                            last,
                            if failed { wait } else { Verdict::Success },
                        );
                        sent.pop();
                    } else {
                        now = until;
                    }
                }
                Step::Cancel { attempt, outcome } => {
                    sent.retain(|other| *other != attempt);
                    log.push(format!("{number} {now} canceled {outcome:?}"));
                }
                Step::Done(end) => {
                    log.push(format!("{number} {now} {} {:?}", end.name(), budget.export(at(now))));
                    break;
                }
            }
        }
        // The clock of another thread is a little behind.
        now = now.saturating_sub(1) + u64::from(number) * 7 % 50;
        let withdrawn = (number % 2 == 0).then(|| budget.withdraw(at(now)));
        log.push(format!(
            "{withdrawn:?} {} {:?}",
            budget.balance(at(now)),
            latencies.delay(at(now))
        ));
    }
    assert!(now > 20_000, "long enough to come round: {now}");
    log
}

#[test]
fn all_starts_are_alike() {
    let first = script(STARTS[0]);
    for end in ["success", "attempts", "canceled TimedOut", "canceled LostRace"] {
        assert!(first.iter().any(|line| line.contains(end)), "no {end}");
    }
    for start in STARTS {
        let other = script(start);
        let differs = first.iter().zip(&other).find(|(first, other)| first != other);
        assert_eq!(differs, None, "from {start} ms on");
    }
}
