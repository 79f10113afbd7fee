//! The reader of the golden files; `tests/golden/README.md` says what stands in them.
//!
//! Needs neither `std` nor an allocator: the firmware in `tests/mcu` includes this very file.

use core::fmt::{self, Write};
use core::time::Duration;

use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::{Attempt, Backoff, End, Step, Unlimited, Verdict};
use evenkeel_core::stats::Stats;
use evenkeel_core::store::List;
use evenkeel_core::{Balancer, Call, Changes, Endpoint, Instant, Outcome, Pick, Request, RetryPolicy, Slot, Store};
use rand_chacha::ChaCha8Rng;

const NANOS_PER_MS: u64 = 1_000_000;

/// Replays a golden file and compares every answer; tells how many there were.
///
/// # Errors
/// The first line that answers otherwise, or cannot be read.
pub fn check<'a, S: Store>(file: &'a str, text: &'a str) -> Result<usize, Failure<'a>> {
    let mut replay = Replay::<S>::new();
    let mut answers = 0;
    for (index, line) in text.lines().enumerate() {
        let failure = |cause| Failure { file, line: index + 1, cause };
        let (event, expected) = split(line);
        let got = replay.step(event).map_err(|why| failure(Cause::Unreadable(why)))?;
        if !got.reads(expected) {
            return Err(failure(Cause::Differs { expected, got }));
        }
        answers += usize::from(!matches!(got, Answer::Nothing));
    }
    Ok(answers)
}

/// The event of a line, and the answer that stands behind it.
pub fn split(line: &str) -> (&str, &str) {
    if line.starts_with('#') { ("", "") } else { line.split_once(" -> ").unwrap_or((line, "")) }
}

/// What went wrong in a golden file, and where.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    file: &'a str,
    line: usize,
    cause: Cause<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Cause<'a> {
    Unreadable(&'static str),
    Differs { expected: &'a str, got: Answer<'a> },
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: ", self.file, self.line)?;
        match &self.cause {
            Cause::Unreadable(why) => f.write_str(why),
            Cause::Differs { expected, got } => write!(f, "expected `{expected}`, got `{got}`"),
        }
    }
}

/// What an event answers; its text is what stands in the file.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// Events that only tell.
    Nothing,
    /// Of `update` and `insert`.
    Changed(Changes),
    /// Of `remove`.
    Removed(bool),
    /// Of `pick`.
    Picked(Option<&'a str>),
    /// Of `stats`.
    Stats(Option<Stats>),
    /// Of `poll`: an attempt was sent.
    Sent(u32, Option<&'a str>),
    /// Of `poll`: nothing to do until then.
    Wait(Instant),
    /// Of `poll`: an attempt was given up.
    Canceled(u32),
    /// Of `poll`: the call is over.
    Done(End),
}

impl Answer<'_> {
    fn reads(&self, expected: &str) -> bool {
        let mut rest = Rest(expected);
        write!(rest, "{self}").is_ok() && rest.0.is_empty()
    }
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Changed(changes) => write!(f, "+{} -{} ~{}", changes.added, changes.removed, changes.changed),
            Self::Removed(was_there) => f.write_str(if *was_there { "yes" } else { "no" }),
            Self::Picked(addr) => f.write_str(addr.unwrap_or("none")),
            Self::Stats(Some(stats)) => write!(f, "{} {} {}", stats.successes, stats.failures, stats.canceled),
            Self::Stats(None) => f.write_str("none"),
            Self::Sent(number, addr) => write!(f, "send {number} {}", addr.unwrap_or("none")),
            Self::Wait(Instant::MAX) => f.write_str("wait"),
            Self::Wait(until) => {
                f.write_str("wait ")?;
                write_millis(f, *until)
            }
            Self::Canceled(number) => write!(f, "cancel {number}"),
            Self::Done(end) => f.write_str(match end {
                End::Success => "done success",
                End::Attempts => "done attempts",
                End::Deadline => "done deadline",
                End::NoEndpoints => "done no_endpoints",
                End::Fatal => "done fatal",
                End::Budget => "done budget",
                _ => "done",
            }),
        }
    }
}

/// A balancer in the middle of a golden file.
#[derive(Debug)]
pub struct Replay<'a, S: Store> {
    balancer: Balancer<&'a str, AnyPolicy, S>,
    seed: u64,
    rng: ChaCha8Rng,
    now: Instant,
    open: S::List<Pick>,
    call: Option<Call>,
    sent: Option<(Attempt, Pick)>,
    wake: Instant,
}

type Result<T, E = &'static str> = core::result::Result<T, E>;

impl<'a, S: Store> Replay<'a, S> {
    /// The beginning of a file.
    pub fn new() -> Self {
        Self::from_seed(AnyPolicy::default(), 0)
    }

