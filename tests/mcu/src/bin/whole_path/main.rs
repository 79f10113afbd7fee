//! The whole path on a Cortex-M0, without an allocator and without text formatting: what it takes in flash and RAM.
//!
//! `tests/run mcu` builds it for size, runs it in QEMU, and says what of it is the library's.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod checks;
#[cfg(target_os = "none")]
mod host;
#[cfg(target_os = "none")]
mod path;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This program is firmware: `tests/run mcu` builds it for thumbv6m-none-eabi and runs it in QEMU.");
}
