use core::time::Duration;

use crate::hash::mix;
use crate::retry::scaled;
use crate::settings::{ConfigError, at_least, at_most};
use crate::time::{Instant, Ticks, nanos, ticks};

/// The settings of active health checks: how often an endpoint is asked, and how many answers in a
/// row change its health.
///
/// Interval, timeout, `rise` and `fall` have Kubernetes' defaults for probes; the names of the
/// latter two are `HAProxy`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Time from the beginning of one check to that of the next, above zero; default 10 s. A check
    /// never begins before the last one ended.
    pub interval: Duration,
    /// The time to wait for a result, above zero; default 1 s. None by then is a failure.
    pub timeout: Duration,
    /// Successes in a row that make an unhealthy endpoint healthy, at least 1; default 1.
    pub rise: u8,
    /// Failures in a row that make a healthy endpoint unhealthy, at least 1; default 3.
    pub fall: u8,
    /// The most that a check begins later, at random, in percent of the interval, at most 100;
    /// default 10. Clients that check in step are a burst of load.
    pub jitter_percent: u8,
    /// The health before the first result. Default `None`, unknown: the first result decides, for
    /// any `rise` and `fall`, as in Envoy. `Some(true)` trusts endpoints until `fall` checks
    /// failed, as pingora does.
    pub initial: Option<bool>,
}

impl HealthCheck {
    /// Checks that the settings make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first that does not, with its value and its limit.
    pub fn check(&self) -> Result<(), ConfigError> {
        at_least("health_check.interval (nanoseconds)", nanos(self.interval), 1)?;
        at_least("health_check.timeout (nanoseconds)", nanos(self.timeout), 1)?;
        at_least("health_check.rise", self.rise.into(), 1)?;
        at_least("health_check.fall", self.fall.into(), 1)?;
        at_most("health_check.jitter_percent", self.jitter_percent.into(), 100)
    }
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            rise: 1,
            fall: 3,
            jitter_percent: 10,
            initial: None,
        }
    }
}

/// Decides when to check one endpoint and when to give a check up, and tells its health from the
/// results.
///
/// Only the caller knows what a check is (a connection, a request). Ask [`poll`](Self::poll) what
/// to do until it says [`CheckStep::Wait`]; give it every result. Its answer changes with time and
/// [`on_result`](Self::on_result). A late poll means one check, never a burst.
///
/// ```
/// use evenkeel_core::Instant;
/// use evenkeel_core::health::{CheckStep, Checker, HealthCheck};
///
/// let settings = HealthCheck::default();
/// settings.check()?;
/// let mut now = Instant::ZERO;
/// // The seed is another one for each client and endpoint.
/// let mut checker = Checker::new(&settings, now, 7);
/// while checker.healthy().is_none() {
///     match checker.poll(now) {
///         CheckStep::Check { id, deadline } => {
///             // … ask the endpoint, until `deadline` …
///             if let Some(healthy) = checker.on_result(now, id, true) {
///                 println!("healthy: {healthy}");
///             }
///         }
///         CheckStep::Cancel { .. } => {}         // no answer: drop the request
///         CheckStep::Wait(until) => now = until, // … or sleep, until a result comes
///     }
/// }
/// assert_eq!(checker.healthy(), Some(true));
/// // The first check is at a random place in the first interval.
/// assert!(now < Instant::from_secs(10));
/// # Ok::<(), evenkeel_core::ConfigError>(())
/// ```
///
/// 72 bytes; everything is O(1). No random numbers are needed: jitter follows from the seed and the
/// number of the check.
#[derive(Clone, Debug)]
pub struct Checker {
    interval: Ticks,
    timeout: Ticks,
    /// The most that a check begins later.
    jitter: Ticks,
    seed: u64,
    /// The times at which the next check begins, and the one under way is given up.
    due: Instant,
    deadline: Option<Instant>,
    last: Instant,
    /// The number of the next check.
    next: u32,
    rise: u8,
    fall: u8,
    /// Results in a row that speak against `health`.
    against: u8,
    health: Option<bool>,
}

/// Names one check, so that a late result cannot be taken for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CheckId(u32);