    fn from_seed(policy: AnyPolicy, seed: u64) -> Self {
        Self {
            balancer: Balancer::new(policy),
            seed,
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: Instant::ZERO,
            open: S::List::default(),
            call: None,
            sent: None,
            wake: Instant::ZERO,
        }
    }

    /// Lets one event happen.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn step(&mut self, event: &'a str) -> Result<Answer<'a>> {
        let (verb, rest) = event.split_once(' ').unwrap_or((event, ""));
        match verb {
            "" => {}
            "seed" => self.seed = rest.parse().map_err(|_| "a seed is a number below 2^64")?,
            "policy" => *self = Self::from_seed(rest.parse().map_err(|_| "no such policy")?, self.seed),
            "now" => self.now = self.time(rest)?,
            "sleep" => self.now = self.wake,
            "update" => return self.update(rest),
            "insert" => {
                let changes = self.balancer.insert(self.now, endpoint(rest)?);
                return changes.map(Answer::Changed).map_err(|_| "no room for it");
            }
            "remove" => {
                let removed = self.balancer.remove(self.now, &rest).map_err(|_| "the policy's table is too small")?;
                return Ok(Answer::Removed(removed.is_some()));
            }
            "pick" => return self.pick(rest),
            "report" => self.report(rest)?,
            "stats" => return Ok(Answer::Stats(self.status(rest).map(|(_, stats)| stats))),
            "call" => self.call = Some(Call::new(&retry_policy(rest)?, self.now)),
            "poll" => return self.poll(),
            "outcome" => self.outcome(rest)?,
            _ => return Err("no such event"),
        }
        Ok(Answer::Nothing)
    }

    fn time(&self, text: &str) -> Result<Instant> {
        match text.strip_prefix('+') {
            Some(later) => Ok(self.now + millis(later)?),
            None => Ok(Instant::ZERO + millis(text)?),
        }
    }

    fn update(&mut self, list: &'a str) -> Result<Answer<'a>> {
        for word in words(list) {
            endpoint(word)?;
        }
        let endpoints = words(list).filter_map(|word| endpoint(word).ok());
        match self.balancer.update(self.now, endpoints) {
            Ok(Changes { left_out: 1.., .. }) => Err("more than 8 endpoints"),
            Ok(changes) => Ok(Answer::Changed(changes)),
            Err(_) => Err("the policy's table is too small"),
        }
    }

    fn pick(&mut self, rest: &str) -> Result<Answer<'a>> {
        let mut avoid: S::List<Slot> = S::List::default();
        if let Some(list) = rest.strip_prefix("avoid ") {
            for addr in list.split(',') {
                let (slot, _) = self.status(addr).ok_or("nothing of this address is there to avoid")?;
                avoid.try_push(slot).map_err(|_| "too many to avoid")?;
            }
        } else if !rest.is_empty() {
            return Err("a pick may avoid, nothing else");
        }
        let request = Request::at(self.now).avoiding(&avoid);
        let Ok(pick) = self.balancer.pick_with(request, &mut self.rng) else { return Ok(Answer::Picked(None)) };
        let addr = self.address(&pick);
        self.open.try_push(pick).map_err(|_| "more than 8 open picks")?;
        Ok(Answer::Picked(addr))
    }

    fn report(&mut self, rest: &str) -> Result<()> {
        let (outcome, number) = rest.split_once(' ').unwrap_or((rest, "1"));
        let outcome = match outcome {
            "success" => Outcome::Success,
            "failure" => Outcome::Failure,
            "canceled" => Outcome::Canceled,
            _ => return Err("no such outcome"),
        };
        let number: usize = number.parse().map_err(|_| "not the number of an open pick")?;
        let pick = number.checked_sub(1).and_then(|index| self.open.take(index)).ok_or("no such open pick")?;
        self.balancer.report(self.now, pick, outcome);
        Ok(())
    }

    fn poll(&mut self) -> Result<Answer<'a>> {
        let call = self.call.as_mut().ok_or("there is no call")?;
        Ok(match call.poll(self.now, &mut Unlimited, &mut self.rng) {
            Step::Send(attempt) => {
                let request = Request::at(self.now).avoiding(call.tried());
                let Ok(pick) = self.balancer.pick_with(request, &mut self.rng) else {
                    call.no_endpoint(self.now);
                    return Ok(Answer::Sent(attempt.number(), None));
                };
                call.started(attempt, pick.slot());
                let addr = self.address(&pick);
                self.sent = Some((attempt, pick));
                Answer::Sent(attempt.number(), addr)
            }
            Step::Wait(until) => {
                self.wake = until;
                Answer::Wait(until)
            }
            Step::Cancel { attempt, outcome } => {
                if let Some((_, pick)) = self.sent.take() {
                    self.balancer.report(self.now, pick, outcome);
                }
                Answer::Canceled(attempt.number())
            }
            Step::Done(end) => Answer::Done(end),
        })
    }

    fn outcome(&mut self, verdict: &str) -> Result<()> {
        let verdict = match verdict {
            "success" => Verdict::Success,
            "retry" => Verdict::Retry,
            "fatal" => Verdict::Fatal,
            "never_sent" => Verdict::NeverSent,
            _ => Verdict::RetryAfter(millis(verdict.strip_prefix("retry_after ").ok_or("no such verdict")?)?),
        };
        let (Some(call), Some((attempt, pick))) = (&mut self.call, self.sent.take()) else {
            return Err("no attempt is under way");
        };
        let outcome = if verdict == Verdict::Success { Outcome::Success } else { Outcome::Failure };
        self.balancer.report(self.now, pick, outcome);
        call.on_outcome(self.now, attempt, verdict);
        Ok(())
    }

    fn address(&self, pick: &Pick) -> Option<&'a str> {
        self.balancer.endpoint(pick).map(|endpoint| endpoint.addr)
    }

    fn status(&self, addr: &str) -> Option<(Slot, Stats)> {
        let status = self.balancer.endpoints().find(|status| status.endpoint.addr == addr)?;
        Some((status.slot, status.stats))
    }
}

