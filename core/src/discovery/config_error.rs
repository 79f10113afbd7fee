use core::error::Error;
use core::fmt;
use core::time::Duration;

/// Tells what is wrong with the settings of a [`LongPoll`](super::long_poll::LongPoll) or of a
/// [`ListWatch`](super::list_watch::ListWatch).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchConfigError {
    /// This setting must not be zero.
    Zero {
        /// The field's name.
        name: &'static str,
    },
    /// The longest backoff is shorter than the first.
    BackoffMaxBelowBase {
        /// The first wait.
        base: Duration,
        /// The longest wait.
        max: Duration,
    },
}

impl WatchConfigError {
    /// Finds the first setting that is zero, and a backoff that ends before it begins.
    pub(super) fn in_settings<const N: usize>(
        above_zero: [(&'static str, bool); N],
        base: Duration,
        max: Duration,
    ) -> Result<(), Self> {
        if let Some((name, _)) = above_zero.into_iter().find(|(_, above)| !above) {
            return Err(Self::Zero { name });
        }
        if max < base {
            return Err(Self::BackoffMaxBelowBase { base, max });
        }
        Ok(())
    }
}

impl fmt::Display for WatchConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero { name } => write!(f, "`{name}` is 0: it must be above 0"),
            Self::BackoffMaxBelowBase { base, max } => {
                write!(f, "`backoff_max` {max:?} is below `backoff_base` {base:?}")
            }
        }
    }
}

impl Error for WatchConfigError {}
