//! A day against a source that keeps its history for a while, compacts it, loses its end in a
//! restore, hangs, and fails at random; beside it the source's own set, and a model of the rules.

mod model;
mod source;

use std::collections::BTreeMap;

use evenkeel_core::rand_core::Rng;

use super::*;
use model::Model;
use source::{Change, Source};

#[derive(Debug, Default)]
struct Tally {
    lists: u32,
    watches: u32,
    events: u32,
    replays: u32,
    rewritten: u32,
    /// Lists and watches that were given up before they brought anything.
    hung: u32,
    /// Watches that were given up because they said nothing any more.
    silent: u32,
    /// Words of lists and watches that had ended.
    late: u32,
    /// Waits that the caller's refresh cut short.
    hurried: u32,
    /// Waits that it could not, because the source had asked for them.
    held: u32,
}

/// The list or watch that is under way, as the source sees it.
enum Way {
    List(QueryId),
    Watch {
        id: QueryId,
        from: u64,
        /// What was told up to now: where the next events begin.
        told: u64,
        begun: bool,
    },
}

impl Way {
    fn id(&self) -> QueryId {
        match *self {
            Self::List(id) | Self::Watch { id, .. } => id,
        }
    }
}

struct Day {
    fixture: Fixture,
    random: ChaCha8Rng,
    model: Model,
    source: Source,
    way: Option<Way>,
    /// The connection is dead, and nobody was told.
    dead: bool,
    /// Lists and watches that have ended.
    ended: Vec<QueryId>,
    known: BTreeMap<u64, u64>,
    /// What is known was undone by a restore.
    diverged: bool,
    tally: Tally,
}

