//! Runs the path of the image `full_path` in QEMU, through the life of a client: eight servers, of
//! which one fails and comes back, and then all fail. Tells how much stack it takes.
#![no_std]
#![no_main]

mod board;
mod client;
mod stack;

use core::panic::PanicInfo;

use board::{discover, heard, pass, probes, take_down};
use client::Client;
use evenkeel_core::retry::End;
use semihosting::{println, process};

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    let mut client = Client::new();
    let mut checks = 0;
    live(&mut client, &mut |name, holds| {
        assert!(holds, "{name}");
        println!("ok: {name}");
        checks += 1;
    });
    println!("stack: {}", client.stack);
    println!("test result: ok. {checks} passed; 0 failed");
    process::exit(0)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    process::exit(1)
}

fn live(client: &mut Client, check: &mut dyn FnMut(&str, bool)) {
    check("without endpoints a call ends at once", client.call() == (End::NoEndpoints, 0));

    discover([7, 3, 5, 1, 8, 2, 3, 6, 4]);
    check("an update brings eight, one of them twice", client.update() == (8, 0, 0));
    let good = client.all_at_once(80);
    check("every call succeeds at once", good && (1..=8).all(|address| heard(address) > 0));

    take_down(1 << 5);
    check("calls go elsewhere when a server is down", client.all(80) && heard(5) >= 5);
    check("by then it is ejected", client.all_at_once(20) && heard(5) == 0 && probes() == 0);

    pass(6_000);
    check("later one request probes it, in vain", client.all(20) && heard(5) == 1 && probes() == 1);

    take_down(0);
    pass(11_000);
    check("the next probe brings it back", client.all_at_once(80) && heard(5) > 2 && probes() == 2);

    discover([12, 2, 11, 4, 9, 6, 10, 8, 13]);
    check("an update replaces half of them, and leaves one out", client.update() == (4, 4, 1));
    for address in 1..=13 {
        heard(address);
    }
    let good = client.all_at_once(80);
    let to_new: u32 = (9..=12).map(heard).sum();
    check("calls go to the new ones", good && to_new > 20 && heard(1) + heard(13) == 0);

    take_down(u32::MAX);
    check("with all down a call gives up", client.call() == (End::Attempts, 3));
    let ended = (0..40).all(|_| client.call().0 != End::Success);
    check("the budget stops retries", ended && client.call() == (End::Budget, 1));

    take_down(0);
    pass(600_000);
    check("and after the outage they succeed again", client.all(80));
}
