//! The figures of the first edition, which a command of its own makes: here they are read.

use core::fmt::Write;

use super::figures::{Figures, lines};
use super::{Lost, Outage, sections};
use crate::simulation::decimal;
use crate::tables;

/// The committed figures.
pub const FILE: &str = "outages_first_edition.txt";

const HEAD: &str = "\
What the core's first edition made of the outages of outages.txt, which shows these figures as a column.
Compared by `tests/run core`. Rewritten by
EVENKEEL_BLESS=1 cargo run --manifest-path tests/first_edition/Cargo.toml --profile differential --bin outages
";

/// The committed figures of outages that nobody chose.
pub const RANDOM: &str = "random_outages_first_edition.txt";

const RANDOM_HEAD: &str = "\
What the core's first edition lost of the calls of each of the outages of random_outages.txt, in percent, by seeds: without backups,
and with.
Compared by `tests/run deep`. Rewritten by
EVENKEEL_BLESS=1 cargo run --manifest-path tests/first_edition/Cargo.toml --profile differential --bin outages random

";

/// All outages, in the order of the file.
pub fn all() -> Vec<Outage> {
    sections().map(|(_, outages)| outages).concat()
}

/// The file that these figures of all outages make.
///
/// # Panics
/// Never: there is room for text.
pub fn write(figures: &[Figures]) -> String {
    let outages = all();
    let mut text = HEAD.to_owned();
    for (label, value) in labels(&outages).iter().zip(lines(&outages, figures)) {
        write!(text, "\n{value:>8}  {label}").expect("room for text");
    }
    text + "\n"
}

/// The committed figures of these outages, one for each that they show.
///
/// # Panics
/// If one is missing: the file is to be made anew.
pub fn read(outages: &[Outage]) -> Vec<String> {
    let text = tables::read(FILE);
    let find = |label: &String| {
        let line = text.lines().find_map(|line| {
            let (value, name) = line.trim_start().split_once("  ")?;
            (name == label).then(|| value.to_owned())
        });
        line.unwrap_or_else(|| panic!("tests/tables/{FILE} has no {label:?}: see its head"))
    };
    labels(outages).iter().map(find).collect()
}

/// The file that these outages make, which nobody chose: without backups, and with.
///
/// # Panics
/// Never: there is room for text.
pub fn write_random(alone: &[Lost], with_backups: &[Lost]) -> String {
    let mut text = RANDOM_HEAD.to_owned();
    for (all, backups) in [(alone, false), (with_backups, true)] {
        for lost in all {
            let (value, of) = (decimal(lost.lost[0], 100, 2), label(lost.seed, backups));
            writeln!(text, "{value:>6}  {of}").expect("room for text");
        }
    }
    text
}

fn label(seed: u64, backups: bool) -> String {
    if backups { format!("{seed} with backups") } else { seed.to_string() }
}

/// What the first edition lost with these seeds, in hundredths of a percent, as committed.
///
/// # Panics
/// If one is missing: the file is to be made anew.
pub fn read_random(seeds: core::ops::Range<u64>, backups: bool) -> Vec<u64> {
    let text = tables::read(RANDOM);
    let find = |seed: u64| {
        let label = label(seed, backups);
        let line = text.lines().find_map(|line| {
            let (value, of) = line.trim_start().split_once("  ")?;
            (of == label).then(|| value.replace('.', "").parse().ok()).flatten()
        });
        line.unwrap_or_else(|| panic!("tests/tables/{RANDOM} has no seed {label}: see its head"))
    };
    seeds.map(find).collect()
}

fn labels(outages: &[Outage]) -> Vec<String> {
    let of = |outage: &Outage| {
        let label = |(figure, _): &(super::Figure, _)| {
            format!("{}: {}", outage.title, super::Figure::name(*figure))
        };
        outage.figures.iter().map(label).collect::<Vec<_>>()
    };
    outages.iter().flat_map(of).collect()
}
