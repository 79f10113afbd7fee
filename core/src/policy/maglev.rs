mod table;

use core::fmt;

use super::{Cx, InvalidParameter, Policy, View, by_key};
use crate::error::TableFull;
use crate::load::Hashed;
use crate::store::{List, Store};
use crate::time::high_product;

/// A key whose endpoint was tried is altered so often before the next address is taken.
const RETRIES: u64 = 16;

/// Gives each key an entry of a table in which each endpoint has its weight's share, within one
/// entry: Maglev (Eisenbud et al., 2016) as Envoy builds it.
///
/// With equal weights its table is Envoy's. With others a few entries differ (0.03 % of the default
/// size on average, 1 to 2 % of 251 entries), as Envoy sums weights in floating point.
///
/// An endpoint that leaves gives its keys to the others, but a few keys move besides (under 1 %
/// with 1,000 endpoints and the default size; a larger table moves fewer,
/// [`Rendezvous`](super::Rendezvous) none). A key whose endpoint was tried goes to another entry;
/// requests without a key go by a random one. A request's key should be [a hash](crate::hash).
///
/// O(1) per pick, without division. A rebuild takes O(m log n) steps for `m` entries and `n`
/// endpoints, O(m log m) reads of the table among them, and sorts the endpoints by their keys where
/// these have another order than the addresses. 4 bytes per entry; a rebuild takes another 40 bytes
/// per endpoint (per entry with [`Inline`](crate::store::Inline) storage).
///
/// ```
/// use evenkeel_core::{Inline, policy::Maglev};
///
/// assert!(Maglev::with_size(251).is_ok());
/// assert!(Maglev::<Inline<251>>::in_store(251).is_ok());
/// let error = Maglev::with_size(250).unwrap_err();
/// assert_eq!(error.to_string(), "table_size is 250, which is not a prime number");
/// ```
pub struct Maglev<
    #[cfg(feature = "alloc")] S: Store = crate::store::Heap,
    #[cfg(not(feature = "alloc"))] S: Store,
> {
    size: u32,
    /// ⌊2⁶⁴ / size⌋.
    reciprocal: u64,
    /// Slots.
    table: S::List<u32>,
    /// The table is that of candidates from before, as those of now have no room.
    outdated: bool,
}

#[cfg(feature = "alloc")]
impl Maglev {
    /// Makes the policy with a table of 65,537 entries (256 KiB) on the heap, for up to as many
    /// endpoints; better for at most a hundredth.
    pub const fn new() -> Self {
        Self::of_size(Self::DEFAULT_SIZE)
    }

    /// Makes the policy with a table of `size` entries on the heap; 100 times as many as there are
    /// endpoints make it even to 1 %.
    ///
    /// # Errors
    /// [`InvalidParameter`] unless `size` is a prime number of at most [`Self::MAXIMUM_SIZE`].
    pub const fn with_size(size: u32) -> Result<Self, InvalidParameter> {
        Self::in_store(size)
    }
}

impl<S: Store> Maglev<S> {
    /// The most entries that a table may have.
    pub const MAXIMUM_SIZE: u32 = 5_000_011;
    /// The default number of entries of a table.
    pub const DEFAULT_SIZE: u32 = 65_537;

    /// Makes the policy with a table of `size` entries in the store `S`.
    ///
    /// # Errors
    /// [`InvalidParameter`] unless `size` is a prime number of at most [`Self::MAXIMUM_SIZE`].
    pub const fn in_store(size: u32) -> Result<Self, InvalidParameter> {
        let (name, value) = ("table_size", size as u64);
        match InvalidParameter::check(name, value, 2, Self::MAXIMUM_SIZE as u64) {
            Ok(()) if table::is_prime(size) => Ok(Self::of_size(size)),
            Ok(()) => Err(InvalidParameter::NotPrime { name, value }),
            Err(invalid) => Err(invalid),
        }
    }

    /// Returns how many entries the table has.
    pub const fn size(&self) -> u32 {
        self.size
    }

    const fn of_size(size: u32) -> Self {
        // A prime does not divide 2⁶⁴ unless it is 2, and then the reciprocal is one too small.
        let reciprocal = match u64::MAX.checked_div(size as u64) {
            Some(reciprocal) => reciprocal,
            None => 0,
        };
        Self { size, reciprocal, table: S::List::NEW, outdated: false }
    }

    /// Returns the slot in the entry that `key` belongs to.
    #[inline]
    fn entry(&self, key: u64) -> Option<usize> {
        // Barrett's reduction: the estimate of the quotient is at most one too small.
        let quotient = high_product(key, self.reciprocal);
        let rest = key.wrapping_sub(quotient.wrapping_mul(u64::from(self.size))) as u32;
        let index = if rest >= self.size { rest - self.size } else { rest };
        self.table.get(index as usize).map(|&slot| slot as usize)
    }

    #[cold]
    fn retry(&self, view: &dyn View, key: u64) -> Option<usize> {
        for attempt in 1..=RETRIES {
            // A number with most bits set: the altered keys are far from each other.
            let slot = self.entry(key ^ attempt.wrapping_neg());
            if slot.is_some_and(|slot| view.has(slot)) {
                return slot;
            }
        }
        by_key(view, key)
    }
}

impl<S: Store> Policy for Maglev<S> {
    type Load = Hashed;

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    #[inline]
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        let key = cx.key_or_random();
        let slot = self.entry(key)?;
        if (view.is_cut() || self.outdated) && !view.has(slot) {
            return self.retry(view, key);
        }
        Some(slot)
    }

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        let (size, limit) = (self.size as usize, <S::List<u32>>::LIMIT);
        let (needed, capacity) = if size > limit { (size, limit) } else { (view.len(), size) };
        self.outdated = needed > capacity;
        if self.outdated {
            return Err(TableFull { needed, capacity });
        }
        self.table.expect(size - self.table.len());
        while self.table.len() < size && self.table.try_push(0).is_ok() {}
        table::fill(&mut self.table, &mut table::hosts::<S>(view, self.size));
        Ok(())
    }
}

impl<S: Store> Default for Maglev<S> {
    /// Takes the default size.
    fn default() -> Self {
        Self::of_size(Self::DEFAULT_SIZE)
    }
}

impl<S: Store> Clone for Maglev<S> {
    fn clone(&self) -> Self {
        Self { table: List::copied(&self.table), ..*self }
    }
}

impl<S: Store> fmt::Debug for Maglev<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maglev").field("size", &self.size).finish_non_exhaustive()
    }
}
