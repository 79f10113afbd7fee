//! How times are taken: samples of both editions in turn, of each the least.
//!
//! What else runs on the machine only ever adds, and takes from both alike. Compare ratios;
//! absolute times are the machine's.

use core::hint::black_box;
use core::time::Duration;
use std::time::Instant as Clock;

/// Takes one sample: seconds per operation.
pub(crate) type Subject = Box<dyn FnMut() -> f64>;

/// How long a sample of an operation that is repeated takes at least, with so many endpoints: where
/// they do not fit the nearest caches, as long as it takes to come past most of them.
fn sample(n: u32) -> Duration {
    if n < 100_000 { Duration::from_micros(300) } else { Duration::from_millis(5) }
}

/// An operation so short that it is repeated; after as many repetitions that warm up the caches.
pub(crate) fn repeated<T>(n: u32, mut operation: impl FnMut() -> T + 'static) -> Subject {
    let mut times = move |count: u32| {
        let begin = Clock::now();
        for _ in 0..count {
            // All state is in memory before and after each, as it is for a caller who does
            // something else in between.
            black_box(black_box(&mut operation)());
        }
        begin.elapsed()
    };
    let mut count = 1;
    while times(count) < sample(n) {
        count *= 2;
    }
    Box::new(move || {
        times(count);
        times(count).as_secs_f64() / f64::from(count)
    })
}

/// An operation that is done once per sample, with what `prepare` makes for it beforehand.
pub(crate) fn prepared<I, T>(
    mut prepare: impl FnMut() -> I + 'static,
    mut run: impl FnMut(I) -> T + 'static,
) -> Subject {
    Box::new(move || {
        let input = black_box(prepare());
        let begin = Clock::now();
        let result = black_box(run(input));
        let elapsed = begin.elapsed();
        drop(result);
        elapsed.as_secs_f64()
    })
}

/// How often both are made anew: where in memory they come to lie makes a difference, too.
const ROUNDS: u32 = 10;

/// The least of so many samples of each, in turn.
pub(crate) fn least(make: [&dyn Fn() -> Subject; 2], samples: u32) -> [f64; 2] {
    let mut least = [f64::MAX; 2];
    for round in 0..ROUNDS {
        // Who is made first changes, too.
        let [first, second] = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        let mut subjects = [(first, make[first]()), (second, make[second]())];
        for _ in 0..samples.div_ceil(ROUNDS) {
            for (index, subject) in &mut subjects {
                least[*index] = least[*index].min(subject());
            }
        }
    }
    least
}
