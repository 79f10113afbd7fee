mod table;

use core::fmt;

use super::{Cx, InvalidParameter, Policy, View};
use crate::error::TableFull;
use crate::store::{self, List, Store};

/// How often a key is altered when its endpoint is to be avoided, before the places after it are tried in turn.
const RETRIES: u64 = 16;

/// Each key belongs to an entry of a table in which each endpoint has its weight's share, within one entry: Maglev
/// (Eisenbud et al., 2016) as Envoy builds it.
///
/// An endpoint that leaves gives its keys to the others, but a few keys move besides (under 1 % with 1,000 endpoints and
/// the default size; a larger table moves fewer, [`Rendezvous`](super::Rendezvous) none). A place to avoid sends a key to
/// another entry; requests without a key go by a random one. A request's key should be [a hash](crate::hash).
///
/// O(1) per pick, without division. A rebuild takes O(m log n) steps for `m` entries and `n` endpoints, O(m log m) reads of
/// the table among them, and sorts the endpoints by their keys where these have another order than the addresses. 4 bytes
/// per entry; a rebuild takes another 32 bytes per endpoint (per entry with [`Inline`](crate::Inline) storage).
///
/// ```
/// use evenkeel_core::{Inline, policy::Maglev};
///
/// assert!(Maglev::<Inline<251>>::with_size(251).is_ok());
/// let error = Maglev::<Inline<251>>::with_size(250).unwrap_err();
/// assert_eq!(error.to_string(), "table_size is 250, which is not a prime number");
/// ```
pub struct Maglev<#[cfg(feature = "alloc")] S: Store = crate::Heap, #[cfg(not(feature = "alloc"))] S: Store> {
    size: u32,
    /// ⌊2⁶⁴ / size⌋.
    reciprocal: u64,
    table: S::List<u32>,
}

#[cfg(feature = "alloc")]
impl Maglev {
    /// The policy with a table of 65,537 entries (256 KiB), for up to as many endpoints; better for at most a hundredth.
    pub fn new() -> Self {
        Self::sized(65_537)
    }
}

impl<S: Store> Maglev<S> {
    /// The most entries that a table may have.
    pub const MAXIMUM_SIZE: u32 = 5_000_011;

    /// The policy with a table of `size` entries; 100 times as many as there are endpoints make it even to 1 %.
    ///
    /// # Errors
    /// [`InvalidParameter`] unless `size` is a prime number of at most [`Self::MAXIMUM_SIZE`].
    pub fn with_size(size: u32) -> Result<Self, InvalidParameter> {
        let (name, value) = ("table_size", size.into());
        InvalidParameter::check(name, value, 2, Self::MAXIMUM_SIZE.into())?;
        if table::is_prime(size) { Ok(Self::sized(size)) } else { Err(InvalidParameter::NotPrime { name, value }) }
    }

    /// How many entries the table has.
    pub const fn size(&self) -> u32 {
        self.size
    }

    fn sized(size: u32) -> Self {
        // A prime above 1 does not divide 2⁶⁴ unless it is 2, and then the reciprocal is one too small.
        Self { size, reciprocal: u64::MAX / u64::from(size), table: S::List::default() }
    }

    /// The place in the entry that `key` belongs to.
    #[inline]
    fn entry(&self, key: u64) -> Option<usize> {
        // Barrett's reduction: the estimate of the quotient is at most one too small.
        let quotient = ((u128::from(key) * u128::from(self.reciprocal)) >> 64) as u64;
        let rest = (key - quotient * u64::from(self.size)) as u32;
        let index = if rest >= self.size { rest - self.size } else { rest };
        self.table.get(index as usize).map(|&place| place as usize)
    }

    #[cold]
    fn retry(&self, view: View<'_>, key: u64, first: usize) -> Option<usize> {
        if !view.any_allowed() {
            return Some(first).filter(|&first| first < view.len());
        }
        let mut last = first;
        for attempt in 1..=RETRIES {
            // A number with most bits set: the altered keys are far from each other.
            last = self.entry(key ^ attempt.wrapping_neg())?;
            if view.allowed(last) {
                return Some(last);
            }
        }
        (last..view.len()).chain(0..view.len()).find(|&place| view.allowed(place))
    }
}

impl<S: Store> Policy for Maglev<S> {
    #[inline]
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
        let key = cx.key_or_random();
        let place = self.entry(key)?;
        if view.allowed(place) { Some(place) } else { self.retry(*view, key, place) }
    }

    fn rebuild(&mut self, view: &View<'_>) -> Result<(), TableFull> {
        let (needed, capacity) = (self.size as usize, <S::List<u32>>::LIMIT);
        if needed > capacity {
            return Err(TableFull { needed, capacity });
        }
        if view.len() > needed {
            return Err(TableFull { needed: view.len(), capacity: needed });
        }
        while self.table.len() < needed && self.table.try_push(0).is_ok() {}
        table::fill(&mut self.table, &mut table::hosts::<S>(view, self.size), view);
        Ok(())
    }

    fn counts(&self) -> bool {
        false
    }

    fn timed(&self) -> bool {
        false
    }

    fn rotates(&self) -> bool {
        false
    }
}

#[cfg(feature = "alloc")]
impl Default for Maglev {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Store> Clone for Maglev<S> {
    fn clone(&self) -> Self {
        Self { size: self.size, reciprocal: self.reciprocal, table: store::copied(&self.table) }
    }
}

impl<S: Store> fmt::Debug for Maglev<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maglev").field("size", &self.size).finish_non_exhaustive()
    }
}
