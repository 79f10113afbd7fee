//! Finagle's and tower's retry budget.

use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::retry::{Budget, BudgetError, RetryBudget, RetryBudgetSettings};
use proptest::prelude::*;

use super::{START, millis, retry_budget, secs, settings, withdrawals};
use crate::proptest_config;

fn deposit(budget: &mut RetryBudget, now: Instant, calls: u32) {
    (0..calls).for_each(|_| budget.on_call(now));
}

#[test]
fn a_share_of_the_calls_is_retried() {
    // Finagle's test: 10,000 calls that all want a retry, in thousandths and with min_per_sec, at
    // one instant.
    let shares = [
        (100, 0, 60),
        (500, 0, 60),
        (250, 0, 60),
        (750, 0, 60),
        (990, 0, 60),
        (999, 0, 60),
        (10, 0, 60),
        (1, 0, 60),
    ];
    let minimums = [(0, 10, 1), (0, 5, 2), (100, 10, 1), (500, 5, 2)];
    for (can_retry, min_per_sec, ttl) in shares.into_iter().chain(minimums) {
        let mut budget = retry_budget(can_retry, min_per_sec, secs(ttl));
        let minimum = min_per_sec * ttl as u32;
        assert_eq!(budget.balance(START), u64::from(minimum));
        assert!(minimum > 0 || !budget.withdraw(START));
        let mut retried = 0;
        for _ in 0..10_000 {
            budget.on_call(START);
            if budget.withdraw(START) {
                retried += 1;
            } else {
                assert_eq!(budget.balance(START), 0);
            }
        }
        assert_eq!(retried, 10 * can_retry + minimum, "{can_retry} {min_per_sec} {ttl}");
    }
    let mut twice = retry_budget(2000, 0, secs(60));
    deposit(&mut twice, START, 10_000);
    assert_eq!(twice.balance(START), 20_000);
    let mut empty = retry_budget(0, 0, secs(10));
    deposit(&mut empty, START, 10_000);
    assert!(!empty.withdraw(START));
}

#[test]
fn calls_are_forgotten_after_their_time() {
    // tower's tests: leaky, and by slots.
    let mut budget = retry_budget(1000, 0, secs(1));
    budget.on_call(START);
    assert!(!budget.withdraw(START + secs(3)));

    let mut budget = retry_budget(500, 0, secs(1));
    deposit(&mut budget, START, 2);
    let now = START + millis(901);
    assert!(budget.withdraw(now));
    let now = now + millis(2001);
    budget.on_call(now);
    let now = now + millis(301);
    budget.on_call(now);
    let now = now + millis(801);
    budget.on_call(now);
    assert!(budget.withdraw(now), "the first is forgotten, the second and the third are not");

    // Exactly: the tenth slot after a call's is too late.
    for (since, left) in [(0, 1), (899_999_999, 1), (999_999_999, 1), (1_000_000_000, 0)] {
        let mut budget = retry_budget(1000, 0, secs(1));
        budget.on_call(START);
        assert_eq!(budget.balance(Instant::from_nanos(since)), left, "{since}");
    }
}

#[test]
fn a_reserve_needs_no_calls() {
    // 10 a second over 10 seconds; once they are used up, they come back as they are forgotten.
    let mut budget = RetryBudget::new(RetryBudgetSettings::FINAGLE).expect("good settings");
    assert_eq!(withdrawals(&mut budget, START, 1000), 100);
    assert_eq!(withdrawals(&mut budget, START + millis(9_999), 1000), 0);
    assert_eq!(withdrawals(&mut budget, START + secs(10), 60), 60);
    assert_eq!(withdrawals(&mut budget, START + secs(15), 1000), 40);
    assert_eq!(withdrawals(&mut budget, START + secs(20), 1000), 60);
    // tower's: one second, five of them.
    assert_eq!(withdrawals(&mut retry_budget(1000, 5, secs(1)), START, 1000), 5);
    assert_eq!(withdrawals(&mut retry_budget(1000, 0, secs(1)), START, 1000), 0);
    // Parts of a second of `ttl` bring no reserve.
    assert_eq!(retry_budget(0, 5, millis(2_999)).balance(START), 10);
}

