//! What is balanced: addresses with a weight, a priority and a place.

use core::fmt::{self, Write};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The identity of an endpoint.
///
/// `Ord` says which addresses are the same and in which order endpoints are listed; an implementation may carry more than
/// `Ord` looks at. [`key`](Address::key) gives the bytes that hashing policies hash: it must be the same on every
/// platform and in every version, and must differ where `Ord` does.
pub trait Address: Ord + Clone {
    /// Feeds the address's key, in one piece or several, to `sink`.
    fn key(&self, sink: &mut dyn FnMut(&[u8]));
}

/// Where an endpoint is, as a number that the shell gives to a zone's name; 0 is "not known".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Zone(u32);

impl Zone {
    /// Not known.
    pub const NONE: Self = Self(0);

    /// The zone with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The zone's number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// One place where a service answers. With the feature `serde`, all but the address may be left out.
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
    /// Who it is; the only part that says whether two endpoints are the same.
    pub addr: A,
    /// Its share among endpoints of its priority; 0 = drained: never picked while another may be.
    #[cfg_attr(feature = "serde", serde(default = "one"))]
    pub weight: u32,
    /// Its level: a higher number is used only when no lower one has an endpoint to offer (RFC 2782).
    #[cfg_attr(feature = "serde", serde(default))]
    pub priority: u16,
    /// Where it is.
    #[cfg_attr(feature = "serde", serde(default))]
    pub zone: Zone,
    /// Finishes what it has and gets nothing new.
    #[cfg_attr(feature = "serde", serde(default))]
    pub draining: bool,
}

#[cfg(feature = "serde")]
const fn one() -> u32 {
    1
}

impl<A> Endpoint<A> {
    /// An endpoint of weight 1, priority 0, in no zone.
    pub const fn new(addr: A) -> Self {
        Self { addr, weight: 1, priority: 0, zone: Zone::NONE, draining: false }
    }

    /// The same with another weight.
    #[must_use]
    pub fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// The same with another priority.
    #[must_use]
    pub fn with_priority(mut self, priority: u16) -> Self {
        self.priority = priority;
        self
    }

    /// The same in another zone.
    #[must_use]
    pub fn with_zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// The same, draining.
    #[must_use]
    pub fn with_draining(mut self, draining: bool) -> Self {
        self.draining = draining;
        self
    }

    /// Whether it may get a request at all.
    pub(crate) fn eligible(&self) -> bool {
        self.weight > 0 && !self.draining
    }

    /// Which of two records of one address counts, whatever their order: the lower priority, then the larger weight
    /// (never the sum: a record that stands twice must not get double traffic), then the one not draining.
    pub(crate) fn takes_precedence_over(&self, other: &Self) -> bool {
        self.rank() < other.rank()
    }

    fn rank(&self) -> (u16, core::cmp::Reverse<u32>, bool, Zone) {
        (self.priority, core::cmp::Reverse(self.weight), self.draining, self.zone)
    }

    /// Whether `other` says the same, the address aside.
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        (self.weight, self.priority, self.zone, self.draining)
            == (other.weight, other.priority, other.zone, other.draining)
    }

    /// Takes over what `other` says, except the address; tells whether anything changed.
    pub(crate) fn set_content(&mut self, other: &Self) -> bool {
        let changed = !self.same_content(other);
        self.weight = other.weight;
        self.priority = other.priority;
        self.zone = other.zone;
        self.draining = other.draining;
        changed
    }
}

/// Hands formatted text on to a key's sink.
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
            /// The text of the address, as `Display` writes it.
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
            /// The text's bytes (UTF-8).
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
    /// The text's bytes (UTF-8).
    fn key(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(self.as_bytes());
    }
}

impl<const N: usize> Address for [u8; N] {
    /// The bytes themselves.
    fn key(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(self);
    }
}

macro_rules! integer_key {
    ($($type:ty),*) => {$(
        impl Address for $type {
            /// The number's bytes, most significant first.
            fn key(&self, sink: &mut dyn FnMut(&[u8])) {
                sink(&self.to_be_bytes());
            }
        }
    )*};
}
integer_key!(u8, u16, u32, u64, u128);
