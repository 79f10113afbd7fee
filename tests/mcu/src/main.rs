//! The core on a Cortex-M0: a test program for thumbv6m in QEMU, without an allocator.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod firmware;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This program is firmware: `tests/run mcu` builds it for thumbv6m-none-eabi and runs it in QEMU.");
}
