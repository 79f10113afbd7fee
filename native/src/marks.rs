//! Marks the endpoints that have news for the maintenance task. A report marks, and never waits.

use core::fmt;
use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use tokio::sync::Notify;

const WORDS: usize = 64;
const BITS: usize = WORDS * u64::BITS as usize;

/// A bit for every slot; slots that are 4,096 apart share one.
pub(crate) struct Marks {
    words: [AtomicU64; WORDS],
    notify: Notify,
}

impl Default for Marks {
    fn default() -> Self {
        Self { words: [const { AtomicU64::new(0) }; WORDS], notify: Notify::new() }
    }
}

impl Marks {
    /// Marks the slot with this index.
    pub(crate) fn mark(&self, index: usize) {
        let (place, bit) = (index % BITS / 64, 1 << (index % 64));
        // Whoever clears the bit later sees all that was written before it was set, or set again.
        if self.words[place].fetch_or(bit, Release) & bit == 0 {
            self.notify.notify_one();
        }
    }

    /// Returns when something was marked since it was taken last. May be dropped at any time.
    pub(crate) async fn marked(&self) {
        self.notify.notified().await;
    }

    /// Takes all marks: the indices below `slots` that may have news.
    pub(crate) fn take(&self, slots: usize) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(move |(place, word)| {
            // Almost all are 0, and a mark that is missed here has woken the task again.
            let taken = if word.load(Relaxed) == 0 { 0 } else { word.swap(0, Acquire) };
            ones(taken).flat_map(move |bit| (place * 64 + bit..slots).step_by(BITS))
        })
    }
}

/// Lists the places of the bits that are set.
fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let place = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(place)
    })
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Marks").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_taken_once() {
        let marks = Marks::default();
        for index in [0, 63, 64, 4_095, 4_096 + 64, 9_999] {
            marks.mark(index);
        }
        let taken: Vec<_> = marks.take(5_000).collect();
        // 9,999 lies beyond, and shares its bit with 1,807.
        assert_eq!(taken, [0, 4_096, 63, 4_159, 64, 4_160, 1_807, 4_095]);
        assert_eq!(marks.take(5_000).count(), 0);
        marks.mark(64);
        assert_eq!(marks.take(65).collect::<Vec<_>>(), [64]);
    }
}
