//! Exports what was learned, and goes on with it.

use super::place::warm_at;
use super::{Cluster, RulesOf};
use crate::endpoint::Address;
use crate::health::{
    self, Calm, Effect, Facts, HealthRow, Import, LONGEST, MOST_LEFT, Rounds, Rules,
};
use crate::kit::{GROUPS, Kit};
use crate::load::{Estimate, Load};
use crate::part::Part;
use crate::row::Row;
use crate::set::Set;
use crate::settings::Book;
use crate::slot::Slot;
use crate::slow_start::WarmAt;
use crate::state::{ImportError, Imported, LastTurn, Latency, Learned, State};
use crate::store::{List, Store};
use crate::time::{Instant, nanos, nanos_of_ticks, ticks_of_nanos};

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
    /// Returns what was learned of the endpoints, to be kept. It does not say who had the last
    /// turn. O(n log n)
    pub fn export(&self, now: Instant) -> State<A, St> {
        self.export_with(now, [const { None }; GROUPS])
    }

    /// Does the same for a shell that keeps answer times itself: `estimate` returns that of an
    /// endpoint. [`State::latencies`] gives them back.
    pub fn export_estimates(
        &self,
        now: Instant,
        estimate: impl Fn(Slot) -> Option<Estimate>,
    ) -> State<A, St> {
        let estimate = |index| self.live(index).and_then(&estimate).unwrap_or(Estimate::NONE);
        self.export_all(now, [const { None }; GROUPS], |index, _| estimate(index))
    }

    /// Does the same, with who had the last turn.
    pub(crate) fn export_with(
        &self,
        now: Instant,
        turns: [Option<LastTurn<A>>; GROUPS],
    ) -> State<A, St> {
        self.export_all(now, turns, |_, own| own)
    }

    fn export_all(
        &self,
        now: Instant,
        turns: [Option<LastTurn<A>>; GROUPS],
        estimate: impl Fn(usize, Estimate) -> Estimate,
    ) -> State<A, St> {
        // A clock that is behind has not moved.
        let now = now.or_later(self.last);
        let mut endpoints: St::List<Learned<A>> = List::NEW;
        for index in self.by_address() {
            let Some(row) = self.rows.get(index) else { continue };
            let Some(endpoint) = row.endpoint() else { continue };
            let Estimate { nanos, stamp } = estimate(index, row.hot.load.estimate());
            let age = nanos_of_ticks(now.since(stamp)).min(LONGEST);
            let latency = (nanos > 0).then_some(Latency { nanos: nanos.min(LONGEST), age });
            let health = row.watched().and_then(|health| health::export(health, now));
            let warming = match warm_at(row, &self.settings) {
                WarmAt::Then(end) if !self.settings.slow_start().is_zero() => {
                    nanos_of_ticks(end.since(now)).min(LONGEST)
                }
                WarmAt::Now | WarmAt::Then(_) | WarmAt::Out => 0,
            };
            if latency.is_some() || health.is_some() || warming > 0 {
                // The list has the capacity of the set.
                let addr = endpoint.addr.clone();
                let _ = endpoints.try_push(Learned { addr, latency, health, warming });
            }
        }
        State::new(endpoints, turns, self.rounds(now))
    }

    fn rounds(&self, now: Instant) -> Rounds {
        self.watch.get().map_or(Rounds::default(), |watch| Rounds {
            interval_left: watch
                .interval_end
                .map(|end| nanos_of_ticks(end.since(now)).min(MOST_LEFT)),
            next_probe: watch.next_probe,
            draws: watch.memory.draws,
            longest: watch.memory.longest,
            calm: watch.calm.export(now),
        })
    }

    /// Goes on with what is known in `state`, except of endpoints of which something was reported
    /// here: that is newer. O(n log n)
    ///
    /// # Errors
    /// [`ImportError`] for a state that cannot be used. Nothing changes.
    pub fn import<T: Store>(
        &mut self,
        now: Instant,
        state: &State<A, T>,
    ) -> Result<Imported, ImportError> {
        state.check()?;
        let (mut addresses, mut known) = (0, false);
        let mut look = |addr| {
            addresses += 1;
            known |= self.find(addr).is_some();
        };
        state.endpoints.iter().for_each(|learned| look(&learned.addr));
        state.turns.iter().flatten().for_each(|turn| look(&turn.addr));
        // The one endpoint that had the last turn may have left, where nothing else is known.
        if !state.is_empty() && !known || self.is_empty() && addresses > 0 {
            return Err(ImportError::Foreign { addresses, set: self.len() });
        }
        self.follow_clock(now);
        let (mut imported, mut ejected) = (Imported::default(), self.limited());
        for learned in state.endpoints.iter() {
            self.import_one(state, learned, &mut imported, &mut ejected);
        }
        if imported.kept == 0 {
            self.go_on(now, state.age, state.rounds);
        }
        if imported.endpoints > 0 {
            self.await_all();
        }
        self.place_all();
        self.finish();
        self.handle_timeout(now);
        Ok(imported)
    }

    /// Has all heard anew of which nothing is known, if any is ejected: whether they answered since
    /// is not known, either.
    fn await_all(&mut self) {
        let health = |index: usize| self.rows.get(index).and_then(Row::watched);
        let ours = RulesOf::<S>::book(&self.settings) == Book::Evenkeel;
        if !ours || !(0..self.rows.len()).filter_map(health).any(HealthRow::ejected) {
            return;
        }
        for index in 0..self.rows.len() {
            let Some(slot) = self.live(index) else { continue };
            let Some(mut row) = self.row_mut(slot) else { continue };
            row.change::<St, _>(|row| {
                if row.blank() {
                    row.await_answer();
                }
            });
        }
    }

    fn import_one<T: Store>(
        &mut self,
        state: &State<A, T>,
        learned: &Learned<A>,
        imported: &mut Imported,
        ejected: &mut u32,
    ) {
        let (now, age) = (self.last, state.age);
        let Some(slot) = self.find(&learned.addr) else {
            imported.unknown += 1;
            return;
        };
        let (window, tuning) = (self.settings.slow_start(), self.tuning);
        let Some(mut row) = self.row_mut(slot) else { return };
        let blank = row.as_row().watched().is_none_or(HealthRow::blank);
        let counts = row.as_row().counts();
        let unknown = row.hot.load.estimate() == Estimate::NONE;
        if !blank || !unknown || counts != crate::counts::Counts::default() {
            imported.kept += 1;
            return;
        }
        imported.endpoints += 1;
        if let Some(Latency { nanos, age: before }) = learned.latency {
            row.hot.load.set_estimate(L::recall(&tuning, nanos, before.saturating_add(age), now));
        }
        if !window.is_zero() && row.as_row().warm_at() != WarmAt::Out {
            let left = learned.warming.saturating_sub(age).min(nanos(window));
            row.set_warm_at(WarmAt::Then(now.later(ticks_of_nanos(left))));
        }
        if let Some(record) = &learned.health {
            let intervals = state.rounds.interval_left.is_some();
            let import = Import { age, intervals, ejected: *ejected };
            let effect = self.alter(slot, |row, s: &S, facts: &mut Facts<'_>| {
                health::import::<RulesOf<S>, S>(row, s, facts, record, import)
            });
            let limited = health::is_limited::<RulesOf<S>>(&self.settings, record.condition);
            *ejected += u32::from(limited && effect == Effect::Ejected);
        }
    }

    /// Returns how many are ejected that may count towards the limit of those.
    fn limited(&self) -> u32 {
        self.watch.get().map_or(0, |watch| watch.ejected.len() as u32)
    }

    /// Goes on with the rounds over all endpoints. An interval that ended meanwhile is judged now.
    fn go_on(&mut self, now: Instant, age: u64, rounds: Rounds) {
        let in_intervals = RulesOf::<S>::in_intervals(&self.settings);
        let interval = self.settings.ticks(self.settings.interval());
        let Some(watch) = self.watch.get_mut() else { return };
        watch.memory.draws = watch.memory.draws.wrapping_add(rounds.draws);
        watch.next_probe = rounds.next_probe;
        watch.memory.longest = watch.memory.longest.max(rounds.longest);
        if let Some(rest) = rounds.calm {
            watch.calm = Calm::import(rest, age, now, interval);
        }
        if let (Some(left), true) = (rounds.interval_left, in_intervals) {
            let left = ticks_of_nanos(left.saturating_sub(age)).min(interval);
            watch.interval_end = Some(now.later(left));
        }
    }
}
