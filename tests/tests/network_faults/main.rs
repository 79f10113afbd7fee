//! Faults of the network between a balancer and its name server or registry, made by nftables, and
//! name servers that are asked by `getaddrinfo` too. Each is played in namespaces of its own, and
//! where there can be none it is skipped: it is counted as ignored.
//!
//! Real sockets, so real time: all are played at once, and most of it is waiting.

mod beside;
mod faults;
mod net;
mod registries;

use std::env;
use std::process::ExitCode;

use evenkeel_tests::namespaces;
use faults::{FAULTS, Fault};
use libtest_mimic::{Arguments, Failed, Trial};

/// Says which fault is to be played in the namespaces where this process is.
const INSIDE: &str = "EVENKEEL_NETWORK_FAULT";

fn main() -> ExitCode {
    if let Ok(name) = env::var(INSIDE) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (_, play) = all().find(|(fault, _)| *fault == name).expect("one of them");
        runtime.expect("a runtime").block_on(play());
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(all().count() + 1);
    let skipped = !namespaces::are_allowed();
    if skipped {
        eprintln!("skipped: network namespaces need root, and a machine that allows them");
    }
    let faults = all().map(|&(name, _)| Trial::test(name, move || play(name)));
    let beside = Trial::test("ours_is_before_getaddrinfo_and_envoy", beside::play_all);
    let all = faults.chain([beside]).map(|trial| trial.with_ignored_flag(skipped)).collect();
    libtest_mimic::run(&arguments, all).exit_code()
}

fn all() -> impl Iterator<Item = &'static Fault> {
    FAULTS.iter().chain(registries::FAULTS)
}

/// Plays a fault in namespaces of its own.
fn play(name: &str) -> Result<(), Failed> {
    let output = namespaces::command(env::current_exe()?).env(INSIDE, name).output()?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}
