use core::time::Duration;
use std::collections::BTreeSet;

use evenkeel_core::health::Health;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::set::Observer;
use evenkeel_core::tier::Levels;
use evenkeel_core::{
    Balancer, Change, Cluster, Config, Endpoint, Instant, Outcome, Pick, PickError, Policy, Request, Slot, Store, Why,
    Zone,
};

use crate::health;
use crate::input::Input;
use crate::policies::{needs_table, same_cycle};
use crate::rng::MeteredRng;

/// How many addresses there are: more than the smallest sets hold.
const ADDRESSES: u8 = 24;

/// A balancer, and beside it a cluster of the same settings that sees the same events.
pub(super) struct Life<S: Store, T: Store> {
    balancer: Balancer<u8, AnyPolicy<T>, S>,
    cluster: Cluster<u8, S>,
    now: Instant,
    rng: MeteredRng,
    /// And whether their reports decide.
    under_way: Vec<(Pick, bool)>,
    departed: Vec<Slot>,
    /// The policy, never rebuilt.
    asked: AnyPolicy,
    /// What was picked: the same in every store that has the room.
    pub(super) picks: Vec<Result<(u8, Why), PickError>>,
    /// Whether there was an update that the policy could not follow.
    pub(super) refused: bool,
    pub(super) same_cycles: bool,
}

impl<S: Store, T: Store> Life<S, T> {
    pub(super) fn new(text: &str, config: Config) -> Self {
        let policy: AnyPolicy<T> = text.parse().expect("it was parsed before");
        Self {
            asked: text.parse().expect("it was parsed before"),
            balancer: Balancer::with_config(policy, config).expect("it was checked before"),
            cluster: Cluster::with_config(config),
            now: Instant::ZERO,
            rng: MeteredRng::new(config.seed),
            under_way: Vec::new(),
            departed: Vec::new(),
            picks: Vec::new(),
            refused: false,
            same_cycles: true,
        }
    }

    pub(super) fn live(mut self, mut input: Input<'_>) -> Self {
        while !input.is_empty() {
            match input.below(20) {
                0..=2 => self.update(&mut input),
                3 => self.insert(endpoint(&mut input)),
                4 => self.remove(input.byte() % ADDRESSES),
                5..=7 => self.pick(None, &[], None),
                8 => self.pick(Some(input.number()), &[], None),
                9..=11 => {
                    let key = (input.below(2) == 1).then(|| input.number());
                    let avoid = self.avoid(&mut input);
                    self.pick(key, &avoid, None);
                }
                12 => self.report(&mut input),
                13 => self.wait(&mut input),
                14 => self.wait_for_timeout(),
                15 => self.shares(),
                16 => self.storm(&mut input),
                17 => self.set_down(&mut input),
                18 => self.configure(&mut input),
                _ => self.drain(),
            }
            self.compare();
        }
        self.drain();
        self
    }

    /// The health of all, and when something is due.
    fn compare(&self) {
        assert_eq!(self.balancer.poll_timeout(), self.cluster.poll_timeout());
        assert_eq!(self.balancer.len(), self.cluster.set().len());
        for status in self.balancer.endpoints() {
            assert_eq!(self.cluster.set().get(status.slot), Some(status.endpoint), "another slot");
            assert_eq!(self.cluster.health(status.slot), status.health);
        }
    }

    fn drain(&mut self) {
        assert!(self.balancer.events().eq(self.cluster.events()), "other events");
    }

    /// The slots that are not to be given away: those of requests under way, where the balancer counts them.
    fn held(&self) -> Held {
        let set = self.cluster.set();
        let slots = self
            .under_way
            .iter()
            .map(|(pick, _)| pick.slot())
            .filter(|slot| self.asked.counts() && set.remembers(*slot));
        Held(slots.map(Slot::index).collect())
    }

    fn update(&mut self, input: &mut Input<'_>) {
        let endpoints: Vec<_> = (0..input.below(ADDRESSES.into())).map(|_| endpoint(input)).collect();
        self.departed.extend(self.balancer.endpoints().map(|status| status.slot));
        let result = self.balancer.update(self.now, endpoints.iter().copied());
        let mut held = self.held();
        let changes = self.cluster.update_with(self.now, endpoints.iter().copied(), &mut held);
        self.changed(result.is_err());
        if result.is_ok() {
            assert_eq!(result, Ok(changes));
            assert!(self.balancer.update(self.now, endpoints).is_ok_and(|changes| changes.is_empty()));
        }
    }

    fn insert(&mut self, endpoint: Endpoint<u8>) {
        let result = self.balancer.insert(self.now, endpoint);
        let mut held = self.held();
        let expected = self.cluster.insert(self.now, endpoint, &mut held);
        assert!(expected.is_ok() || result == expected);
        self.changed(expected.is_ok() && result.is_err());
    }

    fn remove(&mut self, addr: u8) {
        let result = self.balancer.remove(self.now, &addr);
        let expected = self.cluster.remove(self.now, &addr).map(|(_, endpoint)| endpoint);
        assert!(result.is_err() || result == Ok(expected));
        self.changed(result.is_err());
    }

