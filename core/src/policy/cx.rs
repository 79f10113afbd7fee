use core::fmt;

use rand_core::Rng;

use crate::time::Instant;

/// The context of one pick: the time, the request's key, this pick's turn, and chance.
pub struct Cx<'a> {
    /// When the pick is made.
    pub now: Instant,
    /// What requests that belong together have in common, for sticky policies: [a hash](crate::hash).
    pub key: Option<u64>,
    turn: &'a mut Turn,
    rng: &'a mut dyn Rng,
}

impl<'a> Cx<'a> {
    /// The context of a pick at `now`.
    #[inline]
    pub fn new(now: Instant, key: Option<u64>, turn: &'a mut Turn, rng: &'a mut dyn Rng) -> Self {
        Self { now, key, turn, rng }
    }

    /// The same for a function that is not inlined: handed a reference, it would keep the original in memory.
    #[inline]
    pub(crate) fn reborrow(&mut self) -> Cx<'_> {
        Cx { now: self.now, key: self.key, turn: self.turn, rng: self.rng }
    }

    /// The next place in the cycle `0..n`; 0 if `n` is 0. O(1), without division.
    ///
    /// The first turn ever starts the cycle at a random place: clients that start together must not all begin with the
    /// same endpoint.
    #[inline]
    pub fn turn(&mut self, n: usize) -> usize {
        let n = clamp(n);
        let place = if self.turn.0 < n { self.turn.0 } else { wrap(*self.turn, self.rng, n) };
        self.turn.0 = place + 1;
        place as usize
    }

    /// A random number in `0..n`; 0 if `n` is 0. Biased by less than `n`/2³² (Lemire's multiplication, without rejection).
    #[inline]
    pub fn below(&mut self, n: usize) -> usize {
        lemire(self.rng.next_u32(), clamp(n)) as usize
    }

    /// The request's key; without one, a random one.
    pub fn key_or_random(&mut self) -> u64 {
        self.key.unwrap_or_else(|| self.rng.next_u64())
    }

    /// Two different random numbers in `0..n`, each pair with the same probability but for a bias as in [`below`](Self::below);
    /// 0 twice if there are no two. O(1): 64 random bits.
    #[inline]
    pub fn pair(&mut self, n: usize) -> (usize, usize) {
        let n = clamp(n);
        if n < 2 {
            return (0, 0);
        }
        let bits = self.rng.next_u64();
        let first = lemire((bits >> 32) as u32, n);
        // The second is drawn from all but the first: those from the hole on move up by one.
        let second = lemire(bits as u32, n - 1);
        (first as usize, (second + u32::from(second >= first)) as usize)
    }

    /// The source of chance.
    #[inline]
    pub fn rng(&mut self) -> &mut dyn Rng {
        self.rng
    }
}

impl fmt::Debug for Cx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx")
            .field("now", &self.now)
            .field("key", &self.key)
            .field("turn", &self.turn)
            .finish_non_exhaustive()
    }
}

/// Where round robin stands: one word, owned by a balancer, a thread or a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn(u32);

impl Turn {
    /// Before the first turn: the place will be drawn.
    pub const UNSET: Self = Self(u32::MAX);

    /// The next turn goes to `place`.
    pub fn at(place: usize) -> Self {
        Self(clamp(place))
    }

    /// The place that is next, if it has been drawn already; past the end means 0.
    pub fn place(self) -> Option<usize> {
        (self != Self::UNSET).then_some(self.0 as usize)
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self::UNSET
    }
}

#[cold]
fn wrap(turn: Turn, rng: &mut dyn Rng, n: u32) -> u32 {
    if turn == Turn::UNSET { lemire(rng.next_u32(), n) } else { 0 }
}

/// Keeps clear of the word that means "unset".
#[inline]
fn clamp(n: usize) -> u32 {
    n.min((u32::MAX - 1) as usize) as u32
}

/// Lemire's reduction of a random word to `0..n`.
#[inline]
fn lemire(word: u32, n: u32) -> u32 {
    ((u64::from(word) * u64::from(n)) >> 32) as u32
}
