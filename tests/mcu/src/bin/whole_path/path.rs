//! What a user's firmware would do with the library: `tests/run` counts it as the library's.

use core::time::Duration;

use evenkeel_core::policy::LeastRequest;
use evenkeel_core::retry::{End, Step, TokenThrottle, Verdict};
use evenkeel_core::{Balancer, Call, Changes, Endpoint, Inline, Instant, Outcome, Request, RetryPolicy};

use crate::checks::{Radio, Xorshift};

pub(crate) type Pool = Balancer<u32, LeastRequest, evenkeel_core::store::Lean<Inline<8>>>;
pub(crate) type Budget = TokenThrottle;

/// How long a request takes.
const ROUND_TRIP: Duration = Duration::from_millis(1);

pub(crate) struct Client {
    pub(crate) pool: Pool,
    pub(crate) budget: Budget,
    pub(crate) policy: RetryPolicy,
    pub(crate) now: Instant,
}

impl Client {
    #[inline(never)]
    pub(crate) fn new(attempts: u32) -> Self {
        let policy = RetryPolicy::new(attempts).unwrap_or_default();
        Self { pool: Pool::new(LeastRequest::new()), budget: TokenThrottle::default(), policy, now: Instant::ZERO }
    }

    /// Takes over what was discovered.
    #[inline(never)]
    pub(crate) fn update(&mut self, addresses: &[u32]) -> Option<Changes> {
        self.pool.update(self.now, addresses.iter().copied().map(Endpoint::new)).ok()
    }

    /// One request, over as many attempts as it takes; tells their number, too.
    #[inline(never)]
    pub(crate) fn call(&mut self, radio: &mut Radio, rng: &mut Xorshift) -> (End, u32) {
        let mut call = Call::without_hedges(&self.policy, self.now);
        loop {
            match call.poll(self.now, &mut self.budget, rng) {
                Step::Send(attempt) => {
                    let request = Request::at(self.now).avoiding(call.tried());
                    let Ok(pick) = self.pool.pick_with(request, rng) else {
                        call.no_endpoint(self.now);
                        continue;
                    };
                    call.started(attempt, pick.slot());
                    let done = self.pool.endpoint(&pick).is_some_and(|endpoint| radio.send(endpoint.addr, pick.why()));
                    self.now = self.now + ROUND_TRIP;
                    self.pool.report(self.now, pick, if done { Outcome::Success } else { Outcome::Failure });
                    call.on_outcome(self.now, attempt, if done { Verdict::Success } else { Verdict::Retry });
                }
                Step::Wait(until) => self.now = until,
                Step::Cancel { .. } => {}
                Step::Done(end) => return (end, call.attempts()),
            }
        }
    }
}
