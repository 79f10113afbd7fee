//! A set is replaced: there is always somebody to pick.

use core::time::Duration;

use evenkeel::{Change, Changes, Config, Endpoint, PickError, Target};

use crate::works::{How, Works};
use crate::{Bed, MS, SECOND, all, at, level, numbered, pass};

/// Asks every 5 ms for a while; returns who answered when, and fails if nobody did.
async fn ask(bed: &Bed, times: usize) -> Vec<String> {
    let mut answered = Vec::new();
    for _ in 0..times {
        answered.push(bed.next().expect("somebody serves"));
        pass(5 * MS).await;
    }
    answered
}

#[tokio::test(start_paused = true)]
async fn the_old_ones_serve_until_a_new_one_can() {
    for size in [1, 2, 3, 5, 10, 1_000] {
        let (old, new) = (numbered(0, size), numbered(size, size));
        let bed = Bed::with(old, Config::default(), Works::new());
        bed.balancer.ready().await;
        let works = bed.works.clone().all(How::After(200 * MS));
        bed.becomes(new).await;
        let first_new = format!("e{size:04}");
        let answered = ask(&bed, 100).await;
        let change = answered.iter().position(|name| *name >= first_new).expect("the new ones");
        assert!((30..=42).contains(&change), "{size}: 200 ms are 40 calls: {change}");
        assert!(answered[change..].iter().all(|name| *name >= first_new), "{size}");
        let gone = !works.alive().contains("e0000");
        assert!(gone, "{size}: the old clients are dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn if_no_new_one_ever_can_the_old_ones_go_on() {
    for how in [How::Never, How::Fails, How::Panics] {
        let bed = Bed::new("ab", Works::new().with("x", how).with("y", how));
        bed.balancer.ready().await;
        bed.becomes(all("xy")).await;
        for _ in 0..60 {
            assert_eq!(bed.picked(), "ab", "{how:?}");
            pass(SECOND).await;
        }
        let listed: Vec<_> = bed
            .balancer
            .endpoints()
            .iter()
            .map(|status| (status.target.host().to_owned(), status.leaving, status.candidate))
            .collect();
        let expected =
            [("a", true, true), ("b", true, true), ("x", false, false), ("y", false, false)];
        assert_eq!(listed, expected.map(|(name, a, b)| (name.to_owned(), a, b)), "{how:?}");
        bed.works.clone().with("y", How::After(5 * MS));
        pass(31 * SECOND).await;
        assert_eq!(bed.picked(), "y", "{how:?}: as soon as one can");
        assert_eq!(bed.works.alive(), "y");
    }
}

#[tokio::test(start_paused = true)]
async fn a_level_keeps_its_old_ones_although_the_next_is_there() {
    let bed = Bed::with([all("a"), level(1, "z")].concat(), Config::default(), Works::new());
    bed.balancer.ready().await;
    bed.works.clone().with("x", How::After(200 * MS));
    bed.becomes([all("x"), level(1, "z")].concat()).await;
    let answered = ask(&bed, 60).await;
    assert!(answered.iter().all(|name| name != "z"), "{answered:?}");
    assert_eq!((answered[0].as_str(), answered[59].as_str()), ("a", "x"));

    // Its level is gone: any other will do.
    bed.works.clone().with("y", How::After(200 * MS));
    bed.becomes(level(2, "y")).await;
    let answered = ask(&bed, 60).await;
    assert_eq!((answered[0].as_str(), answered[59].as_str()), ("x", "y"), "{answered:?}");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_others_behind_goes_at_once() {
    let bed = Bed::new("abc", Works::new().with("x", How::Never));
    bed.balancer.ready().await;
    bed.becomes(all("abx")).await;
    assert_eq!(bed.picked(), "ab");
    assert_eq!(bed.works.alive(), "ab");

    // The one that stays is ejected: then it is no replacement.
    bed.eject("a").await;
    assert_eq!(bed.picked(), "b");
    bed.becomes(all("ax")).await;
    assert_eq!(bed.picked(), "b");
    pass(6 * SECOND).await;
    assert_eq!(bed.picked(), "ab", "the first of these was a probe");
    pass(MS).await;
    assert_eq!(bed.picked(), "a", "it brought it back, and b is not needed any more");
    assert_eq!(bed.works.alive(), "a");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_wants_nobody_to_serve_is_obeyed_at_once() {
    let draining: Vec<Endpoint<Target>> = vec![at("x").with_draining(true), at("y").with_weight(0)];
    let bed = Bed::new("ab", Works::new());
    bed.balancer.ready().await;
    bed.becomes(draining).await;
    assert!(matches!(bed.balancer.pick(), Err(PickError::AllDrained)));
    assert!(!bed.works.alive().contains(['a', 'b']));
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_back_in_time_is_the_same_and_one_that_is_down_does_not_stay() {
    let bed = Bed::new("ab", Works::new().with("x", How::Never));
    bed.balancer.ready().await;
    let mut changes = bed.balancer.changes();
    let mut seen = told(&mut changes);
    bed.becomes(all("x")).await;
    seen.extend(told(&mut changes));
    bed.becomes(all("bx")).await;
    seen.extend(told(&mut changes));
    assert_eq!((bed.picked().as_str(), bed.works.begun("b")), ("b", 1));
    assert_eq!(seen, ["+a", "+b", "-a", "-b", "+x", "+b"]);

    bed.balancer.set_down(&Target::new("b", 80).unwrap(), true);
    bed.becomes(all("x")).await;
    assert!(matches!(bed.balancer.pick(), Err(PickError::NoClients { endpoints: 1, .. })));
    pass(Duration::from_secs(11)).await;
    assert_eq!(bed.works.alive(), "");
}

/// What was told since it was last asked.
fn told(changes: &mut Changes) -> Vec<String> {
    let told = core::iter::from_fn(|| changes.try_recv());
    let named = |sign: char, endpoint: Endpoint<Target>| format!("{sign}{}", endpoint.addr.host());
    told.map(|change| match change {
        Change::Added(endpoint) => named('+', endpoint),
        Change::Removed(endpoint) => named('-', endpoint),
        Change::Changed(endpoint) => named('=', endpoint),
    })
    .collect()
}

/// One that leaves while nobody can take its place, and comes back, goes on as it was: who is
/// ejected stays ejected, and a row of failures goes on.
#[tokio::test(start_paused = true)]
async fn health_goes_on_over_a_gap() {
    for names in ["abc", "abcde", "abcdefghij"] {
        let bed = Bed::new(names, Works::new().with("x", How::Never));
        bed.balancer.ready().await;
        bed.eject("a").await;
        fail(&bed, "b", 4).await;
        bed.becomes(all("x")).await;
        bed.becomes(all(names)).await;
        let others = &names[1..];
        assert_eq!(bed.picked(), others, "a is ejected still");
        assert_eq!((bed.works.begun("a"), bed.works.begun("b")), (1, 1), "{names}");
        // The next 100 requests were good: the row begins anew. Without them, it goes on.
        fail(&bed, "b", 4).await;
        bed.becomes(all("x")).await;
        bed.becomes(all(names)).await;
        fail(&bed, "b", 1).await;
        assert_eq!(bed.picked(), &names[2..], "{names}: five in a row");
    }
}

/// So many requests to one fail, and those to the others end well.
async fn fail(bed: &Bed, name: &str, times: usize) {
    let mut failures = 0;
    while failures < times {
        let pick = bed.balancer.pick().unwrap();
        if pick.target().host() == name {
            failures += 1;
            pick.failure();
        } else {
            pick.success();
        }
    }
    pass(MS).await;
}
