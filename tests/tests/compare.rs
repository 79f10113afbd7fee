//! Ours under outages of real servers, at full speed and short; the command `compare` does it at
//! length, with the peers beside it. And COMPARE.md, which says what that found.

use core::time::Duration;
use std::ffi::OsString;
use std::fs;

use evenkeel_tests::compare::fleet::Kind;
use evenkeel_tests::compare::plan::Fault::{Killed, Restarted, Slowed, Stopped};
use evenkeel_tests::compare::plan::{Pace, Step};
use evenkeel_tests::compare::play::{Course, Programs};
use evenkeel_tests::compare::sides::{SIDES, Side};
use evenkeel_tests::compare::{markdown, table};

const PROGRAM: &str = env!("CARGO_BIN_EXE_compare");
const SHORT: Pace =
    Pace { window: Duration::from_millis(500), faulty: 2, calm: 1, alone: 1, plays: 1 };

async fn play(plan: &[Step]) -> Course {
    let programs = Programs {
        server: PROGRAM.into(),
        callers: [PROGRAM, "call"].map(OsString::from).into(),
        envoy: None,
        at_a_time: 8,
    };
    let side = Side { kind: Kind::Hyper, ..SIDES[0] };
    programs.play(&side, plan, SHORT).await.expect("processes do as they are told")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_and_some_are_answered_all_the_time() {
    let course = play(&[
        Step { faults: &[(0, Killed)] },
        Step { faults: &[(1, Stopped)] },
        Step { faults: &[(2, Slowed)] },
        Step { faults: &[(3, Restarted)] },
        Step { faults: &[(4, Killed), (5, Stopped)] },
    ])
    .await;
    assert_eq!(course.counts.lost, 0, "{course:?}");
    assert!(course.counts.good > 100, "{course:?}");
    assert_eq!(course.windows.len(), 15);
    assert!(course.windows.iter().all(|window| window.share > 0.0), "{course:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_counted() {
    const ALL: [(usize, evenkeel_tests::compare::plan::Fault); 6] =
        [(0, Killed), (1, Killed), (2, Killed), (3, Killed), (4, Killed), (5, Killed)];
    let course = play(&[Step { faults: &ALL }]).await;
    let [_, second, _] = course.windows[..] else { panic!("{course:?}") };
    assert!(second.lost > 0 && course.counts.lost >= second.lost, "{course:?}");
}

#[test]
fn compare_md_says_what_the_committed_table_says() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let text = fs::read_to_string(format!("{root}/COMPARE.md")).expect("it is there");
    let table = fs::read_to_string(table::path()).expect("it is there");
    assert!(table.starts_with(table::HEAD), "the committed table has another head");
    let results = markdown::results(&table).expect("it has all rows");
    for part in [&results, &markdown::settings()] {
        assert!(text.contains(&**part), "COMPARE.md does not have this:\n{part}");
    }
}
