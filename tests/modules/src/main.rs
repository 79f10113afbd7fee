//! Finds circles among modules, and draws their graph.
//!
//! ```text
//! evenkeel-modules FOLDER...
//! evenkeel-modules --svg FILE FOLDER
//! evenkeel-modules --check FILE FOLDER
//! ```
//!
//! A folder is the `src` of a crate, or one of TypeScript. The exit status is 1 if modules take
//! from each other in a circle, or if the picture in the file is not what would be drawn.

mod files;
mod graph;
mod picture;
mod rust;
mod typescript;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use crate::graph::Graph;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<bool> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--svg", file, folder] => {
            let picture = picture::svg(&graph(folder)?);
            fs::write(file, picture).with_context(|| format!("cannot write {file}"))?;
            Ok(true)
        }
        ["--check", file, folder] => {
            let drawn = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
            let same = drawn == picture::svg(&graph(folder)?);
            if !same {
                println!(
                    "{file} is out of date: cargo run -p evenkeel-modules -- --svg {file} {folder}"
                );
            }
            Ok(same)
        }
        [] | ["--svg" | "--check", ..] => {
            bail!("usage: evenkeel-modules [--svg FILE | --check FILE] FOLDER...")
        }
        ref folders => {
            let mut clean = true;
            for folder in folders {
                for circle in graph(folder)?.circles() {
                    clean = false;
                    println!("{folder}: {circle}");
                }
            }
            Ok(clean)
        }
    }
}

fn graph(folder: &str) -> Result<Graph> {
    let files = files::read(Path::new(folder))?;
    let is_crate = ["lib.rs", "main.rs"].iter().any(|root| files.contains_key(Path::new(root)));
    let graph = if is_crate {
        rust::graph(&files).with_context(|| folder.to_owned())?
    } else {
        typescript::graph(&files)
    };
    ensure!(
        is_crate || graph.modules().next().is_some(),
        "{folder} has neither a crate nor TypeScript"
    );
    Ok(graph)
}
