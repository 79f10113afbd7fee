//! What is told of changes, in order, and what is dropped when nobody asks.

use evenkeel_core::event::EventKind;
use evenkeel_core::health::{OutlierDetection, Reason};
use evenkeel_core::{Endpoint, Inline, Outcome, Store};

use super::bed::{Bed, OURS, config, secs};

#[test]
fn a_life_in_order() {
    let mut bed = Bed::of(2, OURS);
    let added = [0, 1].map(|addr| (Some(addr), EventKind::Added));
    assert_eq!(bed.events(), added);
    assert_eq!(bed.events(), [], "they are taken out");
    bed.fail(0, 5);
    let until = bed.until(0);
    bed.now = until;
    bed.request(Outcome::Failure);
    let again = bed.until(0);
    bed.now = again;
    drop(bed.pick());
    bed.wait(secs(10));
    bed.handle_timeout();
    let third = bed.until(0);
    bed.now = third;
    bed.request(Outcome::Success);
    bed.update([1, 2].map(Endpoint::new));
    let ejected = |reason, until| EventKind::Ejected { reason, until };
    let of_0 = [
        ejected(Reason::ConsecutiveFailures, until),
        EventKind::Probing,
        ejected(Reason::ProbeFailed, again),
        EventKind::Probing,
        ejected(Reason::ProbeTimedOut, third),
        EventKind::Probing,
        EventKind::Readmitted,
    ];
    let mut expected: Vec<_> = of_0.into_iter().map(|kind| (Some(0), kind)).collect();
    // Whose slot it was is not known any more: endpoint 2 has it.
    for event in &mut expected {
        event.0 = None;
    }
    expected.extend([(None, EventKind::Removed), (Some(2), EventKind::Added)]);
    assert_eq!(bed.events(), expected);
}

#[test]
fn when_and_of_whom() {
    let mut bed = Bed::of(2, OURS);
    let (slot, began) = (bed.slot(0), bed.now);
    bed.wait(secs(3));
    bed.update([1].map(Endpoint::new));
    let events: Vec<_> = bed
        .balancer
        .events()
        .map(|event| (event.at, event.endpoint.map(|(slot, addr)| (slot, addr.copied()))))
        .collect();
    assert_eq!((events[0], events[2]), ((began, Some((slot, Some(0)))), (began + secs(3), Some((slot, Some(0))))));
}

/// So many changes; tells what is left of them.
fn changes<S: Store>(number: usize) -> Vec<EventKind> {
    let mut bed: Bed<S> = Bed::with(config(OURS), [Endpoint::new(0)]);
    let _ = bed.events();
    let slot = bed.slot(0);
    for change in 0..number {
        bed.balancer.set_down(bed.now, slot, change % 2 == 0);
    }
    bed.events().into_iter().map(|(_, kind)| kind).collect()
}

#[test]
fn the_oldest_are_dropped_and_counted() {
    let kind = |change: usize| if change.is_multiple_of(2) { EventKind::Down } else { EventKind::Readmitted };
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
    let mut bed: Bed<Inline<2>> = Bed::with(config(OURS), [Endpoint::new(0)]);
    let slot = bed.slot(0);
    for round in 0..5 {
        for _ in 0..=round {
            bed.balancer.set_down(bed.now, slot, true);
            bed.balancer.set_down(bed.now, slot, false);
        }
        let events = bed.events();
        let before = u32::from(round == 0);
        let lost = 2 * (round + 1) + before - 2;
        let first = if lost > 0 { EventKind::Lost(lost) } else { EventKind::Down };
        assert_eq!((events[0].1, events.len()), (first, 2 + usize::from(lost > 0)));
    }
    // Some that are not looked at are gone all the same.
    bed.balancer.set_down(bed.now, slot, true);
    drop(bed.balancer.events());
    assert_eq!(bed.events(), []);
}

/// With the settings of others, too: an interval tells what it did, in the order of slots, and panic last.
#[test]
fn of_an_interval() {
    let settings = OutlierDetection { max_ejection_percent: 100, ..OutlierDetection::GRPC };
    let mut bed = Bed::of(5, settings);
    let sent: Vec<_> = (0..5).map(|addr| (0..100).map(|_| bed.send(addr)).collect::<Vec<_>>()).collect();
    sent.into_iter().flatten().for_each(|pick| bed.report(pick, Outcome::Failure));
    let _ = bed.events();
    bed.wait(secs(10));
    bed.handle_timeout();
    let until = bed.now + secs(30);
    let kind = EventKind::Ejected { reason: Reason::FailurePercentage, until };
    let expected: Vec<_> = (0..5).map(|addr| (Some(addr), kind)).chain([(None, EventKind::PanicOn)]).collect();
    assert_eq!(bed.events(), expected);
}
