use core::time::Duration;
use std::sync::{Arc, Mutex};

use evenkeel::core::Instant;
use evenkeel::{
    Attempt, Budget, Deposits, End, Hedging, Retry, RetryBudget, RetryBudgetSettings,
    TokenThrottle, Verdict,
};
use tokio::task::JoinSet;

use crate::{at_once, balancer, forever, ms, pass};

/// Grants so many, and notes what it is told.
#[derive(Debug, Default)]
struct Grants {
    left: u32,
    calls: u32,
    asked: u32,
    verdicts: Vec<Verdict>,
}

impl Budget for Grants {
    fn on_call(&mut self, _: Instant) {
        self.calls += 1;
    }

    fn on_verdict(&mut self, _: Instant, verdict: Verdict) {
        self.verdicts.push(verdict);
    }

    fn withdraw(&mut self, _: Instant) -> bool {
        self.asked += 1;
        let granted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        granted
    }
}

fn grants(left: u32) -> Arc<Mutex<Grants>> {
    Arc::new(Mutex::new(Grants { left, ..Grants::default() }))
}

async fn fails(_: Attempt<String>) -> Result<(), &'static str> {
    Err("down")
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_asked_before_each_retry_and_told_of_all() {
    let (balancer, budget) = (balancer("abc").await, grants(3));
    let retry = Retry::new(at_once(3)).shared_budget(Arc::clone(&budget));
    let error = balancer.call(&retry, fails).await.unwrap_err();
    assert_eq!((error.end, error.attempts.len()), (End::Attempts, 3));
    // A clone has the same budget.
    let error = balancer.call(&retry.clone(), fails).await.unwrap_err();
    assert_eq!((error.end, error.attempts.len()), (End::Budget, 2));
    assert!(error.to_string().starts_with("retry budget exhausted after 2 attempts: "), "{error}");
    balancer.call(&retry, async |_| Ok::<_, &str>(())).await.unwrap();
    let budget = budget.lock().unwrap();
    assert_eq!((budget.calls, budget.asked), (3, 4));
    assert_eq!(
        budget.verdicts,
        [[Verdict::RetryableFailure; 5].as_slice(), &[Verdict::Success]].concat()
    );
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_is_refused_is_left_out() {
    let (balancer, budget) = (balancer("abc").await, grants(1));
    let policy = at_once(3)
        .with_hedging(Hedging::new(ms(10), 2).unwrap())
        .with_attempt_timeout(ms(200))
        .unwrap();
    let retry = Retry::new(policy).shared_budget(Arc::clone(&budget));
    let mut sent = 0;
    let attempt = |_| {
        sent += 1;
        async {
            pass(ms(100)).await;
            Ok::<_, &str>(())
        }
    };
    balancer.call(&retry, attempt).await.unwrap();
    assert_eq!(sent, 2, "the first hedge was granted, the second was not");
    {
        let budget = budget.lock().unwrap();
        assert_eq!(
            (budget.asked, &*budget.verdicts),
            (2, &[Verdict::Success][..]),
            "the loser has no verdict"
        );
    }
    // Timeouts are verdicts.
    let error =
        balancer.call(&retry, async |_| forever::<Result<(), &str>>().await).await.unwrap_err();
    assert_eq!((error.end, error.attempts.len()), (End::Budget, 1));
    assert_eq!(budget.lock().unwrap().verdicts, [Verdict::Success, Verdict::TimedOut]);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_stops_retries_while_most_attempts_fail() {
    let balancer = balancer("abc").await;
    let retry = Retry::new(at_once(3)).budget(TokenThrottle::default());
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(balancer.call(&retry, fails).await.unwrap_err().attempts.len());
    }
    assert_eq!(sent, [3, 2, 1, 1, 1], "5 of 10 tokens");
    for _ in 0..100 {
        balancer.call(&retry, async |_| Ok::<_, &str>(())).await.unwrap();
    }
    assert_eq!(
        balancer.call(&retry, fails).await.unwrap_err().attempts.len(),
        3,
        "successes bring them back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_many_tasks_share_one_budget() {
    const CALLS: usize = 400;
    let balancer = balancer("abcdef").await;
    // 10 % of the calls, and nothing besides.
    let settings = RetryBudgetSettings {
        can_retry_per_mille: 100,
        min_per_second: 0,
        ttl: Duration::from_secs(60),
        deposits: Deposits::Calls,
    };
    let budget = RetryBudget::new(settings).unwrap();
    let retry = Retry::new(at_once(3)).budget(budget);
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let (balancer, retry) = (balancer.clone(), retry.clone());
        calls.spawn(async move {
            let error = balancer.call(&retry, fails).await.unwrap_err();
            error.attempts.len()
        });
    }
    let sent: usize = calls.join_all().await.into_iter().sum();
    assert_eq!(sent, CALLS + CALLS / 10);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_has_no_endpoint_costs_nothing() {
    for calls in [1, 10, 64] {
        let (balancer, budget) = (balancer("a").await, grants(10));
        let policy = at_once(1).with_hedging(Hedging::new(ms(10), 1).unwrap());
        let retry = Retry::new(policy).shared_budget(Arc::clone(&budget));
        let mut all = JoinSet::new();
        for _ in 0..calls {
            let (balancer, retry) = (balancer.clone(), retry.clone());
            all.spawn(async move {
                let attempt = async |_: Attempt<String>| {
                    pass(ms(100)).await;
                    Ok::<_, &str>(())
                };
                balancer.call(&retry, attempt).await.unwrap();
            });
        }
        all.join_all().await;
        let budget = budget.lock().unwrap();
        assert_eq!((budget.calls, budget.asked, budget.left), (calls, 0, 10));
    }
}
