use core::fmt;
use core::hash::Hasher;

use twox_hash::XxHash64;

use super::ring::{self, Ring};
use super::{Cx, InvalidParameter, Policy, View};
use crate::error::TableFull;
use crate::store::Store;

/// A hash ring as Envoy and gRPC build it (`ring_hash`); for compatibility with them.
///
/// An endpoint's points are XXH64 of its key, `_` and the decimal numbers from 0; a request goes to the first point at or
/// after its key, which must be [a hash](crate::hash). Places to avoid send it on along the ring; requests without a key go
/// by a random one. Of the policies that keep keys together this is the least even: [`Rendezvous`](super::Rendezvous) and
/// [`Maglev`](super::Maglev) are the better choice where nothing must agree with Envoy.
///
/// The ring has at least the minimum size, and so many points that the lightest endpoint has a whole number of them, but
/// no more than the maximum size; there a light endpoint may be left without a point. Envoy and gRPC count in floating
/// point: where the lightest endpoint's share of the minimum size, or the sum of shares up to an endpoint, is a whole
/// number, their rounding may make it one more or less; here it is exact. Endpoints are counted in the order of their
/// addresses: gRPC's order where that is the order of their keys, and Envoy's where its list is sorted so.
///
/// O(log p) per pick for p points, and O(p) where most endpoints are to be avoided. A rebuild hashes p keys and sorts the
/// points in O(p log p). 16 bytes per point.
pub struct RingHash<#[cfg(feature = "alloc")] S: Store = crate::Heap, #[cfg(not(feature = "alloc"))] S: Store> {
    least: u32,
    most: u32,
    ring: Ring<u64, S>,
}

#[cfg(feature = "alloc")]
impl RingHash {
    /// The policy with the sizes that Envoy defaults to and its ring on the heap; the [default](Default) is for every store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S: Store> RingHash<S> {
    /// The default minimum size of the ring.
    pub const MINIMUM_SIZE: u32 = 1024;
    /// The default maximum size of the ring, which is also the most it can be set to.
    pub const MAXIMUM_SIZE: u32 = 8 << 20;

    /// The policy with a minimum and a maximum size of the ring. With [`Inline<N>`](crate::Inline) and a maximum of at most
    /// `N` it never runs out of room.
    ///
    /// # Errors
    /// [`InvalidParameter`] unless 1 ≤ `minimum` ≤ `maximum` ≤ [`Self::MAXIMUM_SIZE`].
    pub fn with_sizes(minimum: u32, maximum: u32) -> Result<Self, InvalidParameter> {
        InvalidParameter::check("maximum_ring_size", maximum.into(), 1, Self::MAXIMUM_SIZE.into())?;
        InvalidParameter::check("minimum_ring_size", minimum.into(), 1, maximum.into())?;
        Ok(Self { least: minimum, most: maximum, ring: Ring::default() })
    }

    /// The least and the most points that the ring may have.
    pub const fn sizes(&self) -> (u32, u32) {
        (self.least, self.most)
    }

    /// How many points the ring has now.
    pub fn size(&self) -> usize {
        self.ring.len()
    }
}

impl<S: Store> Policy for RingHash<S> {
    #[inline]
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
        self.ring.pick(view, cx.key_or_random())
    }

    fn rebuild(&mut self, view: &View<'_>) -> Result<(), TableFull> {
        let scale = Scale::new(view, self.least, self.most);
        let total = view.weights().iter().map(|&weight| u128::from(weight)).sum();
        ring::check_room(scale.points(total), Ring::<u64, S>::CAPACITY)?;
        let (mut weights, mut points) = (0, 0);
        self.ring.replace((0..view.len()).flat_map(|place| {
            weights += u128::from(view.weight(place));
            let target = scale.points(weights);
            let count = target - points;
            points = target;
            let mut key = XxHash64::with_seed(0);
            view.write_key(place, &mut |bytes| key.write(bytes));
            (0..count as u32).map(move |number| (numbered(&key, number), place))
        }));
        Ok(())
    }

    fn counts(&self) -> bool {
        false
    }

    fn timed(&self) -> bool {
        false
    }

    fn hashes(&self) -> bool {
        false
    }

    fn rotates(&self) -> bool {
        false
    }
}

/// How many points the weight of the endpoints up to one of them is worth, as a fraction.
///
/// Envoy's scale is min(⌈m · minimum⌉ / m, maximum) points for all weights together, m being the lightest endpoint's
/// share w/Σw, and an endpoint gets points while there are fewer than scale times the shares up to it. With
/// c = ⌈w · minimum / Σw⌉, that is c/w points per unit of weight, or maximum/Σw.
struct Scale {
    points: u128,
    weight: u128,
}

impl Scale {
    fn new(view: &View<'_>, least: u32, most: u32) -> Self {
        let weights = view.weights().iter().copied().filter(|&weight| weight > 0);
        let lightest = u128::from(weights.min().unwrap_or(1));
        let total: u128 = view.weights().iter().copied().map(u128::from).sum();
        let whole = (lightest * u128::from(least)).div_ceil(total.max(1));
        if whole * total <= u128::from(most) * lightest {
            Self { points: whole, weight: lightest }
        } else {
            Self { points: most.into(), weight: total }
        }
    }

    fn points(&self, weights: u128) -> u128 {
        (weights * self.points).div_ceil(self.weight)
    }
}

/// The hash of a key that is followed by `_` and a number.
fn numbered(key: &XxHash64, number: u32) -> u64 {
    let mut digits = [0; 10];
    let (mut start, mut rest) = (digits.len(), number);
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let mut hasher = key.clone();
    hasher.write(b"_");
    hasher.write(&digits[start..]);
    hasher.finish()
}

impl<S: Store> Default for RingHash<S> {
    /// The sizes that Envoy defaults to.
    fn default() -> Self {
        Self { least: Self::MINIMUM_SIZE, most: Self::MAXIMUM_SIZE, ring: Ring::default() }
    }
}

impl<S: Store> Clone for RingHash<S> {
    fn clone(&self) -> Self {
        Self { least: self.least, most: self.most, ring: self.ring.clone() }
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
