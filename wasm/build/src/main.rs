//! Builds the npm package `evenkeel` into `wasm/pkg`:
//! `npm ci --prefix wasm && cargo run -p evenkeel-wasm-build`.
//!
//! It writes the tables of names and settings that the TypeScript has from the core
//! (`ts/generated.ts`; a test fails when what is committed is out of date), compiles the wasm crate,
//! finishes it with the library behind the wasm-bindgen command line (so that nothing has to be
//! installed), shrinks the module, inlines it as text, compiles the TypeScript layer around it
//! into `wasm/out`, and bundles the entries and their types. What a browser downloads of it goes to
//! `wasm/sizes.txt`.

mod inline;
mod module;
mod options;
mod snip;
mod tables;
mod texts;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::module::Module;

/// What a browser may download.
const ENTRIES: [&str; 6] = ["index.js", "lite.js", "slim.js", "asm.js", "doh.js", "steering.js"];

fn main() -> Result<()> {
    let wasm = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("wasm/build has a parent")?;
    tables::write(&wasm.join("ts/generated.ts"))?;

    let (parts, package) = (wasm.join("out"), wasm.join("pkg"));
    for folder in [&parts, &package] {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(folder)?;
    }
    for license in ["LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(wasm.join("..").join(license), package.join(license))
            .with_context(|| format!("cannot copy {license}"))?;
    }

    let mut names = Vec::new();
    let full = Module::build(wasm, &[], &mut names)?;
    full.write(&parts)?;
    inline::write(&parts, "lb", &full.bytes)?;
    let asm = [parts.join("lb.wasm"), parts.join("asm.module.js")];
    node(wasm, "build/asm.mjs", &asm)?;
    let few = Module::build(wasm, &["--no-default-features"], &mut names)?;
    inline::write(&parts, "lite", &few.bytes)?;
    let project = wasm.join("tsconfig.json");
    node(wasm, "node_modules/typescript/bin/tsc", &["--project".into(), project])?;
    node(wasm, "build/bundle.mjs", &[parts, package.clone()])?;

    let module = env::current_exe()?.with_file_name("lite.wasm");
    fs::write(&module, few.bytes)?;
    let mut files = vec!["--write".into(), package.join("lb.wasm"), module];
    files.extend(ENTRIES.map(|entry| package.join(entry)));
    node(wasm, "build/sizes.mjs", &files)
}

/// Runs a script of this folder.
fn node(wasm: &Path, script: &str, arguments: &[PathBuf]) -> Result<()> {
    let path = wasm.join(script);
    if !path.exists() {
        bail!("{script} is not installed: run npm ci --prefix wasm");
    }
    let status = Command::new("node").arg(path).args(arguments).status();
    let status = status.context("cannot run node")?;
    ensure!(status.success(), "{script} failed: {status}");
    Ok(())
}
