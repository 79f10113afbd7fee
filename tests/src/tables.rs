//! Committed figures.

use std::path::Path;
use std::{env, fs};

/// Reads a committed file of `tests/tables/`; empty if there is none.
pub fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_default()
}

/// Prints a text and compares it with the committed file; with `EVENKEEL_BLESS=1`, writes it.
///
/// # Panics
/// If they differ.
pub fn check(file: &str, text: &str) {
    println!("{text}");
    if env::var_os("EVENKEEL_BLESS").is_some() {
        fs::write(path(file), text).expect("the table can be written");
        return;
    }
    let committed = read(file);
    let mut lines = committed.lines();
    for (index, line) in text.lines().enumerate() {
        let expected = lines.next().unwrap_or("(nothing)");
        let place = format!("tests/tables/{file}, line {}", index + 1);
        assert!(
            line == expected,
            "{place}, was\n{expected}\nand is\n{line}\nIf that is meant, see CONTRIBUTING.md."
        );
    }
    assert_eq!(lines.next(), None, "tests/tables/{file} has more lines");
}

fn path(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tables").join(file)
}
