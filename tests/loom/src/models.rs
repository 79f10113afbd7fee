//! The models.

use core::marker::PhantomData;

use evenkeel_core::{Config, Instant, Outcome};
use loom::thread;

use crate::load::Load;
use crate::pocket::Pocket;
use crate::published::Published;
use crate::snapshot::Snapshot;
use crate::stripe::Stripe;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use crate::vitals::{Heed, Vitals};

/// All of them, by their names.
pub(crate) const ALL: [(&str, fn()); 8] = [
    ("what_is_in_a_pocket_is_taken_once", pocket),
    ("a_pocket_that_is_dropped_loses_nothing", pocket_dropped),
    ("picks_are_of_the_newest_snapshot_and_nothing_old_is_kept", swap),
    ("two_threads_pick_while_a_snapshot_is_published", swap_of_two),
    ("a_report_after_the_removal_is_counted_and_the_client_dropped", removal),
    ("no_more_are_in_flight_than_may_be", limit),
    ("counts_of_requests_are_exact", counts),
    ("a_probe_is_taken_once", probe),
];

/// One thread takes and puts back, another takes.
fn pocket() {
    let (pocket, content) = (Arc::new(Pocket::new()), Arc::new(7));
    pocket.put(Arc::clone(&content));
    let other = {
        let pocket = Arc::clone(&pocket);
        thread::spawn(move || u32::from(pocket.take().is_some()))
    };
    let mut taken = 0;
    for _ in 0..2 {
        if let Some(kept) = pocket.take() {
            assert_eq!(*kept, 7);
            pocket.put(kept);
            taken += 1;
        }
    }
    let others = other.join().expect("no panic");
    // What the other has taken is in it no more.
    let left = u32::from(pocket.take().is_some());
    assert_eq!(left + others, 1, "taken {taken} times");
    assert_eq!(Arc::strong_count(&content), 1);
}

fn pocket_dropped() {
    let content = Arc::new(());
    let pocket = Arc::new(Pocket::new());
    let other = {
        let (pocket, content) = (Arc::clone(&pocket), Arc::clone(&content));
        thread::spawn(move || pocket.put(content))
    };
    drop(pocket.take());
    drop(pocket);
    other.join().expect("no panic");
    assert_eq!(Arc::strong_count(&content), 1);
}

type Shared = Published<(), ()>;

fn snapshot(version: u64, client: Option<&Arc<Load>>) -> Snapshot<(), ()> {
    Snapshot { version, client: client.cloned(), kinds: PhantomData }
}

/// Picks so often; each from a snapshot that is no older than the last that was published before.
fn picks(published: &Shared, newest: &AtomicU64, times: u32) {
    let seat = published.seat(Stripe);
    for _ in 0..times {
        let before = newest.load(SeqCst);
        let held = published.take(&seat);
        assert!(held.version >= before, "{} after {before}", held.version);
    }
}

fn swaps(threads: u32, times: u32) {
    let kept = Arc::new(Load::new(&Config::DEFAULT));
    let published = Arc::new(Published::new(Arc::new(snapshot(1, Some(&kept)))));
    let newest = Arc::new(AtomicU64::new(1));
    let pickers: Vec<_> = (0..threads)
        .map(|_| {
            let (published, newest) = (Arc::clone(&published), Arc::clone(&newest));
            thread::spawn(move || picks(&published, &newest, times))
        })
        .collect();
    published.store(snapshot(2, None));
    newest.store(2, SeqCst);
    for picker in pickers {
        picker.join().expect("no panic");
    }
    // What a thread put back at that very moment.
    published.empty_pockets();
    assert_eq!(Arc::strong_count(&kept), 1, "the old snapshot is gone");
    assert_eq!(published.load().version, 2);
}

fn swap() {
    swaps(1, 2);
}

fn swap_of_two() {
    swaps(2, 1);
}

/// An endpoint leaves while a request to it is under way.
fn removal() {
    let load = Arc::new(Load::new(&Config::DEFAULT));
    let published = Arc::new(Published::new(Arc::new(snapshot(1, Some(&load)))));
    let picker = {
        let published = Arc::clone(&published);
        thread::spawn(move || {
            let seat = published.seat(Stripe);
            let held = published.take(&seat);
            let Some(load) = &held.client else { return 0 };
            assert!(load.try_begin());
            let _ = load.observe(Instant::ZERO, Instant::from_millis(5), Outcome::Success);
            load.end();
            1
        })
    };
    published.store(snapshot(2, None));
    let picked = picker.join().expect("no panic");
    published.empty_pockets();
    assert_eq!(load.in_flight(), 0);
    assert_eq!(load.latency().is_some(), picked == 1);
    assert_eq!(Arc::strong_count(&load), 1, "nobody keeps the client");
}

/// Of three threads, two may be at work.
fn limit() {
    let load = Arc::new(Load::new(&Config { max_in_flight: 2, ..Config::DEFAULT }));
    let at_work = Arc::new(AtomicU32::new(0));
    let work = {
        let (load, at_work) = (Arc::clone(&load), Arc::clone(&at_work));
        move || {
            if !load.try_begin() {
                return;
            }
            assert!(at_work.fetch_add(1, SeqCst) < 2, "three at once");
            at_work.fetch_sub(1, SeqCst);
            load.end();
        }
    };
    let others = [work.clone(), work.clone()].map(thread::spawn);
    work();
    for other in others {
        other.join().expect("no panic");
    }
    assert_eq!(load.in_flight(), 0);
    assert!(load.try_begin() && load.try_begin() && !load.try_begin());
}

fn counts() {
    let load = Arc::new(Load::new(&Config::DEFAULT));
    let other = {
        let load = Arc::clone(&load);
        thread::spawn(move || {
            load.begin();
            load.end();
            assert!(load.try_begin());
        })
    };
    assert!(load.try_begin());
    load.end();
    load.begin();
    other.join().expect("no panic");
    assert_eq!(load.in_flight(), 2);
}

/// Two threads pick where one may be the probe, and it is offered no more.
fn probe() {
    let vitals = Arc::new(Vitals::new(Heed::Failures, true));
    vitals.offer_probe();
    let take = {
        let vitals = Arc::clone(&vitals);
        move |now| u32::from(vitals.take_probe(Instant::from_millis(now)))
    };
    let other = {
        let take = take.clone();
        thread::spawn(move || take(1))
    };
    let mine = take(2);
    vitals.retract_probe();
    let taken = mine + other.join().expect("no panic");
    assert!(taken <= 1, "taken twice");
    let sent = vitals.take_probe_sent();
    assert_eq!(sent.is_some(), taken == 1);
    assert!(vitals.take_probe_sent().is_none());
}
