use std::sync::Arc;

/// So many reasons are kept of what an answer skipped; all are counted.
const REASONS: usize = 16;

/// What of an answer was no endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    count: usize,
    reasons: Vec<Arc<str>>,
}

impl Skipped {
    /// Notes one more, with the reason.
    pub fn note(&mut self, reason: impl Into<Arc<str>>) {
        self.count += 1;
        if self.reasons.len() < REASONS {
            self.reasons.push(reason.into());
        }
    }

    /// Adds what another answer skipped.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        let room = REASONS - self.reasons.len();
        self.reasons.extend(other.reasons.into_iter().take(room));
    }

    /// Returns how many there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the reasons of the first 16.
    pub fn reasons(&self) -> &[Arc<str>] {
        &self.reasons
    }
}
