//! Beside the C library: where a name server leaves questions unanswered, ours finds endpoints
//! seconds earlier. The command `discovery beside` measures all cases, beside an Envoy too.

use evenkeel_tests::beside::cases::CASES;
use evenkeel_tests::beside::sides::{Found, Side};
use evenkeel_tests::beside::table::{output, read_found};
use evenkeel_tests::namespaces;
use libtest_mimic::Failed;

/// Cases with seconds between the two.
const NAMES: &[&str] = &[
    "AAAA never answered, 1 server",
    "AAAA never answered, 2 servers",
    "AAAA never answered, 3 servers",
    "... and a silent first server",
    "UDP silent, TCP answers",
    "20 hosts, AAAA never answered",
    "service of 100, AAAA not answered",
    "no server answers",
];

/// Plays all at the same time.
pub(crate) fn play_all() -> Result<(), Failed> {
    let plays: Vec<_> =
        NAMES.iter().map(|name| (name, std::thread::spawn(|| play(name)))).collect();
    for (name, play) in plays {
        let played = play.join().map_err(|_| format!("{name} panicked"))?;
        played.map_err(|failed| format!("{name}: {}", failed.message().unwrap_or_default()))?;
    }
    Ok(())
}

/// Plays one, both at the same time.
fn play(name: &'static str) -> Result<(), Failed> {
    let find = move |side: Side| {
        let program = namespaces::command(env!("CARGO_BIN_EXE_discovery"));
        let said = output(program, "first", name, &side)?;
        read_found(&said).ok_or_else(|| Failed::from(said))
    };
    let theirs = std::thread::spawn(move || find(Side::Getaddrinfo));
    let ours = find(Side::Ours)?;
    let theirs = theirs.join().map_err(|_| "getaddrinfo panicked")??;
    let case = CASES.iter().find(|case| case.name == name).ok_or("no such case")?;
    let Found { first: Some(first), all } = ours else { return Err("ours found none".into()) };
    if all.is_none() && case.addresses > 0 {
        return Err("ours did not find all".into());
    }
    if theirs.first.is_some_and(|theirs| first >= theirs) {
        return Err(format!("ours {ours:?}, getaddrinfo {theirs:?}").into());
    }
    Ok(())
}