#[test]
fn looking_changes_nothing() {
    let mut budget = retry_budget(1000, 0, secs(1));
    budget.on_call(START);
    assert_eq!((budget.balance(START + secs(9)), budget.balance(START)), (0, 1));
}

#[test]
fn a_clock_that_jumps_does_no_harm() {
    let year = secs(365 * 24 * 3600);
    for start in [
        START,
        START + secs(5),
        START + year,
        Instant::from_nanos(u64::MAX - 1),
        Instant::from_nanos(1 << 63),
    ] {
        let mut budget = retry_budget(1000, 3, secs(1));
        deposit(&mut budget, start, 2);
        let back = start.saturating_sub(year);
        assert_eq!(budget.balance(back), 5, "what is known stays");
        assert_eq!(withdrawals(&mut budget, back, 9), 5);
        assert_eq!(withdrawals(&mut budget, back + millis(999), 9), 0);
        assert_eq!(withdrawals(&mut budget, back + secs(1), 9), 3, "and is forgotten in its time");
        assert_eq!(withdrawals(&mut budget, back + year, 9), 3);
    }
}

#[test]
fn settings_have_limits() {
    let new = |can_retry, min, ttl| RetryBudget::new(settings(can_retry, min, ttl));
    let share = new(1_000_001, 0, secs(10)).unwrap_err();
    assert_eq!(share, BudgetError::CanRetry { value: 1_000_001 });
    assert_eq!(share.to_string(), "can_retry_per_mille is 1000001; the most is 1000000");
    let minimum = new(0, 1_000_001, secs(10)).unwrap_err();
    assert_eq!(minimum, BudgetError::MinPerSecond { value: 1_000_001 });
    assert_eq!(minimum.to_string(), "min_per_second is 1000001; the most is 1000000");
    for ttl in [Duration::ZERO, millis(999), secs(60) + Duration::from_nanos(1), Duration::MAX] {
        assert_eq!(new(200, 10, ttl).unwrap_err(), BudgetError::Ttl { value: ttl });
    }
    assert_eq!(
        new(200, 10, secs(61)).unwrap_err().to_string(),
        "ttl is 61s; it must be 1 s to 60 s"
    );
    let most = retry_budget(1_000_000, 1_000_000, secs(60));
    assert_eq!(most.balance(Instant::MAX), 60_000_000);
    assert_eq!(size_of::<RetryBudget>(), 112);
}

/// What the documentation says: everything that happened, and in which slot; nothing is ever
/// cleared.
struct Model {
    can_retry: u64,
    reserve: u64,
    length: i128,
    /// Slots begin here, in time that only goes forward but for steps back within a slot.
    newest: u64,
    began: i128,
    now: i128,
    calls: Vec<u64>,
    retries: Vec<u64>,
}

impl Model {
    fn moved(&mut self, by: i128) {
        self.now += by;
        let into = self.now - self.began;
        if into < 0 {
            self.began = self.now;
        } else if into >= 10 * self.length {
            (self.newest, self.began) = (self.newest + 10, self.now);
        } else {
            self.newest += u64::try_from(into / self.length).expect("at most ten slots");
            self.began += into / self.length * self.length;
        }
    }

    fn remembered(&self, slots: &[u64]) -> u64 {
        slots.iter().filter(|&&slot| slot + 10 > self.newest).count() as u64
    }

    fn balance(&self) -> u64 {
        let credit = 1000 * self.reserve + self.can_retry * self.remembered(&self.calls);
        credit.saturating_sub(1000 * self.remembered(&self.retries)) / 1000
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Call,
    Withdraw,
    Ahead(Duration),
    Back(Duration),
}

fn step() -> impl Strategy<Value = Duration> {
    prop_oneof![
        6 => 0..200_000_000_u64,
        2 => 0..1_500_000_000_u64,
        1 => (0..25_u64).prop_map(|slots| slots * 100_000_000),
        1 => Just(365 * 24 * 3_600_000_000_000),
    ]
    .prop_map(Duration::from_nanos)
}

fn events(back: u32) -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => Just(Event::Call),
        8 => Just(Event::Withdraw),
        5 => step().prop_map(Event::Ahead),
        back => step().prop_map(Event::Back),
    ];
    prop::collection::vec(event, 1..150)
}

