//! Endpoints: addresses with a weight, a priority and a zone.

use core::fmt::{self, Write};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The identity of an endpoint.
///
/// `Ord` says which addresses are the same, and in which order endpoints are listed; an
/// implementation may carry more than `Ord` looks at. [`key`](Address::key) gives the bytes that
/// hashing policies hash: it must be the same on every platform and in every version, and must
/// differ where `Ord` does, unless two addresses are to share the keys of one.
pub trait Address: Ord + Clone {
    /// Feeds the address's key, in one piece or several, to `sink`.
    fn key(&self, sink: &mut dyn FnMut(&[u8]));
}

/// The locality of an endpoint: a number that the shell gives to its name; 0 is "not known".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Zone(u16);

impl Zone {
    /// Not known.
    pub const NONE: Self = Self(0);

    /// Makes the zone with this number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Returns the zone's number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// One place where a service answers. With the feature `serde`, all but the address may be left
/// out.
///
/// ```
/// use evenkeel_core::Endpoint;
///
/// let backup = Endpoint::new("10.0.0.9:80").with_weight(3).with_priority(1);
/// assert_eq!((backup.weight, backup.priority, backup.draining), (3, 1, false));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Endpoint<A> {
    /// Its identity; the only part that says which endpoints are the same.
    pub addr: A,
    /// Its share among endpoints of its priority; 0 = drained: never picked while another may be.
    #[cfg_attr(feature = "serde", serde(default = "one"))]
    pub weight: u32,
    /// Its level: a higher number is used only when no lower one has an endpoint to offer
    /// (RFC 2782).
    #[cfg_attr(feature = "serde", serde(default))]
    pub priority: u16,
    /// Its locality.
    #[cfg_attr(feature = "serde", serde(default))]
    pub zone: Zone,
    /// It finishes what it has and gets nothing new.
    #[cfg_attr(feature = "serde", serde(default))]
    pub draining: bool,
}

#[cfg(feature = "serde")]
const fn one() -> u32 {
    1
}

impl<A> Endpoint<A> {
    /// Makes an endpoint of weight 1, priority 0, in no zone.
    pub const fn new(addr: A) -> Self {
        Self { addr, weight: 1, priority: 0, zone: Zone::NONE, draining: false }
    }

    /// Sets the weight.
    #[must_use]
    pub fn with_weight(self, weight: u32) -> Self {
        Self { weight, ..self }
    }

    /// Sets the priority.
    #[must_use]
    pub fn with_priority(self, priority: u16) -> Self {
        Self { priority, ..self }
    }

    /// Sets the zone.
    #[must_use]
    pub fn with_zone(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    /// Marks it as draining, or not.
    #[must_use]
    pub fn with_draining(self, draining: bool) -> Self {
        Self { draining, ..self }
    }

    /// Tells that it may get a request at all.
    pub(crate) fn eligible(&self) -> bool {
        self.weight > 0 && !self.draining
    }

    /// Tells which of two records of one address counts, in any order: the lower priority, then
    /// the larger weight (never the sum: a record that stands twice must not get double traffic),
    /// then the one not draining.
    pub fn takes_precedence_over(&self, other: &Self) -> bool {
        let rank = |this: &Self| {
            (this.priority, core::cmp::Reverse(this.weight), this.draining, this.zone)
        };
        rank(self) < rank(other)
    }

    /// Tells that `other` says the same, the address aside.
    #[inline]
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        (self.weight, self.priority, self.zone, self.draining)
            == (other.weight, other.priority, other.zone, other.draining)
    }
}

/// Hands formatted text on to the sink of a key.
struct Sink<'a>(&'a mut dyn FnMut(&[u8]));

impl Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        (self.0)(text.as_bytes());
        Ok(())
    }
}

macro_rules! text_key {
    ($($type:ty),*) => {$(
        impl Address for $type {
            /// Feeds the text of the address, as `Display` writes it.
            fn key(&self, sink: &mut dyn FnMut(&[u8])) {
                // The sink never fails.
                let _ = write!(Sink(sink), "{self}");
            }
        }
    )*};
}
text_key!(SocketAddr, SocketAddrV4, SocketAddrV6, IpAddr, Ipv4Addr, Ipv6Addr);

macro_rules! str_key {
    ($($type:ty),*) => {$(
        impl Address for $type {
            /// Feeds the text's bytes (UTF-8).
            fn key(&self, sink: &mut dyn FnMut(&[u8])) {
                sink(self.as_bytes());
            }
        }
    )*};
}
str_key!(&str);
#[cfg(feature = "alloc")]
str_key!(alloc::string::String, alloc::boxed::Box<str>, alloc::sync::Arc<str>, alloc::rc::Rc<str>);

impl<const N: usize> Address for heapless::String<N> {
    /// Feeds the text's bytes (UTF-8).
    fn key(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(self.as_bytes());
    }
}

impl<const N: usize> Address for [u8; N] {
    /// Feeds the bytes themselves.
    fn key(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(self);
    }
}

macro_rules! integer_key {
    ($($type:ty),*) => {$(
        impl Address for $type {
            /// Feeds the number's bytes, most significant first.
            fn key(&self, sink: &mut dyn FnMut(&[u8])) {
                sink(&self.to_be_bytes());
            }
        }
    )*};
}
integer_key!(u8, u16, u32, u64, u128);