impl Day {
    fn new(seed: u64) -> Self {
        let fixture = Fixture { rng: ChaCha8Rng::seed_from_u64(!seed), ..Fixture::new() };
        Self {
            model: Model::new(fixture.now),
            fixture,
            random: ChaCha8Rng::seed_from_u64(seed),
            source: Source::default(),
            way: None,
            dead: false,
            ended: Vec::new(),
            known: BTreeMap::new(),
            diverged: false,
            tally: Tally::default(),
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random.next_u64() % below
    }

    fn sleep(&mut self, millis: u64) {
        self.fixture.now = self.fixture.now + Duration::from_millis(millis);
    }

    /// Lives until the day is over and what is known is what the source has.
    fn live(mut self) -> Tally {
        let end = self.fixture.now + Duration::from_secs(86_400);
        loop {
            let step = self.fixture.poll();
            let now = self.fixture.now;
            self.model.step(now, &step, self.way.as_ref().map(Way::id));
            match step {
                ListWatchStep::List { id, .. } => {
                    self.tally.lists += 1;
                    self.way = Some(Way::List(id));
                    self.dead = now < end && self.draw(20) == 0;
                }
                ListWatchStep::Watch { id, from, .. } => {
                    self.tally.watches += 1;
                    let told = from.saturating_sub(self.draw(3));
                    self.way = Some(Way::Watch { id, from, told, begun: false });
                    self.dead = now < end && self.draw(20) == 0;
                }
                ListWatchStep::Cancel { id } => {
                    let begun = matches!(self.way, Some(Way::Watch { begun: true, .. }));
                    *(if begun { &mut self.tally.silent } else { &mut self.tally.hung }) += 1;
                    self.ends(id);
                }
                ListWatchStep::Wait(until) => {
                    let until = until.expect("it was not closed");
                    if now < end {
                        self.lives_a_while(until);
                    } else if self.ends_well(until) {
                        return self.tally;
                    }
                }
            }
            assert_eq!(self.fixture.machine.cursor(), self.model.cursor.as_ref());
        }
    }

    /// Something happens, at the latest when the machine wants to be polled, or after that.
    fn lives_a_while(&mut self, until: Instant) {
        self.source_lives();
        let wait = until.saturating_since(self.fixture.now).as_millis();
        let wait = u64::try_from(wait).unwrap();
        match self.draw(16) {
            // The caller sleeps as it should, or too long.
            0 => self.fixture.now = until,
            1 => {
                let too_long = self.draw(100_000);
                self.sleep(wait + too_long);
            }
            2..5 => {
                let percent = self.draw(100);
                self.sleep(wait * percent / 100);
                self.refreshes();
            }
            5 => self.says_late(),
            _ if self.way.is_none() || self.dead => self.fixture.now = until,
            _ => {
                // Words come soon, most of the time, and now and then after they should have.
                let within = if self.draw(8) == 0 { wait + 10_000 } else { 2_000.min(wait + 1) };
                let time = self.draw(within);
                self.sleep(time);
                self.says();
            }
        }
    }

    /// Nothing fails any more; `true`: a watch has told all.
    fn ends_well(&mut self, until: Instant) -> bool {
        match self.way {
            _ if self.dead => self.fixture.now = until,
            None => self.fixture.now = until,
            Some(Way::List(id)) => self.lists(id),
            Some(Way::Watch { .. }) => {
                self.tells();
                return self.way.is_some();
            }
        }
        false
    }

    fn source_lives(&mut self) {
        for _ in 0..self.draw(2) {
            let value = (self.draw(3) > 0).then(|| self.draw(1_000));
            let key = self.draw(20);
            self.source.changes(key, value);
        }
        match self.draw(200) {
            0..5 => self.source.compacts(),
            5..8 => {
                let back = self.draw(5);
                self.source.restores(back);
                self.diverged |=
                    self.model.cursor.is_some_and(|known| known > self.source.revision);
                // No connection outlives it.
                self.dead = true;
            }
            _ => {}
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

    /// A list or watch that has ended brings something, which counts for nothing.
    fn says_late(&mut self) {
        if self.ended.is_empty() {
            return;
        }
        let which = self.draw(self.ended.len() as u64);
        let id = self.ended[usize::try_from(which).unwrap()];
        let cursor = self.draw(2 * self.source.revision + 1);
        let what = self.draw(6);
        let fault = self.draws_fault();
        let Fixture { machine, now, .. } = &mut self.fixture;
        let verdict = match what {
            0 => machine.on_list(*now, id, cursor),
            1 => machine.on_created(*now, id, Some(&cursor)),
            2 => machine.on_events(*now, id, cursor),
            3 => machine.on_progress(*now, id, Some(cursor)),
            _ => {
                machine.on_fault(*now, id, fault);
                Drop
            }
        };
        assert_eq!(verdict, Drop);
        self.tally.late += 1;
    }

    /// What is under way brings something, or ends.
    fn says(&mut self) {
        let Some(way) = &self.way else { return };
        let id = way.id();
        if self.draw(10) == 0 {
            let fault = self.draws_fault();
            self.fails(id, fault);
            return;
        }
        let progress = self.draw(3) == 0;
        match self.way {
            Some(Way::List(id)) => self.lists(id),
            Some(Way::Watch { begun: true, .. }) if progress => self.progresses(id),
            _ => self.tells(),
        }
    }

    fn draws_fault(&mut self) -> ListWatchFault {
        // Now and then the source asks for far too much.
        let most = if self.draw(100) == 0 { 10_000 } else { 100 };
        let wait = Duration::from_secs(self.draw(most));
        match self.draw(8) {
            0 => ListWatchFault::Gone,
            1..4 => ListWatchFault::Ended,
            4 => ListWatchFault::Refused,
            5..7 => ListWatchFault::Failed { retry_after: Some(wait) },
            _ => FAILED,
        }
    }

    fn fails(&mut self, id: QueryId, fault: ListWatchFault) {
        self.fixture.machine.on_fault(self.fixture.now, id, fault);
        self.model.fault(self.fixture.now, fault);
        self.ends(id);
        // Before the machine is polled again.
        if self.draw(10) == 0 {
            self.refreshes();
        }
    }

    fn ends(&mut self, id: QueryId) {
        self.way = None;
        // The last few are remembered.
        if self.ended.len() == 4 {
            self.ended.remove(0);
        }
        self.ended.push(id);
    }

    fn lists(&mut self, id: QueryId) {
        let cursor = self.source.revision;
        assert_eq!(self.fixture.machine.on_list(self.fixture.now, id, cursor), Believe);
        self.model.listed(self.fixture.now, cursor);
        self.ends(id);
        self.known = self.source.keys.clone();
        self.diverged = false;
    }

    /// A watch says that it is alive, and that it has told all up to a cursor.
    fn progresses(&mut self, id: QueryId) {
        let Some(Way::Watch { told, .. }) = self.way else { return };
        let cursor = (self.draw(2) == 0).then_some(told);
        assert_eq!(self.fixture.machine.on_progress(self.fixture.now, id, cursor), Believe);
        self.model.progress(self.fixture.now, cursor);
    }

    /// A watch begins, if it has not, and tells all that there is.
    fn tells(&mut self) {
        let Some(Way::Watch { id, from, mut told, begun }) = self.way else { return };
        // Where other changes hide a restore, the number of the cluster tells it.
        let hidden = self.diverged && from <= self.source.revision;
        if !begun && (from < self.source.compacted || hidden) {
            self.fails(id, ListWatchFault::Gone);
            return;
        }
        if !begun {
            let (now, at) = (self.fixture.now, self.source.revision);
            let verdict = self.fixture.machine.on_created(now, id, Some(&at));
            let believed = self.model.created(now, at);
            assert_eq!(verdict, if believed { Believe } else { Drop });
            if !believed {
                self.tally.rewritten += 1;
                self.ends(id);
                return;
            }
        }
        for Change { revision, key, value } in self.source.since(told) {
            told = revision;
            let verdict = self.fixture.machine.on_events(self.fixture.now, id, revision);
            let believed = self.model.events(self.fixture.now, revision);
            assert_eq!(verdict, if believed { Believe } else { Skip });
            if believed {
                self.tally.events += 1;
                source::apply(&mut self.known, key, value);
            } else {
                self.tally.replays += 1;
            }
        }
        self.way = Some(Way::Watch { id, from, told, begun: true });
        assert_eq!(self.known, self.source.keys, "{:?}", self.tally);
    }
}

#[test]
fn a_day_of_faults_restores_and_compactions_breaks_no_rule() {
    for seed in 0..16 {
        let tally = Day::new(seed).live();
        let Tally { lists, watches, events, replays, rewritten, .. } = tally;
        assert!(lists > 50 && watches > 500 && events > 500, "{tally:?}");
        assert!(replays > 100 && rewritten > 5, "{tally:?}");
        assert!(lists < watches, "most watches go on without a list: {tally:?}");
        let Tally { hung, silent, late, hurried, held, .. } = tally;
        assert!(hung > 50 && silent > 50 && late > 100, "{tally:?}");
        assert!(hurried > 50 && held > 5, "{tally:?}");
    }
}
