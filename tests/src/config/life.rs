//! A balancer under any settings and events, and beside it a cluster that sees the same.

mod picks;

use core::time::Duration;

use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::{
    Balancer, Cluster, Config, Endpoint, Instant, Outcome, Pick, PickError, Slot, Store, Why, Zone,
};

use crate::health;
use crate::input::Input;
use crate::policies::{ROOM, same_cycle};
use crate::rng::MeteredRng;

/// How many addresses there are: more than the smallest sets hold.
const ADDRESSES: u8 = 24;

/// A moment before the end of time, where what is due stays due: each look at it would change more.
const LAST: Instant = Instant::from_nanos(u64::MAX - 1);

/// A balancer, and beside it a cluster of the same settings that sees the same events.
pub(super) struct Life<S: Store, T: Store> {
    balancer: Balancer<u8, AnyPolicy<T>, Config, S>,
    /// It counts no requests in flight: where those are limited, it goes another way.
    cluster: Cluster<u8, (), Config, S>,
    now: Instant,
    rng: MeteredRng,
    /// With the addresses that they went to, and a mark on those whose reports decide.
    under_way: Vec<(Pick, u8, bool)>,
    departed: Vec<Slot>,
    /// The policy, never rebuilt.
    asked: AnyPolicy,
    /// What was picked: the same in every store that has the room.
    pub(super) picks: Vec<Result<(u8, Why), PickError>>,
    /// There was an update that the policy could not follow.
    pub(super) refused: bool,
    pub(super) same_cycles: bool,
}

