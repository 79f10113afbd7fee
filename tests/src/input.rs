//! Bytes as a source of decisions. Every byte string is a valid input; past its end there are only
//! zeros.

use core::time::Duration;

use evenkeel_core::{Endpoint, Outcome, Verdict};

/// How many addresses there are: well above the capacity of the small balancer.
pub(crate) const ADDRESSES: u8 = 12;

#[derive(Clone)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number in `0..n`; 0 if `n` is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()).checked_rem(n).unwrap_or(0)
    }

    /// Up to `most` bytes, as they are.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let length = self.below(most + 1).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    /// All that is left, as it is.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    /// Any number, those at the limits more often than others.
    pub(crate) fn number(&mut self) -> u64 {
        match self.below(8) {
            0 => 0,
            1 => 1,
            2 => u32::MAX.into(),
            3 => u64::MAX,
            4 | 5 => self.byte().into(),
            6 => u64::from(self.byte()) << 8 | u64::from(self.byte()),
            _ => (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte())),
        }
    }

    /// Any weight above zero, except some for which a ring would be slow to build.
    pub(crate) fn weight(&mut self) -> u32 {
        match self.byte() {
            byte @ 0..128 => 1 + u32::from(byte % 4),
            128..192 => u32::MAX,
            _ => (self.number() as u32).max(1 << 24),
        }
    }

    pub(crate) fn address(&mut self) -> u8 {
        self.byte() % ADDRESSES
    }

    /// One byte of address, one of weight 0-3, priority 0-3 and draining (one in eight).
    pub(crate) fn endpoint(&mut self) -> Endpoint<u8> {
        let addr = self.address();
        let content = self.byte();
        Endpoint::new(addr)
            .with_weight(u32::from(content & 3))
            .with_priority(u16::from(content >> 2 & 3))
            .with_draining(content >> 4 & 7 == 7)
    }

    pub(crate) fn verdict(&mut self) -> Verdict {
        match self.below(10) {
            0 => Verdict::RetryableFailure,
            1 => Verdict::PushBack { wait: self.duration() },
            2 => Verdict::NeverSent,
            3 => Verdict::Ignorable,
            4 => Verdict::TimedOut,
            5 => Verdict::NonRetryableFailure,
            6 => Verdict::Canceled,
            7 => Verdict::Overloaded { wait: None },
            8 => Verdict::Overloaded { wait: Some(self.duration()) },
            _ => Verdict::Success,
        }
    }

    /// Any end, failures more often than others.
    pub(crate) fn outcome(&mut self) -> Outcome {
        match self.below(12) {
            0 | 5 => Outcome::Success,
            1 | 6 => Outcome::Failure,
            2 => Outcome::Overloaded { retry_after: None },
            3 => Outcome::Overloaded { retry_after: Some(self.duration()) },
            4 => Outcome::Abandoned,
            7 => Outcome::TimedOut,
            8 => Outcome::NeverSent,
            9 => Outcome::Ignorable,
            10 => Outcome::PushedBack,
            _ => Outcome::LostRace,
        }
    }

    /// From nothing to a year, in steps that matter: 0, or 4^k nanoseconds.
    pub(crate) fn duration(&mut self) -> Duration {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        match self.byte() % 29 {
            0 => Duration::ZERO,
            28 => YEAR,
            exponent => Duration::from_nanos(1 << (2 * exponent)),
        }
    }
}