impl<S: Store> Default for Replay<'_, S> {
    fn default() -> Self {
        Self::new()
    }
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(' ').filter(|word| !word.is_empty())
}

/// `ADDR[*WEIGHT][@PRIORITY]`.
fn endpoint(word: &str) -> Result<Endpoint<&str>> {
    let (rest, priority) = word.split_once('@').unwrap_or((word, "0"));
    let (addr, weight) = rest.split_once('*').unwrap_or((rest, "1"));
    if addr.is_empty() || !addr.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9')) {
        return Err("an address is made of a-z and 0-9");
    }
    let weight = weight.parse().map_err(|_| "a weight is a number below 2^32")?;
    let priority = priority.parse().map_err(|_| "a priority is a number below 2^16")?;
    Ok(Endpoint::new(addr).with_weight(weight).with_priority(priority))
}

fn retry_policy(settings: &str) -> Result<RetryPolicy> {
    let mut policy = RetryPolicy::default();
    // The number of attempts first: it is what a policy is made from.
    for attempts in words(settings).filter_map(|setting| setting.strip_prefix("attempts=")) {
        policy =
            attempts.parse().ok().and_then(|attempts| RetryPolicy::new(attempts).ok()).ok_or("no such `attempts`")?;
    }
    for setting in words(settings) {
        let changed = match setting.split_once('=').ok_or("a setting is `key=value`")? {
            ("attempts", _) => Ok(policy),
            ("timeout", time) => policy.with_timeout(millis(time)?),
            ("attempt_timeout", time) => policy.with_attempt_timeout(millis(time)?),
            ("backoff", value) => policy.with_backoff(backoff(value)?),
            _ => return Err("no such setting"),
        };
        policy = changed.map_err(|_| "a call cannot have such a setting")?;
    }
    Ok(policy)
}

fn backoff(value: &str) -> Result<Backoff> {
    match value.split_once(':') {
        None if value == "none" => Ok(Backoff::None),
        Some(("constant", wait)) => Ok(Backoff::Constant(millis(wait)?)),
        Some(("exponential", bounds)) => {
            let (base, cap) = bounds.split_once(':').ok_or("`exponential` has a base and a cap")?;
            Ok(Backoff::Exponential { base: millis(base)?, cap: millis(cap)? })
        }
        _ => Err("no such backoff"),
    }
}

/// Milliseconds with up to six decimals.
fn millis(text: &str) -> Result<Duration> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().map_err(|_| "a time is in milliseconds")?;
    let mut unit = NANOS_PER_MS;
    let mut nanos = whole.checked_mul(unit).ok_or("a time is below 2^64 nanoseconds")?;
    for digit in decimals.chars() {
        unit /= 10;
        nanos = nanos.saturating_add(u64::from(digit.to_digit(10).ok_or("a time's decimals are digits")?) * unit);
    }
    if unit == 0 { Err("a time has at most six decimals") } else { Ok(Duration::from_nanos(nanos)) }
}

fn write_millis(f: &mut fmt::Formatter<'_>, time: Instant) -> fmt::Result {
    let (whole, mut rest) = (time.as_nanos() / NANOS_PER_MS, time.as_nanos() % NANOS_PER_MS);
    if rest == 0 {
        return write!(f, "{whole}");
    }
    let mut digits = 6;
    while rest % 10 == 0 {
        rest /= 10;
        digits -= 1;
    }
    write!(f, "{whole}.{rest:0digits$}")
}

/// Compares what is written with a text, without keeping it.
struct Rest<'a>(&'a str);

impl Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}
