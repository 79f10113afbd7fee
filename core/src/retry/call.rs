mod decide;
mod in_flight;
mod step;

use rand_core::Rng;

use super::hedge::MOST_HEDGES;
use super::{Budget, RetryPolicy};
use crate::set::Slot;
use crate::store::List;
use crate::time::Instant;
use in_flight::InFlight;
pub use step::{Attempt, End, Step, Verdict};

/// How many of the slots tried last a call remembers, to avoid them.
const REMEMBERED: usize = 8;
/// How many attempts that never left the client are free.
const FREE: u8 = 8;

/// One logical request, over as many attempts as it takes.
///
/// Poll it until [`Step::Done`]: it asks for an attempt to be sent or given up, or says until when to wait. The answer of
/// [`poll`](Self::poll) changes with time, [`on_outcome`](Self::on_outcome) and [`no_endpoint`](Self::no_endpoint). A call may
/// be dropped at any time; what is [in flight](Self::in_flight) is then the caller's to give up.
///
/// # Retries
///
/// The first attempt goes at once. When nothing is in flight any more because all failed, the next one goes after the
/// backoff, or when a server asked for it, as long as attempts are left, it comes before the deadline and the [`Budget`] grants
/// it. The backoff grows with every such wait of the call, and begins anew after a push-back. [`End`] says what ends a call.
///
/// # Hedging
///
/// With [`RetryPolicy::with_hedging`], other attempts go beside those in flight:
///
/// - one each time the delay has passed since the last was sent and none has answered;
/// - at once when one fails and others are in flight, and the delay restarts;
/// - when a server asked to wait, not before that, and then again one per delay.
///
/// The budget is asked for each hedge when it is due. One that it refuses is left out for good; the call's later ones are
/// asked for in turn. Hedges do not count as `attempts` of the policy, and not to the backoff either: those that fail together
/// are one failure to it. When all in flight have failed, it is as without hedging, and a retry has the hedges that are left.
///
/// The first success, or failure that is fatal, decides the call: the others in flight are given up, one [`Step::Cancel`]
/// after the other. What is told of them before counts for the budget, and nothing else.
///
/// So a caller who hedges keeps what is in flight in a list, and polls again after each step; it waits only at
/// [`Step::Wait`], for the time or for any answer:
///
/// ```
/// use core::time::Duration;
/// use evenkeel_core::retry::{Attempt, Call, End, Hedging, RetryPolicy, Step, Unlimited, Verdict};
/// use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, Pick, Request, policy::RoundRobin};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let mut balancer: Balancer<&str, RoundRobin> = Balancer::new(RoundRobin::new());
/// # balancer.update(Instant::ZERO, ["a", "b"].map(Endpoint::new))?;
/// let policy = RetryPolicy::new(2)?.with_hedging(Hedging::new(Duration::from_millis(20), 1)?);
/// let mut now = Instant::ZERO;
/// let mut call = Call::new(&policy, now);
/// let mut requests: Vec<(Attempt, Pick)> = Vec::new();
/// let end = loop {
///     match call.poll(now, &mut Unlimited, &mut rng) {
///         Step::Send(attempt) => match balancer.pick_with(Request::at(now).avoiding(call.tried()), &mut rng) {
///             Ok(pick) => {
///                 call.started(attempt, pick.slot());
///                 requests.push((attempt, pick)); // … and send
///             }
///             Err(_) => call.no_endpoint(now),
///         },
///         Step::Wait(until) => {
///             // … until then, or until an answer comes. Here, the first request is stuck, and the hedge answered at once.
///             if let Some(index) = requests.iter().position(|(attempt, _)| attempt.is_hedge()) {
///                 let (attempt, pick) = requests.swap_remove(index);
///                 balancer.report(now, pick, Outcome::Success);
///                 call.on_outcome(now, attempt, Verdict::Success);
///             } else {
///                 now = until;
///             }
///         }
///         Step::Cancel { attempt, outcome } => {
///             let index = requests.iter().position(|(other, _)| *other == attempt).expect("in flight");
///             balancer.report(now, requests.swap_remove(index).1, outcome); // … and drop the request
///         }
///         Step::Done(end) => break end,
///     }
/// };
/// assert_eq!((end, now), (End::Success, Instant::from_millis(20)));
/// assert_eq!((call.attempts(), requests.len()), (2, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
// The small fields first: on a Cortex-M0 it takes more instructions to reach what is further away.
#[repr(C)]
pub struct Call<const ROOM: usize = 5> {
    /// Why the call is over, though some may still be in flight.
    end: Option<End>,
    /// A server asked for more than the policy allows: there are no more attempts.
    too_long: bool,
    /// Hedges that are left.
    hedges: u8,
    never_sent: u8,
    /// The place of the last attempt among all, and its number.
    sent: u16,
    number: u32,
    /// Attempts sent, and those of them that are neither hedges nor sent again because they never left.
    attempts: u32,
    rounds: u32,
    /// How many waits of the backoff there were since the last push-back, and the last one (nanoseconds).
    waits: u32,
    waited: u64,
    /// The latest time it was told.
    last: Instant,
    deadline: Instant,
    /// When the next attempt is due: a hedge while others are under way, else the first one or a retry.
    next: Instant,
    /// The latest time that a server asked for.
    not_before: Instant,
    policy: RetryPolicy,
    in_flight: InFlight<ROOM>,
    tried: heapless::Vec<Slot, REMEMBERED>,
}

