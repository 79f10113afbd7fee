//! One logical request, over as many attempts as it takes.

mod decide;
mod in_flight;
mod place;
mod step;

use core::ops::Deref;

use rand_core::Rng;

use super::budget::Budget;
use super::hedge::MOST_HEDGES;
use super::policy::RetryPolicy;
use crate::outcome::Verdict;
use crate::slot::Slot;
use crate::time::Instant;
use in_flight::InFlight;
pub use step::{Attempt, End, Step};

/// The number of attempts that are sent again for nothing, because they never left the client.
const FREE: u8 = 3;

/// One logical request, over as many attempts as it takes.
///
/// Poll it until [`Step::Done`]: it asks for an attempt to be sent or given up, or says until when
/// to wait. The answer of [`poll`](Self::poll) changes with time, [`started`](Self::started),
/// [`no_endpoint`](Self::no_endpoint) and [`on_outcome`](Self::on_outcome). A call may be dropped at
/// any time; what is [in flight](Self::in_flight) is then the caller's to give up.
///
/// It holds its policy as `P`: `&RetryPolicy` in firmware, an `Rc` or `Arc` elsewhere. It has room
/// for `ROOM` attempts at a time, one more than its hedges, and remembers the last `TRIED` slots. A
/// `Call<&RetryPolicy, 1, 2>` takes 76 bytes where pointers have 32 bits and times are `millis32`.
///
/// # Retries
///
/// The first attempt goes at once. When nothing is in flight any more because all failed, the next
/// one goes after the backoff, or when the service asked for it, as long as attempts are left, it
/// comes before the deadline and the [`Budget`] grants it. The backoff grows with every such wait
/// of the call, and begins anew after a push-back. [`End`] says what ends a call.
///
/// Two verdicts lead elsewhere at once:
///
/// - [`Verdict::Overloaded`]: the next attempt goes without a wait, if there is an endpoint that
///   does not rest and the budget grants it. Where all rest, the call waits for the first that
///   comes back; one that did not say for how long is back after the backoff. Of three endpoints
///   that ask for 600 s, 2 s and 9 s, the fourth attempt goes after 2 s.
/// - [`Verdict::NeverSent`]: the same attempt is sent again, for nothing, to an endpoint that the
///   call has not tried; 3 times in a call. Then it is a failure as any other. Three endpoints that
///   refuse connections and 3 attempts make 5 requests: the first, two for nothing, two retries.
///
/// # Hedging
///
/// With [`RetryPolicy::with_hedging`], other attempts go beside those in flight, each to an endpoint
/// that the call has not tried:
///
/// - one each time the delay has passed since the last was sent and none has answered;
/// - at once when one fails and others are in flight, and the delay restarts;
/// - when the service asked to wait, not before that, and then again one per delay.
///
/// The budget is asked for each hedge when it is due and has an endpoint. One that it refuses is
/// left out for good; the call's later ones are asked for in turn. Once there is no endpoint that
/// was not tried, there are no hedges any more. Hedges do not count as `attempts` of the policy, and
/// not to the backoff either: those that fail together are one failure to it. When all in flight
/// have failed, it is as without hedging, and a retry has the hedges that are left.
///
/// The first success, or end that no other attempt can better, decides the call: the others in
/// flight are given up, one [`Step::Cancel`] after the other. What is told of them before counts for
/// the budget, and nothing else.
///
/// So a caller who hedges keeps what is in flight in a list, and polls again after each step; it
/// waits only at [`Step::Wait`], for the time or for any answer:
///
/// ```
/// use core::time::Duration;
/// use evenkeel_core::retry::{Attempt, Call, End, Hedging, RetryPolicy, Step, Unlimited, Verdict};
/// use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, Pick, Request, policy::RoundRobin};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let mut balancer: Balancer<&str, RoundRobin> = Balancer::new(RoundRobin::new());
/// # balancer.update(Instant::ZERO, ["a", "b"].map(Endpoint::new))?;
/// let hedging = Hedging::new(Duration::from_millis(20), 1)?;
/// let policy = RetryPolicy::new(2)?.with_hedging(hedging);
/// let mut now = Instant::ZERO;
/// let mut call = Call::new(&policy, now);
/// let mut requests: Vec<(Attempt, Pick)> = Vec::new();
/// let end = loop {
///     match call.poll(now, &mut Unlimited, &mut rng) {
///         Step::Send(attempt) => {
///             let request = Request::at(now).avoiding(call.tried());
///             let request = request.leaving_level(call.leaves_level());
///             match balancer.pick_with(request, &mut rng) {
///                 Ok(pick) if call.started(attempt, pick.slot(), &mut Unlimited) => {
///                     requests.push((attempt, pick)); // … and send
///                 }
///                 Ok(pick) => balancer.withdraw(now, pick),
///                 Err(_) => call.no_endpoint(now),
///             }
///         }
///         Step::Wait(until) => {
///             // … until then, or until an answer comes. Here the first request is stuck, and the
///             // hedge is answered at once.
///             if let Some(index) = requests.iter().position(|(attempt, _)| attempt.is_hedge()) {
///                 let (attempt, pick) = requests.swap_remove(index);
///                 balancer.report(now, pick, Outcome::Success);
///                 call.on_outcome(now, attempt, Verdict::Success);
///             } else {
///                 now = until.expect("a hedge is due");
///             }
///         }
///         Step::Cancel { attempt, outcome } => {
///             let index = requests.iter().position(|(other, _)| *other == attempt).expect("sent");
///             balancer.report(now, requests.swap_remove(index).1, outcome); // … and drop it
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
pub struct Call<P, const ROOM: usize = 5, const TRIED: usize = 8> {
    /// The service asked for more than the policy allows: there are no more attempts.
    too_long: bool,
    /// The budget knows of the call.
    told: bool,
    /// There was no endpoint: it is asked for again when there may be one.
    waits_for_endpoint: bool,
    /// Hedges that were sent.
    hedged: u8,
    /// Attempts that were sent again for nothing.
    never_sent: u8,
    /// Attempts with a number that are not counted: they never left, and were not sent again.
    uncounted: u8,
    /// Counts what was sent, wrapping: far more than can be in flight.
    sent: u8,
    /// Counts waits of the backoff since the last push-back, saturating; doubling ends long
    /// before 255.
    waits: u8,
    /// The length of `tried`.
    remembered: u8,
    /// Bit `n` is set while the endpoint in place `n` of `tried` wants to be left alone.
    resting: u8,
    /// Hedges that are left.
    hedges: u8,
    /// The reason that the call is over, though some may still be in flight.
    end: Option<End>,
    policy: P,
    /// The number of the last attempt.
    number: u32,
    /// The last wait of the backoff.
    waited: crate::time::Ticks,
    /// The latest time it was told.
    last: Instant,
    /// Counts only if the policy has a timeout.
    deadline: Instant,
    /// The next attempt is due: a hedge while others are under way, else the first one or a
    /// retry.
    next: Instant,
    in_flight: InFlight<ROOM>,
    /// The first of the endpoints that rest is back then.
    back: Instant,
    /// The latest time that the service asked for. It stands between the zeros of a new call: more
    /// than 16 bytes of those would take a function that clears memory.
    not_before: Instant,
    tried: [Slot; TRIED],
}

