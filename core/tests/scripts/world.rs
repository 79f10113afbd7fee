//! A balancer to which things happen, and all that can be seen of it.

use core::fmt::Write;

use core::time::Duration;

use evenkeel_core::balancer::Stats;
use evenkeel_core::health::Health;
use evenkeel_core::load::Estimate;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{
    Balancer, Candidacy, Changes, Config, Defaults, Endpoint, EventKind, Inline, InsertError,
    Instant, Kit, NoHealth, Pick, PickError, Request, Slot, Store, UpdateError, Why,
};
use rand_chacha::ChaCha8Rng;

use super::script::Step;

/// Tables of policies are too small for some scripts, which is the same on every store, too.
type Tables = Inline<8192>;

/// What a step led to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) answer: Answer,
    pub(crate) standings: Vec<Standing>,
    pub(crate) events: Vec<Told>,
    pub(crate) due: Option<Instant>,
}

impl Seen {
    /// Tells in what this differs from another.
    pub(crate) fn differs_from(&self, other: &Self) -> String {
        let mut text = format!("due {:?}, {:?}\n", self.due, other.due);
        let mut differ = |a: &dyn core::fmt::Debug, b: &dyn core::fmt::Debug| {
            let (a, b) = (format!("{a:?}"), format!("{b:?}"));
            if a != b {
                let _ = writeln!(text, "{a}\n{b}\n");
            }
        };
        differ(&self.answer, &other.answer);
        differ(&self.standings.len(), &other.standings.len());
        self.standings.iter().zip(&other.standings).for_each(|(a, b)| differ(a, b));
        differ(&self.events.len(), &other.events.len());
        self.events.iter().zip(&other.events).for_each(|(a, b)| differ(a, b));
        text
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Nothing,
    Updated(Result<Changes, UpdateError>),
    Inserted(Result<Changes, InsertError>),
    Gone(Result<Option<Endpoint<u16>>, UpdateError>),
    Picked(Result<(Slot, Option<u16>, Why), PickError>),
}

/// An event: when, of which slot and address, and what.
type Told = (Instant, Option<(Slot, Option<u16>)>, EventKind);

/// All that a listing tells of an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standing {
    pub(crate) slot: Slot,
    pub(crate) endpoint: Endpoint<u16>,
    pub(crate) candidacy: Candidacy,
    pub(crate) health: Health,
    pub(crate) weight: u32,
    pub(crate) stats: Stats,
    pub(crate) estimate: Estimate,
}

/// Settings that may be changed, or may not.
pub(crate) trait Settle: Kit + Sized {
    fn settle<St: Store>(
        balancer: &mut Balancer<u16, AnyPolicy<Tables>, Self, St>,
        now: Instant,
        config: Config,
    );
}

impl Settle for Config {
    fn settle<St: Store>(
        balancer: &mut Balancer<u16, AnyPolicy<Tables>, Self, St>,
        now: Instant,
        config: Config,
    ) {
        // Some policies ignore weights, and so refuse a slow start.
        if balancer.set_config(now, config).is_err() {
            let config = Config { slow_start: Duration::ZERO, ..config };
            balancer.set_config(now, config).unwrap();
        }
    }
}

impl Settle for Defaults {
    fn settle<St: Store>(
        _: &mut Balancer<u16, AnyPolicy<Tables>, Self, St>,
        _: Instant,
        _: Config,
    ) {
    }
}

impl Settle for NoHealth {
    fn settle<St: Store>(
        _: &mut Balancer<u16, AnyPolicy<Tables>, Self, St>,
        _: Instant,
        _: Config,
    ) {
    }
}

pub(crate) struct World<S: Settle, St: Store> {
    balancer: Balancer<u16, AnyPolicy<Tables>, S, St>,
    rng: ChaCha8Rng,
    open: Vec<(Option<u16>, Pick)>,
    /// The slots that were picked, last one last.
    picked: Vec<Slot>,
}

impl<S: Settle, St: Store> World<S, St> {
    pub(crate) fn new(policy: &str, settings: S, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut balancer = Balancer::with_settings(policy.parse().unwrap(), settings);
        balancer.seeded_by(&mut rng);
        Self { balancer, rng, open: Vec::new(), picked: Vec::new() }
    }

    /// Returns how many requests are under way.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// Returns the address of the request under way at a place counted from the last.
    pub(crate) fn addr_of(&self, back: usize) -> Option<u16> {
        self.open.get(self.open.len().checked_sub(back + 1)?)?.0
    }

    pub(crate) fn apply(&mut self, now: Instant, step: &Step) -> Answer {
        match step {
            Step::Update(endpoints) => {
                Answer::Updated(self.balancer.update(now, endpoints.iter().copied()))
            }
            Step::Insert(endpoint) => Answer::Inserted(self.balancer.insert(now, *endpoint)),
            Step::Remove(addr) => Answer::Gone(self.balancer.remove(now, addr)),
            Step::Pick { key, avoid } => Answer::Picked(self.pick(now, *key, *avoid)),
            Step::Report { back, outcome } => {
                let (_, pick) = self.open.remove(self.open.len() - 1 - back);
                self.balancer.report(now, pick, *outcome);
                Answer::Nothing
            }
            Step::Down { place, down } => {
                let slot = self.balancer.endpoints().nth(*place).map(|status| status.slot);
                if let Some(slot) = slot {
                    self.balancer.set_down(now, slot, *down);
                }
                Answer::Nothing
            }
            Step::Timeout => {
                self.balancer.handle_timeout(now);
                Answer::Nothing
            }
            Step::Configure(config) => {
                S::settle(&mut self.balancer, now, **config);
                Answer::Nothing
            }
        }
    }

    fn pick(
        &mut self,
        now: Instant,
        key: Option<u64>,
        avoid: usize,
    ) -> Result<(Slot, Option<u16>, Why), PickError> {
        let avoid = &self.picked[self.picked.len().saturating_sub(avoid)..];
        let leave_level = avoid.len() & 1 == 1;
        let request = Request { now, key, avoid, leave_level };
        let pick = self.balancer.pick_with(request, &mut self.rng)?;
        let addr = self.balancer.endpoint(&pick).map(|endpoint| endpoint.addr);
        let seen = (pick.slot(), addr, pick.why());
        self.picked.push(pick.slot());
        self.open.push((addr, pick));
        Ok(seen)
    }

    /// Tells what a step led to.
    pub(crate) fn see(&mut self, answer: Answer) -> Seen {
        let standing = |status: evenkeel_core::Status<'_, u16>| {
            assert_eq!(status.candidate, status.candidacy.is_candidate());
            Standing {
                slot: status.slot,
                endpoint: *status.endpoint,
                candidacy: status.candidacy,
                health: status.health,
                weight: status.weight,
                stats: status.stats,
                estimate: status.estimate,
            }
        };
        let standings = self.balancer.endpoints().map(standing).collect();
        let events = self.balancer.events().map(|event| {
            let endpoint = event.endpoint.map(|(slot, addr)| (slot, addr.copied()));
            (event.at, endpoint, event.kind)
        });
        let events = events.collect();
        Seen { answer, standings, events, due: self.balancer.poll_timeout() }
    }
}
