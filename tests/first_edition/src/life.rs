//! A script, lived through with both editions at once.
//!
//! The policy goes by keys and addresses alone, so both pick the same endpoint. Each report,
//! verdict and time goes to both. After each step everything that can be seen of the two has to be
//! equal.

mod calls;
mod compare;

use core::fmt::Debug;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

use first::{Endpoint, Instant, Outcome, Why};

use crate::chance::Chance;
use crate::edition::{Addr, Edition, Event, Picked, Request, Row, Settings};
use crate::script::{Op, Script, Serve, wait};
use crate::tally::Tally;
use calls::Call;

/// Makes an edition of the second kind.
pub type Make<'a> = &'a (dyn Fn(&Settings) -> Box<dyn Edition> + Sync);

/// What the two did not do alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// What was compared.
    pub what: String,
    /// What the first edition said, and the second.
    pub sides: [String; 2],
    /// Which of the script's steps it came after.
    pub op: usize,
}

/// Lives through those steps of a script that are to be kept.
///
/// # Errors
/// The first difference, a panic of an edition included.
pub fn live(script: &Script, keep: &[usize], second: Make<'_>) -> Result<Tally, Clash> {
    let mut op = 0;
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut life = Life::new(script, second);
        for index in keep {
            op = *index;
            life.chance = Chance::new(script.seed << 32 ^ *index as u64);
            life.op(&script.ops[*index])?;
        }
        life.end()
    }));
    let panicked = |panic: Box<dyn core::any::Any + Send>| {
        let message = panic.downcast_ref::<String>().cloned();
        let message =
            message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        clash("panic", &"", &message.unwrap_or_default())
    };
    lived.unwrap_or_else(|panic| Err(panicked(panic))).map_err(|clash| Clash { op, ..clash })
}

struct Life<'a> {
    script: &'a Script,
    sides: [Box<dyn Edition>; 2],
    now: Instant,
    /// The latest time that there ever was.
    latest: Instant,
    /// For this step; beginning anew with each, so that others can be left out.
    chance: Chance,
    /// By address: of a thousand requests, how many fail, and how many find it overloaded.
    weather: Vec<(u16, u16)>,
    open: Vec<Open>,
    calls: Vec<Call>,
    tally: Tally,
    rows: [Vec<Row>; 2],
    events: [Vec<Event>; 2],
    /// Candidates are taken for want of better ones.
    panic: [bool; 2],
    /// From when to when one edition would have ended an ejection and the other not yet.
    gaps: Vec<(Instant, Instant)>,
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
struct Open {
    picks: [usize; 2],
    addr: Addr,
}

impl<'a> Life<'a> {
    fn new(script: &'a Script, second: Make<'_>) -> Self {
        Self {
            script,
            sides: [crate::first::make(&script.settings), second(&script.settings)],
            now: START,
            latest: START,
            chance: Chance::new(script.seed),
            weather: Vec::new(),
            open: Vec::new(),
            calls: Vec::new(),
            tally: Tally::default(),
            rows: Default::default(),
            events: Default::default(),
            panic: [false; 2],
            gaps: Vec::new(),
        }
    }

