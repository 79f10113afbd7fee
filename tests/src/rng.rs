//! Chance with a meter: what draws without end is found out.

use core::convert::Infallible;

use evenkeel_core::rand_core::{Rng, SeedableRng, TryRng};
use rand_chacha::ChaCha8Rng;

/// Random words from a seed, so many and no more.
pub(crate) struct MeteredRng {
    /// The word that comes before all others, if it is given.
    next: Option<u32>,
    rng: ChaCha8Rng,
    left: usize,
}

impl MeteredRng {
    pub(crate) fn new(seed: u64) -> Self {
        Self { next: None, rng: ChaCha8Rng::seed_from_u64(seed), left: 0 }
    }

    /// Allows `words` from here on.
    pub(crate) fn allow(&mut self, words: usize) -> &mut Self {
        self.left = words;
        self
    }

    /// The same, `word` first.
    pub(crate) fn first(&mut self, word: u32) -> &mut Self {
        self.next = Some(word);
        self
    }

    fn spend(&mut self, words: usize) {
        self.left =
            self.left.checked_sub(words).expect("a pick takes a bounded number of random words");
    }
}

impl TryRng for MeteredRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.spend(1);
        Ok(self.next.take().unwrap_or_else(|| self.rng.next_u32()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.spend(2);
        Ok(self.rng.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.spend(bytes.len().div_ceil(4));
        self.rng.fill_bytes(bytes);
        Ok(())
    }
}
