//! Runs the registries of ours, to look at them with other clients:
//!
//! ```text
//! cargo run -p evenkeel-tests --example registries
//! curl 'http://127.0.0.1:PORT/v1/health/service/web?passing=1'
//! ```
//!
//! Consul's index rises every two seconds, with one instance more, and falls back after ten.

use core::time::Duration;

use evenkeel_tests::servers::consul::{Consul, Instance};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let consul = Consul::start(vec![Instance::on("10.0.0.1", 80)]).await;
    println!("Consul: {}", consul.web.url);
    for step in (1..=10).cycle() {
        tokio::time::sleep(Duration::from_secs(2)).await;
        consul.change(|state| {
            state.index = 10 + step;
            state.instances = (0..step as u32).map(|n| Instance::on("10.0.0.1", 80 + n)).collect();
        });
    }
}
