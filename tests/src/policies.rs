//! Any policy over any view, weights, keys, loads and slots to avoid.
//!
//! [`check`] is the body of the fuzz target `policies`; ordinary tests put random bytes and the
//! target's corpus through it.

mod read;
mod scene;

use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::slot::Turn;
use evenkeel_core::{Cx, Heap, Inline, Instant, Policy, Store, View};

use crate::input::Input;
use crate::rng::MeteredRng;
pub use scene::{Cut, Scene};

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

/// The capacity of tables in place that hold most of what [`TEXTS`] ask for, and of some that hold
/// next to nothing.
pub(crate) const ROOM: usize = 1024;
pub(crate) const LITTLE_ROOM: usize = 8;

/// Reads `data` as a policy and a sequence of views, each with picks from it.
///
/// # Panics
/// When a policy names a slot outside its view, declines a view without reason, works without end,
/// or does not do the same again.
pub fn check(data: &[u8]) {
    let heap = Run::<Heap>::over(data);
    assert_eq!(heap.picks, Run::<Heap>::over(data).picks, "not the same again");
    let inline = Run::<Inline<ROOM>>::over(data);
    if heap.same_cycles && heap.refused == inline.refused {
        assert_eq!(heap.picks, inline.picks, "not the same in place");
    }
    let _ = Run::<Inline<LITTLE_ROOM>>::over(data);
}

/// Tells that [`WeightedRoundRobin`](evenkeel_core::policy::WeightedRoundRobin) has the same cycle,
/// or none, in tables of [`ROOM`] and in those without a limit.
pub(crate) fn same_cycle(weights: &[u32]) -> bool {
    const LONGEST: u64 = 1 << 14;
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let turns: u64 = weights.iter().map(|&weight| u64::from(weight / divisor)).sum();
    turns <= ROOM as u64 || turns > LONGEST
}

/// Tells that the policy picks nobody as long as its table had no room.
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
    /// The slots that were picked, and which rebuilds were refused: the same in every store that
    /// has the room.
    picks: Vec<Option<usize>>,
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
        let (picks, refused) = (Vec::new(), Vec::new());
        let mut run = Self { policy, turn: Turn::START, rng, picks, refused, same_cycles: true };
        while !input.is_empty() {
            let scene = read::scene(&mut input);
            run.rebuild(&scene);
            for _ in 0..=input.below(8) {
                run.pick(&scene, &mut input);
            }
        }
        run
    }

    fn rebuild(&mut self, scene: &Scene<String>) {
        let full = self.policy.rebuild(&scene.all()).err();
        if let Some(full) = full {
            assert!(full.needed > full.capacity, "{full}");
        }
        self.refused.push(full.is_some());
        self.same_cycles &= same_cycle(&scene.weights());
    }

    fn pick(&mut self, scene: &Scene<String>, input: &mut Input<'_>) {
        let now = Instant::from_nanos(input.number());
        let key = (input.below(4) > 0).then(|| input.number());
        let avoid = read::avoid(scene, input);
        if input.below(8) == 0 {
            let slot = input.number() as usize;
            self.turn = Turn::had(slot, slot);
        }
        // A policy looks at each candidate twice in one or two passes.
        let work = 4 * (scene.slots().len() + 8);
        scene.allow(work);
        let Self { policy, turn, rng, .. } = self;
        let view = scene.less(&avoid);
        // Two choices draw a second pair against a crowded winner.
        let words = 2 * work;
        let slot = policy.pick(&view, &mut Cx::new(now, key, turn, rng.allow(words)));
        self.picks.push(slot);
        let Some(slot) = slot else {
            // Clusters offer no candidates without a weight: to those, policies owe nothing.
            let sound = !scene.weights().contains(&0) && self.refused.last() == Some(&false);
            assert!(!sound && needs_table(&self.policy), "{} declined", self.policy);
            return;
        };
        assert!(self.policy.keeps_to_view());
        assert!(view.has(slot), "{} named {slot}, which is not in the view", self.policy);
    }
}
