//! The tables of COMPARE.md, from the committed table and the files that a user writes.

use core::fmt::Write;
use std::io;

use super::lines::code;
use super::sides::SIDES;
use super::table::{Known, read};

/// Returns the table of results.
///
/// # Errors
/// The committed table has no row of a side.
pub fn results(table: &str) -> io::Result<String> {
    let mut text = String::from(
        "| | lines of user code | requests/s | of requests | lost | worst second, with a fault | \
         and without | mean |\n|---|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for side in SIDES {
        let row = read(table, side);
        let row = row.ok_or_else(|| io::Error::other(format!("no row {:?}", side.name)))?;
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
