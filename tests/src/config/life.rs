use core::time::Duration;

use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::{
    Balancer, Change, Cluster, Config, Endpoint, Instant, Outcome, Pick, PickError, Request, Slot, Store, Why, Zone,
};

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
    under_way: Vec<Pick>,
    departed: Vec<Slot>,
    may_decline: bool,
    /// What was picked: the same in every store that has the room.
    pub(super) picks: Vec<Result<(u8, Why), PickError>>,
    /// Whether there was an update that the policy could not follow.
    pub(super) refused: bool,
    pub(super) same_cycles: bool,
}

impl<S: Store, T: Store> Life<S, T> {
    pub(super) fn new(policy: &str, config: Config) -> Self {
        let policy: AnyPolicy<T> = policy.parse().expect("it was parsed before");
        Self {
            may_decline: needs_table(&policy),
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
            match input.below(16) {
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
                _ => self.shares(),
            }
        }
        self
    }

    fn update(&mut self, input: &mut Input<'_>) {
        let endpoints: Vec<_> = (0..input.below(ADDRESSES.into())).map(|_| endpoint(input)).collect();
        self.departed.extend(self.balancer.endpoints().map(|status| status.slot));
        let result = self.balancer.update(self.now, endpoints.iter().copied());
        let changes = self.cluster.update(self.now, endpoints.iter().copied());
        self.changed(result.is_err());
        if result.is_ok() {
            assert_eq!(result, Ok(changes));
            assert!(self.balancer.update(self.now, endpoints).is_ok_and(|changes| changes.is_empty()));
        }
    }

    fn insert(&mut self, endpoint: Endpoint<u8>) {
        let result = self.balancer.insert(self.now, endpoint);
        let expected = self.cluster.insert(self.now, endpoint, &mut |_: Change<'_, u8>| {});
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
        assert_eq!(self.balancer.poll_timeout(), self.cluster.poll_timeout());
    }

    fn avoid(&self, input: &mut Input<'_>) -> Vec<Slot> {
        let mask = (0..4).fold(0, |mask, _| mask << 8 | u32::from(input.byte()));
        let slots = self.balancer.endpoints().map(|status| status.slot).chain(self.departed.iter().rev().copied());
        slots.take(32).enumerate().filter(|(index, _)| mask >> index & 1 == 1).map(|(_, slot)| slot).collect()
    }

    /// One pick; of this group, if one is given.
    fn pick(&mut self, key: Option<u64>, avoid: &[Slot], group: Option<usize>) {
        let rng = self.rng.allow(20 * (self.balancer.len() + 8));
        let result = self.balancer.pick_with(Request { now: self.now, key, avoid }, rng);
        let picked = match &result {
            Ok(pick) => Ok((self.balancer.endpoint(pick).expect("picked from the set").addr, pick.why())),
            Err(error) => Err(*error),
        };
        self.picks.push(picked);
        match picked {
            Ok((addr, why)) => self.check_pick(addr, why, group.or_else(|| self.group_of(key?)), avoid),
            Err(PickError::Declined) => assert!(self.refused && self.may_decline, "declined"),
            Err(error) => self.check_no_pick(error),
        }
        self.under_way.extend(result);
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
        let expected = if self.balancer.is_empty() { PickError::NoEndpoints } else { PickError::AllDrained };
        assert_eq!(error, expected);
        let eligible = |endpoint: &Endpoint<u8>| endpoint.weight > 0 && !endpoint.draining;
        assert!(!self.cluster.set().iter().any(|(_, endpoint)| eligible(endpoint)), "but there are eligible ones");
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
        let before = self.under_way.len();
        for step in 0..100_u64 {
            let group = self.group_of(step);
            self.pick(Some(step), &[], group);
            self.rng.first((step << 32).div_ceil(100) as u32);
            // A group that is alone is not drawn: then the word goes to the policy.
            self.pick(None, &[], group);
        }
        for pick in self.under_way.split_off(before) {
            self.balancer.report(self.now, pick, Outcome::Canceled);
        }
    }

    fn report(&mut self, input: &mut Input<'_>) {
        let outcome = match input.below(4) {
            0 => Outcome::Success,
            1 => Outcome::Failure,
            2 => Outcome::Overloaded { retry_after: None },
            _ => Outcome::Canceled,
        };
        let index = input.below(self.under_way.len());
        if index < self.under_way.len() {
            let pick = self.under_way.swap_remove(index);
            self.balancer.report(self.now, pick, outcome);
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
