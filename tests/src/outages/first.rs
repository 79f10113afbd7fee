//! The figures of the first edition, which a command of its own makes: here they are read.

use core::fmt::Write;

use super::figures::{Figures, lines};
use super::{Outage, levels, named, small};
use crate::tables;

/// The committed figures.
pub const FILE: &str = "outages_first_edition.txt";

const HEAD: &str = "\
What the core's first edition made of the outages of outages.txt, which shows these figures as a column.
Compared by `tests/run core`. Rewritten by
EVENKEEL_BLESS=1 cargo run --manifest-path tests/first_edition/Cargo.toml --profile differential --bin outages
";

/// All outages with a column for the first edition, in the order of the file.
pub fn all() -> Vec<Outage> {
    [named(), levels(), small()].concat()
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

fn labels(outages: &[Outage]) -> Vec<String> {
    let of = |outage: &Outage| {
        let label = |(figure, _): &(super::Figure, _)| {
            format!("{}: {}", outage.title, super::Figure::name(*figure))
        };
        outage.figures.iter().map(label).collect::<Vec<_>>()
    };
    outages.iter().flat_map(of).collect()
}
