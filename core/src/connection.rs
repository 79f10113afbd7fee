//! The state of one endpoint's connection, and when to try again after a failure: gRPC's
//! `connection-backoff.md` and `connectivity-semantics-and-api.md`.
//!
//! A [`Connection`] does no I/O. The shell connects when it is [`Idle`](Connectivity::Idle), says
//! how that ended, and waits until [`Connection::poll_timeout`] before it tries again.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use rand_core::Rng;

use crate::names::named;
use crate::retry::up_to;
use crate::time::{Instant, Ticks, duration, ticks};

/// Tells how far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Connectivity {
    /// There is none, and nothing forbids to make one.
    Idle,
    /// It is being made.
    Connecting,
    /// It is there: requests can be sent.
    Ready,
    /// The last try failed, and the next has to wait (gRPC's `TRANSIENT_FAILURE`).
    Backoff,
}

named!(all Connectivity {
    Idle => "idle",
    Connecting => "connecting",
    Ready => "ready",
    Backoff => "backoff",
});

/// Sets the waits between the beginnings of two tries to connect: `base` after the first failure,
/// 1.6 times as long after each other, at most `cap`, each 20 % shorter to 20 % longer at random.
///
/// | failures in a row | 1 | 2 | 3 | 4 | 5 | 11 and more |
/// |---|---|---|---|---|---|---|
/// | wait by default, ± 20 % | 1 s | 1.6 s | 2.6 s | 4.1 s | 6.6 s | 110 s, then 120 s |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionBackoff {
    base: Ticks,
    cap: Ticks,
}

impl ConnectionBackoff {
    /// From 1 s to 120 s, as gRPC.
    pub const DEFAULT: Self =
        Self { base: ticks(Duration::from_secs(1)), cap: ticks(Duration::from_secs(120)) };

    /// Sets the first wait and the longest one.
    ///
    /// # Errors
    /// [`ConnectionBackoffError`] when `base` is below 1 ms, or `cap` below `base`.
    pub fn new(base: Duration, cap: Duration) -> Result<Self, ConnectionBackoffError> {
        if base < Duration::from_millis(1) || cap < base {
            return Err(ConnectionBackoffError { base, cap });
        }
        Ok(Self { base: ticks(base), cap: ticks(cap) })
    }

    /// Returns the wait after `failures >= 1` in a row, counted from the beginning of the last try.
    /// O(`failures`), at most some 50 steps.
    fn wait(self, failures: u32, rng: &mut impl Rng) -> Ticks {
        let mut plain = self.base;
        for _ in 1..failures {
            if plain >= self.cap {
                break;
            }
            // 1.6 times as long.
            plain = plain.saturating_add(plain / 2).saturating_add(plain / 10);
        }
        let plain = plain.min(self.cap);
        let fifth = plain / 5;
        (plain - fifth).saturating_add(up_to(fifth.saturating_mul(2), rng))
    }
}

impl Default for ConnectionBackoff {
    /// [`ConnectionBackoff::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The waits between tries to connect make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionBackoffError {
    /// The first wait: at least 1 ms.
    pub base: Duration,
    /// The longest wait: not below `base`.
    pub cap: Duration,
}

impl fmt::Display for ConnectionBackoffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, cap } = self;
        if cap < base {
            write!(f, "the longest wait {cap:?} is below the first one, {base:?}")
        } else {
            write!(f, "a first wait of {base:?}: at least 1 ms is needed")
        }
    }
}

impl Error for ConnectionBackoffError {}

/// One endpoint's connection: its state, and when it may be made again.
///
/// ```
/// use evenkeel_core::Instant;
/// use evenkeel_core::connection::{Connection, ConnectionBackoff, Connectivity};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
///
/// let mut connection = Connection::new(ConnectionBackoff::DEFAULT);
/// connection.connect(Instant::ZERO);
/// // … it is refused …
/// connection.failed(Instant::from_millis(2), &mut rng);
/// let until = connection.poll_timeout().unwrap();
/// assert!(until >= Instant::from_millis(800) && until <= Instant::from_millis(1_200));
/// connection.handle_timeout(until);
/// assert_eq!(connection.state(), Connectivity::Idle);
/// connection.connect(until);
/// connection.connected();
/// assert_eq!(connection.state(), Connectivity::Ready);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    backoff: ConnectionBackoff,
    state: Connectivity,
    /// In a row.
    failures: u32,
    /// A request was answered over it.
    answered: bool,
    /// When the last try began.
    began: Instant,
    /// Of the backoff.
    until: Instant,
}

