//! What goes wrong during the demo, when, and the backends and the name server that it goes wrong
//! with.

use core::time::Duration;
use std::collections::BTreeSet;
use std::io;

use super::backend::{Backend, Mode, SLOW_WORK};
use super::dns::NameServer;
use crate::screen::Tone;

/// All backends, in the table's order; the last one is not in DNS at first.
const NAMES: [&str; 5] = ["ash", "birch", "cedar", "dogwood", "elm"];
pub(super) const FAILING: &str = "birch";
pub(super) const SLOW: &str = "cedar";
pub(super) const LEAVING: &str = "dogwood";
pub(super) const JOINING: &str = "elm";

/// What the demo does to its servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Fail,
    SlowDown,
    Leave,
    Join,
    SwitchOff,
    Recover,
    SpeedUp,
}

impl Step {
    /// In their order.
    const ALL: [Self; 7] = [
        Self::Fail,
        Self::SlowDown,
        Self::Leave,
        Self::Join,
        Self::SwitchOff,
        Self::Recover,
        Self::SpeedUp,
    ];

    /// Returns when this happens in a demo of this length.
    pub(super) fn time(self, length: Duration) -> Duration {
        let part = match self {
            Self::Fail => 3,
            Self::SlowDown => 6,
            Self::Leave => 9,
            Self::Join => 12,
            Self::SwitchOff => 15,
            Self::Recover => 18,
            Self::SpeedUp => 20,
        };
        length * part / 24
    }

    pub(super) fn describe(self) -> String {
        match self {
            Self::Fail => format!("{FAILING} starts to fail: answers 500 or resets the connection"),
            Self::SlowDown => {
                format!("{SLOW} turns slow: every answer takes {} ms", SLOW_WORK.as_millis())
            }
            Self::Leave => format!("{LEAVING} leaves DNS, but still answers"),
            Self::Join => format!("{JOINING} joins DNS"),
            Self::SwitchOff => format!("{LEAVING} is switched off"),
            Self::Recover => format!("{FAILING} works again"),
            Self::SpeedUp => format!("{SLOW} is fast again"),
        }
    }

    pub(super) fn tone(self) -> Tone {
        match self {
            Self::Fail => Tone::Bad,
            Self::SlowDown | Self::Leave | Self::SwitchOff => Tone::Warning,
            Self::Join | Self::Recover | Self::SpeedUp => Tone::Good,
        }
    }
}

/// The servers of the demo.
pub(super) struct Stage {
    pub(super) name_server: NameServer,
    backends: Vec<Backend>,
    in_dns: BTreeSet<&'static str>,
}

impl Stage {
    /// Starts every server on the current runtime; all backends but the last are in DNS.
    pub(super) async fn set() -> io::Result<Self> {
        let name_server = NameServer::start().await?;
        let backends = Backend::start_all(NAMES).await?;
        let in_dns = NAMES.into_iter().filter(|name| *name != JOINING).collect();
        let stage = Self { name_server, backends, in_dns };
        stage.publish().await;
        Ok(stage)
    }

    pub(super) async fn perform(&mut self, step: Step) {
        match step {
            Step::Fail => self.switch(FAILING, Mode::Failing),
            Step::SlowDown => self.switch(SLOW, Mode::Slow),
            Step::Recover => self.switch(FAILING, Mode::Healthy),
            Step::SpeedUp => self.switch(SLOW, Mode::Healthy),
            Step::SwitchOff => self.switch(LEAVING, Mode::Off),
            Step::Leave => {
                self.in_dns.remove(LEAVING);
                self.publish().await;
            }
            Step::Join => {
                self.in_dns.insert(JOINING);
                self.publish().await;
            }
        }
    }

    pub(super) fn mode(&self, name: &str) -> Option<Mode> {
        self.backends.iter().find(|backend| backend.name == name).map(Backend::mode)
    }

    pub(super) fn in_dns(&self) -> impl Iterator<Item = &Backend> {
        self.backends.iter().filter(|backend| self.in_dns.contains(backend.name))
    }

    async fn publish(&self) {
        self.name_server.publish(self.in_dns().map(|backend| (backend.name, backend.port))).await;
    }

    fn switch(&self, name: &str, mode: Mode) {
        for backend in self.backends.iter().filter(|backend| backend.name == name) {
            backend.set(mode);
        }
    }
}

/// Lists the steps in order, with their times in a demo of this length.
pub(super) fn script(length: Duration) -> impl Iterator<Item = (Duration, Step)> {
    Step::ALL.into_iter().map(move |step| (step.time(length), step))
}
