//! Events: told in order, and dropped if nobody asks.

use evenkeel_core::EventKind;
use evenkeel_core::health::Reason;
use evenkeel_core::{Config, Endpoint, Inline, Outcome, Store};

use super::fixture::{Fixture, OURS, secs};

#[test]
fn a_life_in_order() {
    let mut fixture = Fixture::of(2, OURS);
    let added = [0, 1].map(|addr| (Some(addr), EventKind::Added));
    assert_eq!(fixture.events(), added);
    assert_eq!(fixture.events(), [], "they are taken out");
    fixture.fail(0, 5);
    let until = fixture.until(0);
    fixture.now = until;
    fixture.request(Outcome::Failure);
    let again = fixture.until(0);
    fixture.now = again;
    drop(fixture.pick());
    fixture.wait(secs(10));
    fixture.handle_timeout();
    let third = fixture.until(0);
    fixture.now = third;
    fixture.request(Outcome::Success);
    fixture.update([1, 2].map(Endpoint::new));
    let ejected = |reason, until| EventKind::Ejected { reason, until };
    let of_0 = [
        ejected(Reason::ConsecutiveFailures, until),
        EventKind::HalfOpen,
        EventKind::Probing,
        ejected(Reason::ProbeFailed, again),
        EventKind::HalfOpen,
        EventKind::Probing,
        ejected(Reason::ProbeTimedOut, third),
        EventKind::HalfOpen,
        EventKind::Probing,
        EventKind::Readmitted,
    ];
    let mut expected: Vec<_> = of_0.into_iter().map(|kind| (Some(0), kind)).collect();
    // Whose slot it was is not known any more: endpoint 2 has it.
    for event in &mut expected {
        event.0 = None;
    }
    expected.extend([(None, EventKind::Removed), (Some(2), EventKind::Added)]);
    assert_eq!(fixture.events(), expected);
}

#[test]
fn when_and_of_whom() {
    let mut fixture = Fixture::of(2, OURS);
    let (slot, began) = (fixture.slot(0), fixture.now);
    fixture.wait(secs(3));
    fixture.update([1].map(Endpoint::new));
    let events: Vec<_> = fixture
        .balancer
        .events()
        .map(|event| (event.at, event.endpoint.map(|(slot, addr)| (slot, addr.copied()))))
        .collect();
    assert_eq!(
        (events[0], events[2]),
        ((began, Some((slot, Some(0)))), (began + secs(3), Some((slot, Some(0)))))
    );
}

/// So many changes; tells what is left of them.
fn changes<S: Store>(number: usize) -> Vec<EventKind> {
    // Without weight, it is no candidate: nothing panics.
    let mut fixture: Fixture<S> = Fixture::with(OURS, [Endpoint::new(0).with_weight(0)]);
    let _ = fixture.events();
    let slot = fixture.slot(0);
    for change in 0..number {
        fixture.balancer.set_down(fixture.now, slot, change % 2 == 0);
    }
    fixture.events().into_iter().map(|(_, kind)| kind).collect()
}

#[test]
fn the_oldest_are_dropped_and_counted() {
    let kind = |change: usize| {
        if change.is_multiple_of(2) { EventKind::Down } else { EventKind::Readmitted }
    };
    let check = |got: Vec<EventKind>, number: usize, room: usize| {
        let lost = number.saturating_sub(room);
        let told = (lost > 0).then_some(EventKind::Lost(lost as u32));
        let expected: Vec<_> = told.into_iter().chain((lost..number).map(kind)).collect();
        assert_eq!(got, expected, "{number} changes, room for {room}");
    };
    for number in [1, 255, 256, 257, 511, 512, 513, 1000] {
        check(changes::<evenkeel_core::Heap>(number), number, 256);
    }
    for number in [1, 2, 3, 4, 5, 6, 7, 9, 100] {
        check(changes::<Inline<3>>(number), number, 3);
        check(changes::<Inline<1>>(number), number, 1);
    }
}

/// After a drain, the queue is empty, and the count begins anew.
#[test]
fn the_count_begins_anew() {
    let mut fixture: Fixture<Inline<2>> = Fixture::with(OURS, [Endpoint::new(0).with_weight(0)]);
    let slot = fixture.slot(0);
    for round in 0..5 {
        for _ in 0..=round {
            fixture.balancer.set_down(fixture.now, slot, true);
            fixture.balancer.set_down(fixture.now, slot, false);
        }
        let events = fixture.events();
        let before = u32::from(round == 0);
        let lost = 2 * (round + 1) + before - 2;
        let first = if lost > 0 { EventKind::Lost(lost) } else { EventKind::Down };
        assert_eq!((events[0].1, events.len()), (first, 2 + usize::from(lost > 0)));
    }
    // Some that are not looked at are gone all the same.
    fixture.balancer.set_down(fixture.now, slot, true);
    drop(fixture.balancer.events());
    assert_eq!(fixture.events(), []);
}

/// With the settings of others, too: an interval tells what it did, in the order of slots, and
/// panic last.
#[test]
fn of_an_interval() {
    let settings = Config { max_ejection_percent: 100, ..Config::GRPC };
    let mut fixture = Fixture::of(5, settings);
    let sent: Vec<_> =
        (0..5).map(|addr| (0..100).map(|_| fixture.send(addr)).collect::<Vec<_>>()).collect();
    sent.into_iter().flatten().for_each(|pick| fixture.report(pick, Outcome::Failure));
    let _ = fixture.events();
    fixture.wait(secs(10));
    fixture.handle_timeout();
    let until = fixture.now + secs(30);
    let kind = EventKind::Ejected { reason: Reason::FailurePercentage, until };
    let expected: Vec<_> =
        (0..5).map(|addr| (Some(addr), kind)).chain([(None, EventKind::PanicOn)]).collect();
    assert_eq!(fixture.events(), expected);
}