fn shares() -> impl Strategy<Value = (u32, u32)> {
    (prop_oneof![Just(0), 1..1000_u32, Just(1000), 1000..4000_u32], prop_oneof![Just(0), 0..4_u32])
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn it_is_the_model(
        (can_retry, min_per_sec) in shares(),
        start in prop_oneof![Just(secs(0)), step()],
        events in events(2),
    ) {
        let mut budget = retry_budget(can_retry, min_per_sec, secs(1));
        let mut model = Model {
            can_retry: can_retry.into(),
            reserve: min_per_sec.into(),
            length: 100_000_000,
            newest: 10,
            began: 0,
            now: 0,
            calls: Vec::new(),
            retries: Vec::new(),
        };
        let mut now = START + start;
        // The model learns of each time that the budget learns of.
        let mut told = START;
        for event in events {
            match event {
                Event::Ahead(time) => now = now + time,
                Event::Back(time) => now = now.saturating_sub(time),
                Event::Call | Event::Withdraw => {
                    model.moved(i128::from(now.as_nanos()) - i128::from(told.as_nanos()));
                    told = now;
                }
            }
            match event {
                Event::Call => {
                    budget.on_call(now);
                    model.calls.push(model.newest);
                }
                Event::Withdraw => {
                    prop_assert_eq!(budget.balance(now), model.balance());
                    let expected = model.balance() > 0;
                    prop_assert_eq!(budget.withdraw(now), expected);
                    if expected {
                        model.retries.push(model.newest);
                    }
                    prop_assert_eq!(budget.balance(now), model.balance());
                }
                _ => {}
            }
        }
    }

    #[test]
    fn extra_attempts_are_bounded((can_retry, min_per_sec) in shares(), events in events(0)) {
        let ttl = secs(1);
        let mut budget = retry_budget(can_retry, min_per_sec, ttl);
        let mut now = START;
        let (mut calls, mut retries) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                Event::Call => {
                    budget.on_call(now);
                    calls.push(now);
                }
                Event::Withdraw => retries.extend(budget.withdraw(now).then_some(now)),
                Event::Ahead(time) | Event::Back(time) => now = now + time,
            }
        }
        for (first, &from) in retries.iter().enumerate() {
            for (last, &to) in retries.iter().enumerate().skip(first) {
                let before = from.saturating_sub(ttl);
                let counted = calls.iter().filter(|&&call| call >= before && call <= to);
                let calls = counted.count() as u64;
                let time = to.saturating_since(from).as_nanos();
                let times = 1 + time.div_ceil(ttl.as_nanos()) as u64;
                let most = u64::from(can_retry) * calls + 1000 * u64::from(min_per_sec) * times;
                prop_assert!(1000 * (last - first + 1) as u64 <= most, "from {from} to {to}");
            }
        }
    }

    #[test]
    fn extra_attempts_are_bounded_whatever_the_clock_does(
        (can_retry, min_per_sec) in shares(),
        events in events(4),
    ) {
        let mut budget = retry_budget(can_retry, min_per_sec, secs(1));
        // Time counts as it goes forward.
        let (mut now, mut forward) = (START + secs(1), Duration::ZERO);
        let (mut calls, mut retries) = (0, 0);
        for event in events {
            match event {
                Event::Call => {
                    budget.on_call(now);
                    calls += 1;
                }
                Event::Withdraw => retries += u64::from(budget.withdraw(now)),
                Event::Ahead(time) => (now, forward) = (now + time, forward + time),
                Event::Back(time) => now = now.saturating_sub(time),
            }
            let times = 2 + forward.as_secs();
            let most = u64::from(can_retry) * calls + 1000 * u64::from(min_per_sec) * times;
            prop_assert!(1000 * retries <= most);
        }
    }

    #[test]
    fn no_clock_makes_it_panic(
        clock in prop::collection::vec(any::<u64>(), 1..40),
        ttl in 1_000..60_000_u64,
    ) {
        let mut budget = retry_budget(1_000_000, 1_000_000, millis(ttl));
        for now in clock.into_iter().map(Instant::from_nanos) {
            budget.on_call(now);
            prop_assert!(budget.withdraw(now) && budget.balance(now) > 0);
            let state = budget.export(now);
            prop_assert_eq!(budget.import(now, &state), Ok(()));
        }
    }
}
