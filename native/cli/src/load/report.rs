//! Tells what became of the requests.

use core::fmt::Write as _;
use core::time::Duration;
use std::io::{self, Write as _};

use evenkeel::{Status, Target};
use hdrhistogram::Histogram;
use serde_json::json;

use super::Args;
use super::tally::{Row, Tally, float};

/// How much of a column of the histogram is drawn at most.
const BAR: u64 = 20;

/// Prints the result for people: no line is longer than 40 columns but for names and causes.
pub(super) fn print(args: &Args, tally: &Tally, endpoints: &[Status]) -> io::Result<()> {
    let mut out = String::new();
    let (requests, seconds) = (tally.requests(), tally.elapsed.as_secs_f64().max(0.001));
    let rate = float(requests) / seconds;
    let retries = tally.attempts.saturating_sub(requests + tally.hedges);
    let _ = writeln!(out, "{}\n", args.url);
    let _ = writeln!(out, "{requests} requests in {seconds:.1} s, {rate:.0}/s");
    let _ = writeln!(out, "{} lost, {} bytes read", requests - tally.good, tally.bytes);
    let _ = writeln!(out, "{retries} retries, {} hedges\n", tally.hedges);
    if !tally.latency.is_empty() {
        let latency = &tally.latency;
        for (name, percent) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9)] {
            let _ = writeln!(out, "{name:<6}{:>10}", time(latency.value_at_percentile(percent)));
        }
        let _ = writeln!(out, "{:<6}{:>10}\n", "max", time(latency.max()));
        histogram(&mut out, latency);
    }
    table(&mut out, tally, endpoints);
    for (cause, count) in &tally.lost {
        let _ = writeln!(out, "{count:>8} lost: {cause}");
    }
    if tally.given_up > 0 {
        let _ = writeln!(out, "{:>8} given up when interrupted", tally.given_up);
    }
    io::stdout().write_all(out.as_bytes())
}

/// Draws how many requests took how long: each row up to twice the one before.
fn histogram(out: &mut String, latency: &Histogram<u64>) {
    let rows: Vec<_> = latency
        .iter_log(100, 2.0)
        .map(|row| (row.value_iterated_to() + 1, row.count_since_last_iteration()))
        .skip_while(|(_, count)| *count == 0)
        .collect();
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    for (below, count) in rows {
        let length = (count * BAR).div_ceil(most) as usize;
        let _ = writeln!(out, "< {:>8} {count:>8} {}", time(below), "█".repeat(length));
    }
    out.push('\n');
}

/// Lists the endpoints: attempts, those that failed, and answer times, below each one's name.
fn table(out: &mut String, tally: &Tally, endpoints: &[Status]) {
    let _ = writeln!(out, "{:>8} {:>7} {:>9} {:>9}", "attempts", "failed", "p50", "p99");
    for (target, row) in &tally.endpoints {
        let Row { attempts, failed, latency } = row;
        let [p50, p99] = [50.0, 99.0].map(|percent| match latency.len() {
            0 => "–".to_owned(),
            _ => time(latency.value_at_percentile(percent)),
        });
        let health = health(target, endpoints);
        let _ = writeln!(out, "{target}{health}");
        let _ = writeln!(out, "{attempts:>8} {failed:>7} {p50:>9} {p99:>9}");
    }
    out.push('\n');
}

/// Says what is wrong with an endpoint, if anything is.
fn health(target: &Target, endpoints: &[Status]) -> String {
    match endpoints.iter().find(|status| status.target == *target) {
        None => ", gone".to_owned(),
        Some(status) if status.candidate => String::new(),
        Some(status) => format!(", {}", status.health.name()),
    }
}

/// Prints the result for programs: times in milliseconds.
pub(super) fn json(tally: &Tally, endpoints: &[Status]) -> io::Result<()> {
    let millis = |micros: u64| float(micros) / 1000.0;
    let percentiles = |latency: &Histogram<u64>| {
        let at = |percent| millis(latency.value_at_percentile(percent));
        json!({
            "p50": at(50.0),
            "p90": at(90.0),
            "p99": at(99.0),
            "p999": at(99.9),
            "max": millis(latency.max()),
        })
    };
    let rows = tally.endpoints.iter().map(|(target, row)| {
        let health = endpoints.iter().find(|status| status.target == *target);
        json!({
            "endpoint": target.to_string(),
            "attempts": row.attempts,
            "failed": row.failed,
            "health": health.map(|status| status.health.name()),
            "latency_ms": percentiles(&row.latency),
        })
    });
    let requests = tally.requests();
    let result = json!({
        "requests": requests,
        "good": tally.good,
        "lost": tally.lost,
        "given_up": tally.given_up,
        "bytes": tally.bytes,
        "attempts": tally.attempts,
        "retries": tally.attempts.saturating_sub(requests + tally.hedges),
        "hedges": tally.hedges,
        "seconds": tally.elapsed.as_secs_f64(),
        "latency_ms": percentiles(&tally.latency),
        "endpoints": rows.collect::<Vec<_>>(),
    });
    writeln!(io::stdout(), "{result}")
}

/// Writes microseconds in the unit that suits.
fn time(micros: u64) -> String {
    let took = Duration::from_micros(micros);
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..1_000_000 => format!("{:.1} ms", took.as_secs_f64() * 1000.0),
        _ => format!("{:.2} s", took.as_secs_f64()),
    }
}