impl<S: Store, T: Store> Life<S, T> {
    pub(super) fn new(text: &str, config: Config) -> Self {
        let policy: AnyPolicy<T> = text.parse().expect("it was parsed before");
        Self {
            asked: text.parse().expect("it was parsed before"),
            balancer: Balancer::with_config(policy, config).expect("it was checked before"),
            cluster: Cluster::new(config),
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
                5..=7 => drop(self.pick(None, &[], false)),
                8 => drop(self.pick(Some(input.number()), &[], false)),
                9..=11 => {
                    let key = (input.below(2) == 1).then(|| input.number());
                    let avoid = self.avoid(&mut input);
                    let leave_level = input.below(2) == 1;
                    self.pick(key, &avoid, leave_level);
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

    fn config(&self) -> &Config {
        self.balancer.settings()
    }

    /// Tells that an endpoint may have so many requests in flight, and no more.
    fn limited(&self) -> bool {
        self.config().max_in_flight > 0
    }

    /// Compares the health of all, and when something is due.
    fn compare(&self) {
        assert_eq!(self.balancer.len(), self.cluster.len());
        let most = self.config().max_in_flight;
        for status in self.balancer.endpoints() {
            assert_eq!(self.cluster.get(status.slot), Some(status.endpoint), "another slot");
            assert_eq!(status.candidate, status.candidacy.is_candidate());
            if status.candidate {
                let in_flight = status.stats.in_flight;
                assert!(most == 0 || in_flight < most, "a candidate with {in_flight} in flight");
            }
        }
        if self.limited() {
            return;
        }
        assert_eq!(self.balancer.poll_timeout(), self.cluster.poll_timeout());
        for (status, member) in self.balancer.endpoints().zip(self.cluster.members()) {
            assert_eq!(
                (status.slot, status.endpoint, status.health, status.candidacy, status.weight),
                (member.slot, member.endpoint, member.health, member.candidacy, member.weight)
            );
        }
    }

    fn drain(&mut self) {
        let limited = self.limited();
        let same = self.balancer.events().eq(self.cluster.events());
        assert!(limited || same, "other events");
    }

    fn update(&mut self, input: &mut Input<'_>) {
        let endpoints: Vec<_> =
            (0..input.below(ADDRESSES.into())).map(|_| endpoint(input)).collect();
        self.departed.extend(self.balancer.endpoints().map(|status| status.slot));
        let result = self.balancer.update(self.now, endpoints.iter().copied());
        let changes = self.cluster.update(self.now, endpoints.iter().copied());
        self.changed(result.is_err());
        if result.is_ok() {
            assert_eq!(result, Ok(changes));
            let again = self.balancer.update(self.now, endpoints);
            assert!(again.is_ok_and(|changes| changes.is_empty()));
        }
    }

    fn insert(&mut self, endpoint: Endpoint<u8>) {
        let result = self.balancer.insert(self.now, endpoint);
        let expected = self.cluster.insert(self.now, endpoint);
        assert!(expected.is_ok() || result == expected);
        self.changed(expected.is_ok() && result.is_err());
    }

    fn remove(&mut self, addr: u8) {
        let result = self.balancer.remove(self.now, &addr);
        let expected = self.cluster.remove(self.now, &addr);
        assert!(result.is_err() || result == Ok(expected));
        self.changed(result.is_err());
    }

    /// Notes that the policy may have been rebuilt.
    fn changed(&mut self, refused: bool) {
        self.refused |= refused;
        let weights: Vec<u32> = self.balancer.endpoints().map(|status| status.weight).collect();
        let config = self.config();
        let one_group = config.overprovisioning_percent == 0 && config.zone == Zone::NONE;
        // Which of them share a group is not told: then all together have to fit.
        let all_fit = weights.iter().map(|&weight| u64::from(weight)).sum::<u64>() <= ROOM as u64;
        let weights: Vec<u32> = weights.into_iter().filter(|weight| *weight > 0).collect();
        self.same_cycles &= all_fit || one_group && same_cycle(&weights);
    }

    fn avoid(&self, input: &mut Input<'_>) -> Vec<Slot> {
        let mask = (0..4).fold(0, |mask, _| mask << 8 | u32::from(input.byte()));
        let slots = self
            .balancer
            .endpoints()
            .map(|status| status.slot)
            .chain(self.departed.iter().rev().copied());
        slots
            .take(32)
            .enumerate()
            .filter(|(index, _)| mask >> index & 1 == 1)
            .map(|(_, slot)| slot)
            .collect()
    }

    fn set_down(&mut self, input: &mut Input<'_>) {
        let byte = input.byte();
        let Some(slot) = self.cluster.find(&(byte % ADDRESSES)) else { return };
        self.balancer.set_down(self.now, slot, byte & 0x80 != 0);
        self.cluster.set_down(self.now, slot, byte & 0x80 != 0);
        self.changed(false);
    }

    fn configure(&mut self, input: &mut Input<'_>) {
        let config = health::settings(input, *self.config());
        assert!(self.balancer.set_config(self.now, config).is_ok());
        self.cluster.configure(self.now, config);
        self.changed(false);
    }

    fn report(&mut self, input: &mut Input<'_>) {
        let outcome = input.outcome();
        let index = input.below(self.under_way.len());
        if index < self.under_way.len() {
            let (pick, _, decides) = self.under_way.swap_remove(index);
            self.report_pick(pick, decides, outcome);
        }
    }

    /// Does to the cluster what a balancer does to its own.
    fn report_pick(&mut self, pick: Pick, decides: bool, outcome: Outcome) {
        let (slot, sent) = (pick.slot(), pick.started());
        self.balancer.report(self.now, pick, outcome);
        let heeded = match outcome {
            Outcome::Success | Outcome::PushedBack => self.cluster.watches(slot),
            Outcome::Ignorable => decides || self.cluster.watches(slot),
            // Rows of them may eject.
            Outcome::Abandoned
            | Outcome::LostRace
            | Outcome::Failure
            | Outcome::TimedOut
            | Outcome::NeverSent
            | Outcome::Overloaded { .. } => true,
        };
        if heeded {
            self.cluster.learn(self.now, slot, outcome, sent, decides);
        }
        self.changed(false);
    }

    /// Forward, or to anywhere.
    fn wait(&mut self, input: &mut Input<'_>) {
        let far = input.below(4) == 0;
        self.now =
            if far { Instant::from_nanos(input.number()) } else { self.now + input.duration() };
        self.handle_timeout();
    }

    fn wait_for_timeout(&mut self) {
        self.now = self
            .balancer
            .poll_timeout()
            .unwrap_or(self.now + Duration::from_millis(1))
            .max(self.now);
        self.handle_timeout();
    }

    fn handle_timeout(&mut self) {
        self.now = self.now.min(LAST);
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
        .with_zone(Zone::new(u16::from(content >> 3 & 3)))
        .with_draining(content >> 5 > 4)
}
