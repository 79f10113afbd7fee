//! The command `discovery`, which measures what sets of endpoints cost, with few of them: it works,
//! and no source is asked more in a quiet minute than it may be.

use std::process::Command;
use std::thread;

use evenkeel_tests::source_cost::Kind;

/// Returns the figures of a row.
fn row(arguments: &[&str]) -> Vec<f64> {
    let output = Command::new(env!("CARGO_BIN_EXE_discovery")).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    let row = String::from_utf8_lossy(&output.stdout);
    let row: Vec<_> = row.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(row.iter().all(|figure| *figure >= 0.0), "{arguments:?}: {row:?}");
    row
}

#[test]
fn a_publisher_is_measured() {
    let [_, first, all, ..] = row(&["100"])[..] else { panic!("a row") };
    assert!(first <= all);
}

/// All at once: most of it is the quiet minute.
#[test]
fn each_source_is_measured_and_hardly_asked_where_nothing_changes() {
    let measure = |arguments: Vec<&'static str>| thread::spawn(move || row(&arguments));
    let dns = measure(vec!["dns", "10", "10"]);
    let sources = Kind::ALL.map(|kind| {
        let of = |what| measure(vec![what, kind.name(), "100"]);
        (kind, of("from"), of("quiet"))
    });
    let [_, hosts, first, all, asked, _, per_minute, at_most, ..] = dns.join().unwrap()[..] else {
        panic!("a row")
    };
    assert!(first <= all && asked >= 1.0 + 2.0 * hosts);
    assert!(per_minute <= at_most, "{per_minute} questions in a minute, at most {at_most}");
    for (kind, row, quiet) in sources {
        let row = row.join().unwrap();
        let [_, first, all, asked, ..] = row[..] else { panic!("{row:?}") };
        assert!(first <= all && asked <= 6.0, "{kind}: {row:?}");
        // A long poll waits for 50 s, and is spread; a watch goes on for longer.
        let at_most = if kind == Kind::File { 0.0 } else { 2.0 };
        let [per_minute] = quiet.join().unwrap()[..] else { panic!("one figure") };
        assert!(per_minute <= at_most, "{kind}: {per_minute} questions in a minute");
    }
}
