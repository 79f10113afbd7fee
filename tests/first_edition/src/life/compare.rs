//! What is compared after each step.

use core::time::Duration;

use first::health::Health;
use first::{EventKind, Instant};

use super::{Clash, Life, clash, same};
use crate::edition::{Addr, Event, Row};

impl Life<'_> {
    pub(super) fn compare(&mut self, told: bool) -> Result<(), Clash> {
        for (side, (rows, events)) in
            self.sides.iter_mut().zip(self.rows.iter_mut().zip(&mut self.events))
        {
            side.list(rows);
            side.events(events);
        }
        let timeouts = self.sides.each_ref().map(|side| side.poll_timeout());
        // What waits for the next pick may be visible in one already.
        let settled =
            timeouts.iter().all(|timeout| timeout.is_none_or(|timeout| timeout > self.latest));
        self.compare_rows(settled)?;
        if self.script.prompt && told && !settled {
            return Err(clash("still due", &timeouts[0], &timeouts[1]));
        }
        if settled {
            self.compare_events()?;
            self.compare_timeouts(timeouts)?;
        }
        Ok(())
    }

    fn compare_rows(&mut self, settled: bool) -> Result<(), Clash> {
        let [first, second] = &self.rows;
        self.gaps.retain(|gap| gap.1 >= self.now);
        if first == second {
            return Ok(());
        }
        same("endpoints", &first.len(), &second.len())?;
        for (one, other) in first.iter().zip(second) {
            let alike = Row { health: one.health, ..*other };
            let alike = if settled {
                alike
            } else {
                Row { candidacy: one.candidacy, weight: one.weight, ..alike }
            };
            if let (
                Health::Ejected { reason, until },
                Health::Ejected { reason: same, until: later },
            ) = (one.health, other.health)
                && !self.script.agreement.chance
                && reason == same
                && until != later
            {
                let gap = (until.min(later), until.max(later));
                if !self.gaps.contains(&gap) {
                    self.gaps.push(gap);
                }
            } else if one.health != other.health {
                return Err(clash("health", one, other));
            }
            if *one != alike {
                return Err(clash("endpoint", one, other));
            }
        }
        Ok(())
    }

    fn compare_events(&mut self) -> Result<(), Clash> {
        let [mut first, mut second] = self.events.each_mut().map(core::mem::take);
        for event in &first {
            self.tally.count(event.kind);
        }
        self.compare_panics(&first, &second)?;
        if first != second {
            self.compare_chances(&first, &second)?;
            for events in [&mut first, &mut second] {
                events.retain(|event| self.counts(event));
                // Slots say in which order several go.
                events.sort_by_key(|event| event.addr);
                if !self.script.agreement.chance {
                    events.iter_mut().for_each(forget_chance);
                }
            }
            same("events", &first, &second)?;
        }
        // The lists keep their memory.
        first.clear();
        second.clear();
        self.events = [first, second];
        Ok(())
    }

    /// Whether events of this kind have to be the same one by one.
    fn counts(&self, event: &Event) -> bool {
        match event.kind {
            EventKind::PanicOn | EventKind::PanicOff => false,
            // The address of one that left may be forgotten, if its slot is given to another.
            EventKind::Removed => self.script.agreement.slots,
            // One that is ejected gets it only where its own time is shorter.
            EventKind::Overloaded { .. } => {
                self.script.agreement.chance || !self.ejected(event.addr)
            }
            _ => true,
        }
    }

    fn ejected(&self, addr: Option<Addr>) -> bool {
        let row = self.rows[0].iter().find(|row| Some(row.endpoint.addr) == addr);
        row.is_some_and(|row| matches!(row.health, Health::Ejected { .. }))
    }

    /// Each panic where everything is done at once; otherwise how it stands in the end.
    fn compare_panics(&mut self, first: &[Event], second: &[Event]) -> Result<(), Clash> {
        let panics = |events: &[Event]| -> Vec<(Instant, EventKind)> {
            let kinds = events
                .iter()
                .filter(|event| matches!(event.kind, EventKind::PanicOn | EventKind::PanicOff));
            kinds.map(|event| (event.at, event.kind)).collect()
        };
        let (first, second) = (panics(first), panics(second));
        for (panic, panics) in self.panic.iter_mut().zip([&first, &second]) {
            *panic = panics.last().map_or(*panic, |last| last.1 == EventKind::PanicOn);
        }
        if self.script.prompt {
            return same("panic", &first, &second);
        }
        same("panic in the end", &self.panic[0], &self.panic[1])
    }

    /// Ejections of another length are due to jitter.
    ///
    /// Of one that is down, only the event tells.
    fn compare_chances(&mut self, first: &[Event], second: &[Event]) -> Result<(), Clash> {
        let Some(rules) =
            self.script.settings.config.outlier_detection.filter(|_| !self.script.agreement.chance)
        else {
            return Ok(());
        };
        let times = |events: &[Event]| -> Vec<(Option<Addr>, Instant, Instant)> {
            let time = |event: &Event| match event.kind {
                EventKind::Ejected { until, .. } => Some((event.addr, event.at, until)),
                _ => None,
            };
            let mut times: Vec<_> = events.iter().filter_map(time).collect();
            times.sort_unstable();
            times
        };
        for (one, other) in times(first).into_iter().zip(times(second)) {
            let ((addr, at, until), later) = (one, other.2);
            if (addr, at) != (other.0, other.1) {
                // That is told with the events.
                return Ok(());
            }
            self.gaps.push((until.min(later), until.max(later)));
            let (short, long) =
                (until.min(later).saturating_since(at), until.max(later).saturating_since(at));
            // Rounded.
            let jitter = rules.max_ejection_jitter + Duration::from_nanos(1);
            if long > short + jitter {
                return Err(clash("time of an ejection", &one, &other));
            }
        }
        Ok(())
    }

    fn compare_timeouts(&self, timeouts: [Option<Instant>; 2]) -> Result<(), Clash> {
        if self.script.agreement.timeouts && self.script.agreement.chance {
            same("timeout", &timeouts[0], &timeouts[1])?;
        }
        for (timeout, rows) in timeouts.iter().zip(&self.rows) {
            let due = rows.iter().filter_map(due).min();
            if let Some(due) = due
                && timeout.is_none_or(|timeout| timeout > due)
            {
                return Err(clash("timeout after what is due", &timeouts, &due));
            }
        }
        Ok(())
    }
}

/// Ejections are ended by intervals.
fn due(row: &Row) -> Option<Instant> {
    match row.health {
        Health::Overloaded { until } | Health::Probing { until } => Some(until),
        _ => None,
    }
}

fn forget_chance(event: &mut Event) {
    if let EventKind::Ejected { until, .. } = &mut event.kind {
        *until = Instant::ZERO;
    }
}
