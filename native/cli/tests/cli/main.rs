//! The built command, run as a user runs it: the demo, the load, the watch, and what they say to nonsense.

mod load;
#[cfg(unix)]
mod places;
#[cfg(unix)]
mod watch;

use core::time::Duration;
use std::io::{self, BufRead as _};
use std::process::{Command, Output, Stdio};

use evenkeel::AnyPolicy;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

const EVENKEEL: &str = env!("CARGO_BIN_EXE_evenkeel");
/// Far more than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn the_demo_tells_its_story_and_loses_no_call() {
    let output = evenkeel(&["demo", "--seconds", "4"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    // What follows from a step comes after it, and the story waits for most of it.
    let story: [&[&str]; 6] = [
        &[
            "4 HTTP backends are up, in DNS as _http._tcp.demo.test",
            "+ ash.demo.test at 127.0.0.1:",
            "+ birch.demo.test at 127.0.0.1:",
            "+ cedar.demo.test at 127.0.0.1:",
            "+ dogwood.demo.test at 127.0.0.1:",
            "birch starts to fail",
            "birch ejected: failures in a row; probe due in ",
            "cedar turns slow",
            "dogwood leaves DNS",
            "- dogwood.demo.test at 127.0.0.1:",
            "elm joins DNS",
            "+ elm.demo.test at 127.0.0.1:",
            "dogwood is switched off",
            "birch works again",
            "birch is back: a probe succeeded",
            "cedar is fast again",
        ],
        &["birch starts to fail", "birch fails (", "birch works again", "birch answers again"],
        &[
            "all have much to do",
            "ash fails under the load",
            "ash ejected: failures in a row",
            "its load is too much for the others",
            "ash is back: its ejection did harm",
            " fails since, too: ejections undone; calm until ",
            "ash works again",
            " not ejected, though failing: its level is calm",
            "the load is spread again",
        ],
        &[
            "fir and hazel join DNS as backups, priority 10",
            "+ fir.demo.test at 127.0.0.1:",
            "+ hazel.demo.test at 127.0.0.1:",
            "all of priority 0 die",
            "nobody of priority 0 is left: 10 serves",
            "all of priority 0 work again",
            "is back: a probe succeeded",
            "priority 0 serves again",
        ],
        &[
            "all of priority 0 die",
            "birch ejected",
            "all of priority 0 work again",
            "birch is back",
        ],
        &[
            "What happened in ",
            "no call has gone there since",
            "ash failed while all had much to do, and was ejected after ",
            "ejections were undone after ",
            "Priority 0 was calm until ",
            "Priority 0 died: priority 10 took over after ",
            "It worked again: back after ",
            " undo",
            "Failing, but not ejected, ",
        ],
    ];
    for events in story {
        let mut rest = text.as_str();
        for event in events {
            let at =
                rest.find(event).unwrap_or_else(|| panic!("no {event:?} in its place in\n{text}"));
            rest = &rest[at + event.len()..];
        }
    }
    assert_nothing_missed(&text);
    assert!(text.is_ascii() && !text.contains('\x1b'), "a pipe gets plain text:\n{text}");
    let wide = text.lines().find(|line| line.len() > 80);
    assert_eq!(wide, None, "80 columns are enough");
}

#[test]
fn completions_know_every_command_and_its_options() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = evenkeel(&["completions", shell]);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        for word in ["demo", "load", "watch", "completions", "hedge", "server"] {
            assert!(text.contains(word), "{shell}: no {word} in\n{text}");
        }
    }
    assert_eq!(evenkeel(&["completions", "tcsh"]).status.code(), Some(2));
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    // One call a second, far from the others and from the story's steps: nothing depends on who is
    // first.
    let args = ["demo", "--seconds", "3600", "--rps", "1", "--policy", "random", "--seed", "7"];
    let runs = [demo(&args), demo(&args)].map(|mut run| {
        let mut lines = io::BufReader::new(run.stdout.take().expect("stdout is piped")).lines();
        let mut text = String::new();
        for line in lines.by_ref().map(|line| line.expect("text")) {
            if line.starts_with(" 5 s") {
                break;
            }
            text = text + &line + "\n";
        }
        run.kill().expect("it ran");
        run.wait().expect("it ends");
        text
    });
    let shares = |text: &str| {
        let tables = text.split("in flight  failed").skip(1);
        tables
            .map(|table| {
                let rows = rows(table, 4).into_iter();
                rows.filter(|row| row.share == "100.0%").map(|row| row.name).collect::<String>()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(shares(&runs[0]), shares(&runs[1]));
    assert!(shares(&runs[0]).iter().all(|name| !name.is_empty()), "{}", runs[0]);
}

#[test]
fn the_demo_runs_with_every_kind_of_policy() {
    let run = |policy| demo(&["demo", "--seconds", "4", "--policy", policy]);
    let policies = ["round_robin", "peak_ewma", "least_request(full_scan)", "maglev(size=251)"];
    for (policy, text) in policies.iter().zip(policies.map(run).map(outcome)) {
        let text = text.as_str();
        assert!(text.contains(&format!(" {policy}, 100 calls/s, seed 1")), "{policy}: {text}");
        assert_nothing_missed(text);
        // Those that join and those that stand by get requests, so every other does.
        let totals = text.split("attempts  failed").nth(1);
        let totals = totals.unwrap_or_else(|| panic!("no totals in\n{text}"));
        assert!(rows(totals, 7).iter().all(|row| row.attempts > 0), "{policy}: {text}");
        // An even share of the time that it fails would be more than 35.
        let failed = number_before(text, " attempts failed, retried elsewhere");
        let probes = number_before(text, " probes; back");
        assert!(failed < probes + 25, "{policy}: the failing backend is left alone:\n{text}");
    }
}

#[test]
fn help_names_every_policy() {
    let text = stdout(&evenkeel(&["demo", "--help"]));
    for name in AnyPolicy::NAMES {
        assert!(text.contains(name), "{name}: {text}");
    }
}

#[test]
fn nonsense_is_named_and_refused() {
    let cases: [(&[&str], &[&str]); 37] = [
        (&["demo", "--seconds", "0"], &["'0'", "--seconds", "2..=3600"]),
        (&["demo", "--seconds", "99999999999999999999"], &["'99999999999999999999'", "--seconds"]),
        (&["demo", "--rps", "0"], &["'0'", "--rps", "1..=1000"]),
        (&["demo", "--rps", "-5"], &["'-5'", "--rps"]),
        (&["demo", "--seed", "1.5"], &["'1.5'", "--seed"]),
        (&["demo", "--policy", "fastest"], &["'fastest'", "--policy", "round_robin", "pick_first"]),
        (&["demo", "--policy", "maglev(size=250)"], &["'maglev(size=250)'", "250", "prime"]),
        (&["demo", "--policy", "random(size=3)"], &["'random(size=3)'", "no parameters"]),
        (&["load", "ftp://a/"], &["'ftp://a/'", "\"ftp\"", "https://"]),
        (&["load", "a.example"], &["'a.example'", "no scheme"]),
        (&["load", "http://a/", "-c", "0"], &["'0'", "--concurrency", "1..=10000"]),
        (&["load", "http://a/", "-H", "x"], &["'x'", "--header", "no colon"]),
        (&["load", "http://a/", "-H", "a b: x"], &["'a b: x'", "--header", "header name"]),
        (&["load", "http://a/x y"], &["'http://a/x y'", "\"/x y\" is no path"]),
        (&["load", "http://127.0.0.1/", "-X", "A B"], &["\"A B\" is no method"]),
        (&["watch", "_http._tcp..test"], &["'_http._tcp..test'", "empty label"]),
        (&["watch", "two words"], &["'two words'", "' '"]),
        (
            &["watch", "_http._tcp.lb.test", "--server", "localhost"],
            &["'localhost'", "--server", "IP address"],
        ),
        (&["watch", "_http._tcp.lb.test", "--server", "127.0.0.1:0"], &["'127.0.0.1:0'", "port 0"]),
        (&["watch", "_h._tcp.t", "--server", "tls://9.9.9.9:0"], &["tls://9.9.9.9:0", "port 0"]),
        (&["watch", "_h._tcp.t", "--server", "tls://a b"], &["'tls://a b'", "no name"]),
        (
            &["watch", "_h._tcp.t", "--server", "http://dns.test/"],
            &["http://dns.test/", "https://"],
        ),
        (&["watch", "_h._tcp.t", "--server", "ftp://x"], &["'ftp://x'", "https://"]),
        (&["watch"], &["<NAME>"]),
        (&["watch", "ftp://x"], &["\"ftp\"", "srv, dns, file"]),
        (&["watch", "dns://web.test"], &["\"web.test\"", "no port"]),
        (&["watch", "dns://web.test:0"], &["port 0"]),
        (&["watch", "k8s://web"], &["\"web\"", "namespace/service"]),
        (&["watch", "consul://web?tags=x"], &["\"tags\"", "tag="]),
        (&["watch", "etcd://"], &["prefix", "empty"]),
        (&["watch", "http://"], &["'http://'"]),
        (&["watch", "file:x.json", "--server", "127.0.0.1"], &["--server", "file:x.json"]),
        (&["watch", "consul://web", "--family", "v4"], &["--family", "consul://web"]),
        (
            &["watch", "consul://web", "--server", "http://a", "--server", "http://b"],
            &["--server", "once", "2"],
        ),
        (&["watch", "file:x.json", "--timeout", "5"], &["--timeout", "file:x.json"]),
        (&["watch", "_http._tcp.lb.test", "--timeout", "0"], &["'0'", "--timeout", "1..=3600"]),
        (&["balance"], &["'balance'"]),
    ];
    for (args, words) in cases {
        let output = evenkeel(args);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        for word in words {
            assert!(message.contains(word), "{args:?} does not speak of {word}: {message}");
        }
    }
}

#[tokio::test]
async fn a_demo_whose_reader_leaves_ends_in_silence() {
    let mut child = start(&["demo", "--seconds", "3600"]);
    let mut lines = lines(&mut child);
    line_with(&mut lines, "+ ash.demo.test").await;
    drop(lines);
    let output =
        timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").expect("it ran");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupted_demo_waits_for_its_answers_and_sums_up() {
    let mut child = start(&["demo", "--seconds", "3600"]);
    let mut lines = lines(&mut child);
    line_with(&mut lines, " 1 s, act 1 of 3").await;
    interrupt(&child);
    line_with(&mut lines, "interrupted").await;
    let verdict = line_with(&mut lines, "calls sent").await;
    assert!(verdict.ends_with(" 0 lost."), "{verdict}");
    assert_eq!(exit_code(&mut child).await, Some(0));
}

fn demo(args: &[&str]) -> std::process::Child {
    Command::new(EVENKEEL).args(args).stdout(Stdio::piped()).spawn().expect("the command starts")
}

fn outcome(demo: std::process::Child) -> String {
    stdout(&demo.wait_with_output().expect("the demo ends"))
}

/// Every call was answered, and the story saw what it waited for.
fn assert_nothing_missed(text: &str) {
    let sent = number_before(text, " calls sent");
    assert_eq!(number_before(text, " answered, 0 lost."), sent, "{text}");
    assert!(!text.contains("in vain") && !text.contains("Not seen"), "{text}");
}

/// Returns the number that stands before these words where they come last.
fn number_before(text: &str, words: &str) -> u64 {
    let before = text.rfind(words).map(|at| text[..at].rsplit([' ', '\n']).next());
    let number = before.flatten().and_then(|number| number.replace(',', "").parse().ok());
    number.unwrap_or_else(|| panic!("no number before {words:?} in\n{text}"))
}

/// A row of a table.
struct Row {
    name: String,
    share: String,
    attempts: u64,
}

/// Reads the first rows of a table, from the end of its head on.
fn rows(table: &str, count: usize) -> Vec<Row> {
    let row = |line: &str| {
        // Names and states have blanks, percentiles have units; the share is the cell with a
        // percent sign.
        let cells: Vec<_> = line.split_whitespace().collect();
        let share = cells
            .iter()
            .position(|cell| cell.ends_with('%'))
            .unwrap_or_else(|| panic!("{line:?} in\n{table}"));
        let attempts = cells[share + 1].replace(',', "").parse().expect("a number");
        Row { name: cells[0].to_owned(), share: cells[share].to_owned(), attempts }
    };
    table.lines().skip(1).take(count).map(row).collect()
}

fn evenkeel(args: &[&str]) -> Output {
    Command::new(EVENKEEL).args(args).output().expect("the command starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn start(args: &[&str]) -> Child {
    start_in(args, &[])
}

/// Starts it with these variables in its environment.
fn start_in(args: &[&str], environment: &[(&str, &str)]) -> Child {
    tokio::process::Command::new(EVENKEEL)
        .args(args)
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the command starts")
}

fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().expect("stdout is piped")).lines()
}

/// Reads on to the next line that has `text` in it.
async fn line_with<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>, text: &str) -> String {
    let search = async {
        loop {
            match lines.next_line().await.expect("text") {
                Some(line) if line.contains(text) => return line,
                Some(_) => {}
                None => panic!("the output ended before {text:?}"),
            }
        }
    };
    timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("no {text:?} in time"))
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    let id = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill starts").success());
}

#[cfg(unix)]
async fn exit_code(child: &mut Child) -> Option<i32> {
    timeout(PATIENCE, child.wait()).await.expect("it ends").expect("it ran").code()
}
