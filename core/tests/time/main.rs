//! Time that passes: a week of calls, and clocks that begin anew.

mod week;
#[cfg(feature = "millis32")]
mod wraps;
