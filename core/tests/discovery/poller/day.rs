//! A day against a source that fails at random, beside a model of its rules.

use evenkeel_core::discovery::MAX_RETRY_AFTER;
use evenkeel_core::rand_core::Rng;

use super::*;

const MAX_STALE: Duration = Duration::from_secs(600);

/// What the rules say.
struct Model {
    /// The next query comes in here.
    earliest: Instant,
    latest: Instant,
    /// Where it was before somebody wanted it earlier, and whether that made it earlier for sure.
    planned: Option<(Instant, Instant, bool)>,
    started: Instant,
    /// The source asked not to be asked before.
    not_before: Instant,
    failures: u32,
    last_ok: Option<Instant>,
    health: SourceHealth,
    told: Vec<SourceHealth>,
}

impl Model {
    /// The next query comes so much later, give or take tenths of it.
    fn waits(&mut self, now: Instant, wait: Duration, least: u32, most: u32) {
        self.earliest = now + wait / 10 * least;
        // Tenths are rounded down.
        self.latest = now + wait / 10 * most + Duration::from_nanos(20);
    }

    fn backoff(&self) -> Duration {
        secs(1).saturating_mul(2_u32.saturating_pow(self.failures - 1)).min(secs(60))
    }

    fn fail(&mut self, now: Instant) {
        self.failures += 1;
        if self.health == SourceHealth::Fresh {
            self.health = SourceHealth::Stale { since: now };
        }
    }

    fn answered(&mut self, now: Instant, answer: Answer) {
        let planned = self.planned.take();
        let asked = match answer {
            Answer::Ok { retry_after, .. }
            | Answer::Empty { retry_after, .. }
            | Answer::Fail { retry_after } => retry_after,
        };
        if let Some(asked) = asked {
            self.not_before = now + asked.min(MAX_RETRY_AFTER);
        }
        self.wait_after(now, answer);
        if let Some((earliest, latest, surely)) = planned
            && !matches!(answer, Answer::Ok { .. })
            && asked.is_none()
        {
            let gap = self.soonest(self.started + secs(1));
            self.earliest = self.earliest.min(earliest.max(gap));
            if surely {
                self.latest = self.latest.min(latest.max(gap));
            }
        }
    }

    fn wait_after(&mut self, now: Instant, answer: Answer) {
        let asked = self.not_before.saturating_since(now);
        match answer {
            Answer::Ok { ttl, .. } => {
                (self.failures, self.last_ok, self.health) = (0, Some(now), SourceHealth::Fresh);
                let ttl = ttl.filter(|ttl| !ttl.is_zero()).unwrap_or(secs(30));
                self.waits(now, ttl.clamp(secs(5), secs(300)).max(asked), 10, 11);
            }
            Answer::Empty { negative_ttl: Some(ttl), .. } => {
                self.fail(now);
                self.waits(now, ttl.clamp(secs(5), secs(60)).max(asked), 10, 11);
            }
            Answer::Empty { negative_ttl: None, .. } | Answer::Fail { .. } => {
                self.fail(now);
                self.waits(now, self.backoff(), 8, 12);
                if asked > self.backoff() / 10 * 8 {
                    self.waits(now, self.backoff().max(asked), 10, 11);
                }
            }
        }
    }

    /// Returns `at`, or the end of the wait that the source asked for.
    fn soonest(&self, at: Instant) -> Instant {
        at.max(self.not_before)
    }

    /// Whoever wants it earlier has it from this time on.
    fn hurried(&mut self, soonest: Instant) {
        if soonest < self.latest {
            self.planned.get_or_insert((self.earliest, self.latest, soonest < self.earliest));
        }
        (self.earliest, self.latest) = (self.earliest.min(soonest), self.latest.min(soonest));
    }

    fn polled(&mut self, now: Instant) {
        if self.expiry().is_some_and(|expiry| now >= expiry) {
            self.health = SourceHealth::Expired;
        }
        if self.told.last().copied().unwrap_or(SourceHealth::Pending) != self.health {
            self.told.push(self.health);
        }
    }

    fn expiry(&self) -> Option<Instant> {
        let stale = matches!(self.health, SourceHealth::Stale { .. });
        self.last_ok.filter(|_| stale).map(|last| last + MAX_STALE)
    }
}

#[derive(Debug, Default)]
struct Tally {
    queries: u32,
    canceled: u32,
    hurried: u32,
    late: u32,
    expired: usize,
}

