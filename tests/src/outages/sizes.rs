//! The same outage in services of many sizes.

use super::Figure::{After, Backups, Before, During};
use super::{Outage, dead, failing, hung, slow};

/// Those that go by weight, without a key.
const POLICIES: [&str; 4] =
    ["weighted_round_robin", "weighted_random", "least_request", "peak_ewma"];

/// Primaries and backups.
const LEVELS: [(u32, usize); 11] =
    [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 3), (5, 2), (5, 5), (10, 2), (10, 10), (20, 20)];

/// All primaries are out, and there are backups that are well.
pub fn levels() -> Vec<Outage> {
    let kinds = [("dead", dead as fn(u32) -> _), ("hang", hung)];
    let of = |(name, trouble): (&str, fn(u32) -> _)| {
        LEVELS.map(|(primaries, backups)| {
            Outage::new(format!("{primaries} primaries {name}, {backups} backups"))
                .hosts(primaries as usize)
                .workers(0)
                .backups(backups)
                .callers(16)
                .attempts(3, 250)
                .fault(trouble(primaries), 10..40)
                .seconds(70)
                .once()
                .must(During, 50)
                .must(After, 4)
        })
    };
    kinds.into_iter().flat_map(of).collect()
}

/// The same by other policies, in a few of the sizes.
pub fn levels_by_policy() -> Vec<Outage> {
    let of = |policy: &str| {
        let some = levels().into_iter().step_by(3);
        some.map(move |outage| {
            let title = format!("{}, {policy}", outage.title);
            Outage { title, ..outage.policy(policy) }
        })
        .collect::<Vec<_>>()
    };
    ["random", "least_request", "peak_ewma"].into_iter().flat_map(of).collect()
}

const HEAVY_FIRST: [u32; 10] = [100, 100, 10, 10, 10, 10, 10, 10, 10, 10];
const LIGHT_FIRST: [u32; 10] = [10, 10, 10, 10, 10, 10, 10, 10, 100, 100];

/// Hosts that can do as much as they weigh, 100 or 10; each weight moves by up to a tenth every
/// second. Each call is tried once.
pub fn weighted() -> Vec<Outage> {
    // The rule finds a host out after k = 5 calls while half of the others are well, else after 4k =
    // 20, and then asks it some four times a minute: 9 cost 9 * 24 = 216 calls. That is 0.1 % of the
    // 200,000 that 10 equal hosts get in the section above, and 1.3 % of the 16,800 that are sent
    // here, where a light one alone can do 500 a second: it is the scenario that has few calls.
    let kinds = [
        ("1 of 2 heavy ones", 1, HEAVY_FIRST, 3, [10, 25]),
        ("6 of 8 light ones", 6, LIGHT_FIRST, 3, [65, 75]),
        ("all but a light one", 9, HEAVY_FIRST, 2, [150, 220]),
        ("all but a heavy one", 9, LIGHT_FIRST, 3, [100, 140]),
    ];
    let mut all = Vec::new();
    for (index, (what, trouble)) in
        [("dead", dead as fn(u32) -> _), ("hang", hung)].into_iter().enumerate()
    {
        for (who, hosts, weights, load, most) in kinds {
            for policy in POLICIES {
                let outage = Outage::new(format!("{who} {what}, {policy}"))
                    .hosts(10)
                    .weights(&weights, 1_000)
                    .load(load)
                    .policy(policy)
                    .attempts(1, 250)
                    .fault(trouble(hosts), 10..70)
                    .seconds(100);
                all.push(outage.once().must(During, most[index]).must(After, 4));
            }
        }
    }
    all
}

/// The same where weights move from a hundred times a second, more often than calls come, to once
/// in ten.
pub fn moving() -> Vec<Outage> {
    let mut all = Vec::new();
    for (often, millis) in [("10 ms", 10), ("100 ms", 100), ("10 s", 10_000)] {
        for policy in POLICIES {
            let outage = Outage::new(format!("every {often}, {policy}"))
                .hosts(10)
                .weights(&HEAVY_FIRST, millis)
                .load(3)
                .policy(policy)
                .attempts(1, 250)
                .fault(dead(1), 10..70)
                .seconds(100);
            all.push(outage.once().must(Before, 0).must(During, 20).must(After, 4));
        }
    }
    all
}

/// Some primaries are in trouble, and those that are left can carry the load: backups are to be
/// spared.
pub fn spared() -> Vec<Outage> {
    let kinds = [
        ("1 dead", dead(1), 0, 5),
        ("2 dead", dead(2), 0, 5),
        ("5 dead", dead(5), 5, 5),
        ("2 hang", hung(2), 0, 5),
        ("2 ten times slower", slow(2, 10), 0, 5),
        ("half of the requests to 2 fail", failing(2, 500), 0, 5),
        ("a tenth of all requests fail", failing(10, 100), 5, 110),
    ];
    let of = |(name, trouble, lost, most)| {
        ["round_robin", "peak_ewma"].map(|policy| {
            Outage::new(format!("{name}, {policy}"))
                .hosts(10)
                .workers(8)
                .backups(2)
                .load(30)
                .policy(policy)
                .attempts(3, 250)
                .fault(trouble, 10..40)
                .seconds(60)
                .must(During, lost)
                .must(Backups, most)
        })
    };
    kinds.into_iter().flat_map(of).collect()
}

/// How many hosts there are, and how many of them are out.
const SMALL: [(usize, u32); 7] = [(3, 1), (3, 2), (4, 3), (5, 2), (10, 5), (10, 9), (20, 10)];

/// Some hosts are out, and each call is tried once.
pub fn small() -> Vec<Outage> {
    let mut all = Vec::new();
    for (name, trouble, most) in [("dead", dead as fn(u32) -> _, 20), ("hang", hung, 200)] {
        for (hosts, out) in SMALL {
            for policy in ["round_robin", "least_request", "peak_ewma"] {
                for (callers, takes) in [(1, 1), (16, 16)] {
                    let who = if callers == 1 { "1 caller" } else { "16 callers" };
                    // One host finds that all others are out: more is lost, of more.
                    let seconds = if out + 1 == hosts as u32 && hosts > 4 { 310 } else { 130 };
                    let title = format!("{out} of {hosts} {name}, {policy}, {who}");
                    let outage = Outage::new(title)
                        .hosts(hosts)
                        .workers(0)
                        .takes(takes)
                        .callers(callers)
                        .policy(policy)
                        .attempts(1, 250)
                        .fault(trouble(out), 10..seconds)
                        .seconds(seconds);
                    all.push(outage.once().must(During, most));
                }
            }
        }
    }
    all
}

/// One host fails everything at once, and looks fast and idle: how many requests does it
/// attract? Each call is tried once (`black_hole.txt` has more figures of these).
pub fn black_hole() -> Vec<Outage> {
    let mut all = Vec::new();
    for (hosts, most) in [(10, 8), (5, 13), (3, 21), (2, 32)] {
        for policy in ["random", "round_robin", "least_request", "peak_ewma"] {
            let outage = Outage::new(format!("1 of {hosts}, {policy}"))
                .hosts(hosts)
                .workers(0)
                .load(60)
                .policy(policy)
                .attempts(1, 1_000)
                .fault(dead(1), 0..60)
                .seconds(60);
            all.push(outage.must(During, most));
        }
    }
    all
}