    fn op(&mut self, op: &Op) -> Result<(), Clash> {
        let now = self.now;
        match op {
            Op::Update(endpoints) => {
                let [one, other] = self.both(|side| side.update(now, endpoints));
                same("changes by update", &one, &other)?;
            }
            Op::Insert(endpoint) => self.insert(*endpoint)?,
            Op::Remove(addr) => {
                let [one, other] = self.both(|side| side.remove(now, *addr));
                same("removed", &one, &other)?;
            }
            Op::SetDown(addr, down) => drop(self.both(|side| side.set_down(now, *addr, *down))),
            Op::Configure(rules) => drop(self.both(|side| side.configure(now, *rules))),
            Op::Weather(addr, failing, overloaded) => {
                let index = usize::from(*addr);
                self.weather.resize(self.weather.len().max(index + 1), (0, 0));
                self.weather[index] = (*failing, *overloaded);
            }
            Op::Pick(key, avoid) => {
                let open = self.pick(Request { now, key: *key, avoid, call: None })?;
                self.open.extend(open);
            }
            Op::Report(which, outcome) => {
                if let Some(open) = self.take(*which) {
                    self.report(open, *outcome)?;
                }
            }
            Op::Lose(which) => drop(self.take(*which)),
            Op::Serve(serve) => self.serve(*serve)?,
            Op::Ahead(time) => self.advance(now + *time)?,
            Op::Back(time) => self.back(*time),
            Op::HandleTimeout => drop(self.both(|side| side.handle_timeout(now))),
            Op::Sleep(beside) => {
                let due = self.sides[0].poll_timeout().unwrap_or(now);
                let due = due.as_nanos().saturating_add_signed(*beside);
                self.advance(now.max(Instant::from_nanos(due)))?;
                let now = self.now;
                self.both(|side| side.handle_timeout(now));
            }
            Op::Call(settings) => self.begin(settings)?,
            Op::Drive(drive) => self.drive(drive)?,
        }
        self.settle()
    }

    /// Ends all that is under way.
    fn end(mut self) -> Result<Tally, Clash> {
        while let Some(open) = self.open.pop() {
            let outcome = crate::script::outcome(&mut self.chance);
            self.report(open, outcome)?;
        }
        Ok(self.tally)
    }

    fn both<T>(&mut self, mut act: impl FnMut(&mut dyn Edition) -> T) -> [T; 2] {
        self.sides.each_mut().map(|side| act(&mut **side))
    }

    fn back(&mut self, time: Duration) {
        let then = self.now.saturating_sub(time);
        if self.script.agreement.disorder {
            self.now = then;
            return;
        }
        // Both know from when it goes back, and to when.
        for now in [self.now, then] {
            self.now = now;
            self.both(|side| side.handle_timeout(now));
        }
        // What nobody sees goes along.
        let back =
            |gap: &(Instant, Instant)| (gap.0.saturating_sub(time), gap.1.saturating_sub(time));
        let moved: Vec<_> = self.gaps.iter().map(back).collect();
        self.gaps.extend(moved);
    }

    fn insert(&mut self, endpoint: Endpoint<Addr>) -> Result<(), Clash> {
        let now = self.now;
        let [one, other] = self.both(|side| side.insert(now, endpoint));
        same("changes by insert", &one, &other)
    }

    fn take(&mut self, which: u64) -> Option<Open> {
        let place = which.checked_rem(self.open.len() as u64)?;
        Some(self.open.swap_remove(place as usize))
    }

    fn serve(&mut self, serve: Serve) -> Result<(), Clash> {
        for _ in 0..serve.requests {
            let key = Some(self.chance.bits());
            if let Some(open) = self.pick(Request { now: self.now, key, avoid: &[], call: None })? {
                if self.chance.per_mille(serve.open_per_mille) {
                    self.open.push(open);
                } else {
                    self.advance(self.now + serve.takes)?;
                    let outcome = self.outcome(open.addr);
                    self.report(open, outcome)?;
                }
            }
            self.advance(self.now + serve.spacing)?;
        }
        Ok(())
    }

    /// How a request to an endpoint ends in its weather.
    fn outcome(&mut self, addr: Addr) -> Outcome {
        let (failing, overloaded) =
            self.weather.get(usize::from(addr)).copied().unwrap_or_default();
        if self.chance.per_mille(failing) {
            if self.chance.one_in(8) {
                Outcome::Overloaded { retry_after: None }
            } else {
                Outcome::Failure
            }
        } else if self.chance.per_mille(overloaded) {
            Outcome::Overloaded { retry_after: Some(wait(&mut self.chance)) }
        } else if self.chance.one_in(50) {
            Outcome::Canceled
        } else {
            Outcome::Success
        }
    }

