use crate::discovery::query::QueryId;
use crate::discovery::waits::Spread;
use crate::time::{Instant, Ticks};

#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// The first list is due at once.
    New,
    /// A list or watch ended at `from`; the next is due `wait` later, spread at random, and never
    /// before the time that the source asked for.
    Settled {
        from: Instant,
        wait: Ticks,
        spread: Spread,
        not_before: Instant,
    },
    /// The next list or watch is due at this time.
    Idle {
        at: Instant,
        not_before: Instant,
    },
    Listing {
        id: QueryId,
        deadline: Instant,
    },
    /// A watch that has not begun.
    Opening {
        id: QueryId,
        deadline: Instant,
    },
    Watching {
        id: QueryId,
        since: Instant,
        quiet_until: Instant,
    },
    /// Closing while this list or watch was under way.
    Closing {
        id: QueryId,
    },
    Closed,
}

impl State {
    /// Takes all times along with a clock that went backwards.
    pub(super) fn earlier(&mut self, back: Ticks) {
        let times = match self {
            Self::Settled { from, not_before, .. } => [Some(from), Some(not_before)],
            Self::Idle { at, not_before } => [Some(at), Some(not_before)],
            Self::Listing { deadline, .. } | Self::Opening { deadline, .. } => {
                [Some(deadline), None]
            }
            Self::Watching { since, quiet_until, .. } => [Some(since), Some(quiet_until)],
            Self::New | Self::Closing { .. } | Self::Closed => [None, None],
        };
        for time in times.into_iter().flatten() {
            *time = time.earlier(back);
        }
    }
}
