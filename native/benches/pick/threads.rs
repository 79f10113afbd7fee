//! Runs one operation on as many threads at once.

use core::hint::{black_box, spin_loop};
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant as Clock;

use crate::measure::Subject;

/// The operations of a sample, on each thread.
const COUNT: u32 = 30_000;
/// What overlaps less was not at the same time.
const OVERLAP: f64 = 0.85;
/// How often a sample is taken anew that did not overlap.
const TRIES: usize = 20;

/// When a thread began, and when it ended.
pub(crate) type Span = [Clock; 2];

/// Returns the subject of as many threads that run `work` at once; the slowest counts. Samples of
/// threads that did not overlap are dropped.
pub(crate) fn timed(
    threads: usize,
    work: impl Fn(&Gate) -> Span + Send + Sync + 'static,
) -> Subject {
    Box::new(move || (0..TRIES).find_map(|_| sample(threads, &work)).unwrap_or(f64::NAN))
}

fn sample(threads: usize, work: &(impl Fn(&Gate) -> Span + Sync)) -> Option<f64> {
    let gate = Gate { missing: AtomicUsize::new(threads) };
    let spans: Vec<Span> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| work(&gate))).collect();
        let mine = work(&gate);
        let others = others.into_iter().map(|other| other.join().expect("a span"));
        core::iter::once(mine).chain(others).collect()
    });
    let long = |[begin, end]: Span| end.saturating_duration_since(begin).as_secs_f64();
    let slowest = spans.iter().copied().map(long).fold(0.0, f64::max);
    let begin = spans.iter().map(|span| span[0]).max()?;
    let end = spans.iter().map(|span| span[1]).min()?;
    (long([begin, end]) >= OVERLAP * slowest).then_some(slowest / f64::from(COUNT))
}

/// Opens when all threads are there. They spin: none has to be woken.
pub(crate) struct Gate {
    missing: AtomicUsize,
}

impl Gate {
    fn pass(&self) {
        self.missing.fetch_sub(1, SeqCst);
        while self.missing.load(SeqCst) > 0 {
            spin_loop();
        }
    }
}

/// Runs the operation from when the gate opens.
pub(crate) fn run<T>(gate: &Gate, mut operation: impl FnMut() -> T) -> Span {
    for _ in 0..COUNT / 10 {
        black_box(black_box(&mut operation)());
    }
    gate.pass();
    let begin = Clock::now();
    for _ in 0..COUNT {
        black_box(black_box(&mut operation)());
    }
    [begin, Clock::now()]
}
