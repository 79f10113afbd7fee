//! Picks, and what holds for each.

use std::collections::BTreeSet;

use evenkeel_core::health::Health;
use evenkeel_core::{
    Candidacy, Config, Endpoint, Outcome, PickError, Request, Slot, Status, Store, Why, kit,
};

use super::Life;
use crate::input::Input;
use crate::policies::needs_table;

/// What was known of an endpoint when a pick was made.
#[derive(Clone, Copy, Debug)]
struct Before {
    endpoint: Endpoint<u8>,
    slot: Slot,
    candidacy: Candidacy,
    health: Health,
    in_flight: u32,
}

impl From<Status<'_, u8>> for Before {
    fn from(status: Status<'_, u8>) -> Self {
        let Status { endpoint, slot, candidacy, health, stats, .. } = status;
        Self { endpoint: *endpoint, slot, candidacy, health, in_flight: stats.in_flight }
    }
}

impl<S: Store, T: Store> Life<S, T> {
    /// Makes one pick, and tells its address.
    pub(super) fn pick(
        &mut self,
        key: Option<u64>,
        avoid: &[Slot],
        leave_level: bool,
    ) -> Option<(u8, Why)> {
        // A pick asks for the time only when something is due; so both hear of it.
        self.handle_timeout();
        let before: Vec<Before> = self.balancer.endpoints().map(Before::from).collect();
        let probe = if avoid.is_empty() { self.cluster.start_probe(self.now) } else { None };
        let rng = self.rng.allow(4 * (self.balancer.len() + 8));
        let request = Request { now: self.now, key, avoid, leave_level };
        let result = self.balancer.pick_with(request, rng);
        let picked = match &result {
            Ok(pick) => {
                let endpoint = self.balancer.endpoint(pick).expect("picked from the set");
                Ok((endpoint.addr, pick.why()))
            }
            Err(error) => Err(*error),
        };
        self.picks.push(picked);
        match picked {
            Ok((addr, Why::Probe)) => {
                let of_addr = before.iter().find(|before| before.endpoint.addr == addr);
                let probed = of_addr.expect("it was there");
                assert_eq!(probed.health, Health::HalfOpen, "{addr} is probed");
                assert!(avoid.is_empty() && (self.limited() || probe == Some(probed.slot)));
            }
            Ok((addr, why)) => {
                assert!(self.limited() || probe.is_none(), "{addr} instead of a probe");
                check_pick(&before, self.config(), addr, why, &request);
            }
            Err(PickError::Declined) => {
                assert!(self.refused && needs_table(&self.asked), "declined");
            }
            Err(error) => self.check_no_pick(&before, error),
        }
        let panics = before.iter().any(|before| {
            picked.is_ok_and(|(addr, _)| addr == before.endpoint.addr)
                && before.candidacy == Candidacy::Panic
        });
        if let (Ok(pick), Ok((addr, why))) = (result, picked) {
            self.under_way.push((pick, addr, why == Why::Probe || panics));
        }
        if self.limited() {
            self.changed(false);
        }
        picked.ok()
    }

    fn check_no_pick(&self, before: &[Before], error: PickError) {
        let eligible = |before: &&Before| before.endpoint.weight > 0 && !before.endpoint.draining;
        let full = before.iter().any(|before| before.candidacy == Candidacy::Full);
        match error {
            PickError::NoEndpoints => assert!(before.is_empty()),
            PickError::AllDrained => {
                assert!(!before.is_empty() && before.iter().find(eligible).is_none());
            }
            PickError::AllEjected => {
                let config = self.config();
                assert!(before.iter().any(|before| eligible(&before)));
                // Where there is panic, there is a pick.
                assert!(config.overprovisioning_percent > 0 && config.panic_threshold_percent == 0);
            }
            PickError::Busy { .. } => assert!(self.limited() && full),
            PickError::Declined => unreachable!("it was looked at before"),
        }
        let busy = matches!(error, PickError::Busy { .. });
        assert_eq!(full, busy, "{error}");
        let healthy = |before: &&Before| eligible(before) && before.health == Health::Healthy;
        let left_out = before.iter().find(healthy).filter(|_| !full);
        assert!(left_out.is_none(), "one might have been picked");
    }

    /// Makes 100 picks at even distances, by key and by chance: both go to the same level, and one
    /// level follows the other.
    pub(super) fn shares(&mut self) {
        // Half-open endpoints have the first requests.
        for _ in 0..self.balancer.len() {
            self.pick(None, &[], false);
        }
        let before = self.under_way.len();
        let mut levels = Vec::new();
        for step in 0..100_u64 {
            let by_key = self.pick(Some(step), &[], false);
            // A group that is alone is not drawn: then the word goes to the policy.
            self.rng.first((step << 32).div_ceil(100) as u32);
            let by_chance = self.pick(None, &[], false);
            let level = |picked: Option<(u8, Why)>| {
                let (addr, _) = picked.filter(|(_, why)| *why != Why::Probe)?;
                let endpoint = self.cluster.get(self.cluster.find(&addr)?)?;
                let candidates = self.balancer.endpoints().filter(|status| status.candidate);
                let above = candidates.map(|status| status.endpoint.priority);
                let above: BTreeSet<u16> = above.filter(|at| *at < endpoint.priority).collect();
                // Levels beyond share the last group.
                Some(above.len().min(kit::GROUPS - 1))
            };
            if let (Some(by_key), Some(by_chance)) = (level(by_key), level(by_chance)) {
                assert!(self.limited() || by_key == by_chance, "{step} by key and by chance");
                levels.push(by_key);
            }
        }
        assert!(self.limited() || levels.is_sorted(), "{levels:?}");
        for (pick, _, decides) in self.under_way.split_off(before) {
            self.report_pick(pick, decides, Outcome::Abandoned);
        }
    }

