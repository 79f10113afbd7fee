//! Budgets in calls.

use evenkeel_core::Instant;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::{
    Backoff, Budget, Call, End, RetryBudget, RetryBudgetSettings, RetryPolicy, Step, TokenThrottle,
    Verdict,
};
use rand_chacha::ChaCha8Rng;

use super::{START, millis};

/// Sends one call after the other, a millisecond apart; tells how many attempts there were, and how
/// many calls the budget ended.
fn calls(
    budget: &mut impl Budget,
    calls: u64,
    verdict: impl Fn(u64, u32) -> Verdict,
) -> (u32, u32) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let policy = RetryPolicy::new(3)
        .and_then(|policy| policy.with_backoff(Backoff::None))
        .expect("a good policy");
    let (mut attempts, mut refused) = (0, 0);
    for number in 0..calls {
        let now: Instant = START + millis(number);
        let mut call = Call::new(&policy, now);
        loop {
            match call.poll(now, budget, &mut rng) {
                Step::Send(attempt) => {
                    attempts += 1;
                    call.on_outcome(now, attempt, verdict(number, attempt.number()));
                }
                Step::Done(end) => {
                    refused += u32::from(end == End::Budget);
                    break;
                }
                Step::Wait(_) | Step::Cancel { .. } => {}
            }
        }
    }
    (attempts, refused)
}

#[test]
fn a_service_that_fails_altogether_gets_a_little_more() {
    // 1,000 calls in a second, each worth three attempts: three seconds' reserve. The first 15 get
    // all of theirs.
    let mut budget = RetryBudget::default();
    assert_eq!(calls(&mut budget, 1000, |_, _| Verdict::RetryableFailure), (1000 + 30, 985));
    // Finagle's: 20 % more, and ten seconds' reserve. The first 55 get all of theirs.
    let mut budget = RetryBudget::new(RetryBudgetSettings::FINAGLE).expect("good settings");
    assert_eq!(calls(&mut budget, 1000, |_, _| Verdict::RetryableFailure), (1000 + 200 + 100, 945));
    // The throttle allows retries after four failures, one of which is that of a last attempt, and
    // then none.
    let mut throttle = TokenThrottle::default();
    assert_eq!(calls(&mut throttle, 1000, |_, _| Verdict::RetryableFailure), (1000 + 3, 999));
}

#[test]
fn a_service_that_fails_seldom_is_retried_always() {
    let seldom = |number, attempt| {
        if number % 20 == 0 && attempt == 1 { Verdict::RetryableFailure } else { Verdict::Success }
    };
    assert_eq!(calls(&mut RetryBudget::default(), 1000, seldom), (1050, 0));
    assert_eq!(calls(&mut TokenThrottle::default(), 1000, seldom), (1050, 0));
}

#[test]
fn a_throttle_lets_retries_go_on_once_the_service_is_back() {
    let mut throttle = TokenThrottle::default();
    let _ = calls(&mut throttle, 100, |_, _| Verdict::RetryableFailure);
    assert_eq!(throttle.tokens(), 0);
    // From no tokens, more than half of ten take 51 successes.
    assert_eq!(calls(&mut throttle, 51, |_, _| Verdict::Success), (51, 0));
    let one = calls(&mut throttle, 1, |_, attempt| {
        if attempt == 1 { Verdict::RetryableFailure } else { Verdict::Success }
    });
    assert_eq!(one, (1, 1), "5.1 tokens, less one");
}
