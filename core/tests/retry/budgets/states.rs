//! What budgets keep over a restart.

use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::retry::{
    Budget, BudgetImportError, BudgetSlot, RetryBudget, RetryBudgetState, TokenThrottle,
    TokenThrottleState, Verdict,
};
use proptest::prelude::*;

use super::{START, millis, retry_budget, secs, withdrawals};
use crate::proptest_config;

/// A budget that knows something, and what it exports.
fn known() -> (RetryBudget, RetryBudgetState) {
    let mut budget = retry_budget(500, 1, secs(10));
    for second in 0..7 {
        (0..4).for_each(|_| budget.on_call(START + secs(second)));
        assert!(budget.withdraw(START + secs(second)));
    }
    let state = budget.export(START + millis(6_250));
    (budget, state)
}

#[test]
fn a_budget_goes_on_where_another_one_was() {
    let (budget, state) = known();
    assert_eq!(budget.balance(START + millis(6_250)), 10 + 14 - 7);
    let slot = BudgetSlot { deposits: 4, retries: 1 };
    assert_eq!(
        (state.slots[0], state.slots[6], state.slots[7]),
        (slot, slot, BudgetSlot::default())
    );
    assert_eq!((state.newest_age, state.age), (250_000_000, 0));

    // Another process, whose clock has just begun; three seconds later.
    let mut other = retry_budget(500, 1, secs(10));
    assert_eq!(other.import(START, &state.aged(secs(3))), Ok(()));
    assert_eq!(other.balance(START), 10 + 14 - 7);
    // The first second's calls began 9.25 s ago, and their slot ends 0.75 s from now.
    assert_eq!(other.balance(START + millis(749)), 10 + 14 - 7);
    assert_eq!(other.balance(START + millis(750)), 10 + 12 - 6);
    assert_eq!(withdrawals(&mut other, START + millis(750), 100), 16);
}

#[test]
fn a_throttle_goes_on_where_another_one_was() {
    let mut throttle = TokenThrottle::default();
    (0..7).for_each(|_| throttle.on_verdict(START, Verdict::RetryableFailure));
    let state = throttle.export();
    assert_eq!(
        state,
        TokenThrottleState { version: 1, max_tokens: 10_000, token_ratio: 100, tokens: 3_000 }
    );
    let mut other = TokenThrottle::default();
    assert_eq!(other.import(&state), Ok(()));
    assert_eq!(other, throttle);
    assert!(!other.withdraw(START));
}

#[test]
fn a_throttle_refuses_what_is_not_its_own() {
    let state = TokenThrottle::default().export();
    let other = |change: fn(&mut TokenThrottleState)| {
        let mut throttle = TokenThrottle::default();
        throttle.on_verdict(START, Verdict::RetryableFailure);
        let (before, mut changed) = (throttle.clone(), state);
        change(&mut changed);
        let error = throttle.import(&changed).expect_err("refused");
        assert_eq!(throttle, before, "a refused state changes nothing");
        error
    };
    assert_eq!(other(|state| state.version = 2), BudgetImportError::Version { found: 2, known: 1 });
    let setting = "max_tokens (thousandths)";
    assert_eq!(
        other(|state| state.max_tokens = 9_000),
        BudgetImportError::Settings { setting, found: 9_000, own: 10_000 }
    );
    let setting = "token_ratio (thousandths)";
    assert_eq!(
        other(|state| state.token_ratio = 99),
        BudgetImportError::Settings { setting, found: 99, own: 100 }
    );
    let what = "thousandths of a token";
    assert_eq!(
        other(|state| state.tokens = 10_001),
        BudgetImportError::Corrupt { what, found: 10_001, most: 10_000 }
    );
}

#[test]
fn a_budget_refuses_what_is_not_its_own() {
    let refused = |change: fn(&mut RetryBudgetState)| {
        let (mut budget, mut state) = known();
        let now = START + millis(6_250);
        let before = budget.export(now);
        change(&mut state);
        let error = budget.import(now, &state).expect_err("refused");
        assert_eq!(budget.export(now), before, "a refused state changes nothing");
        error
    };
    let settings = |setting, found, own| BudgetImportError::Settings { setting, found, own };
    let corrupt = |what, found, most| BudgetImportError::Corrupt { what, found, most };
    let stale = |age| BudgetImportError::Stale { age, ttl: 10_000_000_000 };
    assert_eq!(
        refused(|state| state.version = 0),
        BudgetImportError::Version { found: 0, known: 2 }
    );
    assert_eq!(
        refused(|state| state.can_retry = 501),
        settings("can_retry (thousandths)", 501, 500)
    );
    assert_eq!(refused(|state| state.reserve = 9), settings("reserve (retries)", 9, 10));
    assert_eq!(
        refused(|state| state.ttl += 10),
        settings("ttl (nanoseconds)", 10_000_000_010, 10_000_000_000)
    );
    assert_eq!(refused(|state| *state = state.aged(millis(9_750))), stale(10_000_000_000));
    assert_eq!(refused(|state| *state = state.aged(Duration::MAX)), stale(u64::MAX));
    let newest = corrupt("nanoseconds in the newest slot", 1_000_000_000, 999_999_999);
    assert_eq!(refused(|state| state.newest_age = 1_000_000_000), newest);
    assert_eq!(
        refused(|state| state.slots[3].retries = 19),
        corrupt("thousandths of a retry", 25_000, 24_000)
    );
    // As old as can be.
    let (mut budget, state) = known();
    assert_eq!(budget.import(START, &state.aged(Duration::from_nanos(9_749_999_999))), Ok(()));
    assert_eq!(budget.balance(START), 12 - 1);
}

