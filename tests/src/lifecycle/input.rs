//! Bytes as a source of decisions. Every byte string is a valid input; past its end there are only zeros.

use core::time::Duration;

use evenkeel_core::Endpoint;

/// How many addresses there are: well above the capacity of the small balancer.
pub(super) const ADDRESSES: u8 = 12;

pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number in `0..n`; 0 if `n` is 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()).checked_rem(n).unwrap_or(0)
    }

    pub(super) fn address(&mut self) -> u8 {
        self.byte() % ADDRESSES
    }

    /// One byte of address, one of weight 0-3, priority 0-3 and draining (one in eight).
    pub(super) fn endpoint(&mut self) -> Endpoint<u8> {
        let addr = self.address();
        let content = self.byte();
        Endpoint::new(addr)
            .with_weight(u32::from(content & 3))
            .with_priority(u16::from(content >> 2 & 3))
            .with_draining(content >> 4 & 7 == 7)
    }

    /// From nothing to a year, in steps that matter: 0, or 4^k nanoseconds.
    pub(super) fn duration(&mut self) -> Duration {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        match self.byte() % 29 {
            0 => Duration::ZERO,
            28 => YEAR,
            exponent => Duration::from_nanos(1 << (2 * exponent)),
        }
    }
}
