//! When a balancer is ready, and who serves until then.

use evenkeel::Config;

use crate::works::{How, Works};
use crate::{Bed, MS, SECOND, all, level, pass};

/// Endpoints a to j, whose clients take 10 ms, 20 ms and so on.
fn ten() -> Works {
    "abcdefghij".chars().zip(1..).fold(Works::new(), |works, (name, place)| {
        works.with(&name.to_string(), How::After(10 * MS * place))
    })
}

#[tokio::test(start_paused = true)]
async fn the_first_100_picks_reach_all_of_ten() {
    for policy in ["round_robin", "random", "least_request", "peak_ewma"] {
        let bed = Bed::tuned(all("abcdefghij"), ten(), |builder| {
            builder.policy(policy.parse::<evenkeel::AnyPolicy>().unwrap())
        });
        let begun = tokio::time::Instant::now();
        bed.balancer.ready_any().await;
        assert!(begun.elapsed() < 20 * MS && bed.picked() == "a", "{policy}: the fastest");
        bed.balancer.ready().await;
        assert!((100 * MS..103 * MS).contains(&begun.elapsed()), "{policy}");
        assert_eq!(bed.picked(), "abcdefghij", "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_failed_once_is_not_waited_for() {
    let works = ten().with("c", How::Fails).with("d", How::Panics).with("e", How::Never);
    let bed = Bed::new("abcdefghij", works);
    let begun = tokio::time::Instant::now();
    bed.balancer.ready_within(SECOND).await.unwrap();
    assert!(begun.elapsed() >= SECOND, "e is still being made");
    assert_eq!(bed.picked(), "abfghij");
    bed.balancer.ready().await;
    assert!((10 * SECOND..11 * SECOND).contains(&begun.elapsed()), "e has had its time");
    bed.balancer.ready().await;

    let bed = Bed::new("ab", Works::new().all(How::Fails));
    let error = bed.balancer.ready_within(SECOND).await.unwrap_err();
    let text = "not ready after 1s: 2 endpoints found, none usable; refused";
    assert_eq!(error.to_string(), text, "all have failed, and none can be picked");
}

#[tokio::test(start_paused = true)]
async fn a_lower_priority_waits_for_the_better_one() {
    let late =
        [(How::After(300 * MS), 300 * MS, "a"), (How::Fails, MS, "z"), (How::Panics, MS, "z")];
    for (how, after, who) in late.into_iter().chain([(How::Never, 10 * SECOND, "z")]) {
        let endpoints = [all("a"), level(1, "z")].concat();
        let bed = Bed::with(endpoints, Config::default(), Works::new().with("a", how));
        let begun = tokio::time::Instant::now();
        bed.balancer.ready_any().await;
        assert!((after..after + 5 * MS).contains(&(begun.elapsed() + MS)), "{how:?}");
        assert_eq!(bed.picked(), who, "{how:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_better_level_that_comes_later_takes_nothing_away_meanwhile() {
    let bed = Bed::with(level(1, "z"), Config::default(), Works::new());
    bed.balancer.ready().await;
    bed.works.clone().with("a", How::After(SECOND));
    bed.becomes([all("a"), level(1, "z")].concat()).await;
    assert_eq!(bed.picked(), "z");
    pass(SECOND).await;
    assert_eq!(bed.picked(), "a");

    // And one that fails hands over at once, though another of its level is still being made.
    bed.works.clone().with("b", How::Never);
    bed.becomes([all("ab"), level(1, "z")].concat()).await;
    bed.balancer.set_down(&evenkeel::Target::new("a", 80).unwrap(), true);
    pass(MS).await;
    assert_eq!(bed.picked(), "z");
}
