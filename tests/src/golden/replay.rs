use core::ops::Deref;

use evenkeel_core::balancer::Status;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::random::SplitMix64;
use evenkeel_core::retry::{Attempt, Step, Unlimited};
use evenkeel_core::store::List;
use evenkeel_core::{
    Balancer, Call, Changes, Config, EventKind, Instant, Outcome, Pick, Request, RetryPolicy, Slot,
    Store,
};

use super::read::{config, endpoint, key, millis, report, retry_policy, verdict, words};
use super::{Answer, Result, Url};

/// A balancer in the middle of a golden file.
#[derive(Debug)]
pub struct Replay<'a, S: Store, P: Store> {
    balancer: Balancer<Url<'a>, AnyPolicy<P>, Config, S>,
    /// Of the next balancer.
    config: Config,
    rng: SplitMix64,
    now: Instant,
    open: S::List<Pick>,
    /// Events taken out of the balancer, the oldest first.
    events: S::List<(Option<&'a str>, EventKind)>,
    call: Option<Call<Own, 1>>,
    sent: Option<(Attempt, Pick)>,
    wake: Instant,
}

/// A policy that its call keeps.
#[derive(Debug)]
struct Own(RetryPolicy);

impl Deref for Own {
    type Target = RetryPolicy;

    fn deref(&self) -> &RetryPolicy {
        &self.0
    }
}

impl<'a, S: Store, P: Store> Replay<'a, S, P> {
    /// The beginning of a file.
    pub fn new() -> Self {
        Self {
            balancer: Balancer::with_settings(AnyPolicy::default(), Config::DEFAULT),
            config: Config::default(),
            rng: SplitMix64::new(0),
            now: Instant::ZERO,
            open: S::List::<Pick>::default(),
            events: S::List::<(Option<&'a str>, EventKind)>::default(),
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
            "seed" => {
                self.config.seed = rest.parse().map_err(|_| "a seed is a number below 2^64")?;
            }
            "config" => self.config = Config { seed: self.config.seed, ..config(rest)? },
            "policy" => self.begin(rest)?,
            "now" => self.now = self.time(rest)?,
            "sleep" => self.now = self.wake,
            "update" => return self.update(rest),
            "insert" => {
                let changes = self.balancer.insert(self.now, endpoint(rest)?);
                return changes.map(Answer::Changed).map_err(|_| "no room for it");
            }
            "remove" => {
                let removed = self
                    .balancer
                    .remove(self.now, &Url(rest))
                    .map_err(|_| "the policy's table is too small")?;
                return Ok(Answer::Removed(removed.is_some()));
            }
            "pick" => return self.pick(rest),
            "report" => self.report(rest)?,
            "requests" => self.requests(rest)?,
            "stats" => return Ok(Answer::Stats(self.status(rest).map(|status| status.stats))),
            "health" => {
                let health = self
                    .status(rest)
                    .map(|status| (status.health, status.candidacy, status.weight));
                return Ok(Answer::Health(health));
            }
            "event" => return self.event(),
            "down" => self.set_down(rest, true)?,
            "up" => self.set_down(rest, false)?,
            "call" => {
                self.call = Some(Call::without_hedges(Own(retry_policy(rest)?), self.now));
            }
            "poll" => return self.poll(),
            "outcome" => self.outcome(rest)?,
            _ => return Err("no such event"),
        }
        Ok(Answer::Nothing)
    }

    /// Apart from the other events: beside what they need, the firmware's stack has no room for
    /// another balancer.
    #[inline(never)]
    fn begin(&mut self, policy: &str) -> Result<()> {
        let policy = policy.parse().map_err(|_| "no such policy")?;
        self.balancer =
            Balancer::with_config(policy, self.config).map_err(|_| "no such settings")?;
        self.rng = SplitMix64::new(self.config.seed);
        (self.now, self.wake) = (Instant::ZERO, Instant::ZERO);
        self.open.shorten(0);
        self.events.shorten(0);
        (self.call, self.sent) = (None, None);
        Ok(())
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
        let (mut request, mut avoid) = (Request::at(self.now), S::List::<Slot>::default());
        let mut words = words(rest);
        while let Some(word) = words.next() {
            match (word, words.next()) {
                ("key", Some(word)) => request.key = Some(key(word)?),
                ("avoid", Some(list)) => {
                    for addr in list.split(',') {
                        let status =
                            self.status(addr).ok_or("nothing of this address is there to avoid")?;
                        avoid.try_push(status.slot).map_err(|_| "too many to avoid")?;
                    }
                }
                _ => return Err("a pick may have a key and avoid, nothing else"),
            }
        }
        self.balancer.handle_timeout(self.now);
        let request = request.avoiding(&avoid);
        let Ok(pick) = self.balancer.pick_with(request, &mut self.rng) else {
            return Ok(Answer::Picked(None));
        };
        let picked = self.address(&pick).map(|addr| (addr, pick.why()));
        self.open.try_push(pick).map_err(|_| "more than 8 open picks")?;
        Ok(Answer::Picked(picked))
    }

    fn report(&mut self, rest: &str) -> Result<()> {
        let (outcome, index) = report(rest)?;
        let pick = self.open.take(index).ok_or("no such open pick")?;
        self.balancer.report(self.now, pick, outcome);
        Ok(())
    }

    /// `NUMBER[ ADDR,ADDR]`: picks that are reported at once, those of these addresses as failed.
    fn requests(&mut self, rest: &str) -> Result<()> {
        let (number, failing) = rest.split_once(' ').unwrap_or((rest, ""));
        let number: u32 = number.parse().map_err(|_| "not a number of requests")?;
        for _ in 0..number {
            self.balancer.handle_timeout(self.now);
            let pick =
                self.balancer.pick(self.now, &mut self.rng).map_err(|_| "nothing to pick")?;
            let addr = self.address(&pick);
            let fails = failing.split(',').any(|failing| addr == Some(failing));
            self.balancer.report(
                self.now,
                pick,
                if fails { Outcome::Failure } else { Outcome::Success },
            );
        }
        Ok(())
    }

    fn set_down(&mut self, addr: &str, down: bool) -> Result<()> {
        let slot = self.status(addr).ok_or("nothing of this address is there")?.slot;
        self.balancer.set_down(self.now, slot, down);
        Ok(())
    }

    fn event(&mut self) -> Result<Answer<'a>> {
        if self.events.is_empty() {
            for event in self.balancer.events() {
                let addr = event.endpoint.and_then(|(_, addr)| Some(addr?.0));
                self.events.try_push((addr, event.kind)).map_err(|_| "more than 8 events")?;
            }
        }
        Ok(Answer::Event(self.events.take(0)))
    }

