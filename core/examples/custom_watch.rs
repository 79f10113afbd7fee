//! A registry of one's own: it lists its endpoints, and then tells what changes.
//!
//! The machine says when to list, when to watch and from where, and what of it to believe; the
//! registry is played: it forgets its history once, hangs up, and fails. The balancer hears of
//! every change, and no request is refused.
//!
//! ```text
//! cargo run -p evenkeel-core --example custom_watch
//! ```

use evenkeel_core::discovery::list_watch::{
    ListWatch, ListWatchConfig, ListWatchFault, ListWatchStep, ListWatchVerdict,
};
use evenkeel_core::policy::RoundRobin;
use evenkeel_core::{Balancer, Endpoint, Instant, Outcome};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What happens in the registry: the second, and who comes or goes.
const HISTORY: [(u64, Event); 5] = [
    (0, Event::Up("10.0.0.1:80")),
    (0, Event::Up("10.0.0.2:80")),
    (20, Event::Up("10.0.0.3:80")),
    (50, Event::Down("10.0.0.1:80")),
    (90, Event::Up("10.0.0.4:80")),
];

#[derive(Clone, Copy)]
enum Event {
    Up(&'static str),
    Down(&'static str),
}

/// Returns the whole set at a time, and its revision.
fn list(now: Instant) -> Result<(usize, Vec<&'static str>), &'static str> {
    if (40..60).contains(&(now.as_millis() / 1_000)) {
        return Err("the registry is being restarted");
    }
    let (mut set, mut revision) = (Vec::new(), 0);
    for (at, event) in HISTORY {
        if Instant::from_secs(at) <= now {
            revision += 1;
            match event {
                Event::Up(addr) => set.push(addr),
                Event::Down(addr) => set.retain(|up| *up != addr),
            }
        }
    }
    Ok((revision, set))
}

/// Returns what comes after a revision: when, and what; and how the stream then ends.
fn watch(from: usize, now: Instant) -> (Option<(Instant, Event)>, ListWatchFault) {
    match now.as_millis() / 1_000 {
        // It has compacted its history.
        30..40 => (None, ListWatchFault::Gone),
        40..60 => (None, ListWatchFault::Failed { retry_after: None }),
        _ => {
            let next = HISTORY.get(from);
            let next = next.map(|(at, event)| (Instant::from_secs(*at).max(now), *event));
            (next, ListWatchFault::Ended)
        }
    }
}

fn main() {
    for line in run() {
        println!("{line}");
    }
}

fn run() -> Vec<String> {
    let mut log = Vec::new();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut machine = ListWatch::new(ListWatchConfig::default()).expect("the settings fit");
    let mut balancer: Balancer<&str, RoundRobin> = Balancer::new(RoundRobin::new());
    let mut now = Instant::ZERO;
    while now < Instant::from_secs(150) {
        match machine.poll(now, &mut rng) {
            ListWatchStep::List { id, .. } => match list(now) {
                Ok((revision, set)) => {
                    if machine.on_list(now, id, revision) == ListWatchVerdict::Believe {
                        let set = set.into_iter().map(Endpoint::new);
                        let changes = balancer.update(now, set).expect("no table");
                        log.push(format!("listed, {} came", changes.added));
                    }
                }
                Err(error) => {
                    log.push(format!("no list: {error}"));
                    machine.on_fault(now, id, ListWatchFault::Failed { retry_after: None });
                }
            },
            ListWatchStep::Watch { id, from, .. } => {
                let (event, end) = watch(from, now);
                if let Some((at, event)) = event {
                    now = at;
                    if machine.on_events(now, id, from + 1) == ListWatchVerdict::Believe {
                        log.push(apply(&mut balancer, now, event));
                    }
                }
                if end != ListWatchFault::Ended {
                    log.push(format!("the watch is {}", end.name()));
                }
                // The registry hangs up every 10 s.
                now = now + core::time::Duration::from_secs(10);
                machine.on_fault(now, id, end);
            }
            ListWatchStep::Cancel { .. } => {} // this registry answers at once
            ListWatchStep::Wait(until) => {
                let pick = balancer.pick(now, &mut rng).expect("endpoints outlive their registry");
                balancer.report(now, pick, Outcome::Success);
                now = until.expect("the machine is not closed");
            }
        }
    }
    let left: Vec<_> = balancer.endpoints().map(|status| status.endpoint.addr).collect();
    log.push(format!("in the end: {}", left.join(", ")));
    log
}

fn apply(balancer: &mut Balancer<&'static str, RoundRobin>, now: Instant, event: Event) -> String {
    match event {
        Event::Up(addr) => {
            let inserted = balancer.insert(now, Endpoint::new(addr));
            inserted.map_or_else(|error| error.to_string(), |_| format!("{addr} came"))
        }
        Event::Down(addr) => {
            balancer.remove(now, &addr).expect("no table");
            format!("{addr} left")
        }
    }
}

#[test]
fn endpoints_follow_their_registry_and_outlive_it() {
    let log = run();
    println!("{log:#?}");
    assert_eq!(log[0], "listed, 2 came");
    assert_eq!(log[1], "10.0.0.3:80 came");
    assert!(log.contains(&"the watch is gone".to_owned()));
    assert!(log.contains(&"no list: the registry is being restarted".to_owned()));
    assert!(log.contains(&"10.0.0.4:80 came".to_owned()));
    assert_eq!(
        log.last().map(String::as_str),
        Some("in the end: 10.0.0.2:80, 10.0.0.3:80, 10.0.0.4:80")
    );
}