/// Draws what the source says.
fn answer(fails: bool, draw: &mut impl FnMut(u64) -> u64) -> Answer {
    // Now and then the source asks for far too much.
    let most = if draw(300) == 0 { 10_000 } else { 100 };
    let retry_after = (draw(2) == 0).then(|| secs(draw(most)));
    match if fails { draw(5) } else { 5 + draw(20) } {
        0 => EMPTY,
        1 => Answer::Empty { negative_ttl: Some(secs(1 + draw(100))), retry_after },
        2..5 => Answer::Fail { retry_after },
        _ => Answer::Ok {
            ttl: (draw(2) == 0).then(|| secs(draw(400))),
            retry_after: retry_after.filter(|_| draw(20) == 0),
        },
    }
}

fn day(seed: u64) -> Tally {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = move |below: u64| random.next_u64() % below;
    let config = PollerConfig { max_stale: Some(MAX_STALE), ..PollerConfig::default() };
    let mut fixture = Fixture::new(config);
    fixture.rng = ChaCha8Rng::seed_from_u64(!seed);
    let begin = fixture.now;
    let mut model = Model {
        earliest: begin,
        latest: begin,
        planned: None,
        started: begin,
        not_before: begin,
        failures: 0,
        last_ok: None,
        health: SourceHealth::Pending,
        told: Vec::new(),
    };
    let (mut tally, mut last, mut said) = (Tally::default(), None, None);
    // An outage is a time in which all fails.
    let mut outage = begin;
    loop {
        model.polled(fixture.now);
        let step = said.take().unwrap_or_else(|| fixture.next());
        assert_eq!(fixture.told, model.told, "{tally:?}");
        let (id, deadline) = match step {
            PollerStep::Query { id, deadline } => (id, deadline),
            PollerStep::Wait(Some(until)) => {
                assert!(until > fixture.now, "no wait of no time");
                let most = model.expiry().map_or(model.latest, |expiry| model.latest.min(expiry));
                assert!(until <= most, "until {until}, not {most}: {tally:?}");
                let wait = until.saturating_since(fixture.now);
                // Somebody wants it earlier, an answer of yesterday comes, or the caller oversleeps.
                match draw(20) {
                    hurry @ 0..2 => {
                        fixture.sleep(wait / 100 * u32::try_from(draw(100)).unwrap());
                        model.polled(fixture.now);
                        let mut soonest = fixture.now;
                        if hurry == 0 {
                            fixture.poller.on_news(fixture.now);
                        } else {
                            fixture.poller.refresh(fixture.now);
                            soonest = model.soonest(soonest.max(model.started + secs(1)));
                        }
                        model.hurried(soonest);
                        tally.hurried += 1;
                    }
                    2 => {
                        let late = last.is_some_and(|id| fixture.poller.on_result(until, id, OK));
                        assert!(!late, "it was answered already");
                        tally.late += 1;
                        fixture.now = until;
                    }
                    3 => fixture.now = until + secs(draw(1_000)),
                    _ => fixture.now = until,
                }
                continue;
            }
            step => panic!("{step:?}: it was not closed"),
        };
        tally.queries += 1;
        assert!(fixture.now >= model.earliest, "at {}: {tally:?}", fixture.now);
        assert_eq!(deadline, fixture.now + secs(10));
        (model.started, last) = (fixture.now, Some(id));

        let quiet = fixture.now >= begin + secs(86_400);
        if draw(200) == 0 {
            outage = fixture.now + secs(draw(3_600));
        }
        let fails = !quiet && fixture.now < outage;
        let again = draw(10) == 0;
        if !quiet && draw(if fails { 3 } else { 30 }) == 0 {
            // It hangs: polled at its deadline, or later.
            fixture.now = deadline + secs(draw(3));
            model.answered(fixture.now, FAIL);
            model.polled(fixture.now);
            let canceled = fixture.canceled.len();
            said = Some(fixture.next());
            assert_eq!(fixture.canceled[canceled..], [id]);
            assert!(!fixture.poller.on_result(fixture.now, id, OK), "its payload is dropped");
            tally.canceled += 1;
            continue;
        }
        if again {
            fixture.poller.refresh(fixture.now);
        }
        fixture.sleep(millis(1 + draw(9_000)));
        let answer = answer(fails, &mut draw);
        fixture.answer(id, answer);
        model.answered(fixture.now, answer);
        if again {
            model.hurried(model.soonest(fixture.now.max(model.started + secs(1))));
        }
        if quiet {
            assert_eq!(fixture.poller.health(), SourceHealth::Fresh);
            tally.expired = model.told.iter().filter(|of| **of == SourceHealth::Expired).count();
            return tally;
        }
    }
}

#[test]
fn a_day_of_faults_breaks_no_rule_and_ends_well() {
    let mut expired = 0;
    for seed in 0..16 {
        let tally = day(seed);
        assert!((300..3_000).contains(&tally.queries) && tally.canceled > 10, "{tally:?}");
        assert!(tally.hurried > 30 && tally.late > 10, "{tally:?}");
        expired += tally.expired;
    }
    assert!(expired > 20, "{expired}");
}