    fn changed(&mut self, refused: bool) {
        self.refused |= refused;
        for index in 0..self.cluster.candidates().groups() {
            self.same_cycles &= same_cycle(self.cluster.candidates().group(index).weights);
        }
    }

    fn avoid(&self, input: &mut Input<'_>) -> Vec<Slot> {
        let mask = (0..4).fold(0, |mask, _| mask << 8 | u32::from(input.byte()));
        let slots = self.balancer.endpoints().map(|status| status.slot).chain(self.departed.iter().rev().copied());
        slots.take(32).enumerate().filter(|(index, _)| mask >> index & 1 == 1).map(|(_, slot)| slot).collect()
    }

    /// One pick; of this group, if one is given.
    fn pick(&mut self, key: Option<u64>, avoid: &[Slot], group: Option<usize>) {
        // A pick asks for the time only when something is due; so both hear of it.
        self.handle_timeout();
        let probe = if avoid.is_empty() { self.cluster.start_probe(self.now) } else { None };
        let rng = self.rng.allow(20 * (self.balancer.len() + 8));
        let result = self.balancer.pick_with(Request { now: self.now, key, avoid }, rng);
        let picked = match &result {
            Ok(pick) => Ok((self.balancer.endpoint(pick).expect("picked from the set").addr, pick.why())),
            Err(error) => Err(*error),
        };
        self.picks.push(picked);
        match picked {
            Ok((addr, why)) if probe.is_some() => {
                assert_eq!((self.cluster.set().find(&addr), why), (probe, Why::Probe));
            }
            Ok((addr, why)) => self.check_pick(addr, why, group.or_else(|| self.group_of(key?)), avoid),
            Err(PickError::Declined) => assert!(self.refused && needs_table(&self.asked), "declined"),
            Err(error) => self.check_no_pick(error),
        }
        if let Ok(pick) = result {
            let candidates = self.cluster.candidates();
            let panic = (0..candidates.groups())
                .map(|index| candidates.group(index))
                .any(|group| group.panic && group.slots.contains(&pick.slot()));
            self.under_way.push((pick, probe.is_some() || panic));
        }
    }

    fn check_pick(&self, addr: u8, why: Why, expected: Option<usize>, avoid: &[Slot]) {
        let candidates = self.cluster.candidates();
        let address = |slot: &Slot| self.cluster.set().get(*slot).map(|endpoint| endpoint.addr);
        let is_in = |index: usize| candidates.group(index).slots.iter().any(|slot| address(slot) == Some(addr));
        let index = (0..candidates.groups()).find(|&index| is_in(index)).expect("a candidate");
        let avoided: Vec<u8> = match avoid {
            [] => Vec::new(),
            _ => self
                .balancer
                .endpoints()
                .filter(|status| avoid.contains(&status.slot))
                .map(|status| status.endpoint.addr)
                .collect(),
        };
        let all_avoided = |index: usize| {
            candidates.group(index).slots.iter().all(|slot| address(slot).is_some_and(|addr| avoided.contains(&addr)))
        };
        let open = (0..candidates.groups()).find(|&index| !all_avoided(index));
        let expected = expected.map(|drawn| if all_avoided(drawn) { open.unwrap_or(drawn) } else { drawn });
        assert!(expected.is_none_or(|expected| expected == index), "the pick of another group");
        assert!(!all_avoided(index) || open.is_none(), "another group had others");
        let (group, all_avoided) = (candidates.group(index), all_avoided(index));
        let expected = match (avoid.is_empty(), all_avoided) {
            (true, _) if group.panic => Why::Panic,
            (true, _) => Why::Policy,
            (false, true) => Why::LastResort,
            (false, false) => Why::Retry,
        };
        assert_eq!((why, avoided.contains(&addr)), (expected, all_avoided), "picked {addr}");

        let slot = self.cluster.set().find(&addr).expect("picked from the set");
        let endpoint = self.cluster.set().get(slot).expect("it was found");
        assert!(endpoint.weight > 0, "picked {addr}, of weight 0");
        assert!(!endpoint.draining || group.panic, "picked {addr}, which drains");
    }

    fn check_no_pick(&self, error: PickError) {
        let eligible = |endpoint: &Endpoint<u8>| endpoint.weight > 0 && !endpoint.draining;
        let expected = match () {
            () if self.balancer.is_empty() => PickError::NoEndpoints,
            () if self.cluster.set().iter().any(|(_, endpoint)| eligible(endpoint)) => PickError::AllEjected,
            () => PickError::AllDrained,
        };
        assert_eq!(error, expected);
        let healthy = |slot| self.cluster.health(slot) == Health::Healthy;
        let left_out = self.cluster.set().iter().find(|(slot, endpoint)| eligible(endpoint) && healthy(*slot));
        assert_eq!(left_out, None, "this one might have been picked");
        // Where there is panic, there is a pick.
        let panics = !matches!(self.cluster.config().levels, Levels::Overprovisioned { panic_threshold: 0, .. });
        assert!(error != PickError::AllEjected || !panics);
    }

