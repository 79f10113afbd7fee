//! The golden files: the same seed, clock and events give the same picks everywhere.
//! `tests/golden/README.md` has the format.

use std::env;
use std::fs;
use std::path::PathBuf;

use evenkeel_core::store::Store;
use evenkeel_core::{Heap, Inline};
use evenkeel_tests::golden::{Answer, Failure, Replay, check, split};

/// Where the policies' tables are when nothing is on the heap: the largest is Ketama's.
type Tables = Inline<2048>;

macro_rules! files {
    ($($name:ident),*) => {
        const FILES: &[&str] = &[$(concat!(stringify!($name), ".txt")),*];

        $(#[test]
        fn $name() {
            let file = concat!(stringify!($name), ".txt");
            replay(file, include_str!(concat!("../golden/", stringify!($name), ".txt")));
        })*
    };
}
files!(
    groups,
    health,
    ketama,
    least_request,
    maglev,
    peak_ewma,
    pick_first,
    random,
    rendezvous,
    retry,
    ring_hash,
    round_robin,
    update,
    weighted_random,
    weighted_round_robin
);

#[test]
fn every_file_is_replayed() {
    let names =
        fs::read_dir(folder()).expect("the folder").map(|file| file.expect("a file").file_name());
    let mut names: Vec<_> = names.filter(|name| name != "README.md").collect();
    names.sort();
    assert_eq!(names, FILES);
}

#[test]
fn a_failure_names_file_line_and_both_answers() {
    let text = "# a pick\nseed 1\npolicy round_robin\nupdate a\n\npick -> b\n"
        .replace("update a", "update a -> +1 -0 ~0");
    let failure =
        check::<Heap, Heap>("wrong.txt", &text).expect_err("the only endpoint is a").to_string();
    assert_eq!(failure, "wrong.txt, line 6: expected `b`, got `a`");
}

#[test]
fn an_answer_that_is_missing_or_too_much_is_a_failure() {
    let fails = |text: &str| {
        check::<Heap, Heap>("t", text).map_err(|failure| failure.to_string()).expect_err(text)
    };
    assert_eq!(fails("pick"), "t, line 1: expected ``, got `none`");
    assert_eq!(fails("pick -> none none"), "t, line 1: expected `none none`, got `none`");
    assert_eq!(fails("pick -> non"), "t, line 1: expected `non`, got `none`");
    assert_eq!(fails("now 5 -> 5"), "t, line 1: expected `5`, got ``");
}

#[test]
fn what_cannot_be_read_is_a_failure() {
    for (text, why) in [
        ("jump", "no such event"),
        ("seed -1", "a seed is a number below 2^64"),
        ("policy best", "no such policy"),
        ("now soon", "a time is in milliseconds"),
        ("now 1.1234567", "a time has at most six decimals"),
        ("update A", "an address is made of a-z and 0-9"),
        ("update a%z", "a zone is a number below 2^16"),
        ("update a*-1", "a weight is a number below 2^32"),
        ("insert a@65536", "a priority is a number below 2^16"),
        ("pick b", "a pick may have a key and avoid, nothing else"),
        ("pick key", "a pick may have a key and avoid, nothing else"),
        ("pick key 18446744073709551616", "a key that begins with a digit is a number below 2^64"),
        ("config levels=all", "no such setting"),
        ("pick avoid z", "nothing of this address is there to avoid"),
        ("report success", "no such open pick"),
        ("report maybe", "no such outcome"),
        ("report success 0", "no such open pick"),
        ("report success 1 1", "too many words"),
        ("report overloaded soon", "a time is in milliseconds"),
        ("config outlier=mine", "no such outlier detection"),
        ("requests many", "not a number of requests"),
        ("requests 1", "nothing to pick"),
        ("down z", "nothing of this address is there"),
        ("up z", "nothing of this address is there"),
        ("poll", "there is no call"),
        ("outcome retryable_failure", "no attempt is under way"),
        ("call attempts=0", "no such `attempts`"),
        ("call hedges=2", "no such setting"),
        ("call timeout=0", "a call cannot have such a setting"),
        ("call backoff=random", "no such backoff"),
        ("call backoff=exponential:1", "`exponential` has a base and a cap"),
        ("call backoff=exponential:1:2:some", "no such jitter"),
    ] {
        let failure = check::<Heap, Heap>("t", text).expect_err(text);
        assert_eq!(failure.to_string(), format!("t, line 1: {why}"), "{text}");
    }
    let nine = "update a b c d e f g h i -> +8 -0 ~0";
    let failure = check::<Inline<8>, Tables>("t", nine).expect_err("no room for nine");
    assert_eq!(failure.to_string(), "t, line 1: more than 8 endpoints");
}

#[test]
fn times_are_exact_to_the_nanosecond() {
    for time in ["wait 0.000001", "wait 10.00305", "wait 7", "wait 1000000000.5"] {
        let wait = time.strip_prefix("wait ").expect("a wait");
        let text = format!(
            "call attempts=2 backoff=constant:{wait}\ninsert a -> +1 -0 ~0\npoll -> send 1 a\noutcome retryable_failure\npoll -> {time}"
        );
        let answers = check::<Heap, Heap>("t", &text).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(answers, 3);
    }
}

fn replay(file: &str, text: &str) {
    if env::var_os("EVENKEEL_BLESS").is_some() {
        return bless(file, text);
    }
    let heap = replay_with::<Heap, Heap>(file, text);
    assert!(heap > 10, "{file} asks only {heap} times");
    assert_eq!(replay_with::<Inline<8>, Tables>(file, text), heap);
}

fn replay_with<S: Store, P: Store>(file: &str, text: &str) -> usize {
    let fail = |failure: Failure<'_>| panic!("{failure}");
    check::<S, P>(file, text).unwrap_or_else(fail)
}

/// Rewrites the answers of a file, and nothing else of it.
fn bless(file: &str, text: &str) {
    let mut replay = Replay::<Heap, Heap>::new();
    let mut blessed = String::new();
    for (index, line) in text.lines().enumerate() {
        let (event, _) = split(line);
        let line = match replay.step(event) {
            Err(why) => panic!("{file}, line {}: {why}", index + 1),
            Ok(Answer::Nothing) => line.to_owned(),
            Ok(answer) => format!("{event} -> {answer}"),
        };
        blessed.push_str(line.as_str());
        blessed.push('\n');
    }
    fs::write(folder().join(file), blessed).expect("the golden file can be written");
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden")
}
