//! Links the images by `image.x`, and what QEMU runs with the start-up code of its board.

use core::error::Error;
use std::env;
use std::fs;
use std::path::Path;

const IMAGES: [&str; 6] =
    ["empty", "minimal", "default_rules", "full_path", "everything", "panics"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS")? != "none" {
        return Ok(());
    }
    let arm = env::var("CARGO_CFG_TARGET_ARCH")? == "arm";

    println!("cargo:rerun-if-changed=image.x");
    let script = fs::canonicalize("image.x")?;
    for image in IMAGES {
        println!("cargo:rustc-link-arg-bin={image}=-T{}", script.display());
        println!("cargo:rustc-link-arg-bin={image}=--defsym=THUMB={}", u8::from(arm));
    }

    let memory = if arm { "../microbit.x" } else { "../virt.x" };
    println!("cargo:rerun-if-changed={memory}");
    let out = env::var("OUT_DIR")?;
    fs::copy(memory, Path::new(&out).join("memory.x"))?;
    println!("cargo:rustc-link-search={out}");
    if !arm {
        println!("cargo:rustc-link-arg-bin=in_qemu=-Tmemory.x");
    }
    println!("cargo:rustc-link-arg-bin=in_qemu=-Tlink.x");
    Ok(())
}