impl Connection {
    /// Makes one that is idle.
    pub const fn new(backoff: ConnectionBackoff) -> Self {
        Self {
            backoff,
            state: Connectivity::Idle,
            failures: 0,
            answered: false,
            began: Instant::ZERO,
            until: Instant::ZERO,
        }
    }

    /// Returns how far it is.
    pub const fn state(&self) -> Connectivity {
        self.state
    }

    /// Returns how many tries failed since it last was there.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Begins to connect. Without effect unless it is idle.
    pub fn connect(&mut self, now: Instant) {
        if self.state == Connectivity::Idle {
            self.state = Connectivity::Connecting;
            self.began = now;
            self.answered = false;
        }
    }

    /// Takes note that the connection is there. Without effect unless it was being made.
    pub fn connected(&mut self) {
        if self.state == Connectivity::Connecting {
            self.state = Connectivity::Ready;
        }
    }

    /// Takes note that a request was answered over it. Without effect unless it is there.
    pub fn answered(&mut self) {
        self.answered |= self.state == Connectivity::Ready;
    }

    /// Takes note that it could not be made: the next try waits. Without effect unless it was being
    /// made.
    pub fn failed(&mut self, now: Instant, rng: &mut impl Rng) {
        if self.state == Connectivity::Connecting {
            self.back_off(now, rng);
        }
    }

    /// Takes note that the connection is gone. It may be made again at once; but one over which
    /// nothing was [answered](Self::answered) and which lasted for less than the first wait counts
    /// as a try that failed, so that a server which accepts connections and closes them is not asked
    /// in a loop.
    pub fn lost(&mut self, now: Instant, rng: &mut impl Rng) {
        if self.state != Connectivity::Ready {
            return;
        }
        let early = now.saturating_since(self.began) < duration(self.backoff.base);
        if early && !self.answered {
            self.back_off(now, rng);
        } else {
            self.failures = 0;
            self.state = Connectivity::Idle;
        }
    }

    fn back_off(&mut self, now: Instant, rng: &mut impl Rng) {
        self.failures = self.failures.saturating_add(1);
        self.until = (self.began + duration(self.backoff.wait(self.failures, rng))).or_later(now);
        self.state = Connectivity::Backoff;
    }

    /// Forgets the failures, and ends the wait: somebody says that the endpoint is back.
    pub fn reset(&mut self) {
        self.failures = 0;
        if self.state == Connectivity::Backoff {
            self.state = Connectivity::Idle;
        }
    }

    /// Returns when the wait is over; `None` while there is none. Changes with every call that
    /// changes the [`state`](Self::state).
    pub fn poll_timeout(&self) -> Option<Instant> {
        (self.state == Connectivity::Backoff).then_some(self.until)
    }

