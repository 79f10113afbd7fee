//! Pictures of what was measured in real time, by commands that their heads name.

use evenkeel_tests::simulation::{Scale, sketch};
use evenkeel_tests::tables;

use super::check;

#[test]
fn measured() {
    for name in ["processes", "beside_envoy"] {
        let text = tables::read(&format!("{name}.txt"));
        check(&format!("{name}.svg"), &sketch(&text, Scale::Columns));
    }
}

/// In no outage ours loses more calls than a real Envoy, as it comes or tuned.
#[test]
fn beside_an_envoy_ours_loses_no_more() {
    let text = tables::read("beside_envoy.txt");
    let rows = text.lines().filter_map(|line| {
        let columns = line.split("  ").map(str::trim).filter(|column| !column.is_empty());
        let columns: Vec<_> = columns.collect();
        let [outage, side, _, during, after, _] = columns[..] else { return None };
        Some((outage, side, during.parse::<f64>().ok()?, after.parse::<f64>().ok()?))
    });
    let rows: Vec<_> = rows.collect();
    let ours = rows.iter().filter(|(_, side, ..)| *side == "ours");
    assert_eq!((ours.clone().count() * 3, rows.len() % 3), (rows.len(), 0), "three sides of each");
    for (outage, _, during, after) in ours {
        for (_, side, other_during, other_after) in rows.iter().filter(|row| row.0 == *outage) {
            let no_more = during <= other_during && after <= other_after;
            assert!(
                no_more,
                "{outage}: {during} and {after} %, {side} {other_during} and {other_after} %"
            );
        }
    }
}
