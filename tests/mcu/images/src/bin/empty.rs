//! Nothing but the board: what the others take besides the core.
#![no_std]
#![no_main]

use evenkeel_mcu_images::board::{clock_ms, random32, report_number};
use evenkeel_mcu_images::image;

image!(run);

fn run() -> ! {
    loop {
        report_number(clock_ms() ^ random32());
    }
}
