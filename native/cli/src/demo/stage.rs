//! The name server and the backends, and how each step changes them.

use std::collections::BTreeSet;
use std::io;

use super::backend::{Backend, Mode};
use super::cast::{
    BACKUPS, FAILING, FIRST, JOINING, LEAVING, NAMES, PRIMARIES, SLOW, STUMBLING, priority,
};
use super::dns::NameServer;
use super::story::Step;

/// The servers of the demo.
pub(super) struct Stage {
    pub(super) name_server: NameServer,
    backends: Vec<Backend>,
    in_dns: BTreeSet<&'static str>,
}

impl Stage {
    /// Starts every server on the current runtime; the first backends are in DNS.
    pub(super) async fn set() -> io::Result<Self> {
        let name_server = NameServer::start().await?;
        let backends = Backend::start_all(NAMES).await?;
        let stage = Self { name_server, backends, in_dns: BTreeSet::from(FIRST) };
        stage.publish().await;
        Ok(stage)
    }

    pub(super) async fn perform(&mut self, step: Step) {
        match step {
            Step::Fail => self.switch(&[FAILING], Mode::Failing),
            Step::SlowDown => self.switch(&[SLOW], Mode::Slow),
            Step::Leave => {
                self.in_dns.remove(LEAVING);
                self.publish().await;
            }
            Step::Join => {
                self.in_dns.insert(JOINING);
                self.publish().await;
            }
            Step::SwitchOff => self.switch(&[LEAVING], Mode::Off),
            Step::Recover => self.switch(&[FAILING], Mode::Healthy),
            Step::SpeedUp => self.switch(&[SLOW], Mode::Healthy),
            Step::Crowd => self.switch(&PRIMARIES, Mode::Slow),
            Step::Stumble => self.switch(&[STUMBLING], Mode::Failing),
            Step::Swamp => {
                let others = PRIMARIES.into_iter().filter(|name| *name != STUMBLING);
                self.switch(&others.collect::<Vec<_>>(), Mode::Swamped);
            }
            Step::Rise => self.switch(&[STUMBLING], Mode::Slow),
            Step::Drain | Step::Repair => self.switch(&PRIMARIES, Mode::Healthy),
            Step::Reserve => {
                self.in_dns.extend(BACKUPS);
                self.publish().await;
            }
            Step::Outage => self.switch(&PRIMARIES, Mode::Dead),
            Step::End => {}
        }
    }

    /// Returns what is done to the backend of this name.
    pub(super) fn mode(&self, name: &str) -> Option<Mode> {
        self.backends.iter().find(|backend| backend.name == name).map(Backend::mode)
    }

    /// Returns how many backends are in DNS.
    pub(super) fn in_dns(&self) -> usize {
        self.in_dns.len()
    }

    async fn publish(&self) {
        let listed = self.backends.iter().filter(|backend| self.in_dns.contains(backend.name));
        let records = listed.map(|backend| (backend.name, backend.port, priority(backend.name)));
        self.name_server.publish(records).await;
    }

    fn switch(&self, names: &[&str], mode: Mode) {
        for backend in self.backends.iter().filter(|backend| names.contains(&backend.name)) {
            backend.set(mode);
        }
    }
}
