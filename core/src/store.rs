//! Storage of lists and sets: inline in a fixed capacity, or on the heap.

mod index;
mod list;
mod rows;

pub(crate) use index::Addresses;
pub use index::Index;
pub(crate) use list::DebugList;
pub use list::{List, Nothing};
#[cfg(feature = "alloc")]
pub use rows::Columns;
pub use rows::{Rows, Whole};

use crate::set::{Bits, Set};

/// Chooses the storage of everything that a balancer keeps per endpoint, and of policies' tables.
pub trait Store: 'static {
    /// It has room for few endpoints: less code counts for more than less time.
    #[doc(hidden)]
    const FEW: bool;
    /// All picks go one way, of one type of view: policies are there once.
    #[doc(hidden)]
    const ONE_WAY: bool = Self::FEW;
    /// A growable list of `T`.
    type List<T>: List<T>;
    /// The rows of endpoints.
    #[doc(hidden)]
    type Rows<H, E, R>: Rows<H, E, R>;
    /// A set of slots.
    type Set: Set;
    /// Finds slots by address.
    type Index: Index;
}

/// At most `N` elements, stored in place: no allocator needed.
///
/// Sets of slots are bits of one word: `B` is `u32` for up to 32 endpoints, `u64` for up to 64. As
/// the storage of a policy's table alone, `N` may be any number.
#[derive(Clone, Copy, Debug)]
pub struct Inline<const N: usize, B = u32>(core::marker::PhantomData<B>);

impl<const N: usize, B: Word> Store for Inline<N, B> {
    const FEW: bool = true;
    type List<T> = heapless::Vec<T, N>;
    type Rows<H, E, R> = heapless::Vec<Whole<H, E, R>, N>;
    type Set = Bits<B>;
    type Index = index::Scan;
}

pub use crate::set::Word;

/// As many elements as there is memory for.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug)]
pub enum Heap {}

#[cfg(feature = "alloc")]
impl Store for Heap {
    const FEW: bool = false;
    // Who downloads code counts its bytes; a pick from JavaScript takes longer to get here.
    const ONE_WAY: bool = cfg!(target_arch = "wasm32");
    type List<T> = alloc::vec::Vec<T>;
    type Rows<H, E, R> = Columns<H, E, R>;
    type Set = crate::set::SortedList;
    type Index = index::Sorted;
}
