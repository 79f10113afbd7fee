//! Round robin and reports, with the default rules of health.
#![no_std]
#![no_main]

use evenkeel_core::policy::RoundRobin;
use evenkeel_core::{Balancer, Defaults, Endpoint, Inline, Outcome, Why};
use evenkeel_mcu_images::board::{Random, discovered, now, radio_send};
use evenkeel_mcu_images::{ROOM, image};

type Pool = Balancer<u32, RoundRobin, Defaults, Inline<ROOM>>;

image!(run, Pool = Pool::with_settings(RoundRobin::new(), Defaults));

fn run(pool: &mut Pool) -> ! {
    let endpoints = (0..ROOM).map(|place| Endpoint::new(discovered(place)));
    let _ = pool.update(now(), endpoints);
    loop {
        let Ok(pick) = pool.pick(now(), &mut Random) else { continue };
        let Some(endpoint) = pool.endpoint(&pick) else { continue };
        let good = radio_send(endpoint.addr, pick.why() == Why::Probe);
        pool.report(now(), pick, if good { Outcome::Success } else { Outcome::Failure });
    }
}