    fn poll(&mut self) -> Result<Answer<'a>> {
        let call = self.call.as_mut().ok_or("there is no call")?;
        Ok(match call.poll(self.now, &mut Unlimited, &mut self.rng) {
            Step::Send(attempt) => {
                self.balancer.handle_timeout(self.now);
                let request = Request::at(self.now).avoiding(call.tried());
                let request = request.leaving_level(call.leaves_level());
                let picked = self.balancer.pick_with(request, &mut self.rng);
                let Ok(pick) = picked else {
                    call.no_endpoint(self.now);
                    return Ok(Answer::Sent(attempt.number(), None));
                };
                if !call.started(attempt, pick.slot(), &mut Unlimited) {
                    self.balancer.withdraw(self.now, pick);
                    return Ok(Answer::Sent(attempt.number(), None));
                }
                let addr = self.address(&pick);
                self.sent = Some((attempt, pick));
                Answer::Sent(attempt.number(), addr)
            }
            Step::Wait(until) => {
                // Until the attempt ends, the time does not matter.
                self.wake = until.unwrap_or(Instant::MAX);
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

    fn outcome(&mut self, verdict_text: &str) -> Result<()> {
        let verdict = verdict(verdict_text)?;
        let (Some(call), Some((attempt, pick))) = (&mut self.call, self.sent.take()) else {
            return Err("no attempt is under way");
        };
        self.balancer.report(self.now, pick, verdict.outcome());
        call.on_outcome(self.now, attempt, verdict);
        Ok(())
    }

    fn address(&self, pick: &Pick) -> Option<&'a str> {
        self.balancer.endpoint(pick).map(|endpoint| endpoint.addr.0)
    }

    fn status(&self, addr: &str) -> Option<Status<'_, Url<'a>>> {
        self.balancer.endpoints().find(|status| status.endpoint.addr.0 == addr)
    }
}

impl<S: Store, P: Store> Default for Replay<'_, S, P> {
    fn default() -> Self {
        Self::new()
    }
}
