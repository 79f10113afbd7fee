//! Least request, ejection, calls with retries under a throttle, and time converted both ways.
#![no_std]
#![no_main]

use evenkeel_mcu_images::board::report_number;
use evenkeel_mcu_images::full_path::{BUDGET, Budget, POOL, Pool, call, update};
use evenkeel_mcu_images::{ROOM, image};

image!(run, Pool = POOL, Budget = BUDGET);

fn run(pool: &mut Pool, budget: &mut Budget) -> ! {
    let _ = update::<ROOM>(pool);
    loop {
        let (end, attempts) = call(pool, budget);
        report_number((end as u32) << 8 | attempts);
    }
}
