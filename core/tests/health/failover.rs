//! Failover to another level, and what is undone of it.

use evenkeel_core::health::Held;
use evenkeel_core::{Endpoint, EventKind, Outcome};

use super::fixture::{Fixture, OURS, millis, secs};

const SIZES: [(u8, u8); 5] = [(1, 1), (2, 1), (3, 2), (10, 5), (5, 10)];

/// Primaries, then backups.
fn levels(primaries: u8, backups: u8) -> Fixture {
    let endpoint = |addr| Endpoint::new(addr).with_priority(u16::from(addr >= primaries));
    Fixture::with(OURS, (0..primaries + backups).map(endpoint))
}

/// Requests at once to one, which ends them like this after 250 ms.
fn slowly(fixture: &mut Fixture, addr: u8, times: usize) {
    let picks: Vec<_> = (0..times).map(|_| fixture.send(addr)).collect();
    fixture.wait(millis(250));
    for pick in picks {
        fixture.report(pick, Outcome::TimedOut);
    }
}

/// All primaries fail, and then all backups, which are well until they cannot carry what they are
/// handed; the last of them is `primaries + backups - 1`.
fn drown(fixture: &mut Fixture, primaries: u8, backups: u8) {
    for addr in 0..primaries {
        fixture.fail(addr, 5);
    }
    assert_eq!(fixture.ejected(), (0..primaries).collect::<Vec<_>>(), "failover");
    let last = primaries + backups - 1;
    for addr in primaries..last {
        fixture.fail(addr, 5);
    }
    fixture.succeed(last, 1);
    fixture.wait(millis(1));
    slowly(fixture, last, 9);
    assert_eq!(fixture.ejected(), (0..last).collect::<Vec<_>>());
    slowly(fixture, last, 1);
}

#[test]
fn a_failover_in_vain_is_undone_for_all_levels() {
    for (primaries, backups) in SIZES {
        let mut fixture = levels(primaries, backups);
        drown(&mut fixture, primaries, backups);
        assert_eq!(fixture.ejected(), [], "{primaries}+{backups}");
        let undone = |(addr, kind): &(Option<u8>, EventKind)| {
            *addr == Some(primaries + backups - 1) && matches!(kind, EventKind::Undone { .. })
        };
        assert_eq!(fixture.events().iter().filter(|event| undone(event)).count(), 1);
        let calm = fixture.balancer.calm_until(0);
        assert_eq!(calm, Some(fixture.now + secs(30)));
        assert_eq!(calm, fixture.balancer.calm_until(1), "both levels");

        for addr in 0..primaries {
            fixture.fail(addr, 40);
            assert_eq!(fixture.status(addr).held, Some(Held::Calm));
        }
        assert_eq!(fixture.ejected(), [], "not even as failover");
        fixture.wait(secs(30));
        fixture.succeed(primaries - 1, 1);
        fixture.fail(0, 5);
        assert_eq!(fixture.ejected(), [0], "the calm is over");
    }
}

#[test]
fn a_failover_that_helps_is_not_undone() {
    for (primaries, backups) in SIZES {
        let mut fixture = levels(primaries, backups);
        for addr in 0..primaries {
            fixture.fail(addr, 5);
        }
        for addr in primaries..primaries + backups {
            fixture.succeed(addr, 100);
            fixture.fail(addr, 4);
        }
        assert_eq!(fixture.ejected(), (0..primaries).collect::<Vec<_>>());
        assert_eq!(fixture.balancer.calm_until(0), None);
    }
}

#[test]
fn harm_is_undone_though_a_backup_is_well() {
    for (primaries, backups) in [(3, 1), (4, 2), (5, 5)] {
        let mut fixture = levels(primaries, backups);
        fixture.fail(0, 5);
        assert_eq!(fixture.ejected(), [0]);
        for addr in 1..primaries {
            fixture.succeed(addr, 1);
        }
        fixture.wait(millis(10));
        slowly(&mut fixture, 1, 5);
        assert_eq!(fixture.ejected(), [], "{primaries}+{backups}: it suffers");
        assert!(fixture.balancer.calm_until(0).is_some());
        assert_eq!(fixture.balancer.calm_until(1), None, "of its level alone");

        // In the calm, only failover goes on.
        fixture.fail(2, 5);
        assert_eq!(fixture.status(2).held, Some(Held::Calm));
    }
}

