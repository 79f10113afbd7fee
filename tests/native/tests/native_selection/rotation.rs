use std::sync::mpsc;
use std::thread;

use evenkeel::{Config, Endpoint, Target};

use crate::{Bed, all, at, expect};

/// The key of a request for the first level, and for the second: the first has 70 percent.
const FIRST: u64 = 0;
const SECOND: u64 = 99;

/// A first level that is half draining, so that the second gets requests, too.
fn levels(first: &str, second: &str) -> Vec<Endpoint<Target>> {
    let draining = first.chars().map(|name| at(&format!("{name}-drains")).with_draining(true));
    let second = all(second).into_iter().map(|endpoint| endpoint.with_priority(1));
    all(first).into_iter().chain(draining).chain(second).collect()
}

/// Who is next in a level.
fn next(bed: &Bed, level: u64) -> String {
    bed.balancer.pick_for(level).unwrap().with(String::clone)
}

fn go_to(bed: &Bed, level: u64, name: &str) {
    assert!((0..100).any(|_| next(bed, level) == name), "{name} has its turn");
}

#[tokio::test(start_paused = true)]
async fn each_thread_keeps_its_place_in_each_level_over_updates() {
    let config = Config { overprovisioning_percent: 140, ..Config::default() };
    let bed = Bed::new("round_robin", config, levels("bdf", "uwy")).await;
    let ((ask, asked), (answer, answers)) = (mpsc::channel::<u64>(), mpsc::channel());
    let bed = std::sync::Arc::new(bed);
    let other = thread::spawn({
        let bed = std::sync::Arc::clone(&bed);
        move || asked.into_iter().for_each(|level| answer.send(next(&bed, level)).unwrap())
    });
    let of_other = |level| {
        ask.send(level).unwrap();
        answers.recv().unwrap()
    };

    go_to(&bed, FIRST, "b");
    go_to(&bed, SECOND, "y");
    assert!((0..100).any(|_| of_other(FIRST) == "d") && (0..100).any(|_| of_other(SECOND) == "w"));
    // Those that come have their turns after the others: b d f a c e, and u w y v x z.
    bed.becomes(levels("abcdef", "uvwxyz")).await;
    assert_eq!([next(&bed, FIRST), next(&bed, SECOND)], ["d", "v"]);
    assert_eq!([of_other(FIRST), of_other(SECOND)], ["f", "y"]);
    assert_eq!([next(&bed, SECOND), next(&bed, FIRST)], ["x", "f"], "neither moves the other");

    // The endpoint picked last leaves; what followed it is next.
    bed.becomes(levels("abce", "uwyz")).await;
    assert_eq!([next(&bed, FIRST), next(&bed, SECOND)], ["a", "z"]);
    assert_eq!([of_other(FIRST), of_other(SECOND)], ["a", "z"]);

    // A level that gets nothing for a while keeps its places.
    let idle = all("uwyz").into_iter().map(|endpoint| endpoint.with_priority(1));
    bed.becomes(all("abce").into_iter().chain(idle)).await;
    assert_eq!(next(&bed, SECOND), "c");
    bed.becomes(levels("abce", "uwyz")).await;
    assert_eq!(next(&bed, SECOND), "u");
    drop(ask);
    other.join().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_weighted_order_keeps_its_shares_after_a_change() {
    let bed = Bed::new(
        "weighted_round_robin",
        Config::default(),
        [at("b").with_weight(3), at("d"), at("f")],
    )
    .await;
    assert!((0..100).any(|_| bed.next() == "d"));
    bed.becomes([at("b").with_weight(3), at("d"), at("e"), at("f")]).await;
    assert_eq!(bed.shares(6), expect([("b", 3), ("d", 1), ("e", 1), ("f", 1)]), "a whole cycle");
    bed.becomes([at("b").with_weight(3), at("d"), at("e")]).await;
    assert_eq!(bed.shares(5), expect([("b", 3), ("d", 1), ("e", 1)]), "a whole cycle");
}
