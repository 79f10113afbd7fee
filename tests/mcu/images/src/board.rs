//! What a board brings along: the linker script makes addresses of it, and `in_qemu` functions.

use core::convert::Infallible;

use evenkeel_core::Instant;
use evenkeel_core::rand_core::TryRng;

/// How the attempts of a call came out, as far as the radio has heard.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// The attempt's number; 0: nothing was heard in time.
    pub attempt: u8,
    /// There was an answer, and it was good.
    pub good: bool,
}

unsafe extern "C" {
    /// Sends a request and waits for its answer. Tells if it was good.
    pub safe fn radio_send(address: u32, probe: bool) -> bool;
    /// Sends the request of an attempt, whose answer is heard later.
    pub safe fn radio_start(address: u32, attempt: u8);
    /// Waits for an answer until a time in milliseconds.
    pub safe fn radio_wait(until: u32) -> Heard;
    /// Waits no longer for the answer to an attempt.
    pub safe fn radio_cancel(attempt: u8);
    /// Milliseconds, which wrap.
    pub safe fn clock_ms() -> u32;
    /// Nanoseconds.
    pub safe fn clock_ns() -> u64;
    /// Sleeps until a time in nanoseconds.
    pub safe fn sleep_until_ns(until: u64);
    /// 32 random bits.
    pub safe fn random32() -> u32;
    /// The address of the endpoint at a place of what was discovered.
    pub safe fn discovered(place: usize) -> u32;
    /// A setting that its user has changed.
    pub safe fn setting(place: usize) -> u32;
    /// Shows a number.
    pub safe fn report_number(number: u32);
}

/// Returns the time, from milliseconds.
pub fn now() -> Instant {
    Instant::from_millis(clock_ms().into())
}

/// The board's generator.
#[derive(Clone, Copy, Debug)]
pub struct Random;

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(random32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(random32()) << 32 | u64::from(random32()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = random32() as u8;
        }
        Ok(())
    }
}
