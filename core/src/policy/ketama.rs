#![allow(clippy::useless_conversion, reason = "points are wider on wasm32")]

use core::fmt;

use super::ring::Ring;
use super::{Cx, Policy, View, slots};
use crate::error::TableFull;
use crate::hash::CRC32;
use crate::store::Store;

/// Keeps keys together on a hash ring as nginx builds it for `hash … consistent` (ketama); for
/// compatibility with it.
///
/// An endpoint has 160 points per unit of weight: CRC-32 of its host, a zero byte, its port, and
/// the four bytes, least significant first, of the point before it, or of 0. Host and port are what
/// is before and after the last `:` of its key if only digits follow it, otherwise all of the key
/// and nothing; of `unix:path`, the path and nothing. So an address is hashed as it would be
/// written in nginx's configuration, an IPv6 address with its brackets.
///
/// A request goes to the first point at or after the low 32 bits of its key, so the key must be
/// [a hash](crate::hash): [`hash::crc32`](crate::hash::crc32) of nginx's key gives nginx's picks,
/// any other hash picks as evenly. A key whose endpoint was tried goes on along the ring; requests
/// without a key go by a random one.
///
/// O(log p) per pick for p points, and O(p) where most endpoints were tried. A rebuild hashes four
/// bytes per point and sorts in O(p log p). 8 bytes per point; more than [`Self::MAXIMUM_SIZE`]
/// points are [`TableFull`], as weights are not reduced: the ring of weights 100 and 100 is not
/// that of 1 and 1.
pub struct Ketama<
    #[cfg(feature = "alloc")] S: Store = crate::store::Heap,
    #[cfg(not(feature = "alloc"))] S: Store,
> {
    ring: Ring<Point, S>,
}

/// A place on the ring, of 32 bits; as wide as those of [`RingHash`](super::RingHash) where one ring
/// for both is less to download.
#[cfg(not(target_arch = "wasm32"))]
type Point = u32;
#[cfg(target_arch = "wasm32")]
type Point = u64;

#[cfg(feature = "alloc")]
impl Ketama {
    /// Makes the policy, with its ring on the heap.
    pub const fn new() -> Self {
        Self::in_store()
    }
}

impl<S: Store> Ketama<S> {
    /// Points per unit of weight.
    pub const POINTS: u32 = 160;
    /// The most points there may be, even where the store has no limit.
    pub const MAXIMUM_SIZE: u32 = 8 << 20;

    /// Makes the policy, with its ring in the store `S`.
    pub const fn in_store() -> Self {
        Self { ring: Ring::NEW }
    }

    /// Returns how many points the ring has now; points that coincide count once.
    pub fn size(&self) -> usize {
        self.ring.len()
    }
}

impl<S: Store> Policy for Ketama<S> {
    type Load = ();

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    #[inline]
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        self.ring.pick(view, Point::from(cx.key_or_random() as u32))
    }

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        let weights: u128 = slots(view).map(|slot| u128::from(view.weight(slot))).sum();
        let needed = weights * u128::from(Self::POINTS);
        self.ring.rebuild(view, needed, Self::MAXIMUM_SIZE, &mut |slot, add| {
            let mut server = CRC32.digest();
            write_server(view, slot, &mut |bytes| server.update(bytes));
            let mut point = 0_u32;
            // The weights together were checked.
            for _ in 0..view.weight(slot).saturating_mul(Self::POINTS) {
                let mut digest = server.clone();
                digest.update(&point.to_le_bytes());
                point = digest.finalize();
                add(point.into());
            }
        })
    }
}

/// Feeds host, zero byte and port to `sink`.
fn write_server(view: &dyn View, slot: usize, sink: &mut dyn FnMut(&[u8])) {
    const UNIX: &[u8] = b"unix:";
    // The key may come in several pieces: positions count from its beginning.
    let (mut at, mut is_unix, mut colon) = (0, true, None);
    view.write_key(slot, &mut |bytes| {
        for &byte in bytes {
            is_unix &= UNIX.get(at).is_none_or(|letter| byte.eq_ignore_ascii_case(letter));
            match byte {
                b':' => colon = Some(at),
                b'0'..=b'9' => {}
                _ => colon = None,
            }
            at += 1;
        }
    });
    let host = if is_unix && at >= UNIX.len() { UNIX.len() } else { 0 };
    let colon = colon.filter(|_| host == 0);
    at = 0;
    view.write_key(slot, &mut |bytes| {
        for &byte in bytes {
            if colon == Some(at) {
                sink(&[0]);
            } else if at >= host {
                sink(&[byte]);
            }
            at += 1;
        }
    });
    if colon.is_none() {
        sink(&[0]);
    }
}

impl<S: Store> Default for Ketama<S> {
    fn default() -> Self {
        Self::in_store()
    }
}

impl<S: Store> Clone for Ketama<S> {
    fn clone(&self) -> Self {
        Self { ring: self.ring.clone() }
    }
}

impl<S: Store> fmt::Debug for Ketama<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ketama").field("size", &self.size()).finish_non_exhaustive()
    }
}
