//! XXH64, after its specification (Collet, "xxHash fast digest algorithm", 0.2.0): 8 bytes at a
//! time, the same on every platform.

const PRIME_1: u64 = 0x9e37_79b1_85eb_ca87;
const PRIME_2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const PRIME_3: u64 = 0x1656_67b1_9e37_79f9;
const PRIME_4: u64 = 0x85eb_ca77_c2b2_ae63;
const PRIME_5: u64 = 0x27d4_eb2f_1656_67c5;

/// The bytes that are mixed at once.
const BLOCK: usize = 32;

/// A hash of bytes that come in any number of pieces.
#[derive(Clone, Copy)]
pub(crate) struct Xxh64 {
    lanes: [u64; 4],
    /// The number of bytes that came; those that fill no block yet.
    len: u64,
    tail: [u8; BLOCK],
}

impl Xxh64 {
    pub(crate) const fn new(seed: u64) -> Self {
        let lanes = [
            seed.wrapping_add(PRIME_1).wrapping_add(PRIME_2),
            seed.wrapping_add(PRIME_2),
            seed,
            seed.wrapping_sub(PRIME_1),
        ];
        Self { lanes, len: 0, tail: [0; BLOCK] }
    }

    /// Returns the hash of bytes that come in one piece.
    pub(crate) fn oneshot(seed: u64, bytes: &[u8]) -> u64 {
        let mut hash = Self::new(seed);
        let rest = hash.mix_all(bytes);
        hash.len = bytes.len() as u64;
        hash.digest(rest)
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) {
        loop {
            let held = self.len as usize % BLOCK;
            if held == 0 {
                let rest = self.mix_all(bytes);
                self.len = self.len.wrapping_add((bytes.len() - rest.len()) as u64);
                bytes = rest;
            }
            let Some((&byte, rest)) = bytes.split_first() else { return };
            if let Some(free) = self.tail.get_mut(held) {
                *free = byte;
            }
            self.len = self.len.wrapping_add(1);
            bytes = rest;
            if held + 1 == BLOCK {
                self.mix(&{ self.tail });
            }
        }
    }

    pub(crate) fn finish(&self) -> u64 {
        self.digest(self.tail.get(..self.len as usize % BLOCK).unwrap_or_default())
    }

    /// Mixes in all whole blocks, and returns the rest.
    fn mix_all<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while let Some((block, rest)) = bytes.split_first_chunk() {
            self.mix(block);
            bytes = rest;
        }
        bytes
    }

    #[inline]
    fn mix(&mut self, block: &[u8; BLOCK]) {
        let (words, _) = block.as_chunks();
        for (lane, &word) in self.lanes.iter_mut().zip(words) {
            *lane = round(*lane, u64::from_le_bytes(word));
        }
    }

    /// Returns the hash of all blocks and these last bytes.
    fn digest(&self, mut rest: &[u8]) -> u64 {
        let [a, b, c, d] = self.lanes;
        let mut hash = if self.len < BLOCK as u64 {
            // Nothing was mixed: this is the seed.
            c.wrapping_add(PRIME_5)
        } else {
            let sum = a.rotate_left(1).wrapping_add(b.rotate_left(7));
            let sum = sum.wrapping_add(c.rotate_left(12)).wrapping_add(d.rotate_left(18));
            let merge = |hash: u64, lane| join(hash ^ round(0, lane), 0, PRIME_1, PRIME_4);
            [a, b, c, d].into_iter().fold(sum, merge)
        };
        hash = hash.wrapping_add(self.len);
        while let Some((&word, more)) = rest.split_first_chunk() {
            let word = round(0, u64::from_le_bytes(word));
            hash = join(hash ^ word, 27, PRIME_1, PRIME_4);
            rest = more;
        }
        if let Some((&word, more)) = rest.split_first_chunk() {
            let word = u64::from(u32::from_le_bytes(word)).wrapping_mul(PRIME_1);
            hash = join(hash ^ word, 23, PRIME_2, PRIME_3);
            rest = more;
        }
        for &byte in rest {
            hash = join(hash ^ u64::from(byte).wrapping_mul(PRIME_5), 11, PRIME_1, 0);
        }
        hash = (hash ^ (hash >> 33)).wrapping_mul(PRIME_2);
        hash = (hash ^ (hash >> 29)).wrapping_mul(PRIME_3);
        hash ^ (hash >> 32)
    }
}

#[inline]
fn round(lane: u64, word: u64) -> u64 {
    join(lane.wrapping_add(word.wrapping_mul(PRIME_2)), 31, PRIME_1, 0)
}

#[inline]
fn join(word: u64, turn: u32, factor: u64, add: u64) -> u64 {
    word.rotate_left(turn).wrapping_mul(factor).wrapping_add(add)
}

#[cfg(test)]
mod tests {
    use core::hash::Hasher;

    use twox_hash::XxHash64;

    use super::Xxh64;

    #[test]
    fn it_is_xxh64_however_the_bytes_are_cut() {
        let mut bytes = [0; 150];
        let mut word = 1_u64;
        for byte in &mut bytes {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (word >> 56) as u8;
        }
        for len in 0..=bytes.len() {
            for seed in [0, 1, u64::MAX, word] {
                let expected = XxHash64::oneshot(seed, &bytes[..len]);
                assert_eq!(Xxh64::oneshot(seed, &bytes[..len]), expected, "{len} bytes");
                for cut in [0, 1, 31, 32, 33, 40, 64, 100] {
                    let (first, second) = bytes[..len].split_at(cut.min(len));
                    let mut hash = Xxh64::new(seed);
                    hash.write(first);
                    let mut other = XxHash64::with_seed(seed);
                    other.write(first);
                    assert_eq!(hash.finish(), other.finish(), "looking changes nothing");
                    second.chunks(7).for_each(|piece| hash.write(piece));
                    assert_eq!(hash.finish(), expected, "{len} bytes, cut at {cut}");
                }
            }
        }
    }
}
