//! The tables of COMPARE.md, from the committed table and the files that a user writes.

use core::fmt::Write;
use std::io;

use super::lines::code;
use super::sides::{OURS, SIDES};
use super::table::{Known, read};

/// Returns the table of results, of the sides that the committed table has.
///
/// # Errors
/// It has no row of [`OURS`].
pub fn results(table: &str) -> io::Result<String> {
    if !SIDES.iter().any(|side| side.name == OURS && read(table, side).is_some()) {
        return Err(io::Error::other(format!("the table has no row {OURS:?}")));
    }
    let mut text = String::from(
        "| | lines of user code | requests/s | of requests | lost | worst second, with a fault | \
         and without | mean |\n|---|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for side in SIDES {
        let Some(row) = read(table, side) else { continue };
        let Known { able, requests, lost, mean, faulty, calm } = row;
        let (name, lines) = (side.name, code(side.source));
        let lines =
            if side.envoy.is_some() { format!("{lines} and Envoy's") } else { lines.to_string() };
        let row = format!("{requests} | {lost} | {faulty} % | {calm} % | {mean} %");
        writeln!(text, "| {name} | {lines} | {able} | {row} |").expect("text has room");
    }
    Ok(text)
}

/// Returns the table of settings.
pub fn settings() -> String {
    let mut text = String::from("| | settings | user code |\n|---|---|---|\n");
    for side in SIDES {
        let file = format!("tests/peers/src/{}.rs", side.client);
        writeln!(text, "| {} | {} | [{}.rs]({file}) |", side.name, side.settings, side.client)
            .expect("text has room");
    }
    text
}
