//! Any policy over any view, weights, keys, loads and slots to avoid.
//!
//! [`check`] is the body of the fuzz target `policies`; ordinary tests put random bytes and the target's corpus through it.

mod scene;

use evenkeel_core::policy::{AnyPolicy, Turn, choose};
use evenkeel_core::{Cx, Heap, Inline, Instant, Policy, Store, Why};

use crate::input::Input;
use crate::rng::MeteredRng;
use scene::Scene;

/// Every policy, and those with parameters also at their limits.
pub const TEXTS: [&str; 22] = [
    "round_robin",
    "random",
    "weighted_round_robin",
    "weighted_random",
    "least_request",
    "least_request(full_scan)",
    "peak_ewma",
    "peak_ewma(full_scan)",
    "rendezvous",
    "rendezvous(bound=125)",
    "rendezvous(bound=100)",
    "rendezvous(bound=4294967295)",
    "maglev(size=251)",
    "maglev(size=5)",
    "maglev(size=2)",
    "ring_hash(minimum=64, maximum=512)",
    "ring_hash(minimum=1, maximum=64)",
    "ring_hash(minimum=1, maximum=1)",
    "ketama",
    "pick_first",
    "pick_first(seed=0)",
    "pick_first(seed=18446744073709551615)",
];

/// Those of [`TEXTS`] whose tables have room for a dozen endpoints.
pub(crate) fn roomy() -> impl Iterator<Item = &'static str> {
    TEXTS.into_iter().filter(|text| !["maglev(size=5)", "maglev(size=2)"].contains(text))
}

/// The capacity of tables in place that hold most of what [`TEXTS`] ask for, and of some that hold next to nothing.
pub(crate) const ROOM: usize = 1024;
pub(crate) const LITTLE_ROOM: usize = 8;

/// Reads `data` as a policy and a sequence of views, each with picks from it.
///
/// # Panics
/// When a policy names a place outside its view, passes over one that it should not, works without end, or does not do the
/// same again.
pub fn check(data: &[u8]) {
    let heap = Run::<Heap>::over(data);
    assert_eq!(heap.picks, Run::<Heap>::over(data).picks, "not the same again");
    let inline = Run::<Inline<ROOM>>::over(data);
    if heap.same_cycles && heap.refused == inline.refused {
        assert_eq!(heap.picks, inline.picks, "not the same in place");
    }
    let _ = Run::<Inline<LITTLE_ROOM>>::over(data);
}

/// Whether [`WeightedRoundRobin`](evenkeel_core::policy::WeightedRoundRobin) has the same cycle, or none, in tables of
/// [`ROOM`] and in those without a limit.
pub(crate) fn same_cycle(weights: &[u32]) -> bool {
    const LONGEST: u64 = 1 << 14;
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let turns: u64 = weights.iter().map(|&weight| u64::from(weight / divisor)).sum();
    turns <= ROOM as u64 || turns > LONGEST
}

/// Whether the policy picks nobody as long as its table had no room.
pub(crate) fn needs_table<S: Store>(policy: &AnyPolicy<S>) -> bool {
    ["maglev", "ring_hash", "ketama"].contains(&policy.name())
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

struct Run<S: Store> {
    policy: AnyPolicy<S>,
    turn: Turn,
    rng: MeteredRng,
    /// What was picked, and which rebuilds were refused: the same in every store that has the room.
    picks: Vec<Option<(usize, Why)>>,
    refused: Vec<bool>,
    same_cycles: bool,
}

impl<S: Store> Run<S> {
    fn over(data: &[u8]) -> Self {
        let mut input = Input::new(data);
        let text = TEXTS[input.below(TEXTS.len())];
        let mut policy: AnyPolicy<S> = text.parse().expect("a text from the list");
        policy.seed(input.number());
        let rng = MeteredRng::new(input.number());
        let mut run =
            Self { policy, turn: Turn::UNSET, rng, picks: Vec::new(), refused: Vec::new(), same_cycles: true };
        while !input.is_empty() {
            let scene = Scene::read(&mut input);
            run.rebuild(&scene);
            for _ in 0..=input.below(8) {
                run.pick(&scene, &mut input);
            }
        }
        run
    }

    fn rebuild(&mut self, scene: &Scene) {
        let full = scene.view(&[], |view| self.policy.rebuild(view)).err();
        if let Some(full) = full {
            assert!(full.needed > full.capacity, "{full}");
        }
        self.refused.push(full.is_some());
        self.same_cycles &= same_cycle(scene.weights());
        if full.is_some() || scene.weightless() {
            return;
        }
        for candidate in 0..scene.len() {
            let place = self.policy.place_of(candidate);
            assert_eq!(self.policy.candidate_at(place), candidate, "{} at {place}", self.policy);
            self.turn = Turn::at(place);
        }
    }

    fn pick(&mut self, scene: &Scene, input: &mut Input<'_>) {
        let now = Instant::from_nanos(input.number());
        let key = (input.below(4) > 0).then(|| input.number());
        let avoid = scene.avoid(input);
        if input.below(8) == 0 {
            self.turn = Turn::at(input.number() as usize);
        }
        // A policy is asked five times, and looks at each candidate twice in one or two passes.
        let work = 20 * (scene.len() + 8);
        scene.allow(work);
        let sound = !scene.weightless() && self.refused.last() == Some(&false);
        let Self { policy, turn, rng, .. } = self;
        let picked =
            scene.view(&avoid, |view| choose(policy, view, &mut Cx::new(now, key, &mut *turn, rng.allow(work))).ok());
        self.picks.push(picked);
        let Some((place, why)) = picked else {
            assert!(!sound && needs_table(&self.policy), "{} declined", self.policy);
            return;
        };
        assert!(place < scene.len(), "{} named {place} of {}", self.policy, scene.len());
        let all_avoided = (0..scene.len()).all(|place| scene.is_avoided(place, &avoid));
        let expected = match (avoid.is_empty(), all_avoided) {
            (true, _) => Why::Policy,
            (false, true) => Why::LastResort,
            (false, false) => Why::Retry,
        };
        assert_eq!((why, scene.is_avoided(place, &avoid)), (expected, all_avoided), "{}", self.policy);
        self.ask(scene, now, key, &avoid, sound && !all_avoided);
    }

    /// What the policy says on its own, without the steps that are taken for it.
    fn ask(&mut self, scene: &Scene, now: Instant, key: Option<u64>, avoid: &[evenkeel_core::Slot], may_choose: bool) {
        let work = 4 * (scene.len() + 8);
        scene.allow(work);
        let Self { policy, turn, rng, .. } = self;
        let place = scene.view(avoid, |view| policy.pick(view, &mut Cx::new(now, key, &mut *turn, rng.allow(work))));
        assert!(place.is_none_or(|place| place < scene.len()) || !may_choose, "{policy} named {place:?}");
        let orders = ["round_robin", "rendezvous", "maglev", "ring_hash", "ketama", "pick_first"];
        if may_choose && orders.contains(&policy.name()) {
            let place = place.expect("the table is built");
            assert!(!scene.is_avoided(place, avoid), "{policy} does not go on to its next choice");
        }
    }
}
