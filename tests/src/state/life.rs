use core::time::Duration;

use evenkeel_core::health::Health;
use evenkeel_core::policy::{AnyPolicy, honours};
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{
    Balancer, Config, Endpoint, ImportError, Imported, Instant, Outcome, Pick, State, Store, Why,
};
use rand_chacha::ChaCha8Rng;

use super::Setup;
use crate::input::{ADDRESSES, Input};

/// More than any ejection or rest takes by the settings in use, and an interval.
const LONG: Duration = Duration::from_secs(400);

/// A balancer, the requests that it has under way, and what it picked.
pub(super) struct Life<S: Store> {
    balancer: Balancer<u8, AnyPolicy, Config, S>,
    now: Instant,
    rng: ChaCha8Rng,
    under_way: Vec<Pick>,
    picks: Vec<Option<(u8, Why)>>,
}

impl<S: Store> Life<S> {
    pub(super) fn new(setup: &Setup) -> Self {
        let policy: AnyPolicy = setup.policy.parse().expect("a text from the list");
        let mut config = setup.config;
        if honours(&policy, &config).is_err() {
            config.slow_start = Duration::ZERO;
        }
        Self {
            balancer: Balancer::with_config(policy, config).expect("sound settings"),
            now: setup.begin,
            rng: ChaCha8Rng::seed_from_u64(setup.seed.into()),
            under_way: Vec::new(),
            picks: Vec::new(),
        }
    }

    /// One that knows all addresses.
    pub(super) fn of_all() -> Self {
        let setup =
            Setup { config: Config::default(), policy: "random", begin: Instant::ZERO, seed: 0 };
        let mut life = Self::new(&setup);
        life.update((0..=u8::MAX).map(Endpoint::new).collect());
        life
    }

    pub(super) fn import(&mut self, state: &State<u8>) -> Result<Imported, ImportError> {
        self.balancer.import(self.now, state)
    }

    /// What it knows after some events.
    pub(super) fn learn(mut self, script: &[u8]) -> State<u8, S> {
        self.events(Input::new(script));
        self.balancer.export(self.now)
    }

    /// Its picks, over half of the events, the state that comes in, the other half, and a long time
    /// in which all goes well.
    pub(super) fn live(mut self, script: &[u8], state: &State<u8>) -> Vec<Option<(u8, Why)>> {
        let (before, after) = script.split_at(script.len() / 2);
        self.events(Input::new(before));
        self.takes_in(state);
        self.events(Input::new(after));
        self.recovers();
        self.picks
    }

    fn takes_in(&mut self, state: &State<u8>) {
        let before = format!("{:?}", self.balancer);
        let healthy = self.all_healthy();
        let result = self.import(state);
        match result {
            Err(_) => assert_eq!(
                format!("{:?}", self.balancer),
                before,
                "refused, but not without a trace"
            ),
            Ok(imported) => {
                assert_eq!(imported.endpoints + imported.kept + imported.unknown, state.len());
                if healthy {
                    self.check_bounds();
                }
                assert_eq!(self.import(state).expect("as before").unknown, imported.unknown);
                self.goes_on_elsewhere();
            }
        }
    }

    /// Nobody is out of service for longer than the settings in use say.
    fn check_bounds(&self) {
        let most = self.now + Duration::from_secs(300);
        for status in self.balancer.endpoints() {
            match status.health {
                Health::Ejected { until, .. } | Health::Overloaded { until } => {
                    assert!(until <= most, "{until}");
                }
                Health::Healthy | Health::HalfOpen => {}
                health @ (Health::Probing { .. } | Health::Down) => {
                    panic!("{health:?} without a request or a check")
                }
            }
        }
    }

    /// What it exports can be imported, now and elsewhere.
    fn goes_on_elsewhere(&self) {
        let state = self.balancer.export(self.now);
        let mut other: Life<S> = Life::new(&Setup {
            config: Config::default(),
            policy: "random",
            begin: self.now,
            seed: 0,
        });
        let endpoints = self.balancer.endpoints().map(|status| *status.endpoint);
        let _ = other.balancer.update(self.now, endpoints).expect("no table");
        let imported = other.balancer.import(self.now, &state);
        if let (true, Err(error)) = (self.balancer.is_empty(), &imported) {
            // It says who had the last turn, and nobody is there to go on behind.
            assert_eq!(*error, ImportError::Foreign { addresses: 1, set: 0 });
            return;
        }
        let imported = imported.expect("it was exported just now");
        assert_eq!(imported, Imported { endpoints: state.len(), kept: 0, unknown: 0 });
    }

    fn all_healthy(&self) -> bool {
        self.balancer.endpoints().all(|status| status.health == Health::Healthy)
    }

    fn update(&mut self, endpoints: Vec<Endpoint<u8>>) {
        let _ = self.balancer.update(self.now, endpoints).expect("the policy's table has room");
    }

    fn events(&mut self, mut input: Input<'_>) {
        while !input.is_empty() {
            match input.below(8) {
                0 => {
                    let endpoints =
                        (0..input.below(ADDRESSES.into())).map(|_| input.endpoint()).collect();
                    self.update(endpoints);
                }
                1 => self.update((0..ADDRESSES).map(Endpoint::new).collect()),
                2..=4 => (0..=input.below(8)).for_each(|_| self.pick()),
                5 => self.report(&mut input),
                6 => self.now = self.now + input.duration(),
                _ => self.balancer.handle_timeout(self.now),
            }
        }
    }

    fn pick(&mut self) {
        let pick = self.balancer.pick(self.now, &mut self.rng).ok();
        let picked = pick.as_ref().map(|pick| {
            (self.balancer.endpoint(pick).expect("picked from the set").addr, pick.why())
        });
        self.picks.push(picked);
        self.under_way.extend(pick);
    }

    fn report(&mut self, input: &mut Input<'_>) {
        let outcome = input.outcome();
        for pick in self.under_way.drain(..) {
            self.balancer.report(self.now, pick, outcome);
        }
    }

    /// Whatever was imported, once all goes well for long enough, all endpoints take requests
    /// again.
    fn recovers(&mut self) {
        for pick in self.under_way.drain(..) {
            self.balancer.report(self.now, pick, Outcome::Success);
        }
        self.update((0..ADDRESSES).map(Endpoint::new).collect());
        for _ in 0..3 * ADDRESSES {
            self.now = self.now + LONG;
            let pick = self.balancer.pick(self.now, &mut self.rng).expect("it serves");
            let addr = self.balancer.endpoint(&pick).expect("picked from the set").addr;
            self.picks.push(Some((addr, pick.why())));
            self.balancer.report(self.now, pick, Outcome::Success);
        }
        self.balancer.handle_timeout(self.now);
        // At the end of time, nothing ends any more.
        assert!(self.all_healthy() || self.now + LONG == Instant::MAX, "{:?}", self.balancer);
    }
}