impl Call {
    /// A call that begins at `now`; its overall deadline counts from here.
    pub fn new(policy: &RetryPolicy, now: Instant) -> Self {
        Self::begin(policy, now)
    }
}

impl Call<1> {
    /// The same, but it never hedges, whatever the policy says: for firmware, as it takes less flash and RAM.
    pub fn without_hedges(policy: &RetryPolicy, now: Instant) -> Self {
        Self::begin(policy, now)
    }
}

// One attempt that is no hedge, and all the hedges there may be.
const _: () = assert!(size_of::<Call>() == size_of::<Call<{ 1 + MOST_HEDGES as usize }>>());

impl<const ROOM: usize> Call<ROOM> {
    fn begin(policy: &RetryPolicy, now: Instant) -> Self {
        Self {
            end: None,
            too_long: false,
            hedges: policy.hedges.min((ROOM - 1) as u8),
            never_sent: 0,
            sent: 0,
            number: 0,
            attempts: 0,
            rounds: 0,
            waits: 0,
            waited: 0,
            last: now,
            deadline: now.later(policy.timeout),
            next: Instant::ZERO,
            not_before: Instant::ZERO,
            policy: *policy,
            in_flight: InFlight::default(),
            tried: heapless::Vec::new(),
        }
    }

    /// What to do now.
    ///
    /// Tells `budget` of the call before its first attempt, and of each attempt's verdict once, a timeout being
    /// [`Verdict::Retry`]; asks it before each retry and each hedge. Of attempts that are given up because the call is decided it
    /// tells nothing.
    pub fn poll(&mut self, now: Instant, budget: &mut impl Budget, rng: &mut impl Rng) -> Step {
        self.follow_clock(now);
        loop {
            let step = match self.end {
                Some(end) => Some(self.wind_up(end, budget)),
                None if self.in_flight.is_empty() => self.next_round(now, budget),
                None => self.attend(now, budget, rng),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// The attempt goes to the endpoint in `slot`; later attempts avoid it.
    pub fn started(&mut self, attempt: Attempt, slot: Slot) {
        if !self.in_flight().any(|other| other == attempt) || self.tried.contains(&slot) {
            return;
        }
        if self.tried.is_full() {
            self.tried.take(0);
        }
        // There is room for one.
        let _ = self.tried.push(slot);
    }

    /// There is no endpoint for the attempt of the last [`Step::Send`].
    ///
    /// Without others in flight the call ends, since trying again at once would find none either. With others, it goes on
    /// with those and has no hedges any more; what the budget was asked for stays taken. A caller whose balancer knows
    /// only endpoints that were tried may send a hedge to one of them, or say this.
    pub fn no_endpoint(&mut self, now: Instant) {
        self.follow_clock(now);
        if self.in_flight.forget(self.sent) {
            self.attempts -= 1;
            self.hedges = 0;
            if self.in_flight.is_empty() {
                self.end = self.end.or(Some(End::NoEndpoints));
            }
        }
    }

    /// The attempt ended; poll until [`Step::Done`]. The end of an attempt that is not in flight (any more) changes nothing.
    pub fn on_outcome(&mut self, now: Instant, attempt: Attempt, verdict: Verdict) {
        self.follow_clock(now);
        if self.in_flight.end(attempt, now, verdict) {
            self.end = self.end.or(match verdict {
                Verdict::Success => Some(End::Success),
                Verdict::Fatal => Some(End::Fatal),
                Verdict::Retry | Verdict::RetryAfter(_) | Verdict::NeverSent => None,
            });
        }
    }

    /// The slots of the last attempts, at most 8, oldest first: what the next attempt had better avoid.
    pub fn tried(&self) -> &[Slot] {
        &self.tried
    }

    /// The attempts sent of which nothing was told yet, at most 5, in the order they were sent.
    pub fn in_flight(&self) -> impl Iterator<Item = Attempt> {
        self.in_flight.under_way()
    }

    /// Attempts sent so far, hedges included, not counting those that never left the client.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// When the call ends at the latest; [`Instant::MAX`] without a timeout.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// A clock that went backwards takes all times along: no wait gets longer. All that learn the time call it.
    fn follow_clock(&mut self, now: Instant) {
        let back = self.last.nanos_since(now);
        self.last = now;
        if back > 0 {
            for time in [&mut self.deadline, &mut self.next, &mut self.not_before] {
                *time = time.earlier(back);
            }
            self.in_flight.move_back(back);
        }
    }
}