    /// Makes it idle, if its wait is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state == Connectivity::Backoff && now.has_reached(self.until) {
            self.state = Connectivity::Idle;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    const fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(7)
    }

    #[test]
    fn waits_grow_by_1_6_and_are_spread_by_a_fifth() {
        let mut rng = rng();
        let mut plain = 1_000.0;
        for failures in 1..=40 {
            let mut seen = [f64::MAX, 0.0_f64];
            for _ in 0..500 {
                let wait = duration(ConnectionBackoff::DEFAULT.wait(failures, &mut rng));
                let wait = wait.as_secs_f64() * 1_000.0;
                seen = [seen[0].min(wait), seen[1].max(wait)];
            }
            let (least, most) = (plain * 0.8, plain * 1.2);
            // All of the range is drawn from, and nothing beyond it (milliseconds round).
            assert!(seen[0] >= least * 0.99 && seen[0] < least * 1.02, "{failures}: {seen:?}");
            assert!(seen[1] <= most * 1.01 && seen[1] > most * 0.98, "{failures}: {seen:?}");
            plain = f64::min(plain * 1.6, 120_000.0);
        }
    }

    #[test]
    fn a_try_is_counted_from_its_beginning() {
        let (mut rng, mut connection) = (rng(), Connection::new(ConnectionBackoff::DEFAULT));
        connection.connect(ms(5_000));
        connection.failed(ms(25_000), &mut rng);
        // It took longer than the wait.
        assert_eq!(connection.poll_timeout(), Some(ms(25_000)));
        connection.handle_timeout(ms(24_999));
        assert_eq!(connection.state(), Connectivity::Backoff);
        connection.handle_timeout(ms(25_000));
        assert_eq!(connection.state(), Connectivity::Idle);
        assert_eq!(connection.poll_timeout(), None);
    }

    #[test]
    fn one_that_lasted_may_be_made_again_at_once() {
        let (mut rng, mut connection) = (rng(), Connection::new(ConnectionBackoff::DEFAULT));
        connection.connect(ms(0));
        connection.connected();
        connection.lost(ms(1_000), &mut rng);
        assert_eq!((connection.state(), connection.failures()), (Connectivity::Idle, 0));
        // Three that are closed at once: their waits grow.
        let mut now = ms(1_000);
        for failures in 1..=3 {
            connection.connect(now);
            connection.connected();
            connection.lost(now, &mut rng);
            assert_eq!(connection.failures(), failures);
            let until = connection.poll_timeout().unwrap();
            assert!(until.saturating_since(now) >= Duration::from_millis(790));
            now = until;
            connection.handle_timeout(now);
        }
    }

    #[test]
    fn one_that_was_of_use_may_be_made_again_at_once() {
        let (mut rng, mut connection) = (rng(), Connection::new(ConnectionBackoff::DEFAULT));
        let state = |connection: &Connection| (connection.state(), connection.failures());
        connection.connect(ms(0));
        // Nothing can be answered over it yet.
        connection.answered();
        connection.connected();
        connection.lost(ms(1), &mut rng);
        assert_eq!(state(&connection), (Connectivity::Backoff, 1));
        connection.reset();
        connection.connect(ms(2));
        connection.connected();
        connection.answered();
        connection.lost(ms(3), &mut rng);
        assert_eq!(state(&connection), (Connectivity::Idle, 0));
        // Each has to be of use itself.
        connection.connect(ms(4));
        connection.connected();
        connection.lost(ms(5), &mut rng);
        assert_eq!(state(&connection), (Connectivity::Backoff, 1));
    }

    #[test]
    fn what_does_not_fit_the_state_changes_nothing() {
        let (mut rng, mut connection) = (rng(), Connection::new(ConnectionBackoff::DEFAULT));
        connection.connected();
        connection.failed(ms(1), &mut rng);
        connection.lost(ms(1), &mut rng);
        assert_eq!((connection.state(), connection.failures()), (Connectivity::Idle, 0));
        connection.connect(ms(1));
        connection.failed(ms(2), &mut rng);
        connection.connect(ms(3));
        connection.connected();
        assert_eq!((connection.state(), connection.failures()), (Connectivity::Backoff, 1));
        connection.reset();
        assert_eq!((connection.state(), connection.failures()), (Connectivity::Idle, 0));
        connection.connect(ms(4));
        connection.reset();
        assert_eq!(connection.state(), Connectivity::Connecting);
    }

    #[test]
    fn senseless_waits_are_refused() {
        let (zero, second) = (Duration::ZERO, Duration::from_secs(1));
        let error = ConnectionBackoff::new(zero, second).unwrap_err();
        assert_eq!(error.to_string(), "a first wait of 0ns: at least 1 ms is needed");
        let error = ConnectionBackoff::new(second, second / 2).unwrap_err();
        assert_eq!(error.to_string(), "the longest wait 500ms is below the first one, 1s");
        assert_eq!(ConnectionBackoff::new(second, second * 120), Ok(ConnectionBackoff::DEFAULT));
    }
}
