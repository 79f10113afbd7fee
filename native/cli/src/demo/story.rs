//! What goes wrong during the demo, in which order, and what has to be seen before it goes on.

use core::time::Duration;

use super::backend::{QUEUE_TIME, SLOW_WORK};
use super::cast::{BACKUP_PRIORITY, BACKUPS, FAILING, JOINING, LEAVING, SLOW, STUMBLING};
use crate::screen::Tone;

/// What the demo does to its servers, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    // Act 1: faults of single backends.
    Fail,
    SlowDown,
    Leave,
    Join,
    SwitchOff,
    Recover,
    SpeedUp,
    // Act 2: an overload, in which an ejection does harm.
    Crowd,
    Stumble,
    Swamp,
    Rise,
    Drain,
    // Act 3: a failover, and back.
    Reserve,
    Outage,
    Repair,
    /// The last calls are sent.
    End,
}

/// What shows that the balancer has done what the story tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    Ejected,
    Left,
    Joined,
    Readmitted,
    /// The one that stumbles is ejected.
    Stumbled,
    Undone,
    /// One is not ejected because its level is calm.
    Calm,
    /// The backups are ready to serve.
    Standby,
    /// Only backups serve.
    FailedOver,
    /// A primary serves again.
    TookOver,
    /// Every primary does.
    Returned,
}

impl Step {
    pub(super) const ALL: [Self; 16] = [
        Self::Fail,
        Self::SlowDown,
        Self::Leave,
        Self::Join,
        Self::SwitchOff,
        Self::Recover,
        Self::SpeedUp,
        Self::Crowd,
        Self::Stumble,
        Self::Swamp,
        Self::Rise,
        Self::Drain,
        Self::Reserve,
        Self::Outage,
        Self::Repair,
        Self::End,
    ];

    /// Returns how long to let the audience look after the step before, in a demo of this length.
    /// All pauses together are the length.
    pub(super) fn pause(self, length: Duration) -> Duration {
        let part = match self {
            Self::Swamp | Self::Rise => 0,
            Self::Drain => 1,
            Self::Stumble | Self::SpeedUp | Self::SwitchOff => 2,
            Self::Fail
            | Self::SlowDown
            | Self::Leave
            | Self::Join
            | Self::Recover
            | Self::Crowd
            | Self::Reserve
            | Self::Outage => 3,
            Self::End => 4,
            Self::Repair => 5,
        };
        length * part / 40
    }

    /// Returns what has to be seen before, unless it takes too long.
    pub(super) fn awaits(self) -> Option<Sign> {
        match self {
            Self::SlowDown => Some(Sign::Ejected),
            Self::Join => Some(Sign::Left),
            Self::SwitchOff => Some(Sign::Joined),
            Self::SpeedUp => Some(Sign::Readmitted),
            Self::Swamp => Some(Sign::Stumbled),
            Self::Rise => Some(Sign::Undone),
            Self::Drain => Some(Sign::Calm),
            Self::Outage => Some(Sign::Standby),
            Self::Repair => Some(Sign::FailedOver),
            Self::End => Some(Sign::Returned),
            Self::Fail
            | Self::Leave
            | Self::Recover
            | Self::Crowd
            | Self::Stumble
            | Self::Reserve => None,
        }
    }

    /// Tells that calls would be lost by right if what this step awaits has not been seen.
    pub(super) fn is_risky(self) -> bool {
        matches!(self, Self::Swamp | Self::Outage)
    }

    /// Names the act that this belongs to.
    pub(super) fn act(self) -> &'static str {
        if self < Self::Crowd {
            "act 1 of 3: single faults"
        } else if self < Self::Reserve {
            "act 2 of 3: an overload"
        } else {
            "act 3 of 3: a failover"
        }
    }

    /// Writes what is done; nothing at the end.
    pub(super) fn describe(self) -> Option<String> {
        let (slow, queue) = (SLOW_WORK.as_millis(), QUEUE_TIME.as_millis());
        let text = match self {
            Self::Fail => format!("{FAILING} starts to fail: answers 500 or resets the connection"),
            Self::SlowDown => format!("{SLOW} turns slow: every answer takes {slow} ms"),
            Self::Leave => format!("{LEAVING} leaves DNS, but still answers"),
            Self::Join => format!("{JOINING} joins DNS"),
            Self::SwitchOff => format!("{LEAVING} is switched off"),
            Self::Recover => format!("{FAILING} works again"),
            Self::SpeedUp => format!("{SLOW} is fast again"),
            Self::Crowd => format!("all have much to do: every answer takes {slow} ms"),
            Self::Stumble => format!("{STUMBLING} fails under the load"),
            Self::Swamp => format!("its load is too much for the others: 503 after {queue} ms"),
            Self::Rise => format!("{STUMBLING} works again, and takes its part of the load"),
            Self::Drain => "the load is spread again: all keep up with it".to_owned(),
            Self::Reserve => {
                let backups = BACKUPS.join(" and ");
                format!("{backups} join DNS as backups, priority {BACKUP_PRIORITY}")
            }
            Self::Outage => "all of priority 0 die: every connection is reset".to_owned(),
            Self::Repair => "all of priority 0 work again".to_owned(),
            Self::End => return None,
        };
        Some(text)
    }

    pub(super) fn tone(self) -> Tone {
        match self {
            Self::Fail | Self::Stumble | Self::Swamp | Self::Outage => Tone::Bad,
            Self::SlowDown | Self::Leave | Self::SwitchOff | Self::Crowd => Tone::Warning,
            Self::Join
            | Self::Recover
            | Self::SpeedUp
            | Self::Rise
            | Self::Drain
            | Self::Reserve
            | Self::Repair => Tone::Good,
            Self::End => Tone::Plain,
        }
    }
}

impl Sign {
    pub(super) const ALL: [Self; 11] = [
        Self::Ejected,
        Self::Left,
        Self::Joined,
        Self::Readmitted,
        Self::Stumbled,
        Self::Undone,
        Self::Calm,
        Self::Standby,
        Self::FailedOver,
        Self::TookOver,
        Self::Returned,
    ];

    /// Returns the step that it follows from.
    pub(super) fn follows(self) -> Step {
        match self {
            Self::Ejected => Step::Fail,
            Self::Left => Step::Leave,
            Self::Joined => Step::Join,
            Self::Readmitted => Step::Recover,
            Self::Stumbled => Step::Stumble,
            Self::Undone | Self::Calm => Step::Swamp,
            Self::Standby => Step::Reserve,
            Self::FailedOver => Step::Outage,
            Self::TookOver | Self::Returned => Step::Repair,
        }
    }

    /// Writes what it shows.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Ejected => format!("{FAILING} is ejected"),
            Self::Left => format!("the balancer knows that {LEAVING} left"),
            Self::Joined => format!("the balancer knows {JOINING}"),
            Self::Readmitted => format!("{FAILING} is back"),
            Self::Stumbled => format!("{STUMBLING} is ejected"),
            Self::Undone => "ejections are undone".to_owned(),
            Self::Calm => "one is spared because its level is calm".to_owned(),
            Self::Standby => "the backups stand by".to_owned(),
            Self::FailedOver => format!("only priority {BACKUP_PRIORITY} serves"),
            Self::TookOver => "priority 0 serves again".to_owned(),
            Self::Returned => "all of priority 0 serve again".to_owned(),
        }
    }
}