#[test]
fn reasons_are_given() {
    let texts = [
        (
            BudgetImportError::Version { found: 2, known: 1 },
            "the state has version 2; only 1 is known",
        ),
        (
            BudgetImportError::Settings { setting: "reserve (retries)", found: 9, own: 10 },
            "the state is of a budget with a reserve (retries) of 9, not 10",
        ),
        (
            BudgetImportError::Stale { age: 12, ttl: 10 },
            "the state is 12 ns old; after 10 ns it says nothing",
        ),
        (
            BudgetImportError::Corrupt { what: "retries", found: 25, most: 24 },
            "the state has 25 retries; the most is 24",
        ),
    ];
    for (error, text) in texts {
        assert_eq!(error.to_string(), text);
    }
}

#[cfg(feature = "serde")]
#[test]
fn states_go_through_json() {
    let (_, state) = known();
    let json = serde_json::to_string(&state.aged(secs(2))).unwrap();
    assert!(json.starts_with(concat!(
        r#"{"version":2,"can_retry":500,"reserve":10,"ttl":10000000000,"deposits":"calls","#,
        r#""newest_age":250000000,"age":2000000000,"slots":[{"deposits":4,"#,
    )));
    assert_eq!(serde_json::from_str::<RetryBudgetState>(&json).unwrap(), state.aged(secs(2)));
    let ageless = json.replace(r#""age":2000000000,"#, "");
    assert_eq!(serde_json::from_str::<RetryBudgetState>(&ageless).unwrap(), state);

    let state = TokenThrottle::default().export();
    let json = serde_json::to_string(&state).unwrap();
    assert_eq!(json, r#"{"version":1,"max_tokens":10000,"token_ratio":100,"tokens":10000}"#);
    assert_eq!(serde_json::from_str::<TokenThrottleState>(&json).unwrap(), state);
}

proptest! {
    #![proptest_config(proptest_config())]

    /// A budget that was kept knows what it would have known had it gone on.
    #[test]
    fn a_round_trip_loses_nothing(
        steps in prop::collection::vec((0..300_000_000_u64, 0..4_u32, 0..4_u32), 1..40),
        away in 0..1_200_000_000_u64,
        origin: u64,
    ) {
        let mut budget = retry_budget(700, 2, secs(1));
        let mut now = Instant::from_secs(77);
        for (step, calls, retries) in steps {
            now = now + Duration::from_nanos(step);
            (0..calls).for_each(|_| budget.on_call(now));
            withdrawals(&mut budget, now, retries);
        }
        let (state, away) = (budget.export(now), Duration::from_nanos(away));
        prop_assert_eq!(budget.export(now), state, "exporting changes nothing");
        let (later, origin) = (now + away, Instant::from_nanos(origin));
        let mut other = retry_budget(700, 2, secs(1));
        match other.import(origin, &state.aged(away)) {
            Ok(()) => {
                // Where the newest of ten empty slots began may differ.
                prop_assert_eq!(other.export(origin).slots, budget.export(later).slots);
                prop_assert_eq!(other.balance(origin), budget.balance(later));
                let step = millis(432);
                if origin.as_nanos() < u64::MAX / 2 {
                    let (other, budget) = (other.export(origin + step), budget.export(later + step));
                    prop_assert_eq!(other.slots, budget.slots);
                }
            }
            Err(error) => {
                prop_assert!(matches!(error, BudgetImportError::Stale { .. }), "{error:?}");
                let (budget, other) = (budget.export(later), other.export(origin));
                prop_assert_eq!(budget.slots, other.slots, "nothing was worth keeping");
            }
        }
    }

    /// Whatever a state says, it is refused, or the budget works on.
    #[test]
    fn any_state_is_harmless(
        counts in prop::collection::vec((any::<u32>(), any::<u32>()), 10),
        newest_age in 0..200_000_000_u64,
        age: u64,
        near: bool,
    ) {
        let mut budget = retry_budget(1_000_000, 1_000_000, secs(1));
        let mut state = budget.export(START);
        for (slot, (calls, retries)) in state.slots.iter_mut().zip(counts) {
            *slot = BudgetSlot { deposits: calls, retries };
        }
        state.newest_age = newest_age;
        state.age = if near { age % 1_000_000_000 } else { age };
        let imported = budget.import(START, &state);
        budget.on_call(START);
        budget.withdraw(START);
        let balance = budget.balance(START + secs(1));
        prop_assert!(balance <= 1_000_000, "{imported:?}: {balance}");
    }
}
