//! An image that can panic, and so must not link: it proves that the check can fail.
#![no_std]
#![no_main]

use evenkeel_mcu_images::board::{discovered, random32, report_number};
use evenkeel_mcu_images::{ROOM, image};

image!(run);

fn run() -> ! {
    let addresses: [u32; ROOM] = core::array::from_fn(|place| discovered(place));
    loop {
        report_number(addresses[random32() as usize]);
    }
}
