//! The calm after an undo: half of those that came back may be ejected again.

use evenkeel_core::Outcome;
use evenkeel_core::health::Held;

use super::fixture::{Fixture, OURS, millis, secs};

/// All but the last are ejected, and come back as that one, which has no room for all, fails.
fn undone(size: u8) -> Fixture {
    let mut fixture = Fixture::of(size, OURS);
    for addr in 0..size - 1 {
        fixture.fail(addr, 5);
    }
    assert_eq!(fixture.ejected().len(), usize::from(size - 1));
    fixture.fail(size - 1, 9);
    assert_eq!(fixture.ejected().len(), usize::from(size - 1));
    fixture.fail(size - 1, 1);
    assert_eq!(fixture.ejected(), [], "undone");
    assert_eq!(fixture.balancer.calm_until(0), Some(fixture.now + secs(30)));
    // It is well again, in its window, too.
    fixture.succeed(size - 1, 100);
    fixture
}

#[test]
fn half_of_those_that_came_back_are_ejected_again_after_20_in_a_row() {
    for size in [3, 4, 6, 11] {
        let mut fixture = undone(size);
        let most = (size - 1) / 2;
        for addr in 0..most {
            fixture.fail(addr, 19);
            assert_eq!(fixture.status(addr).held, Some(Held::Calm), "{size}: {addr}");
            fixture.fail(addr, 1);
            assert_eq!(fixture.ejected(), (0..=addr).collect::<Vec<_>>(), "{size}");
        }
        for addr in most..size - 1 {
            fixture.fail(addr, 100);
            assert_eq!(fixture.status(addr).held, Some(Held::Calm), "{size}: {addr} is too many");
        }
        assert_eq!(fixture.ejected().len(), usize::from(most));
    }
}

/// It may fail because of the load of the others.
#[test]
fn one_that_was_never_ejected_stays_in_the_calm() {
    let mut fixture = undone(6);
    fixture.fail(5, 200);
    assert_eq!(fixture.ejected(), []);
    assert_eq!(fixture.status(5).held, Some(Held::Calm));
    fixture.wait(secs(30));
    fixture.succeed(0, 1);
    fixture.succeed(1, 1);
    fixture.succeed(2, 1);
    fixture.fail(5, 5);
    assert_eq!(fixture.ejected(), [5], "the calm is over");
}

/// Of ten, five may be out, then two, then one: each undo is twice as long, up to 120 s.
#[test]
fn each_undo_in_the_calm_lets_half_as_many_go() {
    let mut fixture = undone(11);
    for (most, calm) in [(5, 60), (2, 120), (1, 120)] {
        for addr in 0..most {
            fixture.fail(addr, 20);
        }
        fixture.fail(most, 20);
        assert_eq!(fixture.ejected(), (0..most).collect::<Vec<_>>());
        // One that was well after the last of them left suffers from its load.
        fixture.succeed(10, 1);
        fixture.wait(millis(10));
        let slow: Vec<_> = (0..10).map(|_| fixture.send(10)).collect();
        fixture.wait(millis(200));
        for pick in slow {
            fixture.report(pick, Outcome::TimedOut);
        }
        assert_eq!(fixture.ejected(), [], "{most}: undone");
        assert_eq!(fixture.balancer.calm_until(0), Some(fixture.now + secs(calm)));
        for addr in 0..11 {
            fixture.succeed(addr, 1);
        }
    }
    for addr in 0..10 {
        fixture.fail(addr, 100);
    }
    assert_eq!(fixture.ejected(), [], "half of one is none");
}
