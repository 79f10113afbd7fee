use core::time::Duration;

use super::Book;
use crate::endpoint::Zone;
use crate::names::named;
use crate::time::nanos;

/// The description of one setting: what shells, forms and documentation are made from.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name: the field of [`Config`](super::Config).
    pub name: &'static str,
    /// The meaning of its number.
    pub kind: Kind,
    /// The least that it may be, as a number.
    pub least: u64,
    /// The most that it may be, as a number.
    pub most: u64,
    /// A sentence or several on what it does.
    pub doc: &'static str,
}

/// Tells what a setting's number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0 or 1.
    Flag,
    /// A count, or a share with its unit in the name.
    Count,
    /// A time, in nanoseconds.
    Time,
    /// A [`Zone`]'s number.
    Zone,
    /// The index of a [`Book`].
    Book,
}

named!(all Kind {
    Flag => "flag",
    Count => "count",
    Time => "time",
    Zone => "zone",
    Book => "book",
});

/// A setting's type, to and from a number.
pub trait Value: Copy {
    /// The meaning of the number.
    const KIND: Kind;

    /// Returns the value as a number.
    fn number(self) -> u64;

    /// Returns the value of a number within the setting's limits; `None` beyond those of the type.
    fn of_number(number: u64) -> Option<Self>;
}

macro_rules! count {
    ($($type:ty),*) => {$(
        impl Value for $type {
            const KIND: Kind = Kind::Count;

            fn number(self) -> u64 {
                self.into()
            }

            fn of_number(number: u64) -> Option<Self> {
                number.try_into().ok()
            }
        }
    )*};
}
count!(u8, u16, u32, u64);

impl Value for bool {
    const KIND: Kind = Kind::Flag;

    fn number(self) -> u64 {
        self.into()
    }

    fn of_number(number: u64) -> Option<Self> {
        Some(number > 0)
    }
}

impl Value for Duration {
    const KIND: Kind = Kind::Time;

    fn number(self) -> u64 {
        nanos(self)
    }

    fn of_number(number: u64) -> Option<Self> {
        Some(Self::from_nanos(number))
    }
}

impl Value for Zone {
    const KIND: Kind = Kind::Zone;

    fn number(self) -> u64 {
        self.number().into()
    }

    fn of_number(number: u64) -> Option<Self> {
        number.try_into().ok().map(Self::new)
    }
}

impl Value for Book {
    const KIND: Kind = Kind::Book;

    fn number(self) -> u64 {
        self.index().into()
    }

    fn of_number(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}
