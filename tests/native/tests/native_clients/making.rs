//! Who gets a client, and how many are made at once.

use evenkeel::{Balancer, BuildError, Candidacy, Config, Fixed, Target};

use crate::works::{How, Works};
use crate::{Bed, MS, SECOND, all, at, level, numbered, pass};

#[tokio::test(start_paused = true)]
async fn a_subset_of_10_of_1000_makes_20() {
    for size in [5, 20, 21, 1_000] {
        let config = Config { subset: 10, ..Config::default() };
        let bed = Bed::with(numbered(0, size), config, Works::new().all(How::After(5 * MS)));
        bed.balancer.ready().await;
        let candidates = || {
            let listed = bed.balancer.endpoints().into_iter();
            listed.filter(|status| status.candidate).map(|status| status.target)
        };
        assert_eq!(bed.works.begun_for(), size.min(20));
        assert_eq!(candidates().count(), size.min(10));
        let left_out = bed.balancer.endpoints().into_iter().filter(|status| !status.candidate);
        assert!(left_out.into_iter().all(|status| status.candidacy == Some(Candidacy::Subset)));

        // Who falls out has a successor at once, and that one has somebody behind him.
        if size > 20 {
            let first = candidates().next().unwrap();
            bed.balancer.set_down(&first, true);
            pass(MS).await;
            assert!(candidates().count() == 10 && candidates().all(|target| target != first));
            pass(10 * MS).await;
            assert_eq!(bed.works.begun_for(), 21);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_level_has_clients_and_the_one_after_it_none() {
    let endpoints = [all("ab"), level(1, "mn"), level(2, "yz")].concat();
    let bed = Bed::with(endpoints, Config::default(), Works::new());
    bed.balancer.ready().await;
    assert_eq!((bed.picked().as_str(), bed.works.alive().as_str()), ("ab", "abmn"));
    let down = |name| bed.balancer.set_down(&Target::new(name, 80).unwrap(), true);
    down("a");
    pass(MS).await;
    assert_eq!((bed.picked().as_str(), bed.works.alive().as_str()), ("b", "abmn"));
    down("b");
    pass(MS).await;
    assert_eq!((bed.picked().as_str(), bed.works.alive().as_str()), ("mn", "abmnyz"));

    // What a level has no room for may go to any other: there, all get clients.
    let endpoints = [all("ab"), level(1, "mn"), level(2, "yz")].concat();
    let config = Config { max_in_flight: 1, ..Config::default() };
    let bed = Bed::with(endpoints, config, Works::new());
    bed.balancer.ready().await;
    assert_eq!(bed.works.alive(), "abmnyz");
}

#[tokio::test(start_paused = true)]
async fn at_most_32_are_made_at_once_or_as_many_as_wanted() {
    let hang = || Works::new().all(How::After(SECOND));
    let bed = Bed::with(numbered(0, 1_000), Config::default(), hang());
    bed.balancer.ready().await;
    assert_eq!((bed.works.most_at_once(), bed.works.begun_for()), (32, 1_000));
    for most in [1, 5, 2_000] {
        let bed = Bed::tuned(numbered(0, 10), hang(), |builder| builder.clients_at_once(most));
        bed.balancer.ready().await;
        assert_eq!((bed.works.most_at_once(), bed.works.begun_for()), (most.min(10), 10));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_too_long_is_given_up_and_others_have_their_turn() {
    let hung = (0..40)
        .fold(Works::new(), |works, number| works.with(&format!("e{number:04}"), How::Never));
    let bed = Bed::with(numbered(0, 41), Config::default(), hung);
    let begun = tokio::time::Instant::now();
    bed.balancer.ready_any().await;
    assert!((10 * SECOND..11 * SECOND).contains(&begun.elapsed()), "32 hang before it");
    assert_eq!(bed.picked(), "e0040");

    let bed = Bed::tuned(all("a"), Works::new().all(How::Never), |builder| {
        builder.client_timeout(300 * MS)
    });
    pass(SECOND).await;
    assert!(bed.works.begun("a") >= 2, "tried again");
    let text = "none of 1 endpoints has a client: no client within 300ms";
    assert_eq!(bed.balancer.pick().unwrap_err().to_string(), text);
}

#[tokio::test(start_paused = true)]
async fn the_future_of_an_endpoint_that_left_is_dropped() {
    let bed = Bed::new("ab", Works::new().with("b", How::Never));
    bed.balancer.ready_any().await;
    assert_eq!(bed.works.at_once(), 1);
    bed.becomes(all("a")).await;
    assert_eq!(bed.works.at_once(), 0);
    // It comes back, and is made anew; what was given up says nothing any more.
    bed.works.clone().with("b", How::After(MS));
    bed.becomes(all("ab")).await;
    pass(2 * MS).await;
    assert_eq!((bed.picked().as_str(), bed.works.begun("b")), ("ab", 2));

    // With its last handle, all is dropped.
    bed.works.clone().with("c", How::Never);
    bed.becomes(vec![at("a"), at("c")]).await;
    let Bed { balancer, works, .. } = bed;
    assert_eq!(works.at_once(), 1);
    drop(balancer);
    pass(MS).await;
    assert_eq!((works.at_once(), works.alive().as_str()), (0, ""));
}

#[tokio::test]
async fn none_at_once_no_time_and_no_gap_are_refused() {
    let builder = || Balancer::builder(Fixed::new(["a:80"]).unwrap());
    let client = async |target: Target| Ok::<_, core::convert::Infallible>(target);
    let error = builder().clients_at_once(0).build(client).unwrap_err();
    assert_eq!(error, BuildError::Zero { setting: "clients_at_once" });
    let error = builder().client_timeout(core::time::Duration::ZERO).build(client).unwrap_err();
    assert_eq!(error.to_string(), "`client_timeout` is 0: it must be above 0");
    let error = builder().failure_refresh_gap(core::time::Duration::ZERO).build(client);
    assert_eq!(error.unwrap_err(), BuildError::Zero { setting: "failure_refresh_gap" });
}
