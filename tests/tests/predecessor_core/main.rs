//! The tests of go-kit's load balancer (its cases C1-C23 and N6) and the faults it had, held
//! against the core.
//!
//! Where ours behaves differently, on purpose, the test says so and why. What is about clients,
//! sockets and tasks is in the tests of the native crate.

mod balancers;
mod faults;
mod retries;
mod sets;

use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::{Call, End, RetryPolicy, Step, Unlimited, Verdict};
use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, Request};
use rand_chacha::ChaCha8Rng;

type Names = Balancer<&'static str, AnyPolicy>;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn balancer(policy: &str, names: &[&'static str]) -> Names {
    let mut balancer = Names::new(policy.parse().expect("a policy"));
    let changes = balancer
        .update(Instant::ZERO, names.iter().copied().map(Endpoint::new))
        .expect("an update");
    assert_eq!(changes.added, names.len());
    balancer
}

/// One pick, reported as a success.
fn pick(balancer: &mut Names, rng: &mut ChaCha8Rng) -> &'static str {
    let pick = balancer.pick(Instant::ZERO, rng).expect("a pick");
    let addr = balancer.endpoint(&pick).expect("an endpoint").addr;
    balancer.report(Instant::ZERO, pick, Outcome::Success);
    addr
}

fn addresses(balancer: &Names) -> Vec<&'static str> {
    balancer.endpoints().map(|status| status.endpoint.addr).collect()
}

/// A call over `balancer` to endpoints that take no time and answer as `judge` says: its end, and
/// who was tried.
fn call(
    policy: &RetryPolicy,
    balancer: &mut Names,
    rng: &mut ChaCha8Rng,
    judge: impl Fn(&str) -> Verdict,
) -> (End, Vec<&'static str>) {
    let mut now = Instant::ZERO;
    let mut call = Call::new(policy, now);
    let mut tried = Vec::new();
    loop {
        match call.poll(now, &mut Unlimited, rng) {
            Step::Send(attempt) => {
                let Ok(pick) = balancer.pick_with(Request::at(now).avoiding(call.tried()), rng)
                else {
                    call.no_endpoint(now);
                    continue;
                };
                assert!(call.started(attempt, pick.slot(), &mut Unlimited));
                let addr = balancer.endpoint(&pick).expect("an endpoint").addr;
                tried.push(addr);
                let verdict = judge(addr);
                balancer.report(now, pick, verdict.outcome());
                call.on_outcome(now, attempt, verdict);
            }
            Step::Wait(until) => {
                let until = until.expect("nothing is in flight");
                assert!(until > now, "a wait until {until} at {now}");
                now = until;
            }
            step @ Step::Cancel { .. } => panic!("{step:?} of an attempt that took no time"),
            Step::Done(end) => return (end, tried),
        }
    }
}
