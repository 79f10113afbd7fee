//! Builds the npm package `evenkeel` into `wasm/pkg`: `npm ci --prefix wasm && cargo run -p evenkeel-wasm-build`.
//!
//! It compiles the wasm crate, writes the JavaScript glue with the library behind the wasm-bindgen command line (so that
//! nothing has to be installed), shrinks the module, inlines it as base64, and compiles the TypeScript layer around it.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let wasm = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("wasm/build has a parent")?;
    let package = wasm.join("pkg");
    if package.exists() {
        fs::remove_dir_all(&package).context("cannot empty wasm/pkg")?;
    }
    fs::create_dir_all(&package)?;
    for license in ["LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(wasm.join("..").join(license), package.join(license))
            .with_context(|| format!("cannot copy {license}"))?;
    }

    write_glue(&compile(wasm)?, &package)?;
    shrink(wasm, &package.join("lb.wasm"))?;
    inline(&package)?;
    node(wasm, "typescript/bin/tsc", &["--project".into(), wasm.join("tsconfig.json")])?;
    print_sizes(&package)
}

/// Compiles the crate and says where the module is.
fn compile(wasm: &Path) -> Result<PathBuf> {
    let target_dir = env::current_exe()?.ancestors().nth(2).context("not in a target directory")?.to_owned();
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--package", "evenkeel-wasm", "--profile", "wasm", "--target", TARGET, "--target-dir"])
        .arg(&target_dir)
        .current_dir(wasm)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "evenkeel-wasm does not compile; for a missing target: rustup target add {TARGET}");
    Ok(target_dir.join(TARGET).join("wasm/evenkeel_wasm.wasm"))
}

const TARGET: &str = "wasm32-unknown-unknown";

/// Writes `lb.wasm` and the glue around it. Only the `web` target's glue works in every runtime and bundler.
fn write_glue(module: &Path, package: &Path) -> Result<()> {
    let mut output = Bindgen::new()
        .input_path(module)
        .out_name("glue")
        .web(true)?
        .typescript(true)
        .remove_producers_section(true)
        .generate_output()?;
    let types = output.ts().context("no types for the glue")?;
    fs::write(package.join("glue.d.ts"), types)?;
    fs::write(package.join("glue.js"), output.js())?;
    fs::write(package.join("lb.wasm"), output.wasm_mut().emit_wasm())?;
    Ok(())
}

/// Runs `wasm-opt` on the module; without it the package works, but is larger.
fn shrink(wasm: &Path, module: &Path) -> Result<()> {
    const WASM_OPT: &str = "binaryen/bin/wasm-opt";
    if !wasm.join("node_modules").join(WASM_OPT).exists() {
        println!("note: binaryen is not installed (npm ci --prefix wasm); lb.wasm is not shrunk");
        return Ok(());
    }
    let flags = [
        "-Oz",
        "--converge",
        "--strip-debug",
        "--strip-producers",
        "--strip-target-features",
        "--enable-bulk-memory",
        "--enable-bulk-memory-opt",
        "--enable-sign-ext",
        "--enable-mutable-globals",
        "--enable-nontrapping-float-to-int",
        "--enable-reference-types",
        "--enable-multivalue",
        "-o",
    ];
    let mut arguments: Vec<PathBuf> = flags.iter().map(PathBuf::from).collect();
    arguments.extend([module.to_owned(), module.to_owned()]);
    node(wasm, WASM_OPT, &arguments)
}

/// Writes the module as base64 text, from which `index.js` starts it synchronously.
fn inline(package: &Path) -> Result<()> {
    let text = BASE64_STANDARD.encode(fs::read(package.join("lb.wasm"))?);
    fs::write(package.join("lb.base64.js"), format!("export default \"{text}\";\n"))?;
    fs::write(package.join("lb.base64.d.ts"), "declare const base64: string;\nexport default base64;\n")?;
    Ok(())
}

/// Runs a script of `wasm/node_modules`.
fn node(wasm: &Path, script: &str, arguments: &[PathBuf]) -> Result<()> {
    let path = wasm.join("node_modules").join(script);
    if !path.exists() {
        bail!("{script} is not installed: run npm ci --prefix wasm");
    }
    let status = Command::new("node").arg(path).args(arguments).status().context("cannot run node")?;
    ensure!(status.success(), "{script} failed: {status}");
    Ok(())
}

/// What a user downloads: the module, and everything that `index.js` loads.
fn print_sizes(package: &Path) -> Result<()> {
    let mut scripts = Vec::new();
    for entry in fs::read_dir(package)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "js") {
            scripts.extend(fs::read(path)?);
        }
    }
    for (name, bytes) in [("lb.wasm", fs::read(package.join("lb.wasm"))?), ("all *.js, not minified", scripts)] {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&bytes)?;
        println!("{name}: {} bytes, {} gzipped", bytes.len(), gzip.finish()?.len());
    }
    Ok(())
}
