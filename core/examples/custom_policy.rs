//! A policy of one's own, with a table: the endpoints of the client's own rack first.
//!
//! Addresses here say in which rack they are. Requests go to the client's own rack, by least
//! requests in flight; where that has nobody left (all ejected, full, or tried), to any rack.
//!
//! ```text
//! cargo run -p evenkeel-core --example custom_policy
//! ```

use evenkeel_core::load::InFlight;
use evenkeel_core::{Balancer, Cx, Endpoint, Instant, Outcome, Policy, Request, TableFull, View};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Prefers endpoints whose address begins with the client's rack.
#[derive(Clone)]
struct OwnRack {
    rack: &'static str,
    /// The candidates of the own rack: made anew when the candidates change.
    near: Vec<usize>,
}

impl OwnRack {
    fn new(rack: &'static str) -> Self {
        Self { rack, near: Vec::new() }
    }
}

impl Policy for OwnRack {
    // Rows count the requests in flight for it, and nothing else.
    type Load = InFlight;

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        let slots = (0..view.len()).filter_map(|place| view.at(place));
        self.near = slots.filter(|&slot| key_of(view, slot).starts_with(self.rack)).collect();
        Ok(())
    }

    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        // What a call has tried, and what is full, is in the table still, but not in the view.
        let near = self.near.iter().copied().filter(|&slot| view.has(slot));
        let least = near.min_by_key(|&slot| view.in_flight(slot));
        least.or_else(|| view.at(cx.below(view.len())))
    }
}

fn key_of(view: &dyn View, slot: usize) -> String {
    let mut key = Vec::new();
    view.write_key(slot, &mut |bytes| key.extend_from_slice(bytes));
    String::from_utf8_lossy(&key).into_owned()
}

fn main() {
    for line in run() {
        println!("{line}");
    }
}

fn run() -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut now = Instant::ZERO;
    let mut balancer: Balancer<&str, _> = Balancer::new(OwnRack::new("rack-b/"));
    let endpoints = ["rack-a/1", "rack-a/2", "rack-b/1", "rack-b/2"];
    let changes = balancer.update(now, endpoints.map(Endpoint::new));
    assert_eq!(changes.map(|changes| changes.added), Ok(4));
    let mut lines = Vec::new();

    // Two requests at once share the rack.
    let picks = [(); 2].map(|()| balancer.pick(now, &mut rng).expect("endpoints are there"));
    for pick in picks {
        lines.push(format!("a request goes to {}", addr(&balancer, pick.slot())));
        balancer.report(now, pick, Outcome::Success);
    }

    // A retry that has tried the whole rack leaves it.
    let tried: Vec<_> = ["rack-b/1", "rack-b/2"]
        .iter()
        .filter_map(|addr| balancer.endpoints().find(|status| status.endpoint.addr == *addr))
        .map(|status| status.slot)
        .collect();
    let request = Request::at(now).avoiding(&tried);
    let pick = balancer.pick_with(request, &mut rng).expect("there are others");
    lines.push(format!("a retry goes to {}", addr(&balancer, pick.slot())));
    balancer.report(now, pick, Outcome::Success);

    // An ejected endpoint is no candidate: the policy need not know why.
    let mut failed = 0;
    while failed < 5 {
        now = Instant::from_millis(now.as_millis() + 1);
        let pick = balancer.pick(now, &mut rng).expect("endpoints are there");
        let bad = addr(&balancer, pick.slot()) == "rack-b/1";
        failed += u32::from(bad);
        balancer.report(now, pick, if bad { Outcome::Failure } else { Outcome::Success });
    }
    let pick = balancer.pick(now, &mut rng).expect("endpoints are there");
    lines.push(format!("after 5 failures of rack-b/1: {}", addr(&balancer, pick.slot())));
    balancer.report(now, pick, Outcome::Success);
    lines
}

fn addr(balancer: &Balancer<&'static str, OwnRack>, slot: evenkeel_core::Slot) -> &'static str {
    let mut all = balancer.endpoints();
    all.find(|status| status.slot == slot).map_or("nobody", |status| status.endpoint.addr)
}

#[test]
fn requests_stay_in_the_rack_while_it_has_somebody() {
    let lines = run();
    assert_eq!(lines[..2], ["a request goes to rack-b/1", "a request goes to rack-b/2"]);
    assert!(lines[2].starts_with("a retry goes to rack-a/"), "{lines:?}");
    assert_eq!(lines[3], "after 5 failures of rack-b/1: rack-b/2");
}