impl<P: Deref<Target = RetryPolicy>> Call<P> {
    /// Begins a call at `now`; its overall deadline counts from here.
    pub fn new(policy: P, now: Instant) -> Self {
        Self::sized(policy, now)
    }
}

impl<P: Deref<Target = RetryPolicy>> Call<P, 1> {
    /// Begins a call that never hedges, whatever the policy says: it takes less flash and RAM.
    pub fn without_hedges(policy: P, now: Instant) -> Self {
        Self::sized(policy, now)
    }
}

#[cfg(all(target_pointer_width = "32", feature = "millis32"))]
const _: () = assert!(size_of::<Call<&RetryPolicy, 1, 2>>() == 76);
// One attempt that is no hedge, and all the hedges there may be.
const _: () = assert!(size_of::<Call<()>>() == size_of::<Call<(), { 1 + MOST_HEDGES as usize }>>());

impl<P, const ROOM: usize, const TRIED: usize> Call<P, ROOM, TRIED>
where
    P: Deref<Target = RetryPolicy>,
{
    /// Begins a call with as much room as its type says; with more hedges in its policy than fit,
    /// it sends those that fit.
    ///
    /// Firmware saves 400 bytes of flash by a type that stands for one policy: what that does not
    /// use is not linked.
    ///
    /// ```
    /// use evenkeel_core::Instant;
    /// use evenkeel_core::retry::{Call, RetryPolicy};
    ///
    /// struct Thrice;
    ///
    /// impl core::ops::Deref for Thrice {
    ///     type Target = RetryPolicy;
    ///
    ///     fn deref(&self) -> &RetryPolicy {
    ///         static POLICY: RetryPolicy = RetryPolicy::DEFAULT;
    ///         &POLICY
    ///     }
    /// }
    ///
    /// let call: Call<Thrice, 1, 2> = Call::sized(Thrice, Instant::ZERO);
    /// assert!(call.tried().is_empty());
    /// ```
    pub fn sized(policy: P, now: Instant) -> Self {
        const { assert!(ROOM > 0 && ROOM < 256 && TRIED < 256, "room for 1 to 255") };
        Self {
            end: None,
            too_long: false,
            told: false,
            waits_for_endpoint: false,
            hedges: policy.hedges.min((ROOM - 1) as u8),
            hedged: 0,
            never_sent: 0,
            uncounted: 0,
            sent: 0,
            waits: 0,
            remembered: 0,
            resting: 0,
            number: 0,
            waited: 0,
            last: now,
            deadline: now.later(policy.timeout),
            next: now,
            back: now,
            not_before: now,
            policy,
            in_flight: InFlight::NONE,
            tried: const { [Slot { index: 0, generation: 0 }; TRIED] },
        }
    }

    /// Decides what to do now.
    ///
    /// Tells `budget` of the call before its first attempt, and of each attempt's verdict once, a
    /// timeout being [`Verdict::TimedOut`]; asks it before each retry; [`started`](Self::started)
    /// asks it for hedges. Of attempts that are given up because the call is decided it tells
    /// nothing.
    pub fn poll(&mut self, now: Instant, budget: &mut impl Budget, rng: &mut impl Rng) -> Step {
        self.follow_clock(now);
        self.next_step(now, budget, rng)
    }

    /// Tells how the attempt ended; poll until [`Step::Done`]. The end of an attempt that is not in
    /// flight (any more) changes nothing.
    pub fn on_outcome(&mut self, now: Instant, attempt: Attempt, verdict: Verdict) {
        self.follow_clock(now);
        if self.in_flight.end(attempt, now, verdict) {
            self.end = self.end.or(match verdict {
                Verdict::Success => Some(End::Success),
                Verdict::NonRetryableFailure => Some(End::NonRetryableFailure),
                Verdict::Ignorable => Some(End::Ignorable),
                Verdict::Canceled => Some(End::Canceled),
                Verdict::RetryableFailure
                | Verdict::TimedOut
                | Verdict::Overloaded { .. }
                | Verdict::PushBack { .. }
                | Verdict::NeverSent => None,
            });
        }
    }

    /// Returns the attempts sent of which nothing was told yet, at most `ROOM`, in the order they
    /// were sent.
    pub fn in_flight(&self) -> impl Iterator<Item = Attempt> {
        self.in_flight.under_way()
    }

    /// Returns the number of attempts sent so far, hedges included, not counting those that never
    /// left the client.
    pub fn attempts(&self) -> u32 {
        self.number.wrapping_sub(self.uncounted.into())
    }

    /// Returns when the call ends at the latest; `None` without a timeout.
    pub fn deadline(&self) -> Option<Instant> {
        (self.policy.timeout > 0).then_some(self.deadline)
    }

    /// Takes all times along with a clock that went backwards: no wait gets longer. All that learn
    /// the time call it.
    fn follow_clock(&mut self, now: Instant) {
        let back = self.last.since(now);
        self.last = now;
        if back > 0 {
            for time in [&mut self.deadline, &mut self.next, &mut self.not_before, &mut self.back] {
                *time = time.earlier(back);
            }
            self.in_flight.move_back(back);
        }
    }
}
