//! What the program says to QEMU, without the library's text formatting, and how much stack it has used.

use core::fmt::Write;
use core::panic::PanicInfo;

use cortex_m::asm::wfi;
use cortex_m_semihosting::{debug, hio};

/// Says whether a check holds; the first that does not ends the run.
pub(crate) fn check(name: &str, holds: bool) {
    say(&[if holds { "ok: " } else { "FAILED: " }, name, "\n"]);
    if !holds {
        exit(debug::EXIT_FAILURE);
    }
}

pub(crate) fn say(words: &[&str]) {
    if let Ok(mut host) = hio::hstdout() {
        for word in words {
            let _ = host.write_str(word);
        }
    }
}

/// Says a number below 100,000.
pub(crate) fn say_number(mut number: usize) {
    const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let mut leading = true;
    for unit in [10_000, 1_000, 100, 10, 1] {
        let mut digit = 0;
        while number >= unit {
            number -= unit;
            digit += 1;
        }
        leading &= digit == 0 && unit > 1;
        if !leading {
            say(&[DIGITS[digit]]);
        }
    }
}

pub(crate) fn exit(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    loop {
        wfi();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    say(&["FAILED: panic\n"]);
    exit(debug::EXIT_FAILURE)
}

/// The most bytes that the stack has taken so far: start-up painted it.
pub(crate) fn stack_peak() -> usize {
    unsafe extern "C" {
        static _stack_end: u32;
        static _stack_start: u32;
    }
    // SAFETY: the linker script's symbols bound the stack, whose words are only read, each once; those below the stack pointer
    // nobody else reads or writes.
    unsafe {
        let (mut lowest, top) = (&raw const _stack_end, &raw const _stack_start);
        while lowest < top && lowest.read_volatile() == cortex_m_rt::STACK_PAINT_VALUE {
            lowest = lowest.add(1);
        }
        top as usize - lowest as usize
    }
}
