//! The fuzz targets' corpora, replayed without a fuzzer.

use std::fs;
use std::path::Path;

use evenkeel_tests::{call, config, health, lifecycle, policies, state};

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let inputs = fs::read_dir(&corpus)
        .expect("the corpus is committed")
        .map(|entry| entry.expect("readable").path());
    let mut replayed = 0;
    for path in inputs {
        println!("{}", path.display());
        check(&fs::read(&path).expect("readable"));
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", corpus.display());
}

#[test]
fn call_corpus_replays() {
    replay("call", call::check);
}

#[test]
fn lifecycle_corpus_replays() {
    replay("lifecycle", lifecycle::check);
}

#[test]
fn policies_corpus_replays() {
    replay("policies", policies::check);
}

#[test]
fn config_corpus_replays() {
    replay("config", config::check);
}

#[test]
fn state_corpus_replays() {
    replay("state", state::check);
}

#[test]
fn health_corpus_replays() {
    replay("health", health::check);
}
