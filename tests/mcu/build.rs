//! Links the firmware for QEMU's `microbit` or `virt`, and takes the golden files and the README's
//! quick start into the build.

use core::error::Error;
use core::fmt::Write;
use std::env;
use std::fs;
use std::path::Path;

const README: &str = "../../README.md";
const GOLDEN: &str = "../golden";

// For the `microbit`: Ketama needs 160 points for each unit of weight, a useful Maglev table or ring
// some hundred entries; and a balancer has room for four tables, one for each group.
const TOO_LARGE: [&str; 3] = ["ketama.txt", "maglev.txt", "ring_hash.txt"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS")? != "none" {
        return Ok(());
    }
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    let arm = env::var("CARGO_CFG_TARGET_ARCH")? == "arm";
    let memory = if arm { "microbit.x" } else { "virt.x" };
    println!("cargo:rerun-if-changed={memory}");
    fs::copy(memory, out.join("memory.x"))?;
    println!("cargo:rustc-link-search={}", out.display());
    if !arm {
        println!("cargo:rustc-link-arg=-Tmemory.x");
    }
    println!("cargo:rustc-link-arg=-Tlink.x");

    println!("cargo:rerun-if-changed={GOLDEN}");
    let left_out = if arm { &TOO_LARGE[..] } else { &[] };
    fs::write(out.join("golden_files.rs"), golden_files(left_out)?)?;

    println!("cargo:rerun-if-changed={README}");
    let block = firmware_block(&fs::read_to_string(README)?)
        .ok_or("README.md has no Rust block about firmware")?;
    if block.lines().count() > 12 {
        return Err("README.md's firmware quick start is longer than 12 lines".into());
    }
    fs::write(out.join("readme.rs"), block)?;
    Ok(())
}

/// An array of the names and contents of the golden files, but those left out.
fn golden_files(left_out: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut array = String::from("&[\n");
    for entry in fs::read_dir(fs::canonicalize(GOLDEN)?)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().display().to_string();
        if path.extension().is_some_and(|extension| extension == "txt")
            && !left_out.contains(&name.as_str())
        {
            let path = path.display().to_string();
            writeln!(array, "({name:?}, include_str!({path:?})),")?;
        }
    }
    Ok(array + "]\n")
}

/// The first block of Rust below the heading that speaks of firmware.
fn firmware_block(readme: &str) -> Option<String> {
    let section =
        readme.lines().skip_while(|line| !(line.starts_with('#') && line.contains("irmware")));
    let mut block = section.skip_while(|line| !line.starts_with("```rust")).skip(1).peekable();
    block.peek()?;
    Some(
        block
            .take_while(|line| !line.starts_with("```"))
            .fold(String::new(), |text, line| text + line + "\n"),
    )
}