    /// Some requests one after the other, those to some endpoints without success.
    pub(super) fn storm(&mut self, input: &mut Input<'_>) {
        let (picks, failing) = (input.below(40), input.byte());
        for _ in 0..picks {
            let before = self.under_way.len();
            self.pick(None, &[], false);
            for (pick, _, decides) in self.under_way.split_off(before) {
                let fails = failing >> (pick.slot().index() & 7) & 1 == 1;
                let outcome = if fails { Outcome::Failure } else { Outcome::Success };
                self.report_pick(pick, decides, outcome);
            }
        }
    }
}

fn check_pick(before: &[Before], config: &Config, addr: u8, why: Why, request: &Request<'_>) {
    let avoid = request.avoid;
    let picked = before.iter().find(|before| before.endpoint.addr == addr).expect("it was there");
    let avoided = avoid.contains(&picked.slot);
    let mut candidates = before.iter().filter(|before| before.candidacy.is_candidate());
    let all_avoided = candidates.all(|before| avoid.contains(&before.slot));
    if !avoid.is_empty() && (request.leave_level || all_avoided) {
        return check_next_level(before, config, picked, why, avoid);
    }
    let expected = match avoid.is_empty() {
        true if picked.candidacy == Candidacy::Panic => Why::Panic,
        true => Why::Policy,
        false => Why::Retry,
    };
    assert_eq!((why, avoided), (expected, false), "picked {addr}");
    check_candidate(picked);
}

/// All candidates are to be avoided, or left: the first level beyond them that has others is used, or
/// else the ejected endpoints of the best level.
fn check_next_level(before: &[Before], config: &Config, picked: &Before, why: Why, avoid: &[Slot]) {
    let full =
        |before: &Before| config.max_in_flight > 0 && before.in_flight >= config.max_in_flight;
    let priority = |before: &&Before| before.endpoint.priority;
    let candidates = || before.iter().filter(|before| before.candidacy.is_candidate());
    let worst = candidates().map(|before| before.endpoint.priority).max();
    let beyond = |before: &&Before| {
        before.candidacy == Candidacy::Priority && Some(before.endpoint.priority) > worst
    };
    // A subset has so many of a level; they cannot all be out of question where fewer are.
    let offers = |level: u16| {
        let members = before.iter().filter(beyond).filter(|before| priority(before) == level);
        let (out, others): (Vec<&Before>, Vec<&Before>) =
            members.partition(|before| avoid.contains(&before.slot) || full(before));
        let subset = if config.subset == 0 { usize::MAX } else { config.subset as usize };
        out.len() < subset && !others.is_empty()
    };
    let mut levels = before.iter().filter(beyond).map(|before| before.endpoint.priority);
    let picked_level = picked.endpoint.priority;
    let ejected = |before: &&Before| {
        let Before { candidacy, health, endpoint, slot, .. } = before;
        let out = *candidacy == Candidacy::Unhealthy && health.is_ejected();
        let room = !avoid.contains(slot) && !full(before);
        config.subset == 0 && out && room && !endpoint.draining && endpoint.weight > 0
    };
    let best = before.iter().filter(ejected).map(|before| before.endpoint.priority).min();
    if picked.candidacy.is_candidate() {
        let left = candidates().any(|before| !avoid.contains(&before.slot));
        let expected = if left { Why::Retry } else { Why::LastResort };
        assert_eq!((why, avoid.contains(&picked.slot)), (expected, !left), "picked {picked:?}");
        assert!(!levels.any(offers), "the next level is there, instead of {picked:?}");
        assert!(left || best.is_none(), "an ejected one is there, instead of {picked:?}");
        return check_candidate(picked);
    }
    if picked.candidacy == Candidacy::Unhealthy {
        let left = candidates().any(|before| !avoid.contains(&before.slot));
        assert!(!left && !levels.any(offers), "others are there, instead of {picked:?}");
        assert_eq!((why, best), (Why::Retry, Some(picked_level)), "picked {picked:?}");
        return;
    }
    assert!(beyond(&picked) && !avoid.contains(&picked.slot) && !full(picked), "{picked:?}");
    assert!(!levels.any(|level| level < picked_level && offers(level)), "{picked:?}");
    assert_eq!(why, Why::Retry, "picked {picked:?}");
}

fn check_candidate(picked: &Before) {
    assert!(picked.candidacy.is_candidate(), "picked {picked:?}");
    assert!(picked.endpoint.weight > 0, "picked {picked:?}, of weight 0");
    let may_drain = picked.candidacy == Candidacy::Panic;
    assert!(!picked.endpoint.draining || may_drain, "picked {picked:?}, which drains");
}
