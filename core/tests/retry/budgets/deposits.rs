//! What a retry budget lives on.

use core::time::Duration;

use evenkeel_core::retry::{
    Budget, BudgetImportError, Deposits, RetryBudget, RetryBudgetSettings, Verdict,
};

use super::{START, secs, withdrawals};

/// A budget without a reserve, which holds a retry for each deposit.
fn budget(deposits: Deposits) -> RetryBudget {
    let settings = RetryBudgetSettings {
        can_retry_per_mille: 1000,
        min_per_second: 0,
        deposits,
        ..RetryBudgetSettings::DEFAULT
    };
    RetryBudget::new(settings).expect("good settings")
}

/// All verdicts, and whether the service answered as it should.
const VERDICTS: [(Verdict, bool); 9] = [
    (Verdict::Success, true),
    (Verdict::Ignorable, true),
    (Verdict::RetryableFailure, false),
    (Verdict::NonRetryableFailure, false),
    (Verdict::TimedOut, false),
    (Verdict::Overloaded { wait: None }, false),
    (Verdict::PushBack { wait: Duration::from_secs(1) }, false),
    (Verdict::NeverSent, false),
    (Verdict::Canceled, false),
];

#[test]
fn answers_are_what_a_budget_of_successes_lives_on() {
    for (verdict, answered) in VERDICTS {
        let mut budget = budget(Deposits::Successes);
        budget.on_call(START);
        assert_eq!(budget.balance(START), 0, "a call");
        budget.on_verdict(START, verdict);
        assert_eq!(budget.balance(START), u64::from(answered), "{verdict:?}");
    }
}

#[test]
fn calls_are_what_finagles_lives_on() {
    assert_eq!(RetryBudgetSettings::FINAGLE.deposits, Deposits::Calls);
    let mut budget = budget(Deposits::Calls);
    for (verdict, _) in VERDICTS {
        budget.on_verdict(START, verdict);
    }
    assert_eq!(budget.balance(START), 0);
    budget.on_call(START);
    assert_eq!(budget.balance(START), 1);
}

/// Ten calls a second end well, and then none does: what was earned is spent, and of each second
/// after it ten retries are left, of 100 calls that ask for three each.
#[test]
fn while_nothing_succeeds_there_is_the_reserve_alone() {
    let mut budget = RetryBudget::DEFAULT;
    for _ in 0..100 {
        budget.on_verdict(START, Verdict::Success);
    }
    let mut sent = Vec::new();
    for second in 0..9 {
        let now = START + secs(second);
        for _ in 0..100 {
            budget.on_call(now);
            budget.on_verdict(now, Verdict::TimedOut);
        }
        sent.push(withdrawals(&mut budget, now, 300));
    }
    assert_eq!(sent, [20 + 30, 0, 0, 30, 0, 0, 30, 0, 0]);
    let mut finagles = RetryBudget::new(RetryBudgetSettings::FINAGLE).expect("good settings");
    (0..900).for_each(|_| finagles.on_call(START));
    assert_eq!(withdrawals(&mut finagles, START, 2700), 180 + 100, "for the same calls");
}

#[test]
fn a_state_of_other_deposits_is_refused() {
    let state = budget(Deposits::Successes).export(START);
    let mut other = budget(Deposits::Calls);
    other.on_call(START);
    let error = other.import(START, &state).expect_err("refused");
    let (found, own) = (Deposits::Successes, Deposits::Calls);
    assert_eq!(error, BudgetImportError::Deposits { found, own });
    assert_eq!(error.to_string(), "the state is of a budget of successes, not of calls");
    assert_eq!(other.balance(START), 1, "a refused state changes nothing");
    for deposits in Deposits::ALL {
        let mut budget = budget(*deposits);
        assert_eq!(budget.import(START, &self::budget(*deposits).export(START)), Ok(()));
    }
}
