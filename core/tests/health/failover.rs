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

/// All primaries fail, and then all backups, as they cannot carry what they are handed; the last of
/// them is `primaries + backups - 1`.
fn drown(fixture: &mut Fixture, primaries: u8, backups: u8) {
    for addr in 0..primaries {
        fixture.fail(addr, 5);
    }
    assert_eq!(fixture.ejected(), (0..primaries).collect::<Vec<_>>(), "failover");
    let last = primaries + backups - 1;
    for addr in primaries..last {
        fixture.fail(addr, 5);
    }
    fixture.fail(last, 9);
    assert_eq!(fixture.ejected(), (0..last).collect::<Vec<_>>());
    fixture.fail(last, 1);
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
        assert_eq!(fixture.ejected().len(), usize::from(primaries > 1), "the calm is over");
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
    for (primaries, backups) in [(3, 1), (4, 2), (10, 5)] {
        let mut fixture = levels(primaries, backups);
        fixture.fail(0, 5);
        assert_eq!(fixture.ejected(), [0]);
        for addr in 1..primaries {
            fixture.succeed(addr, 1);
        }
        fixture.wait(millis(10));
        let picks: Vec<_> = (0..5).map(|_| fixture.send(1)).collect();
        fixture.wait(millis(250));
        for pick in picks {
            fixture.report(pick, Outcome::TimedOut);
        }
        assert_eq!(fixture.ejected(), [], "{primaries}+{backups}: it suffers");
        assert!(fixture.balancer.calm_until(0).is_some());
        assert_eq!(fixture.balancer.calm_until(1), None, "of its level alone");

        // In the calm, only failover goes on.
        fixture.fail(2, 5);
        assert_eq!(fixture.status(2).held, Some(Held::Calm));
    }
}
