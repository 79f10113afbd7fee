//! Compiles, wraps and shrinks the module.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use walrus::ExportItem;
use wasm_bindgen_cli_support::Bindgen;

use crate::{node, snip};

const TARGET: &str = "wasm32-unknown-unknown";

/// What `wasm-opt` is to do, and what it may use: as much as every runtime of the last years has.
const WASM_OPT: &[&str] = &[
    "-Oz",
    "--converge",
    // The stack lies there, and leaves the lowest kilobyte alone but when it is used up.
    "--low-memory-unused",
    "--strip-debug",
    "--strip-producers",
    "--strip-target-features",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-multivalue",
    "-o",
];

/// Keeps LLVM from rewriting loops for speed, as they become longer, and from repeating larger
/// functions that are marked for inlining; and wasm-bindgen from making a table of JavaScript's
/// objects: none goes in. With a lower threshold, picks take longer (wasm/bench/speed.mjs).
const FLAGS: &str = "target.wasm32-unknown-unknown.rustflags = \
    ['-Cllvm-args=-disable-lsr -inlinehint-threshold=100', '-Ctarget-feature=-reference-types']";

/// A module with its glue.
pub(crate) struct Module {
    pub(crate) bytes: Vec<u8>,
    glue: String,
    types: String,
}

impl Module {
    /// Builds the wasm crate with these options of cargo. Its functions go by letters, each by its
    /// place among `names`, where those are put that are new: every download has them twice.
    pub(crate) fn build(wasm: &Path, options: &[&str], names: &mut Vec<String>) -> Result<Self> {
        // Which glue it writes does not matter: only its types are taken.
        let mut output = Bindgen::new()
            .input_path(compile(wasm, options)?)
            .out_name("glue")
            .web(true)?
            .typescript(true)
            .remove_producers_section(true)
            .generate_output()?;
        let types = output.ts().context("no types for the glue")?.to_owned();
        let module = output.wasm_mut();
        snip::panics(module);
        for export in module.exports.iter_mut() {
            if !matches!(export.item, ExportItem::Function(_)) {
                continue;
            }
            let place = names.iter().position(|name| *name == export.name);
            let place = place.unwrap_or_else(|| {
                names.push(export.name.clone());
                names.len() - 1
            });
            export.name = letters(place);
        }
        ensure!(
            names.len() <= 52,
            "{} functions: the glue has 52 names of one letter",
            names.len()
        );
        let (glue, types) = (glue(names), glue_types(&types)?);
        Ok(Self { bytes: shrink(wasm, &module.emit_wasm())?, glue, types })
    }

    /// Writes `lb.wasm` and the glue around it.
    pub(crate) fn write(&self, package: &Path) -> Result<()> {
        fs::write(package.join("lb.wasm"), &self.bytes)?;
        fs::write(package.join("glue.js"), &self.glue)?;
        fs::write(package.join("glue.d.ts"), &self.types)?;
        Ok(())
    }
}

/// Returns the glue: the module's functions themselves, which take and give nothing but numbers.
fn glue(functions: &[String]) -> String {
    let names = functions.join(", ");
    // Each is one letter: fewer bytes than pairs.
    let letters: String = (0..functions.len()).map(letters).collect();
    format!(
        "export let {names};\n\
         export function adopt(exports) {{ [{names}] = [...'{letters}'].map((name) => exports[name]); }}\n"
    )
}

/// Returns the name of a function by its place: `a` to `z`, `A` to `Z`, `aa`, `ba`, and so on.
fn letters(place: usize) -> String {
    let alphabet = ('a'..='z').chain('A'..='Z');
    let letter = alphabet.clone().nth(place % 52);
    let rest = place / 52;
    letter.into_iter().chain(rest.checked_sub(1).and_then(|at| alphabet.clone().nth(at))).collect()
}

/// Returns its types, of those that wasm-bindgen writes for glue of its own.
fn glue_types(types: &str) -> Result<String> {
    let (functions, _) = types.split_once("export type InitInput").context("no functions")?;
    // What comes out of the module is 0 or 1.
    let functions = functions.replace("): boolean;", "): number;");
    Ok(format!("{functions}export function adopt(exports: object): void;\n"))
}

/// Compiles the crate and says where the module is.
fn compile(wasm: &Path, options: &[&str]) -> Result<PathBuf> {
    let target = target()?;
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--package", "evenkeel-wasm", "--profile", "wasm", "--target", TARGET])
        .args(["--config", FLAGS, "--target-dir"])
        .arg(&target)
        .args(options)
        .current_dir(wasm)
        .status()
        .context("cannot run cargo")?;
    let advice = "for a missing target: rustup target add";
    ensure!(status.success(), "evenkeel-wasm does not compile; {advice} {TARGET}");
    // The standard library says that it uses references, of which nothing is left.
    let module = target.join("evenkeel-featureless.wasm");
    let compiled = target.join(TARGET).join("wasm/evenkeel_wasm.wasm");
    let options = ["-all", "-g", "--strip-target-features", "-o"].map(PathBuf::from);
    let arguments: Vec<_> = options.into_iter().chain([module.clone(), compiled]).collect();
    node(wasm, "node_modules/binaryen/bin/wasm-opt", &arguments)?;
    Ok(module)
}

/// Runs `wasm-opt` on a module.
fn shrink(wasm: &Path, module: &[u8]) -> Result<Vec<u8>> {
    let file = target()?.join("evenkeel-shrunk.wasm");
    fs::write(&file, module)?;
    let mut arguments: Vec<PathBuf> = WASM_OPT.iter().map(PathBuf::from).collect();
    if env::var_os("KEEP_NAMES").is_some() {
        // To see which functions are large.
        arguments.retain(|argument| argument != Path::new("--strip-debug"));
        arguments.insert(0, "-g".into());
    }
    arguments.extend([file.clone(), file.clone()]);
    node(wasm, "node_modules/binaryen/bin/wasm-opt", &arguments)?;
    fs::read(&file).context("cannot read the shrunk module")
}

/// Returns the target directory that this program is in.
fn target() -> Result<PathBuf> {
    Ok(env::current_exe()?.ancestors().nth(2).context("not in a target directory")?.to_owned())
}
