//! Hedged calls over a radio that answers in any order, own settings at run time, events and the
//! listing of endpoints.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32};
use core::time::Duration;

use evenkeel_core::kit::SmallWithEvents;
use evenkeel_core::policy::{LeastRequest, Unweighted};
use evenkeel_core::retry::{
    Attempt, Backoff, Call, End, Hedging, RetryPolicy, Step, TokenThrottle, Verdict,
};
use evenkeel_core::{Balancer, Endpoint, Inline, Instant, Kit, Pick, Request, Settings};
use evenkeel_mcu_images::board::{
    Random, discovered, now, radio_cancel, radio_start, radio_wait, report_number, setting,
};
use evenkeel_mcu_images::{ROOM, image};

/// Attempts under way at a time.
const AT_A_TIME: usize = 2;

type Pool = Balancer<u32, LeastRequest<Unweighted>, Own, Inline<ROOM>>;

/// The settings that a user may change: they are where the user puts them.
#[derive(Clone, Copy)]
struct Own;

static CONSECUTIVE_FAILURES: AtomicU16 = AtomicU16::new(0);
static FAILURE_PERCENTAGE: AtomicU8 = AtomicU8::new(0);
static BASE_EJECTION_MILLIS: AtomicU32 = AtomicU32::new(0);
static MAX_EJECTION_MILLIS: AtomicU32 = AtomicU32::new(0);
static MAX_EJECTION_PERCENT: AtomicU8 = AtomicU8::new(0);
static MAX_IN_FLIGHT: AtomicU32 = AtomicU32::new(0);

impl Settings for Own {
    const AT_RUN_TIME: bool = true;

    fn consecutive_failures(&self) -> u16 {
        CONSECUTIVE_FAILURES.load(Relaxed)
    }

    fn failure_percentage(&self) -> u8 {
        FAILURE_PERCENTAGE.load(Relaxed)
    }

    fn base_ejection_time(&self) -> Duration {
        millis(BASE_EJECTION_MILLIS.load(Relaxed))
    }

    fn max_ejection_time(&self) -> Duration {
        millis(MAX_EJECTION_MILLIS.load(Relaxed))
    }

    fn max_ejection_percent(&self) -> u8 {
        MAX_EJECTION_PERCENT.load(Relaxed)
    }

    fn max_in_flight(&self) -> u32 {
        MAX_IN_FLIGHT.load(Relaxed)
    }
}

impl Kit for Own {
    type Parts = SmallWithEvents;
}

image!(
    run,
    Pool = Pool::with_settings(LeastRequest::unweighted(), Own),
    TokenThrottle = TokenThrottle::DEFAULT,
);

fn run(pool: &mut Pool, budget: &mut TokenThrottle) -> ! {
    configure();
    let own = retry_policy();
    let policy = own.as_ref().unwrap_or(&RetryPolicy::DEFAULT);
    loop {
        update(pool);
        report_number(call(pool, budget, policy) as u32);
        list(pool);
    }
}

fn configure() {
    CONSECUTIVE_FAILURES.store(setting(0) as u16, Relaxed);
    FAILURE_PERCENTAGE.store(setting(1) as u8, Relaxed);
    BASE_EJECTION_MILLIS.store(setting(2), Relaxed);
    MAX_EJECTION_MILLIS.store(setting(3), Relaxed);
    MAX_EJECTION_PERCENT.store(setting(4) as u8, Relaxed);
    MAX_IN_FLIGHT.store(setting(5), Relaxed);
}

/// Without the division of `Duration::from_millis`.
fn millis(number: u32) -> Duration {
    Instant::from_millis(number.into()).saturating_since(Instant::ZERO)
}

fn retry_policy() -> Option<RetryPolicy> {
    let policy = RetryPolicy::new(setting(8)).ok()?;
    let policy = policy.with_timeout(millis(setting(9))).ok()?;
    let policy = policy.with_attempt_timeout(millis(setting(10))).ok()?;
    let backoff = Backoff::exponential(millis(setting(11)), millis(setting(12)));
    let policy = policy.with_backoff(backoff).ok()?;
    Some(policy.with_hedging(Hedging::new(millis(setting(13)), setting(14)).ok()?))
}

fn update(pool: &mut Pool) {
    let endpoints = (0..ROOM).map(|place| Endpoint::new(discovered(place)));
    // The policy has no table that could be too small.
    report_number(pool.update(now(), endpoints).unwrap_or_default().added as u32);
}

fn call(pool: &mut Pool, budget: &mut TokenThrottle, policy: &RetryPolicy) -> End {
    let mut call: Call<_, AT_A_TIME, 2> = Call::sized(policy, now());
    // Each by itself is copied without a function.
    let mut attempts = [None; AT_A_TIME];
    let mut picks = [const { None }; AT_A_TIME];
    loop {
        let at = now();
        match call.poll(at, budget, &mut Random) {
            Step::Send(attempt) => {
                let request = Request::at(at).avoiding(call.tried());
                let Ok(pick) = pool.pick_with(request, &mut Random) else {
                    call.no_endpoint(at);
                    continue;
                };
                if !call.started(attempt, pick.slot(), budget) {
                    pool.withdraw(at, pick);
                    continue;
                }
                if let Some(endpoint) = pool.endpoint(&pick) {
                    radio_start(endpoint.addr, attempt.number() as u8);
                }
                let mut places = attempts.iter_mut().zip(&mut picks);
                if let Some((free, its)) = places.find(|(free, _)| free.is_none()) {
                    (*free, *its) = (Some(attempt), Some(pick));
                }
            }
            Step::Wait(until) => {
                let heard = radio_wait(until.unwrap_or(at).as_millis() as u32);
                if let Some((attempt, pick)) = take(&mut attempts, &mut picks, heard.attempt) {
                    let verdict =
                        if heard.good { Verdict::Success } else { Verdict::RetryableFailure };
                    pool.report(now(), pick, verdict.outcome());
                    call.on_outcome(now(), attempt, verdict);
                }
            }
            Step::Cancel { attempt, outcome } => {
                let number = attempt.number() as u8;
                radio_cancel(number);
                if let Some((_, pick)) = take(&mut attempts, &mut picks, number) {
                    pool.report(at, pick, outcome);
                }
            }
            Step::Done(end) => return end,
        }
    }
}

/// The pick of an attempt, which is over.
fn take(
    attempts: &mut [Option<Attempt>],
    picks: &mut [Option<Pick>],
    number: u8,
) -> Option<(Attempt, Pick)> {
    let mut places = attempts.iter_mut().zip(picks);
    let is_it = |attempt: Attempt| attempt.number() as u8 == number;
    let (attempt, pick) = places.find(|(attempt, _)| attempt.is_some_and(is_it))?;
    Some((attempt.take()?, pick.take()?))
}

fn list(pool: &mut Pool) {
    for event in pool.events() {
        report_number(event.kind.index().into());
        report_number(event.endpoint.and_then(|(_, addr)| addr).map_or(0, |addr| *addr));
    }
    for status in pool.endpoints() {
        report_number(status.slot.index() as u32);
        report_number(status.endpoint.addr);
        report_number(u32::from(status.health.index()) << 1 | u32::from(status.candidate));
        report_number(status.stats.in_flight);
    }
}
