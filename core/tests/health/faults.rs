//! Faults of single endpoints soon after each other, and load that looks like them.

use evenkeel_core::Outcome;

use super::fixture::{Fixture, OURS, millis, secs};

/// So many requests at once, which time out.
fn slowly(fixture: &mut Fixture, addr: u8) {
    let picks: Vec<_> = (0..5).map(|_| fixture.send(addr)).collect();
    fixture.wait(millis(250));
    for pick in picks {
        fixture.report(pick, Outcome::TimedOut);
    }
}

/// The first hangs and is ejected; 3 s later, the second does, which has answered meanwhile.
fn two_hang(size: u8) -> Fixture {
    let mut fixture = Fixture::of(size, OURS);
    for addr in 0..2 {
        for other in addr..size {
            fixture.succeed(other, 1);
        }
        slowly(&mut fixture, addr);
        fixture.wait(secs(3));
    }
    fixture
}

#[test]
fn of_six_a_second_that_hangs_is_ejected_too() {
    for size in [6, 7, 10, 30] {
        let fixture = two_hang(size);
        assert_eq!(fixture.ejected(), [0, 1], "{size}");
        assert_eq!(fixture.balancer.calm_until(0), None);
    }
    // Fewer may not carry the load of the first.
    for size in [3, 4, 5] {
        assert_eq!(two_hang(size).ejected(), [], "{size}: undone");
    }
}

#[test]
fn if_a_third_suffers_it_was_load_and_both_come_back() {
    for size in [6, 10] {
        let mut fixture = two_hang(size);
        fixture.succeed(2, 1);
        slowly(&mut fixture, 2);
        assert_eq!(fixture.ejected(), [], "{size}: undone");
        assert!(fixture.balancer.calm_until(0).is_some());
    }
}

/// What is in trouble beside it may be so for the same reason.
#[test]
fn nor_is_a_second_ejected_where_another_one_is_troubled() {
    let mut fixture = Fixture::of(10, OURS);
    slowly(&mut fixture, 0);
    for addr in 1..10 {
        fixture.succeed(addr, 1);
    }
    fixture.report_to(9, Outcome::Failure, 1);
    fixture.wait(millis(10));
    slowly(&mut fixture, 1);
    assert_eq!(fixture.ejected(), [], "undone");
}
