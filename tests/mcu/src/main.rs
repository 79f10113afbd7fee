//! The core on a Cortex-M0 and on RISC-V: a test program for QEMU, without an allocator.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod firmware;

#[cfg(not(target_os = "none"))]
fn main() {
    println!(
        "This program is firmware: `tests/run mcu` builds it for thumbv6m and riscv32imc and runs it in QEMU."
    );
}
