//! Some of many hosts, the same ones each time.

use core::hash::{BuildHasher, Hasher};
use std::collections::BTreeSet;
use std::hash::RandomState;

use evenkeel_core::hash;
use evenkeel_core::srv::SrvRecord;

/// Remembers which hosts were taken.
#[derive(Debug)]
pub(super) struct Choice {
    taken: BTreeSet<(String, u16)>,
    /// Each client has its own order of hosts.
    pub(super) seed: u64,
}

impl Default for Choice {
    fn default() -> Self {
        Self { taken: BTreeSet::new(), seed: RandomState::new().build_hasher().finish() }
    }
}

impl Choice {
    /// Keeps at most so many records that may be endpoints: the lowest priorities, among them
    /// first what was taken before, then by hash.
    pub(super) fn keep(&mut self, records: &mut Vec<SrvRecord<String>>, most: usize) {
        let key = |record: &SrvRecord<String>| (record.target.clone(), record.port);
        let rank = |record: &SrvRecord<String>| {
            let key = key(record);
            let chance = hash::splitmix64(hash::str(&key.0) ^ u64::from(key.1) ^ self.seed);
            (record.priority, !self.taken.contains(&key), chance)
        };
        records.sort_by_cached_key(rank);
        let mut taken = BTreeSet::new();
        records.retain(|record| {
            if record.port == 0 || record.target == "." {
                return true;
            }
            let key = key(record);
            taken.contains(&key) || (taken.len() < most && taken.insert(key))
        });
        self.taken = taken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(hosts: &[(u16, u32)]) -> Vec<SrvRecord<String>> {
        let record = |&(priority, host): &(u16, u32)| SrvRecord {
            priority,
            weight: 1,
            port: 80,
            target: format!("h{host}"),
        };
        hosts.iter().map(record).collect()
    }

    #[test]
    fn those_taken_before_stay() {
        let mut choice = Choice::default();
        let mut first = records(&(0..100).map(|host| (0, host)).collect::<Vec<_>>());
        choice.keep(&mut first, 10);
        let taken = choice.taken.clone();
        assert_eq!((first.len(), taken.len()), (10, 10));
        let mut second = records(&(0..200).map(|host| (0, host)).collect::<Vec<_>>());
        choice.keep(&mut second, 10);
        assert_eq!(choice.taken, taken);
        second.remove(0);
        let mut third = second.clone();
        third.extend(records(&[(0, 500), (0, 501)]));
        choice.keep(&mut third, 10);
        assert_eq!((third.len(), choice.taken.intersection(&taken).count()), (10, 9));
    }

    #[test]
    fn a_seed_chooses_the_same_hosts_at_every_start() {
        let all = records(&(0..100).map(|host| (0, host)).collect::<Vec<_>>());
        let chosen = |seed| {
            let mut choice = Choice { taken: BTreeSet::new(), seed };
            choice.keep(&mut all.clone(), 10);
            choice.taken
        };
        assert_eq!(chosen(7), chosen(7));
        let common = |other| chosen(7).intersection(&chosen(other)).count();
        assert!((1..100).all(|other| other == 7 || common(other) < 8), "others choose others");
        let mut hosts: BTreeSet<_> = BTreeSet::new();
        (0..100).for_each(|seed| hosts.extend(chosen(seed)));
        assert_eq!(hosts.len(), 100, "all have their share of clients");
    }

    #[test]
    fn lower_priorities_come_first_and_no_use_is_no_host() {
        let mut choice = Choice::default();
        let mut all = records(&[(5, 1), (0, 2), (5, 3), (0, 4)]);
        all.push(SrvRecord { priority: 0, weight: 0, port: 0, target: "zero".into() });
        choice.keep(&mut all, 2);
        let mut hosts: Vec<_> = all.iter().map(|record| record.target.as_str()).collect();
        hosts.sort_unstable();
        assert_eq!(hosts, ["h2", "h4", "zero"]);
    }
}