    /// The group that a key belongs to: the shares are those of the keys modulo 100, one after the other.
    fn group_of(&self, key: u64) -> Option<usize> {
        let candidates = self.cluster.candidates();
        let mut end = 0;
        (0..candidates.groups()).find(|&index| {
            end += u64::from(candidates.group(index).share);
            key % 100 < end
        })
    }

    /// 100 picks at even distances, by key and by chance: to each group exactly its share.
    fn shares(&mut self) {
        // Half-open endpoints have the first requests.
        for _ in 0..self.balancer.len() {
            self.pick(None, &[], None);
        }
        let before = self.under_way.len();
        for step in 0..100_u64 {
            let group = self.group_of(step);
            self.pick(Some(step), &[], group);
            self.rng.first((step << 32).div_ceil(100) as u32);
            // A group that is alone is not drawn: then the word goes to the policy.
            self.pick(None, &[], group);
        }
        for (pick, decides) in self.under_way.split_off(before) {
            self.report_pick(pick, decides, Outcome::Canceled);
        }
    }

    /// Some requests one after the other, those to some endpoints without success.
    fn storm(&mut self, input: &mut Input<'_>) {
        let (picks, failing) = (input.below(40), input.byte());
        for _ in 0..picks {
            let before = self.under_way.len();
            self.pick(None, &[], None);
            for (pick, decides) in self.under_way.split_off(before) {
                let fails = failing >> (pick.slot().index() & 7) & 1 == 1;
                self.report_pick(pick, decides, if fails { Outcome::Failure } else { Outcome::Success });
            }
        }
    }

    fn set_down(&mut self, input: &mut Input<'_>) {
        let byte = input.byte();
        let Some(slot) = self.cluster.set().find(&(byte % ADDRESSES)) else { return };
        self.balancer.set_down(self.now, slot, byte & 0x80 != 0);
        self.cluster.set_down(self.now, slot, byte & 0x80 != 0);
    }

    fn configure(&mut self, input: &mut Input<'_>) {
        let settings = health::settings(input);
        assert!(self.balancer.set_outlier_detection(self.now, settings).is_ok());
        assert!(self.cluster.set_outlier_detection(self.now, settings).is_ok());
    }

    fn report(&mut self, input: &mut Input<'_>) {
        let outcome = match input.below(5) {
            0 => Outcome::Success,
            1 => Outcome::Failure,
            2 => Outcome::Overloaded { retry_after: None },
            3 => Outcome::Overloaded { retry_after: Some(input.duration()) },
            _ => Outcome::Canceled,
        };
        let index = input.below(self.under_way.len());
        if index < self.under_way.len() {
            let (pick, decides) = self.under_way.swap_remove(index);
            self.report_pick(pick, decides, outcome);
        }
    }

    /// What a balancer does to its cluster, done to the cluster.
    fn report_pick(&mut self, pick: Pick, decides: bool, outcome: Outcome) {
        let (slot, sent) = (pick.slot(), pick.started());
        self.balancer.report(self.now, pick, outcome);
        let asks = matches!(outcome, Outcome::Overloaded { retry_after: Some(_) });
        if self.cluster.set().remembers(slot)
            && self.cluster.heeds(outcome)
            && (asks || !self.cluster.outdated(slot, sent))
        {
            self.cluster.observe(self.now, slot, outcome, decides.then_some(sent));
        }
    }

    /// Forward, or to anywhere.
    fn wait(&mut self, input: &mut Input<'_>) {
        let far = input.below(4) == 0;
        self.now = if far { Instant::from_nanos(input.number()) } else { self.now + input.duration() };
        self.handle_timeout();
    }

    fn wait_for_timeout(&mut self) {
        self.now = self.balancer.poll_timeout().unwrap_or(self.now + Duration::from_millis(1)).max(self.now);
        self.handle_timeout();
    }

    fn handle_timeout(&mut self) {
        self.balancer.handle_timeout(self.now);
        self.cluster.handle_timeout(self.now);
        self.changed(false);
    }
}

/// What keeps slots from being given away.
struct Held(BTreeSet<usize>);

impl Observer<u8> for Held {
    fn idle(&self, index: usize) -> bool {
        !self.0.contains(&index)
    }

    fn on_change(&mut self, _change: Change<'_, u8>) {}
}

/// An address, a weight, and in one byte priority, zone and draining.
fn endpoint(input: &mut Input<'_>) -> Endpoint<u8> {
    let addr = input.byte() % ADDRESSES;
    let weight = match input.below(4) {
        0 => 0,
        1 => 1,
        _ => input.weight(),
    };
    let content = input.byte();
    let priority = [0, 1, 2, 3, 4, 5, 700, u16::MAX][usize::from(content & 7)];
    Endpoint::new(addr)
        .with_weight(weight)
        .with_priority(priority)
        .with_zone(Zone::new(u32::from(content >> 3 & 3)))
        .with_draining(content >> 5 > 4)
}
