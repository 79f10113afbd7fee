//! Replays a recorded trace: which endpoint was picked, who was ejected, and when.
//!
//! The same seed, clock and events give the same picks everywhere, so a trace of a few kilobytes
//! shows again what a client did. The trace is `core/examples/replay.trace`, or a file of yours:
//!
//! ```text
//! cargo run -p evenkeel-core --example replay [FILE]
//! ```
//!
//! A line is a time in milliseconds, a word and what belongs to it; `#` begins a remark:
//!
//! ```text
//! 0      policy least_request
//! 0      seed 7
//! 0      set consecutive_failures 3
//! 0      endpoints 10.0.0.1:80 10.0.0.2:80
//! 100    request 17
//! 112    answer 17 success
//! ```

use core::error::Error;
use std::collections::BTreeMap;
use std::fs;

use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::settings::Kind;
use evenkeel_core::{Balancer, Config, Endpoint, Heap, Instant, Outcome, Pick};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const TRACE: &str = include_str!("replay.trace");

fn main() -> Result<(), Box<dyn Error>> {
    let trace = match std::env::args().nth(1) {
        Some(file) => fs::read_to_string(file)?,
        None => TRACE.to_owned(),
    };
    let replay = Replay::of(&trace)?;
    replay.log.iter().for_each(|line| println!("{line}"));
    for (addr, (picks, failures)) in &replay.totals {
        println!("{addr}: {picks} picks, {failures} failures");
    }
    Ok(())
}

type Client = Balancer<String, AnyPolicy, Config, Heap>;

/// What a trace shows.
struct Replay {
    policy: AnyPolicy,
    seed: u64,
    config: Config,
    /// There from the first endpoints on.
    client: Option<(Client, ChaCha8Rng)>,
    /// Requests in flight by their numbers in the trace.
    in_flight: BTreeMap<u64, (Pick, String)>,
    log: Vec<String>,
    /// Picks and failures of each address.
    totals: BTreeMap<String, (u32, u32)>,
}

impl Replay {
    fn of(trace: &str) -> Result<Self, String> {
        let mut replay = Self {
            policy: AnyPolicy::default(),
            seed: 0,
            config: Config::DEFAULT,
            client: None,
            in_flight: BTreeMap::new(),
            log: Vec::new(),
            totals: BTreeMap::new(),
        };
        for (number, line) in trace.lines().enumerate() {
            let words: Vec<_> = line.split('#').next().unwrap_or("").split_whitespace().collect();
            if let Some((time, words)) = words.split_first() {
                let done = parse(time).and_then(|time| replay.play(time, words));
                done.map_err(|error| format!("line {}: {error}", number + 1))?;
            }
        }
        Ok(replay)
    }

    fn play(&mut self, millis: u64, words: &[&str]) -> Result<(), String> {
        let now = Instant::from_millis(millis);
        match words {
            ["policy", policy] => {
                self.policy = policy.parse().map_err(|error| format!("{error}"))?;
            }
            ["seed", seed] => self.seed = parse(seed)?,
            ["set", name, value] => self.set(name, parse(value)?)?,
            ["endpoints", endpoints @ ..] => self.update(now, endpoints)?,
            ["request", number] => self.request(now, parse(number)?)?,
            ["answer", number, outcome] => self.answer(now, parse(number)?, outcome)?,
            _ => return Err(format!("what is {words:?}?")),
        }
        self.tell();
        Ok(())
    }

    /// Sets a setting by its name; times are in milliseconds.
    fn set(&mut self, name: &str, value: u64) -> Result<(), String> {
        let mut settings = Config::SETTINGS.iter().enumerate();
        let (index, setting) = settings
            .find(|(_, setting)| setting.name == name)
            .ok_or_else(|| format!("no setting is called {name}"))?;
        let unit = if setting.kind == Kind::Time { 1_000_000 } else { 1 };
        self.config.set(index, value.saturating_mul(unit)).map_err(|error| error.to_string())
    }

    fn update(&mut self, now: Instant, endpoints: &[&str]) -> Result<(), String> {
        if self.client.is_none() {
            let config = Config { seed: self.seed, ..self.config };
            let balancer = Balancer::with_config(self.policy.clone(), config);
            let balancer = balancer.map_err(|error| error.to_string())?;
            self.client = Some((balancer, ChaCha8Rng::seed_from_u64(self.seed)));
        }
        let endpoints = endpoints.iter().map(|addr| Endpoint::new((*addr).to_owned()));
        let (balancer, _) = self.client.as_mut().ok_or("unreachable: it has just been made")?;
        balancer.update(now, endpoints).map(drop).map_err(|error| error.to_string())
    }

    fn request(&mut self, now: Instant, number: u64) -> Result<(), String> {
        let (balancer, rng) = self.client.as_mut().ok_or("no endpoints yet")?;
        match balancer.pick(now, rng) {
            Ok(pick) => {
                let addr = balancer.endpoint(&pick).map(|endpoint| endpoint.addr.clone());
                let addr = addr.unwrap_or_default();
                self.totals.entry(addr.clone()).or_default().0 += 1;
                self.log.push(format!("{now}: {number} to {addr}, {}", pick.why().name()));
                self.in_flight.insert(number, (pick, addr));
            }
            Err(error) => self.log.push(format!("{now}: {number} refused, {error}")),
        }
        Ok(())
    }

    fn answer(&mut self, now: Instant, number: u64, outcome: &str) -> Result<(), String> {
        let outcome = [Outcome::Success, Outcome::Failure, Outcome::Abandoned]
            .into_iter()
            .find(|known| known.name() == outcome)
            .ok_or_else(|| format!("no outcome is called {outcome}"))?;
        let (balancer, _) = self.client.as_mut().ok_or("no endpoints yet")?;
        // One that was refused here has no answer.
        if let Some((pick, addr)) = self.in_flight.remove(&number) {
            balancer.report(now, pick, outcome);
            self.totals.entry(addr).or_default().1 += u32::from(outcome == Outcome::Failure);
        }
        Ok(())
    }

    /// Writes down what changed.
    fn tell(&mut self) {
        let Some((balancer, _)) = &mut self.client else { return };
        for event in balancer.events() {
            let addr = event.endpoint.and_then(|(_, addr)| addr).map_or("all", String::as_str);
            let until = event.kind.until().map(|until| format!(" until {until}"));
            let line =
                format!("{}: {addr} {}{}", event.at, event.kind.name(), until.unwrap_or_default());
            self.log.push(line);
        }
    }
}

fn parse(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word} is no number"))
}

#[test]
fn the_trace_shows_an_ejection_and_a_return() {
    let replay = Replay::of(TRACE).unwrap();
    let lines = |word: &str| replay.log.iter().filter(|line| line.contains(word)).count();
    assert_eq!((lines("added"), lines("ejected until"), lines("readmitted")), (3, 2, 1));
    assert_eq!(lines(", probe"), 2, "the first fails, the second succeeds");
    assert_eq!(replay.totals["10.0.0.2:80"].1, 4);
    assert_eq!(replay.totals.values().map(|(picks, _)| picks).sum::<u32>(), 60);
}

#[test]
fn wrong_lines_are_named() {
    let error = |trace| Replay::of(trace).err().unwrap();
    assert_eq!(error("0 endpoints a\n1 jump"), "line 2: what is [\"jump\"]?");
    assert_eq!(error("0 set speed 3"), "line 1: no setting is called speed");
    let most = "line 1: consecutive_failures is 70000; the most is 65535";
    assert_eq!(error("0 set consecutive_failures 70000"), most);
}
