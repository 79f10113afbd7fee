//! Some endpoints and calls over them, in many sizes, by many policies, with weights, and beside
//! other requests.

use evenkeel_core::Instant;
use evenkeel_core::balancer::Pick;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::{Budget, Call, End, Step, Verdict};
use evenkeel_core::{Balancer, Book, Config, Endpoint, Request, RetryPolicy};
use rand_chacha::ChaCha8Rng;

use super::fixture::ms;

const SIZES: [u32; 6] = [1, 2, 3, 5, 10, 1000];
const POLICIES: [&str; 5] =
    ["round_robin", "least_request", "peak_ewma", "random", "weighted_random"];

/// What varies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) size: u32,
    pub(super) policy: &'static str,
    /// Weights from 1 to 7 instead of the same.
    pub(super) weighted: bool,
    /// Requests that are in flight all the time.
    pub(super) beside: u32,
}

/// All of these, with at least so many endpoints.
pub(super) fn cases(least: u32) -> impl Iterator<Item = Case> {
    let sizes = SIZES.into_iter().filter(move |size| *size >= least);
    sizes.flat_map(|size| {
        POLICIES.into_iter().flat_map(move |policy| {
            let besides = [0, 15, 63].into_iter();
            besides.flat_map(move |beside| {
                [false, true].map(|weighted| Case { size, policy, weighted, beside })
            })
        })
    })
}

/// Some endpoints, and calls over them.
pub(super) struct Service {
    pub(super) balancer: Balancer<u32, AnyPolicy>,
    rng: ChaCha8Rng,
    pub(super) now: Instant,
    /// Requests of the last call.
    pub(super) sent: Vec<u32>,
    _beside: Vec<Pick>,
}

impl Service {
    pub(super) fn new(case: Case) -> Self {
        let policy: AnyPolicy = case.policy.parse().expect("a policy");
        // Nobody is ejected: each failure finds as many endpoints as the one before.
        let config = Config { book: Book::Off, ..Config::DEFAULT };
        let mut balancer = Balancer::with_config(policy, config).expect("settings");
        let now = Instant::from_secs(1);
        let weight = |addr: u32| if case.weighted { 1 + addr % 7 } else { 1 };
        let endpoints = (0..case.size).map(|addr| Endpoint::new(addr).with_weight(weight(addr)));
        let _ = balancer.update(now, endpoints).expect("an update");
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut pick = |_| balancer.pick_with(Request::at(now), &mut rng).expect("a pick");
        let beside = (0..case.beside).map(&mut pick).collect();
        Self { balancer, rng, now, sent: Vec::new(), _beside: beside }
    }

    /// A call whose attempts take a millisecond and end as `answer` says of the endpoint.
    pub(super) fn call(
        &mut self,
        policy: &RetryPolicy,
        budget: &mut impl Budget,
        mut answer: impl FnMut(u32) -> Verdict,
    ) -> End {
        let mut call = Call::new(policy, self.now);
        self.sent.clear();
        loop {
            match call.poll(self.now, budget, &mut self.rng) {
                Step::Send(attempt) => {
                    let request = Request::at(self.now).avoiding(call.tried());
                    let Ok(pick) = self.balancer.pick_with(request, &mut self.rng) else {
                        call.no_endpoint(self.now);
                        continue;
                    };
                    if !call.started(attempt, pick.slot(), budget) {
                        self.balancer.withdraw(self.now, pick);
                        continue;
                    }
                    let addr = self.balancer.endpoint(&pick).expect("it is there").addr;
                    self.sent.push(addr);
                    self.now = self.now + ms(1);
                    let verdict = answer(addr);
                    self.balancer.report(self.now, pick, verdict.outcome());
                    call.on_outcome(self.now, attempt, verdict);
                }
                Step::Wait(until) => self.now = until.expect("nothing is in flight"),
                Step::Cancel { .. } => panic!("nothing is in flight"),
                Step::Done(end) => return end,
            }
        }
    }

    /// Returns how many requests are in flight.
    pub(super) fn in_flight(&self) -> u32 {
        self.balancer.endpoints().map(|status| status.stats.in_flight).sum()
    }
}
