//! Another attempt beside one that takes long: what it wins, and what it costs.

use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::retry::RetryBudget;
use evenkeel_tests::simulation::{
    Effect, Fault, Hedge, Host, Log, Scale, Scenario, Table, millis, percent, percentile, run,
    sketch,
};

use super::{MS, check, in_parallel, policy, section, sum};

const HEAD: &str = "\
Hedging: another attempt beside one that takes long; the first answer counts, the other attempt is given up
===========================================================================================================

10 hosts that take 20 ms for a request, exponentially distributed. Calls arrive at random (Poisson) for 60 s. At most one hedge for
each, bounded by RetryBudget::default(). The attempt given up is reported as Outcome::LostRace: it would have taken longer.

hedge after   never; p95: the 950 per mille of LatencyPercentile; or a fixed time
p50, ...      of all calls of three runs with the seeds 1 to 3; none fails
extra %       hedges, in percent of the calls
to slow %     requests that the slow host got

Made and compared by   cargo test -p evenkeel-tests --test simulations hedging
Rewritten by the same with EVENKEEL_BLESS=1. hedging.svg shows these tables.
";

type Way = (&'static str, Option<Hedge>);
const NEVER: Way = ("never", None);
const P95: Way = ("p95", Some(Hedge::Percentile(950)));
const FIXED: Way = ("60 ms", Some(Hedge::After(Duration::from_millis(60))));

const ROUND_ROBIN: (&str, &str) = ("round robin", "round_robin");
const LEAST_REQUEST: (&str, &str) = ("least request", "least_request");
const PEAK_EWMA: (&str, &str) = ("peak EWMA", "peak_ewma");

/// Adds a table to the text; gives of each row what was asserted of, in its order.
fn write(
    text: &mut String,
    title: &str,
    hosts: &[Host],
    rate: u32,
    policies: &[(&str, &str)],
) -> Vec<Figures> {
    let slow =
        hosts.iter().position(|host| host.faults.iter().any(|fault| fault.per_mille == 1000));
    let mut columns =
        vec!["policy", "hedge after", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "extra %"];
    columns.extend(slow.map(|_| "to slow %"));
    let mut table = Table::new(2, &columns);
    let mut figures = Vec::new();
    for (title, name) in policies {
        for (after, hedge) in [NEVER, P95, FIXED] {
            let scenario = Scenario {
                hosts: hosts.to_vec(),
                rate,
                policy: policy(name),
                hedge,
                ..Scenario::default()
            };
            let logs = in_parallel(1..=3, |seed| run(&scenario, seed, &mut RetryBudget::default()));
            assert_eq!(sum(&logs, Log::errors), 0, "no host fails");
            let mut times: Vec<_> = logs.iter().flat_map(Log::latencies).collect();
            let mut row = vec![(*title).to_owned(), after.to_owned()];
            row.extend(
                [500, 950, 990, 999].map(|per_mille| millis(percentile(&mut times, per_mille))),
            );
            row.push(percent(sum(&logs, Log::extra_attempts), sum(&logs, |log| log.calls.len())));
            row.extend(slow.map(|slow| {
                let to_slow = sum(&logs, |log| log.sent_to(slow as u32));
                percent(to_slow, sum(&logs, |log| log.attempts.len()))
            }));
            table.row(row);
            figures.push(
                logs.iter().map(|log| Figures::of(log, slow)).reduce(Figures::worse).expect("runs"),
            );
        }
        table.gap();
    }
    section(text, title, &table);
    figures
}

/// The worst of all runs.
#[derive(Clone, Copy, Debug)]
struct Figures {
    p99: Duration,
    /// Per mille of the calls.
    extra: usize,
    /// Per mille of the attempts.
    to_slow: usize,
    ejections: usize,
}

impl Figures {
    fn of(log: &Log, slow: Option<usize>) -> Self {
        let mut times: Vec<_> = log.latencies().collect();
        Self {
            p99: percentile(&mut times, 990).expect("calls"),
            extra: (log.extra_attempts() * 1000).div_ceil(log.calls.len()),
            to_slow: slow
                .map_or(0, |slow| (log.sent_to(slow as u32) * 1000).div_ceil(log.attempts.len())),
            ejections: log.ejections(),
        }
    }

    fn worse(self, other: Self) -> Self {
        Self {
            p99: self.p99.max(other.p99),
            extra: self.extra.max(other.extra),
            to_slow: self.to_slow.max(other.to_slow),
            ejections: self.ejections.max(other.ejections),
        }
    }
}

#[test]
fn hedging() {
    let mut text = HEAD.to_owned();
    let host = Host::exponential(20 * MS);
    let slow = Fault::always(Effect::Slow { by: 200 * MS });

    let mut one = vec![host.clone(); 10];
    one[9].faults.push(slow);
    let title = "1 of 10 hosts takes 200 ms longer; 100 calls per second";
    let figures = write(&mut text, title, &one, 100, &[ROUND_ROBIN, LEAST_REQUEST, PEAK_EWMA]);
    let [never, p95, fixed] = figures[6..] else { panic!("three rows for each policy") };
    assert!(p95.p99 < never.p99 && fixed.p99 < never.p99, "{figures:?}");
    // A host that hedges hide must still be known to be slow, or hedging goes on for ever.
    assert!(p95.to_slow < 40 && fixed.to_slow < 40 && p95.extra < 80, "{figures:?}");

    let all = vec![host.clone().with(slow.of_a_thousand(20)); 10];
    let title = "2 % of the requests take 200 ms longer, on whichever host; 100 calls per second";
    let figures = write(&mut text, title, &all, 100, &[ROUND_ROBIN]);
    let [never, p95, _] = figures[..] else { panic!("three rows for each policy") };
    assert!(p95.p99 < never.p99 / 2 && p95.extra < 80, "{figures:?}");

    let queues = vec![host.with_workers(1); 10];
    let title = "\
Hosts that work on one request at a time, at 60 % of what they can do: 300 calls per second. What is given up has to be done
all the same.";
    let figures = write(&mut text, title, &queues, 300, &[ROUND_ROBIN, LEAST_REQUEST]);
    for rows in figures.chunks(3) {
        let [never, p95, fixed] = rows else { panic!("three rows for each policy") };
        assert!(p95.extra < 80 && p95.p99 < never.p99, "{figures:?}");
        // Hosts that lose races are good ones: were they ejected for it, others would queue more.
        let most = never.p99 * 8 / 5;
        assert!(fixed.p99 < most && p95.ejections + fixed.ejections == 0, "{figures:?}");
    }
    check("hedging.txt", &text);
    check("hedging.svg", &sketch(&text, Scale::Columns));
}

/// All hosts take four times as long from one moment on: for a while many calls send a hedge, as far
/// as the budget lets them, and soon no more than about the slowest 2 % again.
#[test]
fn hedges_settle_after_answers_take_longer() {
    let shift = Fault::between(20, 120, Effect::Slow { by: 60 * MS });
    for name in ["round_robin", "peak_ewma"] {
        let scenario = Scenario {
            hosts: vec![Host::exponential(20 * MS).with(shift); 10],
            policy: policy(name),
            hedge: Some(Hedge::Percentile(980)),
            duration: Duration::from_secs(120),
            ..Scenario::default()
        };
        let logs = in_parallel(1..=3, |seed| run(&scenario, seed, &mut RetryBudget::default()));
        let per_mille = |from, until| {
            let span = |log: &Log| log.between(Instant::from_secs(from), Instant::from_secs(until));
            let spans: Vec<_> = logs.iter().map(span).collect();
            sum(&spans, Log::extra_attempts) * 1000 / sum(&spans, |log| log.calls.len())
        };
        let (before, at_once, settled) = (per_mille(10, 20), per_mille(20, 22), per_mille(60, 120));
        assert!(before <= 20 && settled <= 20, "{name}: {before}, {at_once}, {settled}");
        assert!(at_once > 100, "{name}: the shift is felt: {at_once}");
    }
}
