//! The barest code that could do the same.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use crate::measure::Subject;
use crate::threads::{run, timed};

type Clients = Vec<Arc<u32>>;

fn clients(n: u32) -> Clients {
    (0..n).map(Arc::new).collect()
}

fn turn(next: &mut usize, n: usize) -> usize {
    let place = if *next < n { *next } else { 0 };
    *next = place + 1;
    place
}

/// An arc-swap load, a counter of the thread's own and an index.
pub(crate) fn shared(n: u32, threads: usize) -> Subject {
    let snapshot = ArcSwap::new(Arc::new(clients(n)));
    timed(threads, move |gate| {
        let mut next = 0;
        run(gate, || {
            let held = snapshot.load();
            *held[turn(&mut next, held.len())]
        })
    })
}

/// A snapshot that each thread has, a counter of its own and an index.
pub(crate) fn held(n: u32, threads: usize) -> Subject {
    let snapshot = ArcSwap::new(Arc::new(clients(n)));
    timed(threads, move |gate| {
        let mut next = 0;
        let mut cache = arc_swap::Cache::new(&snapshot);
        run(gate, || {
            let held = cache.load();
            *held[turn(&mut next, held.len())]
        })
    })
}

/// What one would write first: a list and a counter behind a lock.
pub(crate) fn mutex(n: u32, threads: usize) -> Subject {
    let list = Mutex::new((clients(n), 0));
    timed(threads, move |gate| {
        run(gate, || {
            let mut list = list.lock().expect("no panic");
            let (clients, next) = &mut *list;
            *clients[turn(next, clients.len())]
        })
    })
}
