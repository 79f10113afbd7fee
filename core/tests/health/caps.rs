//! The share of endpoints that may be ejected at once.

use evenkeel_core::health::Held;
use evenkeel_core::{Config, Endpoint, Why};

use super::fixture::{Fixture, OURS};

/// Returns how many of `hosts` endpoints are ejected after all fail.
fn most(hosts: u8, settings: Config) -> usize {
    let mut fixture = Fixture::of(hosts, Config { consecutive_failures: 1, ..settings });
    for addr in 0..hosts {
        // Reported before the next pick, so that nobody is left out of the picks.
        let pick = fixture.send(addr);
        fixture.report(pick, evenkeel_core::Outcome::Failure);
        if fixture.candidates().is_empty() {
            break;
        }
    }
    fixture.ejected().len()
}

fn with_percent(settings: Config, max_ejection_percent: u8) -> Config {
    Config { max_ejection_percent, ..settings }
}

/// Rows of failures know no share: as long as another is well.
#[test]
fn ours_for_rows() {
    for percent in [0, 30, 100] {
        for (hosts, ejected) in [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4), (10, 9), (20, 19)] {
            assert_eq!(most(hosts, with_percent(OURS, percent)), ejected, "of {hosts}");
        }
    }
}

/// Returns how many of `hosts` endpoints are ejected for their share of failures, if all but one
/// fail.
fn most_by_share(hosts: u8, settings: Config) -> usize {
    let mut fixture = Fixture::of(hosts, Config { consecutive_failures: 0, ..settings });
    for addr in 1..hosts {
        fixture.fail(addr, 20);
    }
    fixture.ejected().len()
}

#[test]
fn ours_for_shares() {
    let most_of = |hosts| most_by_share(hosts, OURS);
    assert_eq!([1, 2, 3, 4].map(most_of), [0, 1, 1, 2], "half of up to four");
    assert_eq!([5, 6, 7, 9, 10, 13, 14, 20].map(most_of), [1, 1, 2, 2, 3, 3, 4, 6], "30 % of more");
    let all = |hosts| most_by_share(hosts, with_percent(OURS, 100));
    assert_eq!([1, 2, 4, 5].map(all), [0, 1, 3, 4], "as long as one is well");
    let none = |hosts| most_by_share(hosts, with_percent(OURS, 0));
    assert_eq!([2, 4, 5, 10].map(none), [1; 4], "always one");
    let one = |hosts| most_by_share(hosts, with_percent(OURS, 1));
    assert_eq!([2, 3, 4, 5, 10].map(one), [1, 1, 2, 1, 1]);
    let not_always = Config { always_eject_one: false, ..OURS };
    let none = |hosts| most_by_share(hosts, with_percent(not_always, 0));
    assert_eq!([2, 3, 4, 5, 9, 10].map(none), [0; 6]);
    let ten = |hosts| most_by_share(hosts, with_percent(not_always, 10));
    assert_eq!([2, 3, 4, 5, 9, 10].map(ten), [1, 1, 2, 0, 0, 1]);
}

/// Envoy counts the one that is about to be ejected, so 10 % of up to 9 are none.
#[test]
fn envoys() {
    let envoy = Config::ENVOY;
    assert_eq!([1, 2, 5, 9, 10, 19, 20].map(|hosts| most(hosts, envoy)), [0, 0, 0, 0, 1, 1, 2]);
    assert_eq!([1, 2, 3, 4].map(|hosts| most(hosts, with_percent(envoy, 50))), [0, 1, 1, 2]);
    assert_eq!(most(1, with_percent(envoy, 100)), 1);
    let one = Config { always_eject_one: true, ..envoy };
    assert_eq!([1, 2, 5, 9, 10, 20].map(|hosts| most(hosts, one)), [1, 1, 1, 1, 1, 2]);
}

/// gRPC does not, so it ejects one whatever the percentage, and then as long as the percentage is
/// not reached.
#[test]
fn grpcs() {
    let grpc = Config::GRPC;
    assert_eq!(
        [1, 2, 5, 9, 10, 11, 20, 21].map(|hosts| most(hosts, grpc)),
        [1, 1, 1, 1, 1, 2, 2, 3]
    );
    assert_eq!([1, 3, 4].map(|hosts| most(hosts, with_percent(grpc, 33))), [1, 1, 2]);
    assert_eq!([1, 5, 10].map(|hosts| most(hosts, with_percent(grpc, 0))), [0; 3]);
}

/// All endpoints count, whatever their priority and weight: as in Envoy, where a level may thus be
/// ejected as a whole.
#[test]
fn all_endpoints_count() {
    let standby = (10..18).map(|addr| Endpoint::new(addr).with_priority(1));
    let mut fixture: Fixture = Fixture::with(OURS, (0..2).map(Endpoint::new).chain(standby));
    fixture.fail(0, 5);
    fixture.fail(1, 5);
    assert_eq!(fixture.ejected(), [0, 1]);
    assert_eq!(
        fixture.request(evenkeel_core::Outcome::Success).1,
        Why::Policy,
        "the next level takes over"
    );
}

/// One that nobody could replace is judged again five failures later.
#[test]
fn room_that_comes_later() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.fail(0, 5);
    fixture.fail(1, 7);
    assert_eq!(fixture.ejected(), [0]);
    assert_eq!(fixture.status(1).held, Some(Held::NobodyWell));
    fixture.insert(Endpoint::new(2));
    fixture.fail(1, 2);
    assert_eq!(fixture.ejected(), [0]);
    fixture.fail(1, 1);
    assert_eq!(fixture.ejected(), [0, 1]);
    assert_eq!(fixture.status(1).held, None);
}

/// Who leaves no longer counts; a set that shrinks brings nobody back.
#[test]
fn a_set_that_shrinks() {
    let mut fixture = Fixture::of(4, OURS);
    fixture.fail(0, 5);
    fixture.fail(1, 5);
    fixture.update((0..3).map(Endpoint::new));
    assert_eq!(fixture.ejected(), [0, 1]);
    fixture.update((1..4).map(Endpoint::new));
    assert_eq!(fixture.ejected(), [1]);
    fixture.fail(2, 5);
    assert_eq!(fixture.ejected(), [1, 2], "3 is well");
    fixture.update((2..4).map(Endpoint::new));
    fixture.fail(3, 9);
    assert_eq!(fixture.ejected(), [2], "nobody else is");
}