/// There is one calm: that of the level whose ejections were undone last. Another level's ends with
/// that, and it is judged as ever; when it is its turn again, its calm begins at the shortest.
#[test]
fn an_undo_in_another_level_ends_the_calm() {
    let mut fixture = levels(3, 3);
    let suffer = |fixture: &mut Fixture, first: u8| {
        fixture.fail(first, 5);
        assert_eq!(fixture.ejected(), [first]);
        fixture.succeed(first + 1, 1);
        fixture.wait(millis(10));
        slowly(fixture, first + 1, 5);
        assert_eq!(fixture.ejected(), [], "undone");
        fixture.succeed(first + 1, 1);
        fixture.now
    };
    let undone = suffer(&mut fixture, 0);
    assert_eq!(fixture.balancer.calm_until(0), Some(undone + secs(30)));
    fixture.fail(0, 5);
    assert_eq!(fixture.status(0).held, Some(Held::Calm));
    fixture.succeed(0, 1);
    fixture.wait(secs(10));

    let undone = suffer(&mut fixture, 3);
    assert_eq!(fixture.balancer.calm_until(1), Some(undone + secs(30)));
    assert_eq!(fixture.balancer.calm_until(0), None, "it is over");
    fixture.wait(secs(1));

    let undone = suffer(&mut fixture, 0);
    assert_eq!(fixture.balancer.calm_until(0), Some(undone + secs(30)), "not 60 s");
    assert_eq!(fixture.balancer.calm_until(1), None);
}

/// The highest number of a level is a level as any other: it stands for no other, and not for all.
#[test]
fn the_last_level_of_all_is_calm_alone() {
    let endpoint = |addr| Endpoint::new(addr).with_priority(if addr < 3 { u16::MAX } else { 1 });
    let mut fixture = Fixture::with(OURS, (0..3).map(endpoint));
    fixture.fail(0, 5);
    fixture.succeed(1, 1);
    fixture.wait(millis(10));
    slowly(&mut fixture, 1, 5);
    assert_eq!(fixture.ejected(), [], "it suffers");
    assert_eq!(fixture.balancer.calm_until(u16::MAX), Some(fixture.now + secs(30)));
    for other in [0, 1, u16::MAX - 1] {
        assert_eq!(fixture.balancer.calm_until(other), None, "{other}");
    }
    // Those of a better level that come are ejected as ever, while one of them is well.
    fixture.update((0..6).map(endpoint));
    fixture.fail(3, 5);
    assert_eq!(fixture.ejected(), [3]);
}

/// All are out, and not for want of room: who is back first serves, and the backups may be it.
#[test]
fn a_total_outage_is_no_failover_in_vain() {
    for (primaries, backups) in SIZES {
        let mut fixture = levels(primaries, backups);
        for addr in 0..primaries {
            fixture.fail(addr, 5);
        }
        for addr in primaries..primaries + backups {
            for _ in 0..8 {
                if fixture.candidates().contains(&addr) {
                    slowly(&mut fixture, addr, 5);
                }
            }
        }
        let out = fixture.ejected();
        assert!((0..primaries).all(|addr| out.contains(&addr)), "{primaries}+{backups}: {out:?}");
        assert_eq!(fixture.balancer.calm_until(0), None);
        let candidates = fixture.candidates();
        assert!(!candidates.is_empty(), "backups serve as soon as they can");
        assert!(candidates.iter().all(|addr| *addr >= primaries), "{candidates:?}");
    }
}

/// Backups failed together with the primaries, long ago, and nobody has asked them since.
#[test]
fn an_old_row_of_backups_is_no_reason_against_failover() {
    for (later, fails_over) in [(1, false), (3_600, true)] {
        let mut fixture = levels(2, 1);
        fixture.fail(0, 5);
        fixture.fail(1, 5);
        fixture.fail(2, 10);
        assert_eq!(fixture.status(2).held, Some(Held::NobodyWell));
        for addr in [0, 1] {
            fixture.now = fixture.until(addr).max(fixture.now);
        }
        for _ in 0..2 {
            fixture.request(Outcome::Success);
        }
        assert_eq!(fixture.ejected(), []);
        fixture.wait(secs(later));
        fixture.fail(0, 5);
        fixture.fail(1, 5);
        let expected: &[u8] = if fails_over { &[0, 1] } else { &[0] };
        assert_eq!(fixture.ejected(), expected, "{later} s later");
    }
}
