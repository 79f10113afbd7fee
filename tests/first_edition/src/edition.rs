//! What both editions can do, in the first one's words.

use core::fmt;
use core::time::Duration;

use first::balancer::Candidacy;
use first::health::{Health, OutlierDetection};
use first::retry::{Backoff, End, Verdict};
use first::{Config, Endpoint, EventKind, Instant, Outcome, PickError, Why};

use crate::chance::Chance;

/// An endpoint's address.
pub type Addr = u16;

/// A balancer, with calls over it that share one budget.
///
/// Picks, attempts and calls go by numbers, each given out from 0 on.
pub trait Edition {
    /// Replaces the whole set; tells how many were added, removed, changed and left out.
    fn update(&mut self, now: Instant, endpoints: &[Endpoint<Addr>]) -> [usize; 4];
    /// Adds or changes one endpoint; tells the same.
    fn insert(&mut self, now: Instant, endpoint: Endpoint<Addr>) -> [usize; 4];
    /// Takes out one endpoint; tells if it was there.
    fn remove(&mut self, now: Instant, addr: Addr) -> bool;
    /// Takes over what an active check found.
    fn set_down(&mut self, now: Instant, addr: Addr, down: bool);
    /// Ejects by other rules of the same book, or no longer.
    fn configure(&mut self, now: Instant, rules: Option<OutlierDetection>);
    /// Tells that such a pick goes to an endpoint that is no candidate.
    fn goes_on(&mut self, request: &Request<'_>) -> bool;
    /// Picks, and avoids these addresses or those that this call has tried.
    ///
    /// # Errors
    /// The edition's own.
    fn pick(&mut self, request: &Request<'_>, chance: &mut Chance) -> Result<Picked, PickError>;
    /// Reports a pick.
    fn report(&mut self, now: Instant, pick: usize, outcome: Outcome);
    /// Does what is due.
    fn handle_timeout(&mut self, now: Instant);
    /// When something is due.
    fn poll_timeout(&self) -> Option<Instant>;
    /// Lists all endpoints in the order of addresses.
    fn list(&self, rows: &mut Vec<Row>);
    /// Takes out the events.
    fn events(&mut self, events: &mut Vec<Event>);

    /// Begins a call.
    fn call(&mut self, now: Instant, settings: &CallSettings) -> usize;
    /// Asks a call what to do.
    fn poll(&mut self, call: usize, now: Instant, chance: &mut Chance) -> Step;
    /// An attempt goes to the endpoint of this pick.
    fn started(&mut self, call: usize, attempt: usize, pick: usize);
    /// There is no endpoint for the attempt sent last.
    fn no_endpoint(&mut self, call: usize, now: Instant);
    /// An attempt ended.
    fn on_outcome(&mut self, call: usize, now: Instant, attempt: usize, verdict: Verdict);
    /// What the call has tried, what of it is in flight, and how many attempts it made.
    fn look(&self, call: usize) -> Look;
    /// Takes out what the calls told and asked their budget.
    fn account(&mut self, entries: &mut Vec<Entry>);
    /// What is left of the budget.
    fn left(&self, now: Instant) -> u64;
    /// What an attempt's verdict says of its endpoint.
    fn outcome(&self, verdict: Verdict) -> Outcome;
}

/// What a life begins with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the balancer.
    pub config: Config,
    /// A bound on loads for the policy, which is rendezvous: it goes by addresses alone, so that
    /// both pick the same.
    pub bound_percent: Option<u32>,
    /// Of the calls.
    pub budget: BudgetSettings,
}

/// The budget of all calls.
#[derive(Clone, Copy, Debug)]
pub enum BudgetSettings {
    /// None.
    Unlimited,
    /// A share of the calls.
    Retry {
        /// Thousandths of a retry for each call.
        can_retry: u32,
        /// Retries per second.
        min_per_sec: u32,
        /// How long calls are remembered.
        ttl: Duration,
    },
    /// A share of the successes.
    Throttle {
        /// The most tokens.
        max_tokens: u32,
        /// Thousandths of a token for each success.
        token_ratio: u32,
    },
}

/// The bounds of a call.
#[derive(Clone, Copy, Debug)]
pub struct CallSettings {
    /// Attempts at most.
    pub attempts: u32,
    /// For the whole call.
    pub timeout: Option<Duration>,
    /// For each attempt.
    pub attempt_timeout: Option<Duration>,
    /// Between attempts.
    pub backoff: Option<Backoff>,
    /// Delay and number of attempts beside those in flight.
    pub hedging: Option<(Duration, u32)>,
    /// The longest push-back.
    pub max_retry_after: Option<Duration>,
    /// Spreads push-backs.
    pub retry_after_jitter: bool,
    /// Has room for one flight only.
    pub plain: bool,
}

/// What is asked of a pick.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// When.
    pub now: Instant,
    /// Of the request; without one, chance decides.
    pub key: Option<u64>,
    /// Not these, if there are others.
    pub avoid: &'a [Addr],
    /// Nor what this call has tried.
    pub call: Option<usize>,
}

