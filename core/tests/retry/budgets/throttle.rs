//! gRPC's retry throttling.

use evenkeel_core::retry::{Budget, BudgetError, TokenThrottle, TokenThrottleSettings, Verdict};
use proptest::prelude::*;

use super::{START, millis};
use crate::proptest_config;

fn new(max_tokens: u32, token_ratio_per_mille: u32) -> Result<TokenThrottle, BudgetError> {
    TokenThrottle::new(TokenThrottleSettings { max_tokens, token_ratio_per_mille })
}

fn throttle(max_tokens: u32, token_ratio: u32) -> TokenThrottle {
    new(max_tokens, token_ratio).expect("good settings")
}

fn succeed(throttle: &mut TokenThrottle, times: u32) {
    (0..times).for_each(|_| throttle.on_verdict(START, Verdict::Success));
}

/// A failure, and whether it may be retried.
fn fail(throttle: &mut TokenThrottle) -> bool {
    throttle.on_verdict(START, Verdict::RetryableFailure);
    throttle.withdraw(START)
}

#[test]
fn the_proposals_example() {
    // "maxTokens": 10, "tokenRatio": 0.1: the fifth failure leaves 5, which is not more than half.
    let mut throttle = throttle(10, 100);
    assert_eq!([(); 5].map(|()| fail(&mut throttle)), [true, true, true, true, false]);
    assert_eq!(throttle.tokens(), 5_000);
    // Each success brings a tenth: with one more, a hedge may go, but the next failure takes a
    // whole one.
    succeed(&mut throttle, 1);
    assert_eq!((throttle.tokens(), throttle.withdraw(START)), (5_100, true));
    succeed(&mut throttle, 9);
    assert_eq!((throttle.tokens(), fail(&mut throttle)), (6_000, false));
    succeed(&mut throttle, 11);
    assert_eq!((throttle.tokens(), fail(&mut throttle)), (6_100, true));
}

#[test]
fn tokens_stay_between_none_and_the_most() {
    let mut throttle = throttle(3, 750);
    succeed(&mut throttle, 9);
    assert_eq!(throttle.tokens(), 3_000);
    (0..9).for_each(|_| throttle.on_verdict(START, Verdict::PushBack { wait: millis(1) }));
    assert_eq!((throttle.tokens(), throttle.withdraw(START)), (0, false));
    // From none, it takes more than half of the most: 1.5 are not, 2.25 are.
    succeed(&mut throttle, 2);
    assert!(!throttle.withdraw(START));
    succeed(&mut throttle, 1);
    assert!(throttle.withdraw(START));
}

#[test]
fn only_failures_worth_a_retry_count() {
    let mut throttle = throttle(10, 100);
    throttle.on_call(START);
    throttle.on_verdict(START, Verdict::Ignorable);
    throttle.on_verdict(START, Verdict::NeverSent);
    assert_eq!(throttle.tokens(), 10_000);
    assert!(throttle.withdraw(START));
    assert_eq!(throttle.tokens(), 10_000, "a retry costs nothing but the failure before it");
}

#[test]
fn settings_have_limits() {
    let (default, example) = (TokenThrottle::default(), throttle(10, 100));
    assert_eq!(default, example);
    assert_eq!(throttle(1000, u32::MAX).tokens(), 1_000_000);
    let none = new(0, 100).unwrap_err();
    assert_eq!(
        (none, none.to_string().as_str()),
        (BudgetError::MaxTokens { value: 0 }, "max_tokens is 0; it must be 1 to 1000")
    );
    assert_eq!(new(1001, 100), Err(BudgetError::MaxTokens { value: 1001 }));
    let never = new(10, 0).unwrap_err();
    assert_eq!(
        (never, never.to_string().as_str()),
        (BudgetError::ZeroTokenRatio, "token_ratio_per_mille is 0; the least is 1")
    );
    assert_eq!(size_of::<TokenThrottle>(), 12);
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        3 => Just(Verdict::Success),
        3 => Just(Verdict::RetryableFailure),
        1 => Just(Verdict::PushBack { wait: millis(5) }),
        1 => Just(Verdict::Ignorable),
        1 => Just(Verdict::NeverSent),
    ]
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn it_is_the_proposals_and_bounds_retries(
        max_tokens in prop_oneof![1..12_u32, 1..=1000_u32],
        token_ratio in prop_oneof![1..300_u32, 1..5_000_u32, any::<u32>()],
        verdicts in prop::collection::vec(verdict(), 1..200),
    ) {
        let mut throttle = throttle(max_tokens, token_ratio);
        // The proposal's words, in numbers that do not round.
        let (most, ratio) = (i128::from(max_tokens) * 1000, i128::from(token_ratio));
        let mut tokens = most;
        // Of each verdict: a success, an allowed retry.
        let mut history = Vec::new();
        for verdict in verdicts {
            throttle.on_verdict(START, verdict);
            match verdict {
                Verdict::Success => tokens = (tokens + ratio).min(most),
                Verdict::RetryableFailure | Verdict::PushBack { .. } => tokens = (tokens - 1000).max(0),
                _ => {}
            }
            let allowed = throttle.withdraw(START);
            prop_assert_eq!(i128::from(throttle.tokens()), tokens);
            prop_assert_eq!(allowed, 2 * tokens > most);
            let failed = matches!(verdict, Verdict::RetryableFailure | Verdict::PushBack { .. });
            history.push((verdict == Verdict::Success, failed && allowed));
        }
        for start in 0..history.len() {
            let (mut successes, mut retries) = (0, 0);
            for &(success, retry) in &history[start..] {
                successes += i128::from(success);
                retries += i128::from(retry);
                prop_assert!(retries == 0 || 1000 * retries < most / 2 + ratio * successes);
            }
        }
    }
}
