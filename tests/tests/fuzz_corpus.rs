//! The fuzz target's corpus, replayed without a fuzzer.

use std::fs;
use std::path::Path;

use evenkeel_tests::lifecycle;

#[test]
fn lifecycle_corpus_replays() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/lifecycle");
    let inputs = fs::read_dir(&corpus).expect("the corpus is committed").map(|entry| entry.expect("readable").path());
    let mut replayed = 0;
    for path in inputs {
        println!("{}", path.display());
        lifecycle::check(&fs::read(&path).expect("readable"));
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", corpus.display());
}
