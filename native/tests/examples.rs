//! The examples end by themselves, and say what they should.

use std::process::Command;

/// Runs an example, which Cargo has built beside the tests; returns what it printed.
fn run(name: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap().join("examples").join(name);
    let ended = Command::new(&built).output().unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo test -p evenkeel` builds it", built.display())
    });
    let (out, err) = (ended.stdout, ended.stderr);
    assert!(ended.status.success(), "{name}: {}", String::from_utf8_lossy(&err));
    String::from_utf8(out).unwrap()
}

#[test]
fn go_kit_usage_answers_each_request_though_an_instance_is_gone() {
    let text = run("go_kit_usage");
    for request in 1..=6 {
        assert!(text.contains(&format!("request {request}: hello from ")), "{text}");
    }
    assert!(text.contains("from one") && text.contains("from two"), "{text}");
}

#[test]
fn sticky_moves_nobody_without_a_reason() {
    let text = run("sticky");
    assert_eq!(text.lines().count(), 6, "{text}");
    let moved = text.lines().filter(|line| line.contains('→'));
    assert!(moved.clone().all(|line| line.contains(": b →")) && !text.ends_with(": b\n"), "{text}");
}

#[test]
fn custom_discovery_tells_of_all_endpoints() {
    let text = run("custom_discovery");
    for (how, host) in [("poll", 1), ("poll", 2), ("push", 3), ("push", 4)] {
        let told = |line: &str| line.starts_with(how) && line.contains(&format!("10.0.0.{host}"));
        assert!(text.lines().any(told), "{text}");
    }
}

#[cfg(feature = "metrics")]
#[test]
fn metrics_count_what_was_done() {
    let text = run("metrics");
    let of = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().parse().unwrap()
    };
    let total = |name: &str| of(&format!("evenkeel_{name}{{balancer=\"users\"}}"));
    assert_eq!((total("calls"), total("calls_succeeded")), (100, 100));
    let retries = total("retries");
    assert!(retries >= 5 && total("attempts") == 100 + retries, "{text}");
    let failing = "{balancer=\"users\",endpoint=\"10.0.0.1:80\"}";
    assert_eq!(of(&format!("evenkeel_endpoint_failures{failing}")), retries);
    assert_eq!(of(&format!("evenkeel_endpoint_attempts{failing}")), retries);
}

#[test]
fn graceful_shutdown_loses_nothing() {
    let text = run("graceful_shutdown");
    assert!(text.contains("12 requests are under way"), "{text}");
    assert!(text.contains("closed: 12 of 12 were answered"), "{text}");
    assert!(text.contains("a request now: no endpoints"), "{text}");
}
