//! A day against a server that is restored, loses its index, hangs, and fails at random; beside it
//! a model of the rules.

mod model;

use evenkeel_core::rand_core::Rng;

use super::*;
use model::Model;

/// What happened in a day.
#[derive(Debug, Default)]
struct Tally {
    fetches: u32,
    published: u32,
    rewound: u32,
    failed: u32,
    /// Questions that were given up.
    hung: u32,
    /// Answers to questions that had ended.
    late: u32,
    /// Waits that the caller's refresh cut short.
    hurried: u32,
    /// Waits that it could not, because the source had asked for them.
    held: u32,
}

struct Day {
    fixture: Fixture,
    random: ChaCha8Rng,
    model: Model,
    /// What the server has, and what is known of that.
    server: u64,
    known: Option<u64>,
    /// The server says which index that is.
    says_index: bool,
    asked: Option<(QueryId, Option<u64>)>,
    /// The question under way is never answered.
    dead: bool,
    /// The question before it.
    before: Option<QueryId>,
    tally: Tally,
}

impl Day {
    fn new(seed: u64) -> Self {
        let fixture = Fixture { rng: ChaCha8Rng::seed_from_u64(!seed), ..Fixture::new() };
        Self {
            model: Model::new(fixture.now),
            fixture,
            random: ChaCha8Rng::seed_from_u64(seed),
            server: 10,
            known: None,
            says_index: true,
            asked: None,
            dead: false,
            before: None,
            tally: Tally::default(),
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random.next_u64() % below
    }

    fn sleep(&mut self, millis: u64) {
        self.fixture.now = self.fixture.now + Duration::from_millis(millis);
    }

    /// Lives until the day is over and what is known is what the server has.
    fn live(mut self) -> Tally {
        let end = self.fixture.now + Duration::from_secs(86_400);
        loop {
            let step = self.fixture.poll();
            let now = self.fixture.now;
            self.model.step(now, &step, self.asked.map(|(id, _)| id));
            match step {
                LongPollStep::Fetch { id, index, .. } => {
                    self.tally.fetches += 1;
                    self.asked = Some((id, index));
                    self.dead = now < end && self.draw(15) == 0;
                    self.server_lives(now < end);
                }
                LongPollStep::Cancel { .. } => {
                    self.tally.hung += 1;
                    self.before = self.asked.take().map(|(id, _)| id);
                }
                LongPollStep::Wait(until) => {
                    let until = until.expect("it was not closed");
                    if now < end {
                        self.lives_a_while(until);
                    } else if self.ends_well(until) {
                        return self.tally;
                    }
                }
            }
        }
    }

    fn server_lives(&mut self, changes: bool) {
        match if changes { self.draw(100) } else { 99 } {
            0..20 => self.server += 1 + self.draw(3),
            20..32 => self.server = self.draw(self.server + 1),
            32 => self.says_index = !self.says_index,
            _ => {}
        }
    }

    /// Something happens, at the latest when the machine wants to be polled, or after that.
    fn lives_a_while(&mut self, until: Instant) {
        let wait = until.saturating_since(self.fixture.now).as_millis();
        let wait = u64::try_from(wait).unwrap();
        match self.draw(16) {
            0 => {
                let too_long = self.draw(100_000);
                self.sleep(wait + too_long);
            }
            1..4 => {
                let percent = self.draw(100);
                self.sleep(wait * percent / 100);
                self.refreshes();
            }
            4 => self.answers_late(),
            _ if self.asked.is_none() || self.dead => self.fixture.now = until,
            _ => {
                let within = match self.draw(8) {
                    // After it should have come, and nobody has looked.
                    0 => wait + 1_000,
                    1..6 => 10,
                    _ => wait + 1,
                };
                let time = self.draw(within);
                self.sleep(time);
                let answer = self.draws_answer();
                let _ = self.answers(answer);
            }
        }
    }

    /// Nothing fails any more; `true`: what the server has is known.
    fn ends_well(&mut self, until: Instant) -> bool {
        if self.asked.is_none() || self.dead {
            self.fixture.now = until;
            return false;
        }
        let verdict = self.answers(ok(self.server));
        matches!(verdict, Publish | Unchanged) && {
            assert_eq!(self.known, Some(self.server));
            true
        }
    }

    fn refreshes(&mut self) {
        let now = self.fixture.now;
        self.fixture.machine.refresh(now);
        match self.model.refresh(now) {
            Some(true) => self.tally.hurried += 1,
            Some(false) => self.tally.held += 1,
            None => {}
        }
    }

    /// An answer to a question that was answered or given up counts for nothing.
    fn answers_late(&mut self) {
        let Some(id) = self.before else { return };
        let answer = self.draws_answer();
        assert_eq!(self.fixture.machine.on_result(self.fixture.now, id, answer), Late);
        self.tally.late += 1;
    }

    fn draws_answer(&mut self) -> LongPollAnswer {
        // Now and then the server asks for far too much.
        let most = if self.draw(100) == 0 { 10_000 } else { 100 };
        let wait = Duration::from_secs(self.draw(most));
        let index = self.says_index.then_some(self.server);
        match self.draw(20) {
            0 | 1 => FAIL,
            2 | 3 => LongPollAnswer::Fail { retry_after: Some(wait) },
            4 => LongPollAnswer::Refused,
            // It is asked with a tag, too, and that is still the same.
            5 if self.known == Some(self.server) => LongPollAnswer::Same { index },
            _ => LongPollAnswer::Ok { index },
        }
    }

    fn answers(&mut self, answer: LongPollAnswer) -> LongPollVerdict {
        let now = self.fixture.now;
        let (id, asked) = self.asked.take().expect("a question is under way");
        self.before = Some(id);
        let verdict = self.fixture.machine.on_result(now, id, answer);
        assert_eq!(verdict, self.model.answered(now, answer), "{answer:?} to {asked:?}");
        self.tally.published += u32::from(verdict == Publish);
        self.tally.rewound += u32::from(verdict == Rewound);
        self.tally.failed += u32::from(verdict == Failed);
        if verdict == Publish {
            self.known = Some(self.server);
        }
        // Before the machine is polled again.
        if self.draw(10) == 0 {
            self.refreshes();
        }
        verdict
    }
}

#[test]
fn a_day_of_faults_ends_with_what_the_server_has_and_breaks_no_rule() {
    for seed in 0..16 {
        let tally = Day::new(seed).live();
        let Tally { fetches, published, rewound, failed, .. } = tally;
        // Four at once, and one in 5 s.
        assert!((1_000..17_284).contains(&fetches), "{tally:?}");
        assert!(published > 200 && rewound > 20 && failed > 200, "{tally:?}");
        let Tally { hung, late, hurried, held, .. } = tally;
        assert!(hung > 50 && late > 100, "{tally:?}");
        assert!(hurried > 50 && held > 10, "{tally:?}");
    }
}
