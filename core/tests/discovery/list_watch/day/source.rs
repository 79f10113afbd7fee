//! A source with its history.

use std::collections::BTreeMap;

/// Which keys are there, and at which revision each of its changes was.
#[derive(Default)]
pub(super) struct Source {
    pub(super) keys: BTreeMap<u64, u64>,
    log: Vec<Change>,
    pub(super) revision: u64,
    /// Watches can begin here at the earliest.
    pub(super) compacted: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Change {
    pub(super) revision: u64,
    pub(super) key: u64,
    /// `None`: the key is gone since.
    pub(super) value: Option<u64>,
}

impl Source {
    pub(super) fn changes(&mut self, key: u64, value: Option<u64>) {
        self.revision += 1;
        apply(&mut self.keys, key, value);
        self.log.push(Change { revision: self.revision, key, value });
    }

    pub(super) fn compacts(&mut self) {
        self.compacted = self.revision;
    }

    /// Goes back in time by so many revisions.
    pub(super) fn restores(&mut self, back: u64) {
        self.revision = self.revision.saturating_sub(back);
        self.log.retain(|change| change.revision <= self.revision);
        self.compacted = self.compacted.min(self.revision);
        self.keys.clear();
        for &Change { key, value, .. } in &self.log {
            apply(&mut self.keys, key, value);
        }
    }

    pub(super) fn since(&self, revision: u64) -> Vec<Change> {
        let log = self.log.iter().copied();
        log.filter(|change| change.revision > revision).collect()
    }
}

pub(super) fn apply(keys: &mut BTreeMap<u64, u64>, key: u64, value: Option<u64>) {
    match value {
        Some(value) => drop(keys.insert(key, value)),
        None => drop(keys.remove(&key)),
    }
}
