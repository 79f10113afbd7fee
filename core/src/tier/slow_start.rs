//! New endpoints get their share bit by bit.

use core::time::Duration;

use crate::config::{ConfigError, at_least};
use crate::health::Row;
use crate::set::{Change, Slot};
use crate::store::{Store, put};
use crate::time::{Instant, nanos};

/// Lets an endpoint that comes, or comes back from draining, weight 0 or an ejection, warm up: its weight grows in tenths, from one
/// tenth to the whole, within `window` (Envoy's slow start with a minimum of 10 % and an aggression of 1).
///
/// While any candidate of a group warms up, the others weigh ten times their weight, so that tenths are whole numbers; where
/// that is too large a number, tenths are rounded down, to 1 at least. Endpoints do not warm up when there was no candidate
/// before (a cold client learns of all at once), nor as long as more than half of their group would. Endpoints that came at
/// different times take their steps together, up to a tenth of the window late, so that there are never more than ten
/// rebuilds in a window beside those for updates. Policies that ignore weights ignore this.
///
/// It needs [`handle_timeout`](crate::Balancer::handle_timeout) to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowStart {
    /// How long an endpoint warms up; above zero.
    pub window: Duration,
}

impl SlowStart {
    /// Lets endpoints warm up for `window`.
    pub const fn new(window: Duration) -> Self {
        Self { window }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        at_least("slow_start.window (nanoseconds)", nanos(self.window), 1)
    }

    /// The time between two steps.
    pub(crate) fn tick(&self) -> Duration {
        Duration::from_nanos(nanos(self.window).div_ceil(STEPS))
    }

    /// How many tenths of its weight an endpoint has at `now` that has warmed up at `end`, and when it gets the next.
    fn step(&self, end: Instant, now: Instant) -> (u32, Instant) {
        let tick = self.tick();
        let left = nanos(end.saturating_since(now)).div_ceil(nanos(tick).max(1));
        // The first tenth is the least, so it lasts until the second is due.
        let next = Duration::from_nanos(nanos(tick) * left.saturating_sub(1).min(STEPS - 2));
        (STEPS.saturating_sub(left).max(1) as u32, end.saturating_sub(next))
    }

    /// Weighs a group's candidates by how warm they are; tells when the next is due to weigh more.
    ///
    /// `end` says when the endpoint in a slot has warmed up.
    pub(crate) fn weigh(
        &self,
        end: impl Fn(Slot) -> Instant,
        slots: &[Slot],
        weights: &mut [u32],
        now: Instant,
    ) -> Option<Instant> {
        let end = |slot: &Slot| Some(end(*slot)).filter(|&end| end > now && end < Instant::MAX);
        let warming = slots.iter().filter_map(end);
        let count = warming.clone().count();
        if count == 0 {
            return None;
        }
        if count > slots.len() / 2 {
            return warming.min();
        }
        let whole = weights.iter().max().is_some_and(|&most| most <= u32::MAX / STEPS as u32);
        let mut next = None::<Instant>;
        for (slot, weight) in slots.iter().zip(weights) {
            let mut tenths = STEPS as u32;
            if let Some(end) = end(slot) {
                let due;
                (tenths, due) = self.step(end, now);
                next = Some(next.map_or(due, |next| next.min(due)));
            }
            *weight =
                if whole { *weight * tenths } else { (u64::from(*weight) * u64::from(tenths) / STEPS).max(1) as u32 };
        }
        next
    }
}

/// In how many steps an endpoint reaches its weight.
const STEPS: u64 = 10;

/// When the endpoint of each slot has warmed up.
#[derive(Debug)]
pub(crate) struct Warmth<S: Store> {
    ends: S::Extra<Instant>,
}

impl<S: Store> Warmth<S> {
    /// When an endpoint in this state of health has warmed up that came, or came back from an ejection: [`Instant::ZERO`] for warm
    /// ones, [`Instant::MAX`] for those that drain or have weight 0.
    pub(crate) fn end(&self, slot: Slot, health: Row, slow_start: SlowStart) -> Instant {
        let warm = self.ends.get(slot.index()).copied().unwrap_or_default();
        let back = health.admits() && health.until > Instant::ZERO;
        if back { warm.max(health.until + slow_start.window) } else { warm }
    }

    /// An endpoint in service will be warm at `end`.
    pub(crate) fn set_end(&mut self, slot: Slot, end: Instant) {
        if let Some(known) = self.ends.get_mut(slot.index()).filter(|known| **known < Instant::MAX) {
            *known = end;
        }
    }

    /// The clock went back by so many nanoseconds.
    pub(crate) fn turn_back(&mut self, back: u64) {
        self.ends.iter_mut().for_each(|end| *end = end.earlier(back));
    }

    /// Notes the endpoints that come into service; they will be warm at `end`.
    pub(crate) fn note<A>(&mut self, change: &Change<'_, A>, end: Instant) {
        let (slot, endpoint, before) = match *change {
            Change::Added(slot, endpoint) => (slot, endpoint, Instant::MAX),
            Change::Changed(slot, endpoint) => {
                (slot, endpoint, self.ends.get(slot.index()).copied().unwrap_or_default())
            }
            Change::Removed(..) => return,
        };
        let after = match before {
            _ if !endpoint.eligible() => Instant::MAX,
            Instant::MAX => end,
            before => before,
        };
        put(&mut self.ends, slot.index(), after);
    }
}

impl<S: Store> Default for Warmth<S> {
    fn default() -> Self {
        Self { ends: <S::Extra<Instant>>::default() }
    }
}
