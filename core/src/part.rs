//! Parts that are there only where they are used.

/// Something that begins empty, at compile time.
pub trait Fresh: 'static {
    /// The beginning.
    const NEW: Self;
}

/// A `T`, or nothing in its place.
pub trait Part<T>: 'static {
    /// It is there.
    const PRESENT: bool;

    /// A new `T`, or nothing.
    const NEW: Self;

    /// Returns it, if it is there.
    fn get(&self) -> Option<&T>;

    /// Returns it to be changed, if it is there.
    fn get_mut(&mut self) -> Option<&mut T>;
}

/// A part that is there.
#[derive(Clone, Copy, Debug)]
pub struct Present<T>(T);

impl<T: Fresh> Part<T> for Present<T> {
    const PRESENT: bool = true;
    const NEW: Self = Self(T::NEW);

    #[inline]
    fn get(&self) -> Option<&T> {
        Some(&self.0)
    }

    #[inline]
    fn get_mut(&mut self) -> Option<&mut T> {
        Some(&mut self.0)
    }
}

/// A part that is not there: it takes no memory, and the compiler drops the code that it is for.
#[derive(Clone, Copy, Debug)]
pub struct Absent;

impl<T> Part<T> for Absent {
    const PRESENT: bool = false;
    const NEW: Self = Self;

    #[inline]
    fn get(&self) -> Option<&T> {
        None
    }

    #[inline]
    fn get_mut(&mut self) -> Option<&mut T> {
        None
    }
}
