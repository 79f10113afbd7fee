//! Rows of failures and of cancellations, and the calm, go on over any restart.

use core::time::Duration;

use evenkeel_core::policy::RoundRobin;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Balancer, Config, Heap, Instant, Outcome, State};
use rand_chacha::ChaCha8Rng;

use crate::fixture::endpoints;

/// Ends of requests that were sent in this second: to whom, how often, how, after how long.
type Step = (u64, &'static str, u32, Outcome, u64);

const FAST: u64 = 10;
const SLOW: u64 = 900;

/// Returns what happened to whom, in which second; restarts before each request, or never.
fn live(steps: &[Step], restarts: bool) -> Vec<(u64, String, &'static str)> {
    let config = Config { base_ejection_time: Duration::from_secs(20), ..Config::DEFAULT };
    let new = |now| {
        let mut balancer: Balancer<String, RoundRobin> =
            Balancer::with_config(RoundRobin::new(), config).unwrap();
        let _ = balancer.update(now, endpoints(4)).unwrap();
        balancer.events().for_each(drop);
        balancer
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut balancer = new(Instant::ZERO);
    let mut told = Vec::new();
    for &(second, addr, times, outcome, took) in steps {
        let sent = Instant::from_secs(second);
        for _ in 0..times {
            if restarts {
                let text = serde_json::to_string(&balancer.export(sent)).unwrap();
                let state: State<String, Heap> = serde_json::from_str(&text).unwrap();
                balancer = new(sent);
                balancer.import(sent, &state).unwrap();
                balancer.events().for_each(drop);
            }
            let pick = loop {
                let pick = balancer.pick(sent, &mut rng).unwrap();
                if balancer.endpoint(&pick).unwrap().addr == addr {
                    break pick;
                }
            };
            balancer.report(sent + Duration::from_millis(took), pick, outcome);
            told.extend(balancer.events().map(|event| {
                let addr = event.endpoint.and_then(|(_, addr)| addr.cloned()).unwrap_or_default();
                (event.at.as_millis() / 1_000, addr, event.kind.name())
            }));
        }
    }
    told
}

fn goes_on(steps: &[Step], expected: &[(u64, &str, &str)]) {
    for restarts in [false, true] {
        let told = live(steps, restarts);
        let told: Vec<_> = told.iter().map(|(at, addr, kind)| (*at, &**addr, *kind)).collect();
        assert_eq!(told, expected, "with restarts: {restarts}");
    }
}

/// The first failures of the row were slow, and sent after the ejection: that did harm.
#[test]
fn a_row_keeps_its_beginning_and_that_it_was_slow() {
    goes_on(
        &[
            (99, "b", 1, Outcome::Failure, FAST),
            (100, "a", 5, Outcome::Failure, FAST),
            (100, "b", 1, Outcome::Success, FAST),
            (101, "b", 4, Outcome::Failure, SLOW),
            (102, "b", 1, Outcome::Failure, FAST),
        ],
        &[(100, "a", "ejected"), (102, "a", "readmitted"), (102, "b", "undone")],
    );
    // It has not answered since, be it that it is known or not.
    for before in [vec![], vec![(98, "b", 1, Outcome::Failure, FAST)]] {
        let then = [
            (99, "b", 1, Outcome::Success, FAST),
            (100, "a", 5, Outcome::Failure, FAST),
            (101, "b", 5, Outcome::Failure, SLOW),
        ];
        let steps = [before.as_slice(), &then].concat();
        goes_on(&steps, &[(100, "a", "ejected"), (101, "b", "ejected")]);
    }
    // Its first was sent before it.
    goes_on(
        &[
            (100, "b", 1, Outcome::Failure, FAST),
            (101, "a", 5, Outcome::Failure, FAST),
            (102, "b", 4, Outcome::Failure, SLOW),
        ],
        &[(101, "a", "ejected"), (102, "b", "ejected")],
    );
}

/// The calm lasts for 30 s from the undo on; it is told once that it holds an endpoint.
#[test]
fn a_calm_goes_on() {
    goes_on(
        &[
            (99, "b", 1, Outcome::Failure, FAST),
            (100, "a", 5, Outcome::Failure, FAST),
            (100, "b", 1, Outcome::Success, FAST),
            (101, "b", 5, Outcome::Failure, SLOW),
            (103, "c", 5, Outcome::Failure, FAST),
            (131, "c", 5, Outcome::Failure, FAST),
            (132, "c", 5, Outcome::Failure, FAST),
        ],
        &[
            (100, "a", "ejected"),
            (101, "a", "readmitted"),
            (101, "b", "undone"),
            (103, "c", "held"),
            (132, "c", "ejected"),
        ],
    );
}

/// A row of cancellations is judged at 40, ten that were abandoned; after one of 36 that ended in
/// an answer, at 80.
#[test]
fn rows_of_cancellations_go_on() {
    goes_on(&[(100, "b", 10, Outcome::Abandoned, FAST)], &[(100, "b", "ejected")]);
    goes_on(
        &[
            (100, "b", 9, Outcome::Abandoned, FAST),
            (101, "b", 1, Outcome::Success, FAST),
            (102, "c", 19, Outcome::Abandoned, FAST),
            (103, "c", 1, Outcome::Abandoned, FAST),
        ],
        &[(103, "c", "ejected")],
    );
}
