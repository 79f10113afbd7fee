//! Outages that users have: none may last longer because of ejection.

use evenkeel_tests::outages::{
    Column, ENVOY, FIRST_EDITION, Figure, GRPC, OFF, OURS, Outage, column, first, lines, play,
    sections, table,
};
use evenkeel_tests::simulation::picture::bars;
use evenkeel_tests::simulation::{Scale, sketch};

use super::{check, section};

const HEAD: &str = "\
Outages: what ejection makes of them
====================================

10 hosts that work on one request at a time, 20 ms each, exponentially distributed: they can do 500 per second. Calls arrive at random
(Poisson). The client gives an attempt up after 250 ms (a failure), while the host works on; it tries each call up to 4 times, with
the default budget (20 % of the successes of the last 3 s, and 10 per second). The trouble begins after 20 s. What differs from that is said.
Figures are of three runs with the seeds 1 to 3, of 60 where much is chance (2 of 10 hang, 6 of 10 dead, 10 restart, 60 s), or of one. After means from 5 s after the trouble on.

off, Envoy's, gRPC's, ours    ejection by those rules and their defaults
first edition                 the rules of the core's first edition (outages_first_edition.txt)
needless ejections            of hosts that had nothing, per run
to backups                    requests to others than the first level, in percent of the calls during the trouble
all back after                until no host is ejected, from the end of the trouble, in the worst run
must                          the most that ours may have; 0.04 is what rounds to 0.0

Made and compared by   cargo test -p evenkeel-tests --test simulations outages
Rewritten by the same with EVENKEEL_BLESS=1. outages.svg shows errors during and after of the first part, outages_tables.svg
what is not 0 of all; tests/src/outages/ has each outage.
";

/// Adds a table, and notes what ours does worse than it must.
fn compare(
    text: &mut String,
    missed: &mut Vec<String>,
    title: &str,
    outages: &[Outage],
) -> Vec<Column> {
    let detections = [OFF, ENVOY, GRPC, OURS];
    let figures = detections.map(|(name, config)| column(name, outages, config, &play));
    let mut columns: Vec<_> =
        figures.iter().map(|(name, all)| (name.as_str(), lines(outages, all))).collect();
    columns.insert(1, (FIRST_EDITION, first::read(outages)));
    section(text, title, &table(outages, &columns));
    let (_, ours) = figures.last().expect("ours comes last");
    for (outage, figures) in outages.iter().zip(ours) {
        for (figure, most) in &outage.figures {
            let value = figures.of(*figure).unwrap_or(u64::MAX);
            if most.is_some_and(|most| value > most) {
                let (title, most) = (&outage.title, most.unwrap_or(0));
                missed.push(format!("{title}: {figure:?} is {value}, must be {most}"));
            }
        }
    }
    figures.to_vec()
}

#[test]
fn outages() {
    let mut text = HEAD.to_owned();
    let mut missed = Vec::new();
    let mut picture = String::new();
    for (title, outages) in sections() {
        let figures = compare(&mut text, &mut missed, title, &outages);
        // Of the outages that must go well.
        if picture.is_empty() {
            picture = draw(&outages, &figures);
        }
    }
    check("outages.txt", &text);
    check("outages.svg", &picture);
    check("outages_tables.svg", &sketch(&text, Scale::Rows));
    assert!(missed.is_empty(), "hundredths:\n{}", missed.join("\n"));
}

fn draw(outages: &[Outage], columns: &[Column]) -> String {
    let first = first::read(outages);
    let mut first = first.iter();
    let mut rows = Vec::new();
    for (index, outage) in outages.iter().enumerate() {
        for (figure, _) in &outage.figures {
            let first = first.next().and_then(|text| text.replace('.', "").parse().ok());
            if !matches!(figure, Figure::During | Figure::After) {
                continue;
            }
            let mut values: Vec<_> =
                columns.iter().map(|(_, figures)| figures[index].of(*figure)).collect();
            values.insert(1, first);
            rows.push((format!("{}: {}", outage.title, figure.name()), values));
        }
    }
    let names = ["off", FIRST_EDITION, "Envoy's", "gRPC's", "ours"];
    bars("Calls that fail during and after outages", &names, &rows)
}