    /// Picks the same endpoint with both. Where they probe half-open endpoints in another order,
    /// all are probed; the other probes stay open.
    fn pick(&mut self, request: Request<'_>) -> Result<Option<Open>, Clash> {
        let chance = Chance::new(self.chance.bits());
        let bounded = self.script.settings.bound_percent.is_some();
        let request = if bounded && !self.script.agreement.bounds {
            Request { avoid: &[], call: None, ..request }
        } else {
            request
        };
        let request = if self.sides.iter_mut().any(|side| side.goes_on(&request)) {
            Request { avoid: &[], call: None, ..request }
        } else {
            request
        };
        let mut probes: Vec<[Picked; 2]> = Vec::new();
        loop {
            let [one, other] = self.both(|side| side.pick(&request, &mut chance.clone()));
            let parts = |pick: &Result<Picked, _>| pick.map(|Picked { addr, why, .. }| (addr, why));
            let (Ok(one), Ok(other)) = (one, other) else {
                same("pick", &parts(&one), &parts(&other))?;
                same("probes left over", &0, &probes.len())?;
                self.settle()?;
                return Ok(None);
            };
            if self.script.agreement.slots || one.why != Why::Probe || other.why != Why::Probe {
                same("pick", &parts(&Ok(one)), &parts(&Ok(other)))?;
            }
            probes.push([one, other]);
            let addresses = [0, 1].map(|side| {
                let mut addresses: Vec<Addr> = probes.iter().map(|pair| pair[side].addr).collect();
                addresses.sort_unstable();
                addresses
            });
            if addresses[0] == addresses[1] {
                break;
            }
            if probes.len() > 64 {
                same("probes", &addresses[0], &addresses[1])?;
            }
        }
        for [one, _] in probes.iter().skip(1) {
            self.open.push(pair(one, &probes));
        }
        let open = probes.first().map(|[one, _]| pair(one, &probes));
        self.settle()?;
        Ok(open)
    }

    fn report(&mut self, open: Open, outcome: Outcome) -> Result<(), Clash> {
        let (now, [one, other]) = (self.now, open.picks);
        self.sides[0].report(now, one, outcome);
        self.sides[1].report(now, other, outcome);
        self.tally.reports += 1;
        self.settle()
    }

    /// Lets the time go on, over the moments at which chance makes a difference.
    fn advance(&mut self, to: Instant) -> Result<(), Clash> {
        if to <= self.now {
            return Ok(());
        }
        self.now = to;
        while let Some(gap) = self.gaps.iter().find(|gap| gap.0 <= self.now && self.now <= gap.1) {
            // gRPC's are over a moment later.
            self.now = Instant::from_nanos(gap.1.as_nanos() + 1);
        }
        if self.script.prompt || !self.gaps.is_empty() {
            self.settle()?;
        }
        Ok(())
    }

    /// Does what is due, where the script wants that, and compares all that can be seen.
    fn settle(&mut self) -> Result<(), Clash> {
        if self.script.prompt {
            let now = self.now;
            self.both(|side| side.handle_timeout(now));
        }
        let told = self.now >= self.latest;
        self.latest = self.latest.max(self.now);
        self.compare(told)
    }
}

/// The picks of both that go where this one goes.
fn pair(one: &Picked, probes: &[[Picked; 2]]) -> Open {
    let other = probes.iter().find(|pair| pair[1].addr == one.addr).expect("each has its other");
    Open { picks: [one.pick, other[1].pick], addr: one.addr }
}

fn clash(what: &str, one: &impl Debug, other: &impl Debug) -> Clash {
    Clash { what: what.to_owned(), sides: [format!("{one:?}"), format!("{other:?}")], op: 0 }
}

fn same<T: PartialEq + Debug>(what: &str, one: &T, other: &T) -> Result<(), Clash> {
    if one == other { Ok(()) } else { Err(clash(what, one, other)) }
}

/// Far enough from the clock's origin for one that goes back.
const START: Instant = Instant::from_secs(1_000);
