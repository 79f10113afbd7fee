//! Beside the C library, and an Envoy that `EVENKEEL_ENVOY` names: where a name server leaves questions
//! unanswered, ours finds endpoints seconds earlier. The command `discovery beside` measures all cases.

use core::time::Duration;
use std::env;
use std::path::PathBuf;
use std::thread;

use evenkeel_tests::beside::cases::CASES;
use evenkeel_tests::beside::sides::{Found, Side};
use evenkeel_tests::beside::table::{output, read_found};
use evenkeel_tests::namespaces;
use libtest_mimic::Failed;

/// Cases with seconds between ours and the others, and whether `getaddrinfo` and Envoy find anything
/// there.
const NAMES: &[(&str, bool, bool)] = &[
    ("AAAA never answered, 1 server", true, true),
    ("AAAA never answered, 2 servers", true, true),
    ("AAAA never answered, 3 servers", true, true),
    ("... and a silent first server", true, false),
    ("UDP silent, TCP answers", false, false),
    ("20 hosts, AAAA never answered", true, true),
    ("service of 100, AAAA not answered", true, true),
    ("no server answers", true, false),
];

/// Returns the Envoy to compare with, if there is one.
pub(crate) fn envoy() -> Option<PathBuf> {
    env::var_os("EVENKEEL_ENVOY").map(PathBuf::from).filter(|binary| binary.exists())
}

/// Plays all at the same time.
pub(crate) fn play_all() -> Result<(), Failed> {
    let plays: Vec<_> =
        NAMES.iter().map(|case| (case.0, thread::spawn(|| play(case, envoy())))).collect();
    for (name, play) in plays {
        let played = play.join().map_err(|_| format!("{name} panicked"))?;
        played.map_err(|failed| format!("{name}: {}", failed.message().unwrap_or_default()))?;
    }
    Ok(())
}

/// Plays one, all sides at the same time.
fn play(
    &(name, getaddrinfo_finds, envoy_finds): &'static (&str, bool, bool),
    envoy: Option<PathBuf>,
) -> Result<(), Failed> {
    let envoy = envoy.map(|binary| Side::Envoy { binary, family: "ALL" });
    let find = |side: Side| {
        thread::spawn(move || {
            let program = namespaces::command(env!("CARGO_BIN_EXE_discovery"));
            let said = output(program, "first", name, &side)?;
            read_found(&said).ok_or_else(|| Failed::from(said))
        })
    };
    let theirs = [Some(Side::Getaddrinfo), envoy].into_iter().flatten();
    let theirs: Vec<_> = theirs.map(|side| (side.clone(), find(side))).collect();
    let found = |side| find(side).join().map_err(|_| Failed::from("ours panicked"))?;
    let ours = found(Side::Ours)?;
    let case = CASES.iter().find(|case| case.name == name).ok_or("no such case")?;
    let Found { first: Some(first), all } = ours else { return Err("ours found none".into()) };
    if all.is_none() && case.addresses > 0 {
        return Err("ours did not find all".into());
    }
    for (side, found) in theirs {
        let found = found.join().map_err(|_| format!("{side} panicked"))??;
        let (who, finds) = match side {
            Side::Ours => ("ours", true),
            Side::Getaddrinfo => ("getaddrinfo", getaddrinfo_finds),
            Side::Envoy { .. } => ("Envoy", envoy_finds),
        };
        let took = |found: Option<Duration>| match found {
            Some(found) => format!("{:5.2} s", found.as_secs_f64()),
            None => "never".to_owned(),
        };
        println!("{name:<36} ours {}   {who} {}", took(Some(first)), took(found.first));
        if finds && found.first.is_none() {
            // Nothing was compared.
            return Err(format!("{who} found nothing").into());
        }
        if found.first.is_some_and(|theirs| first >= theirs) {
            return Err(format!("ours {ours:?}, {side} {found:?}").into());
        }
    }
    Ok(())
}
