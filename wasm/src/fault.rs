use evenkeel_core::policy::InvalidParameter;
use evenkeel_core::{ConfigError, ImportError};

/// An error of the core, of which TypeScript makes the text.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Its place in the list of its kind.
    index: u8,
    /// What is wrong.
    pub(crate) name: &'static str,
    numbers: [u64; 3],
}

impl Fault {
    pub(crate) fn of_parameter(error: InvalidParameter) -> Self {
        let (name, numbers) = error.facts();
        Self { index: error.index(), name, numbers }
    }

    pub(crate) fn of_config(error: ConfigError) -> Self {
        let (name, [value, limit]) = error.facts();
        Self { index: error.index(), name, numbers: [value, limit, 0] }
    }

    pub(crate) fn of_state(error: ImportError) -> Self {
        let (name, [found, wanted]) = error.facts();
        Self { index: error.index(), name, numbers: [found, wanted, 0] }
    }

    /// Returns its place, and the numbers of its text.
    pub(crate) fn numbers(&self) -> [u64; 4] {
        let [a, b, c] = self.numbers;
        [self.index.into(), a, b, c]
    }
}