impl CheckId {
    /// Returns which check of its endpoint it is: 0 for the first; from 2³² on, they begin again.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// Says what a [`Checker`] asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum CheckStep {
    /// Check the endpoint now.
    Check {
        /// To be given back with the result.
        id: CheckId,
        /// The time at which the check is given up.
        deadline: Instant,
    },
    /// Give this check up; it counts as failed.
    Cancel {
        /// Its name.
        id: CheckId,
        /// The endpoint's health, if that changed it.
        changed: Option<bool>,
    },
    /// Poll again at this time, or after a result.
    Wait(Instant),
}

impl Checker {
    /// Makes a checker whose first check is due at a place in the first interval that follows from
    /// `seed`: a client that has just learnt of 1,000 endpoints does not check them all at once.
    /// Give each endpoint and each client a seed of its own.
    ///
    /// Settings that [`HealthCheck::check`] refuses do no harm: a `rise` or `fall` of 0 counts as
    /// 1, more than 100 percent as 100.
    pub fn new(settings: &HealthCheck, now: Instant, seed: u64) -> Self {
        let interval = ticks(settings.interval);
        let percent = u64::from(settings.jitter_percent.min(100));
        Self {
            interval,
            timeout: ticks(settings.timeout),
            jitter: scaled(percent * HUNDREDTH, interval),
            seed,
            due: now.later(scaled(mix(seed, 0), interval.saturating_sub(1))),
            deadline: None,
            last: now,
            next: 0,
            rise: settings.rise,
            fall: settings.fall,
            against: 0,
            health: settings.initial,
        }
    }

    /// Says what to do now.
    pub fn poll(&mut self, now: Instant) -> CheckStep {
        self.follow_clock(now);
        match self.deadline {
            Some(deadline) if is_due(deadline, now) => {
                let id = CheckId(self.next.wrapping_sub(1));
                CheckStep::Cancel { id, changed: self.end(false) }
            }
            Some(deadline) => CheckStep::Wait(deadline),
            None if is_due(self.due, now) => self.begin(now),
            None => CheckStep::Wait(self.due),
        }
    }

    /// Takes a check's result; returns the endpoint's health if that changed it. The result of a
    /// check that was given up changes nothing.
    pub fn on_result(&mut self, now: Instant, id: CheckId, ok: bool) -> Option<bool> {
        self.follow_clock(now);
        let current = self.deadline.is_some() && id.0 == self.next.wrapping_sub(1);
        if current { self.end(ok) } else { None }
    }

    /// Returns the endpoint's health; `None` before the first result, unless
    /// [`HealthCheck::initial`] said so.
    pub const fn healthy(&self) -> Option<bool> {
        self.health
    }

    fn begin(&mut self, now: Instant) -> CheckStep {
        let id = CheckId(self.next);
        self.next = self.next.wrapping_add(1);
        let deadline = now.later(self.timeout);
        self.deadline = Some(deadline);
        // The first number was for the place of the first check.
        let jitter = scaled(mix(self.seed, u64::from(id.0) + 1), self.jitter);
        self.due = now.later(self.interval.saturating_add(jitter));
        CheckStep::Check { id, deadline }
    }

    /// Ends the check under way.
    fn end(&mut self, ok: bool) -> Option<bool> {
        self.deadline = None;
        if self.health == Some(ok) {
            self.against = 0;
            return None;
        }
        self.against = self.against.saturating_add(1);
        let enough = match self.health {
            None => 1,
            Some(true) => self.fall,
            Some(false) => self.rise,
        };
        if self.against < enough {
            return None;
        }
        self.against = 0;
        self.health = Some(ok);
        self.health
    }

    /// Takes all times along with a clock that went backwards: no wait gets longer.
    fn follow_clock(&mut self, now: Instant) {
        let back = self.last.since(now);
        self.last = now;
        if back > 0 {
            self.due = self.due.earlier(back);
            self.deadline = self.deadline.map(|deadline| deadline.earlier(back));
        }
    }
}

/// A hundredth of 2⁶⁴: [`scaled`] with so many of them is a percentage, without a division.
const HUNDREDTH: u64 = u64::MAX / 100;

/// Tells that a time has come. At the end of time, where all times saturate, nothing is due: checks
/// would follow each other without a pause.
fn is_due(time: Instant, now: Instant) -> bool {
    now.has_reached(time) && (cfg!(feature = "millis32") || time != Instant::MAX)
}
