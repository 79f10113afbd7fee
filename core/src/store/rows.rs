#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// Rows of three parts: what every pick and report looks at, the endpoint, and the rest.
#[doc(hidden)]
pub trait Rows<H, E, R> {
    /// No rows.
    const NEW: Self;
    /// The most rows that there may be; `usize::MAX` for no limit of its own.
    const LIMIT: usize;

    /// Returns how many slots have a row.
    fn slots(&self) -> usize;

    /// Reads what picks and reports look at: in fewer steps than by a reference that may be none.
    fn look<T>(&self, slot: usize, look: impl FnOnce(&H) -> T) -> Option<T>;

    /// Changes it.
    fn look_mut<T>(&mut self, slot: usize, look: impl FnOnce(&mut H) -> T) -> Option<T>;

    /// Returns the endpoint.
    fn endpoint(&self, slot: usize) -> Option<&E>;

    /// Returns all parts.
    fn get(&self, slot: usize) -> Option<(&H, &E, &R)>;

    /// Returns all parts to be changed.
    fn get_mut(&mut self, slot: usize) -> Option<(&mut H, &mut E, &mut R)>;

    /// Replaces a row, or appends it behind the last; tells that there was room.
    fn put(&mut self, slot: usize, row: (H, E, R)) -> bool;

    /// Makes room for `more` rows, where that saves time.
    fn expect(&mut self, _more: usize) {}
}

/// A row in one piece.
#[doc(hidden)]
#[derive(Debug)]
#[repr(C)]
pub struct Whole<H, E, R> {
    hot: H,
    rest: R,
    endpoint: E,
}

impl<H, E, R, const N: usize> Rows<H, E, R> for heapless::Vec<Whole<H, E, R>, N> {
    const NEW: Self = Self::new();
    const LIMIT: usize = N;

    #[inline]
    fn slots(&self) -> usize {
        self.as_slice().len()
    }

    #[inline]
    fn look<T>(&self, slot: usize, look: impl FnOnce(&H) -> T) -> Option<T> {
        self.as_slice().get(slot).map(|row| look(&row.hot))
    }

    #[inline]
    fn look_mut<T>(&mut self, slot: usize, look: impl FnOnce(&mut H) -> T) -> Option<T> {
        self.as_mut_slice().get_mut(slot).map(|row| look(&mut row.hot))
    }

    #[inline]
    fn endpoint(&self, slot: usize) -> Option<&E> {
        self.as_slice().get(slot).map(|row| &row.endpoint)
    }

    #[inline]
    fn get(&self, slot: usize) -> Option<(&H, &E, &R)> {
        self.as_slice().get(slot).map(|row| (&row.hot, &row.endpoint, &row.rest))
    }

    #[inline]
    fn get_mut(&mut self, slot: usize) -> Option<(&mut H, &mut E, &mut R)> {
        let row = self.as_mut_slice().get_mut(slot)?;
        Some((&mut row.hot, &mut row.endpoint, &mut row.rest))
    }

    #[inline]
    fn put(&mut self, slot: usize, (hot, endpoint, rest): (H, E, R)) -> bool {
        let row = Whole { hot, rest, endpoint };
        if let Some(place) = self.as_mut_slice().get_mut(slot) {
            *place = row;
            return true;
        }
        self.push(row).is_ok()
    }
}

/// Rows in columns: with many endpoints, a pick and its report find more of what they look at in the
/// nearest caches.
#[cfg(feature = "alloc")]
#[doc(hidden)]
#[derive(Debug)]
pub struct Columns<H, E, R> {
    hot: Vec<H>,
    endpoints: Vec<E>,
    rest: Vec<R>,
}

#[cfg(feature = "alloc")]
impl<H, E, R> Rows<H, E, R> for Columns<H, E, R> {
    const NEW: Self = Self { hot: Vec::new(), endpoints: Vec::new(), rest: Vec::new() };
    const LIMIT: usize = usize::MAX;

    #[inline]
    fn slots(&self) -> usize {
        self.hot.len()
    }

    #[inline]
    fn look<T>(&self, slot: usize, look: impl FnOnce(&H) -> T) -> Option<T> {
        self.hot.get(slot).map(look)
    }

    #[inline]
    fn look_mut<T>(&mut self, slot: usize, look: impl FnOnce(&mut H) -> T) -> Option<T> {
        self.hot.get_mut(slot).map(look)
    }

    #[inline]
    fn endpoint(&self, slot: usize) -> Option<&E> {
        self.endpoints.get(slot)
    }

    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    fn get(&self, slot: usize) -> Option<(&H, &E, &R)> {
        Some((self.hot.get(slot)?, self.endpoints.get(slot)?, self.rest.get(slot)?))
    }

    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    fn get_mut(&mut self, slot: usize) -> Option<(&mut H, &mut E, &mut R)> {
        let Self { hot, endpoints, rest } = self;
        Some((hot.get_mut(slot)?, endpoints.get_mut(slot)?, rest.get_mut(slot)?))
    }

    fn put(&mut self, slot: usize, row: (H, E, R)) -> bool {
        if let Some((hot, endpoint, rest)) = self.get_mut(slot) {
            (*hot, *endpoint, *rest) = row;
        } else {
            self.hot.push(row.0);
            self.endpoints.push(row.1);
            self.rest.push(row.2);
        }
        true
    }

    fn expect(&mut self, more: usize) {
        self.hot.reserve(more);
        self.endpoints.reserve(more);
        self.rest.reserve(more);
    }
}
