//! What a difference looks like: editions that are wrong on purpose have to be found out, and those
//! that only have other luck not.

mod mutant;

use evenkeel_editions::edition::{Agreement, Agreements, Settings};
use evenkeel_editions::life::live;
use evenkeel_editions::script::{Book, Script, script};
use evenkeel_editions::second::AGREEMENT;
use evenkeel_editions::shrink::shrink;
use mutant::{Kind, Mutant};

/// Lives so many lives under each book, with settings made fit for it; returns the first in which a
/// difference is found.
fn find(
    kind: Kind,
    lives: u64,
    agreements: Agreements,
    fit: impl Fn(&mut Settings),
) -> Option<Script> {
    let numbers = (0..lives).flat_map(|life| Book::ALL.map(|book| (life, book)));
    let scripts = numbers.map(|(life, book)| {
        let mut script = script(book, life, agreements);
        fit(&mut script.settings);
        script
    });
    { scripts }.find(|script| {
        let keep: Vec<usize> = (0..script.ops.len()).collect();
        live(script, &keep, &|settings| Mutant::make(kind, settings)).is_err()
    })
}

/// Lives until a difference is found, and says how to come there.
fn difference(
    kind: Kind,
    lives: u64,
    agreements: Agreements,
    fit: impl Fn(&mut Settings),
) -> Option<String> {
    let script = find(kind, lives, agreements, fit)?;
    let (script, keep, clash) = shrink(script, &|settings| Mutant::make(kind, settings));
    let steps: Vec<_> = keep.iter().map(|index| &script.ops[*index]).collect();
    Some(format!("{clash:?} after {steps:?} with {:?}", script.settings))
}

#[test]
fn each_mutant_is_found() {
    assert_eq!(missed(Agreements::always(Agreement::FULL)), []);
}

#[test]
fn each_mutant_is_found_with_what_may_differ() {
    assert_eq!(missed(AGREEMENT), []);
}

#[test]
fn each_mutant_is_found_where_little_is_agreed_on() {
    let agreement = Agreement { chance: false, slots: false, ..AGREEMENT.moving };
    assert_eq!(missed(Agreements::always(agreement)), []);
}

fn missed(agreements: Agreements) -> Vec<Kind> {
    let is_missed = |kind: &Kind| find(*kind, 800, agreements, |_| {}).is_none();
    let zones = |kind: &Kind| agreements.still.zones || *kind != Kind::MoreForZones;
    Kind::ALL.into_iter().filter(zones).filter(is_missed).collect()
}

#[test]
fn an_edition_is_as_itself() {
    assert_eq!(difference(Kind::None, 100, Agreements::always(Agreement::FULL), |_| {}), None);
}

#[test]
fn other_chance_is_no_difference() {
    // The seed chooses the subset, too.
    let fit = |settings: &mut Settings| settings.config.subset = None;
    let agreements = Agreements::always(Agreement { chance: false, ..Agreement::FULL });
    assert_eq!(difference(Kind::OtherSeed, 200, agreements, fit), None);
    let agreements = Agreements::always(Agreement::FULL);
    assert!(find(Kind::OtherSeed, 200, agreements, fit).is_some());
}

#[test]
fn other_slots_are_no_difference() {
    // One that comes later than others warms up.
    let fit = |settings: &mut Settings| settings.config.slow_start = None;
    let agreement = Agreement { chance: false, slots: false, ..Agreement::FULL };
    assert_eq!(difference(Kind::OtherSlots, 200, Agreements::always(agreement), fit), None);
    let agreements = Agreements::always(Agreement::FULL);
    assert!(find(Kind::OtherSlots, 200, agreements, fit).is_some());
}
