//! The path of a request: least request, ejection, calls with retries under a throttle, and a clock
//! of nanoseconds.
//!
//! The image `full_path` links it; `in_qemu` runs it.

use core::ops::Deref;
use core::time::Duration;

use evenkeel_core::policy::{LeastRequest, Unweighted};
use evenkeel_core::retry::{
    Backoff, Call, End, RetryPolicy, RetryPolicyError, Step, TokenThrottle, Verdict,
};
use evenkeel_core::{Balancer, Changes, Defaults, Endpoint, Inline, Instant, Request, Why};

use crate::ROOM;
use crate::board::{Random, clock_ns, discovered, radio_send, sleep_until_ns};

/// Eight endpoints.
pub type Pool = Balancer<u32, LeastRequest<Unweighted>, Defaults, Inline<ROOM>>;
/// What limits retries.
pub type Budget = TokenThrottle;
/// A call of one attempt at a time, which avoids what it tried before.
pub type OneCall = Call<Policy, 1, 2>;

/// Without endpoints.
pub const POOL: Pool = Pool::with_settings(LeastRequest::unweighted(), Defaults);
/// With all of its tokens.
pub const BUDGET: Budget = TokenThrottle::DEFAULT;

/// The policy of all calls, as a type: what it does not use is not linked.
#[derive(Clone, Copy, Debug)]
pub struct Policy;

impl Deref for Policy {
    type Target = RetryPolicy;

    fn deref(&self) -> &RetryPolicy {
        static POLICY: RetryPolicy = match policy() {
            Ok(policy) => policy,
            Err(_) => panic!("a policy of the wrong sort"),
        };
        &POLICY
    }
}

const fn policy() -> Result<RetryPolicy, RetryPolicyError> {
    let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(10));
    let policy = match RetryPolicy::DEFAULT.with_timeout(Duration::from_secs(10)) {
        Ok(policy) => policy.with_max_push_back(Duration::from_secs(10)).without_elsewhere(),
        Err(error) => return Err(error),
    };
    policy.with_backoff(backoff)
}

/// Takes over what was discovered.
#[inline(never)]
pub fn update<const N: usize>(pool: &mut Pool) -> Changes {
    let endpoints = (0..N).map(|place| Endpoint::new(discovered(place)));
    // The policy has no table that could be too small.
    pool.update(Instant::from_nanos(clock_ns()), endpoints).unwrap_or_default()
}

/// One request, over as many attempts as it takes; tells their number, too.
#[inline(never)]
pub fn call(pool: &mut Pool, budget: &mut Budget) -> (End, u32) {
    let mut call = OneCall::sized(Policy, Instant::from_nanos(clock_ns()));
    loop {
        let clock = clock_ns();
        let now = Instant::from_nanos(clock);
        match call.poll(now, budget, &mut Random) {
            Step::Send(attempt) => {
                let request = Request::at(now).avoiding(call.tried());
                let Ok(pick) = pool.pick_with(request, &mut Random) else {
                    call.no_endpoint(now);
                    continue;
                };
                if !call.started(attempt, pick.slot(), budget) {
                    pool.withdraw(now, pick);
                    continue;
                }
                let probe = pick.why() == Why::Probe;
                let endpoint = pool.endpoint(&pick);
                let good = endpoint.is_some_and(|endpoint| radio_send(endpoint.addr, probe));
                let verdict = if good { Verdict::Success } else { Verdict::RetryableFailure };
                let now = Instant::from_nanos(clock_ns());
                pool.report(now, pick, verdict.outcome());
                call.on_outcome(now, attempt, verdict);
            }
            Step::Wait(until) => sleep_until_ns(clock + wait(until.unwrap_or(now), now)),
            Step::Cancel { .. } => {}
            Step::Done(end) => return (end, call.attempts()),
        }
    }
}

/// Returns the nanoseconds until a time of the core, which is near: its milliseconds wrap.
fn wait(until: Instant, now: Instant) -> u64 {
    let millis = (until.as_millis() as u32).wrapping_sub(now.as_millis() as u32);
    u64::from(millis) * 1_000_000
}