/// A pick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picked {
    /// Its number in this edition.
    pub pick: usize,
    /// Where it goes.
    pub addr: Addr,
    /// Why there.
    pub why: Why,
}

/// An endpoint and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The endpoint.
    pub endpoint: Endpoint<Addr>,
    /// How it is doing.
    pub health: Health,
    /// Why it may be picked, or may not.
    pub candidacy: Candidacy,
    /// Among the candidates.
    pub weight: u32,
    /// Successes, failures, canceled, in flight.
    pub counts: [u32; 4],
}

/// Something that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Instant,
    /// Which endpoint, if its address is known still.
    pub addr: Option<Addr>,
    /// What.
    pub kind: EventKind,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send an attempt.
    Send {
        /// How many were sent before.
        attempt: usize,
        /// Its own number.
        number: u32,
        /// Beside others.
        hedge: bool,
        /// When it is given up.
        deadline: Option<Instant>,
    },
    /// Wait until then.
    Wait(Instant),
    /// Give an attempt up.
    Cancel {
        /// Which.
        attempt: usize,
        /// What it says of the endpoint.
        outcome: Outcome,
    },
    /// It is over.
    Done(End),
}

/// What can be seen of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Addresses, oldest first.
    pub tried: Vec<Option<Addr>>,
    /// Attempts in the order they were sent.
    pub in_flight: Vec<usize>,
    /// Attempts made.
    pub attempts: u32,
    /// When it ends at the latest.
    pub deadline: Instant,
}

/// What a budget hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A call began.
    Call(Instant),
    /// An attempt ended.
    Verdict(Instant, Verdict),
    /// One more attempt was asked for, and granted or not.
    Withdraw(Instant, bool),
}

/// Makes an edition.
pub type Make = fn(&Settings) -> Box<dyn Edition>;

impl fmt::Debug for dyn Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Edition")
    }
}

/// What two editions that decide the same may have in common beside that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for itself")]
pub struct Agreement {
    /// Chance falls alike, where jitter or enforcement by percentage draws. Otherwise ejections may
    /// end at other moments, within their jitter; the time then jumps over those at which one
    /// edition's has ended and the other's has not.
    pub chance: bool,
    /// Endpoints get the same slots. Otherwise, where several are half-open, they may be probed in
    /// another order; and no life has both a limit to ejections and several judged at once, as
    /// those go first whose slots come first.
    pub slots: bool,
    /// Both say the same moment for what is due next, where chance falls alike. Otherwise neither
    /// may say a later one than anything that is due.
    pub timeouts: bool,
    /// A time that lies less than a second back, as where several clocks tell it, counts as it is.
    /// Otherwise no clock goes back by so little.
    pub disorder: bool,
    /// Bounds on loads count endpoints to be avoided, too. Otherwise no pick has both.
    pub bounds: bool,
    /// Candidates are weighed anew at the same moments. Otherwise all is done at once in lives with
    /// a slow start, and no settings change there.
    pub weighing: bool,
    /// A client whose own zone has no endpoints uses the other zones alike. Otherwise no client
    /// knows its zone.
    pub zones: bool,
}

impl Agreement {
    /// In everything.
    pub const FULL: Self = Self {
        chance: true,
        slots: true,
        timeouts: true,
        disorder: true,
        bounds: true,
        weighing: true,
        zones: true,
    };
}

/// What two editions have in common in lives of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreements {
    /// As long as no endpoint leaves: slots are given out in the order of addresses.
    pub still: Agreement,
    /// With endpoints that come and go.
    pub moving: Agreement,
}

impl Agreements {
    /// The same in all lives.
    pub const fn always(agreement: Agreement) -> Self {
        Self { still: agreement, moving: agreement }
    }
}
