//! A source of one's own: a file, driven by the core's poller.
//!
//! The poller says when to ask and how good the last answer still is; the source only reads. Here
//! the file is played: it changes, cannot be read for a while, and is empty once. No request is
//! refused meanwhile.
//!
//! ```text
//! cargo run -p evenkeel-core --example custom_source
//! ```

use core::time::Duration;

use evenkeel_core::discovery::poller::{Answer, PollerConfig, PollerStep};
use evenkeel_core::policy::RoundRobin;
use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, Poller};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What the file says from some second on: an endpoint a line, with a weight if it has one.
const FILE: [(u64, Result<&str, &str>); 5] = [
    (0, Ok("10.0.0.1:80\n10.0.0.2:80 3\n")),
    (20, Ok("10.0.0.1:80\n10.0.0.2:80 3\n10.0.0.3:80\n")),
    (40, Err("permission denied")),
    (80, Ok("")),
    (120, Ok("10.0.0.3:80\n")),
];

fn read_file(now: Instant) -> Result<&'static str, &'static str> {
    let now = now.as_millis() / 1_000;
    FILE.iter().rfind(|(since, _)| *since <= now).map_or(Err("not there"), |(_, text)| *text)
}

/// Makes endpoints of a file.
fn parse(text: &str) -> Result<Vec<Endpoint<&str>>, core::num::ParseIntError> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let endpoint = Endpoint::new(words.next()?);
            Some(words.next().map_or(Ok(endpoint), |weight| {
                weight.parse().map(|weight| endpoint.with_weight(weight))
            }))
        })
        .collect()
}

fn main() {
    for line in run() {
        println!("{line}");
    }
}

fn run() -> Vec<String> {
    let mut log = Vec::new();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let config = PollerConfig {
        min: Duration::from_secs(5),
        default: Duration::from_secs(5), // a file says nothing of how long it holds
        max_stale: Some(Duration::from_secs(30)),
        backoff_max: Duration::from_secs(10),
        ..PollerConfig::default()
    };
    let mut poller = Poller::new(config).expect("the settings fit together");
    let mut balancer: Balancer<&str, RoundRobin> = Balancer::new(RoundRobin::new());
    let mut now = Instant::ZERO;

    while now < Instant::from_secs(150) {
        match poller.poll(now, &mut rng) {
            PollerStep::Query { id, .. } => {
                let parsed = read_file(now).map(parse);
                let answer = match &parsed {
                    Ok(Ok(endpoints)) if endpoints.is_empty() => {
                        Answer::Empty { negative_ttl: None, retry_after: None }
                    }
                    Ok(Ok(_)) => Answer::Ok { ttl: None, retry_after: None },
                    Ok(Err(_)) | Err(_) => Answer::Fail { retry_after: None },
                };
                // What is late, wrong or empty leaves the endpoints as they are.
                if poller.on_result(now, id, answer)
                    && matches!(answer, Answer::Ok { .. })
                    && let Ok(Ok(endpoints)) = parsed
                {
                    let changes = balancer.update(now, endpoints).expect("no table");
                    if !changes.is_empty() {
                        let (came, left) = (changes.added, changes.removed);
                        log.push(format!("{}: {came} came, {left} left", seconds(now)));
                    }
                }
            }
            PollerStep::Cancel { .. } => {} // a file answers at once
            PollerStep::Health(health) => {
                log.push(format!("{}: the file is {}", seconds(now), health.name()));
            }
            PollerStep::Wait(until) => {
                let pick = balancer.pick(now, &mut rng).expect("endpoints outlive their source");
                balancer.report(now, pick, Outcome::Success);
                now = until.expect("the poller is not closed");
            }
        }
    }
    let left: Vec<_> = balancer.endpoints().map(|status| status.endpoint.addr).collect();
    log.push(format!("in the end: {}", left.join(", ")));
    log
}

fn seconds(now: Instant) -> String {
    format!("{:>3} s", now.as_millis() / 1_000)
}

#[test]
fn endpoints_outlive_their_source() {
    let log = run();
    let words: Vec<_> =
        log.iter().filter_map(|line| line.split_once(": ")).map(|line| line.1).collect();
    assert_eq!(
        words,
        [
            "2 came, 0 left",
            "the file is fresh",
            "1 came, 0 left",
            "the file is stale",
            "the file is expired",
            "0 came, 2 left",
            "the file is fresh",
            "10.0.0.3:80",
        ]
    );
}
