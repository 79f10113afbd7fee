//! A day against a source that keeps its history for a while, compacts it, loses its end in a
//! restore, and fails at random; beside it the source's own set.

use std::collections::BTreeMap;

use evenkeel_core::rand_core::Rng;

use super::*;

/// A source: which keys are there, and at which revision each of its changes was.
struct Source {
    keys: BTreeMap<u64, u64>,
    /// Changes: the revision, the key, and its value if it is there since.
    log: Vec<(u64, u64, Option<u64>)>,
    revision: u64,
    compacted: u64,
}

impl Source {
    fn change(&mut self, key: u64, value: Option<u64>) {
        self.revision += 1;
        match value {
            Some(value) => drop(self.keys.insert(key, value)),
            None => drop(self.keys.remove(&key)),
        }
        self.log.push((self.revision, key, value));
    }

    /// Goes back in time.
    fn restore(&mut self, to: u64) {
        self.log.retain(|(revision, ..)| *revision <= to);
        self.revision = to;
        self.compacted = self.compacted.min(to);
        self.keys.clear();
        for (_, key, value) in &self.log {
            match value {
                Some(value) => drop(self.keys.insert(*key, *value)),
                None => drop(self.keys.remove(key)),
            }
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    lists: u32,
    watches: u32,
    events: u32,
    replays: u32,
    rewritten: u32,
}

/// Lives through a day. What is known is what the source has, at the end of each watch.
fn day(seed: u64) -> Tally {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = move |below: u64| random.next_u64() % below;
    let mut fixture = Fixture::new();
    fixture.rng = ChaCha8Rng::seed_from_u64(!seed);
    let mut source = Source { keys: BTreeMap::new(), log: Vec::new(), revision: 1, compacted: 0 };
    let (mut known, mut tally) = (BTreeMap::new(), Tally::default());
    // What the client knows was undone by a restore.
    let mut diverged = false;
    let end = fixture.now + Duration::from_secs(86_400);
    loop {
        let quiet = fixture.now >= end;
        for _ in 0..draw(4) {
            let value = (draw(3) > 0).then(|| draw(1_000));
            source.change(draw(20), value);
        }
        match if quiet { 99 } else { draw(100) } {
            0..5 => source.compacted = source.revision,
            5..8 => {
                let back = draw(5);
                source.restore(source.revision.saturating_sub(back).max(1));
                let cursor = fixture.machine.cursor();
                diverged |= cursor.is_some_and(|cursor| *cursor > source.revision);
            }
            _ => {}
        }
        let fault = if quiet { 99 } else { draw(100) };
        match fixture.due().0 {
            Due::List(id) => {
                tally.lists += 1;
                fixture.now = fixture.now + Duration::from_millis(draw(1_000));
                match fault {
                    0..10 => fixture.machine.on_fault(fixture.now, id, FAILED),
                    10..12 => fixture.machine.on_fault(fixture.now, id, ListWatchFault::Refused),
                    _ => {
                        let verdict = fixture.machine.on_list(fixture.now, id, source.revision);
                        assert_eq!(verdict, Believe);
                        known = source.keys.clone();
                        diverged = false;
                    }
                }
            }
            Due::Watch(id, from) => {
                tally.watches += 1;
                if fault < 10 {
                    fixture.machine.on_fault(fixture.now, id, FAILED);
                    continue;
                }
                // Where other changes hide a restore, the number of the cluster tells it.
                let hidden = diverged && from <= source.revision;
                if from < source.compacted || hidden {
                    fixture.machine.on_fault(fixture.now, id, ListWatchFault::Gone);
                    continue;
                }
                let created = fixture.machine.on_created(fixture.now, id, Some(&source.revision));
                assert_eq!(created, if source.revision < from { Drop } else { Believe });
                if created == Drop {
                    tally.rewritten += 1;
                    continue;
                }
                // Some of it is told twice.
                let replay = from.saturating_sub(draw(3));
                let log = source.log.iter().filter(|(revision, ..)| *revision > replay);
                for (revision, key, value) in log {
                    fixture.now = fixture.now + Duration::from_millis(draw(20_000));
                    match fixture.machine.on_events(fixture.now, id, *revision) {
                        Believe => {
                            assert!(*revision > from);
                            match value {
                                Some(value) => drop(known.insert(*key, *value)),
                                None => drop(known.remove(key)),
                            }
                            tally.events += 1;
                        }
                        Skip => tally.replays += 1,
                        Drop => panic!("the watch is alive"),
                    }
                }
                fixture.now = fixture.now + Duration::from_millis(draw(60_000));
                fixture.machine.on_fault(fixture.now, id, ListWatchFault::Ended);
                assert_eq!(known, source.keys, "{tally:?}");
                if quiet {
                    return tally;
                }
            }
        }
    }
}

#[test]
fn a_day_of_faults_restores_and_compactions_breaks_no_rule() {
    for seed in 0..16 {
        let tally = day(seed);
        let Tally { lists, watches, events, replays, rewritten } = tally;
        assert!(lists > 50 && watches > 500 && events > 500, "{tally:?}");
        assert!(replays > 100 && rewritten > 5, "{tally:?}");
        assert!(lists < watches, "most watches go on without a list: {tally:?}");
    }
}
