use core::fmt;

use super::alias::divided_product;
use super::ring::Ring;
use super::{Cx, InvalidParameter, Policy, View, slots};
use crate::error::TableFull;
use crate::hash::Xxh64;
use crate::store::Store;

/// Keeps keys together on a hash ring as Envoy and gRPC build it (`ring_hash`); for compatibility
/// with them.
///
/// An endpoint's points are XXH64 of its key, `_` and the decimal numbers from 0; a request goes to
/// the first point at or after its key, which must be [a hash](crate::hash). A key whose endpoint
/// was tried goes on along the ring; requests without a key go by a random one. Of the policies
/// that keep keys together this is the least even: [`Rendezvous`](super::Rendezvous) and
/// [`Maglev`](super::Maglev) are the better choice where nothing must agree with Envoy.
///
/// The ring has at least the minimum size, and so many points that the lightest endpoint has a
/// whole number of them, but no more than the maximum size; there a light endpoint may be left
/// without a point. Envoy and gRPC count in floating point: where the lightest endpoint's share of
/// the minimum size, or the sum of shares up to an endpoint, is a whole number, their rounding may
/// make it one more or less; here it is exact. Endpoints are counted in the order of their
/// addresses: gRPC's order where that is the order of their keys, and Envoy's where its list is
/// sorted so.
///
/// O(log p) per pick for p points, and O(p) where most endpoints were tried. A rebuild hashes p
/// keys and sorts the points in O(p log p). 16 bytes per point.
pub struct RingHash<
    #[cfg(feature = "alloc")] S: Store = crate::store::Heap,
    #[cfg(not(feature = "alloc"))] S: Store,
> {
    least: u32,
    most: u32,
    ring: Ring<u64, S>,
}

#[cfg(feature = "alloc")]
impl RingHash {
    /// Makes the policy with the sizes that Envoy defaults to, and its ring on the heap.
    pub const fn new() -> Self {
        Self::of_default_sizes()
    }

    /// Makes the policy with a minimum and a maximum size of the ring, on the heap.
    ///
    /// # Errors
    /// [`InvalidParameter`] unless 1 ≤ `minimum` ≤ `maximum` ≤ [`Self::MAXIMUM_SIZE`].
    pub const fn with_sizes(minimum: u32, maximum: u32) -> Result<Self, InvalidParameter> {
        Self::in_store(minimum, maximum)
    }
}

impl<S: Store> RingHash<S> {
    /// The default minimum size of the ring.
    pub const MINIMUM_SIZE: u32 = 1024;
    /// The default maximum size of the ring, which is also the most it can be set to.
    pub const MAXIMUM_SIZE: u32 = 8 << 20;

    /// Makes the policy with a minimum and a maximum size of the ring, in the store `S`. With
    /// [`Inline<N>`](crate::store::Inline) and a maximum of at most `N` it never runs out of room.
    ///
    /// # Errors
    /// [`InvalidParameter`] unless 1 ≤ `minimum` ≤ `maximum` ≤ [`Self::MAXIMUM_SIZE`].
    pub const fn in_store(minimum: u32, maximum: u32) -> Result<Self, InvalidParameter> {
        let most = InvalidParameter::check(
            "maximum_ring_size",
            maximum as u64,
            1,
            Self::MAXIMUM_SIZE as u64,
        );
        let least = InvalidParameter::check("minimum_ring_size", minimum as u64, 1, maximum as u64);
        match (most, least) {
            (Ok(()), Ok(())) => Ok(Self { least: minimum, most: maximum, ring: Ring::NEW }),
            (Err(invalid), _) | (_, Err(invalid)) => Err(invalid),
        }
    }

    const fn of_default_sizes() -> Self {
        Self { least: Self::MINIMUM_SIZE, most: Self::MAXIMUM_SIZE, ring: Ring::NEW }
    }

    /// Returns the least and the most points that the ring may have.
    pub const fn sizes(&self) -> (u32, u32) {
        (self.least, self.most)
    }

    /// Returns how many points the ring has now.
    pub fn size(&self) -> usize {
        self.ring.len()
    }
}

impl<S: Store> Policy for RingHash<S> {
    type Load = ();

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    #[inline]
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        self.ring.pick(view, cx.key_or_random())
    }

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        let scale = Scale::new(view, self.least, self.most);
        let (mut weights, mut points) = (0, 0);
        let needed = scale.points(scale.total);
        self.ring.rebuild(view, needed.into(), Self::MAXIMUM_SIZE, &mut |slot, add| {
            weights += u64::from(view.weight(slot));
            let target = scale.points(weights);
            let mut key = Xxh64::new(0);
            view.write_key(slot, &mut |bytes| key.write(bytes));
            for number in 0..(target - points) as u32 {
                add(numbered(&key, number));
            }
            points = target;
        })
    }
}

/// The points that the weight of the endpoints up to one of them is worth, as a fraction.
///
/// Envoy's scale is min(⌈m · minimum⌉ / m, maximum) points for all weights together, m being the
/// lightest endpoint's share w/Σw, and an endpoint gets points while there are fewer than scale
/// times the shares up to it. With c = ⌈w · minimum / Σw⌉, that is c/w points per unit of weight,
/// or maximum/Σw.
struct Scale {
    total: u64,
    points: u64,
    weight: u64,
}

impl Scale {
    fn new(view: &dyn View, least: u32, most: u32) -> Self {
        let weights = || slots(view).map(|slot| u64::from(view.weight(slot).max(1)));
        let lightest = weights().min().unwrap_or(1);
        let total: u64 = weights().sum();
        let whole = (lightest * u64::from(least)).div_ceil(total.max(1));
        if whole * total <= u64::from(most) * lightest {
            Self { total, points: whole, weight: lightest }
        } else {
            Self { total, points: most.into(), weight: total }
        }
    }

    fn points(&self, weights: u64) -> u64 {
        let (whole, rest) = divided_product(weights, self.points, self.weight.max(1));
        whole + u64::from(rest > 0)
    }
}

/// Returns the hash of a key that is followed by `_` and a number.
fn numbered(key: &Xxh64, number: u32) -> u64 {
    // Digits are written from the end; what stands before them is the `_`.
    let mut text = [b'_'; 11];
    let (mut start, mut rest) = (text.len() - 1, number);
    for digit in text.iter_mut().skip(1).rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    let mut hash = *key;
    hash.write(text.get(start..).unwrap_or_default());
    hash.finish()
}

impl<S: Store> Default for RingHash<S> {
    /// Takes the sizes that Envoy defaults to.
    fn default() -> Self {
        Self::of_default_sizes()
    }
}

impl<S: Store> Clone for RingHash<S> {
    fn clone(&self) -> Self {
        Self { ring: self.ring.clone(), ..*self }
    }
}

impl<S: Store> fmt::Debug for RingHash<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingHash")
            .field("minimum", &self.least)
            .field("maximum", &self.most)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}
