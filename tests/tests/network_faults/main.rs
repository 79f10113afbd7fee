//! Faults of the network between a balancer and its name server or registry, made by nftables, and
//! name servers that are asked by `getaddrinfo` and an Envoy too. Each is played in namespaces of its
//! own, and where there can be none, or no Envoy, it is skipped: it is counted as ignored.
//!
//! Real sockets, so real time: all are played at once, and most of it is waiting. nextest plays no
//! more at once than there are processors, and so sees them as one.

mod beside;
mod faults;
mod net;
mod registries;

use std::env;
use std::process::ExitCode;
use std::thread;

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
    let plays: Vec<Play> = all()
        .map(|&(name, _)| Play { name, play: Box::new(move || play(name)) })
        .chain([Play { name: BESIDE, play: Box::new(beside::play_all) }])
        .collect();
    let trials = if env::var_os("NEXTEST").is_some() {
        vec![Trial::test("all_at_once", || at_once(plays))]
    } else {
        plays.into_iter().map(|Play { name, play }| Trial::test(name, play)).collect()
    };
    let without_envoy = Trial::test("ours_is_before_envoy", || Ok(())).with_ignored_flag(true);
    let trials = trials.into_iter().map(|trial| trial.with_ignored_flag(skipped));
    let trials = trials.chain(beside::envoy().is_none().then_some(without_envoy)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// What is played beside others, too.
const BESIDE: &str = "ours_is_before_others";

struct Play {
    name: &'static str,
    play: Box<dyn FnOnce() -> Result<(), Failed> + Send>,
}

/// Plays all at the same time, and tells all that went wrong.
fn at_once(plays: Vec<Play>) -> Result<(), Failed> {
    let began = plays.into_iter().map(|Play { name, play }| (name, thread::spawn(play)));
    let began: Vec<_> = began.collect();
    let mut failures = Vec::new();
    for (name, play) in began {
        match play.join() {
            Ok(Ok(())) => println!("{name}: well"),
            Ok(Err(failed)) => {
                failures.push(format!("{name}: {}", failed.message().unwrap_or_default()));
            }
            Err(_) => failures.push(format!("{name} panicked")),
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
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
