use core::convert::Infallible;

use rand_core::{SeedableRng, TryRng};

/// `ChaCha` with 8 rounds: the numbers of `rand_chacha`'s, a block at a time instead of four. It is
/// here because that one takes five kilobytes.
#[derive(Debug)]
pub(crate) struct ChaCha8 {
    /// What the next block is made of: constants, the key, the block's number and no nonce.
    start: [u32; 16],
    block: [u32; 16],
    /// The words of the block that were given.
    given: usize,
}

/// "expand 32-byte k".
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

impl ChaCha8 {
    fn word(&mut self) -> u32 {
        if self.given == self.block.len() {
            self.fill();
        }
        let word = self.block.get(self.given).copied().unwrap_or_default();
        self.given += 1;
        word
    }

    /// Makes the next block (Bernstein 2008): its columns and diagonals are mixed in turn, and what
    /// it began with is added.
    fn fill(&mut self) {
        let mut block = self.start;
        for _ in 0..4 {
            mix(&mut block, [0, 4, 8, 12]);
            mix(&mut block, [1, 5, 9, 13]);
            mix(&mut block, [2, 6, 10, 14]);
            mix(&mut block, [3, 7, 11, 15]);
            mix(&mut block, [0, 5, 10, 15]);
            mix(&mut block, [1, 6, 11, 12]);
            mix(&mut block, [2, 7, 8, 13]);
            mix(&mut block, [3, 4, 9, 14]);
        }
        for (word, start) in block.iter_mut().zip(self.start) {
            *word = word.wrapping_add(start);
        }
        self.block = block;
        self.given = 0;
        let [.., low, high, _, _] = &mut self.start;
        *low = low.wrapping_add(1);
        *high = high.wrapping_add(u32::from(*low == 0));
    }
}

/// Mixes four words of the block. Inlined, so that the words stay out of memory.
#[inline]
fn mix(block: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (to, with, from, turn) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        block[to] = block[to].wrapping_add(block[with]);
        block[from] = (block[from] ^ block[to]).rotate_left(turn);
    }
}

impl SeedableRng for ChaCha8 {
    type Seed = [u8; 32];

    fn from_seed(seed: [u8; 32]) -> Self {
        let mut start = [0; 16];
        let (words, _) = seed.as_chunks();
        for (word, &bytes) in start.iter_mut().skip(CONSTANTS.len()).zip(words) {
            *word = u32::from_le_bytes(bytes);
        }
        start.iter_mut().zip(CONSTANTS).for_each(|(word, constant)| *word = constant);
        Self { start, block: [0; 16], given: 16 }
    }
}

impl TryRng for ChaCha8 {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = self.word();
        Ok(u64::from(self.word()) << 32 | u64::from(low))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.iter_mut().zip(self.word().to_le_bytes()).for_each(|(byte, word)| *byte = word);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_core::Rng;

    use super::*;

    #[test]
    fn it_gives_the_numbers_of_rand_chacha() {
        for seed in [0, 1, u64::MAX] {
            let (mut ours, mut theirs) =
                (ChaCha8::seed_from_u64(seed), ChaCha8Rng::seed_from_u64(seed));
            for _ in 0..100 {
                assert_eq!(ours.next_u64(), theirs.next_u64());
                assert_eq!(ours.next_u32(), theirs.next_u32());
            }
        }
    }
}
