//! The hosts of a service: how long they work for a request, and what is wrong with them.

use core::time::Duration;

use evenkeel_core::Instant;

use super::chance::{Luck, exponential, happens};

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    /// How long a request takes, once it is its turn.
    pub service: Service,
    /// How many requests it works on at a time; the others wait in the order they came. `None` for
    /// any number.
    pub workers: Option<u32>,
    /// What is wrong with it; of several faults that hold, the first counts.
    pub faults: Vec<Fault>,
}

/// How long a host works for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Always the same.
    Constant(Duration),
    /// Exponentially distributed around this mean.
    Exponential(Duration),
}

/// Something that is wrong with a host for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From when on.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
    /// How many of a thousand requests meet it.
    pub per_mille: u32,
    /// What becomes of those.
    pub effect: Effect,
}

/// What becomes of a request that meets a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It fails after this time, without work.
    Fails {
        /// How long that takes.
        after: Duration,
    },
    /// It takes this much longer; whoever works on it may work on others meanwhile.
    Slow {
        /// How much.
        by: Duration,
    },
    /// It never gets an answer.
    Hangs,
}

/// The time of an answer, and a mark on good ones; nothing without an answer.
pub(super) type Answer = Option<(Instant, bool)>;

impl Host {
    /// A host without faults that works on any number of requests at a time.
    pub fn exponential(mean: Duration) -> Self {
        Self { service: Service::Exponential(mean), workers: None, faults: Vec::new() }
    }

    /// The same with one more fault.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// The same working on so many requests at a time.
    #[must_use]
    pub fn with_workers(self, workers: u32) -> Self {
        Self { workers: Some(workers), ..self }
    }
}

impl Fault {
    /// All the time, for all requests.
    pub const fn always(effect: Effect) -> Self {
        Self { from: Instant::ZERO, until: Instant::MAX, per_mille: 1000, effect }
    }

    /// The same, but over at this time.
    #[must_use]
    pub const fn until(self, until: Instant) -> Self {
        Self { until, ..self }
    }

    /// The same for so many of a thousand requests.
    #[must_use]
    pub const fn of_a_thousand(self, per_mille: u32) -> Self {
        Self { per_mille, ..self }
    }

    fn holds(&self, now: Instant, luck: Luck) -> bool {
        self.from <= now && now < self.until && happens(self.per_mille, luck.fault)
    }
}

/// A host at work.
pub(super) struct Running<'a> {
    host: &'a Host,
    /// When each worker has nothing to do any more.
    idle: Vec<Instant>,
}

impl<'a> Running<'a> {
    pub(super) fn new(host: &'a Host) -> Self {
        Self { host, idle: vec![Instant::ZERO; host.workers.unwrap_or(0) as usize] }
    }

    /// A request comes in.
    pub(super) fn serve(&mut self, now: Instant, luck: Luck) -> Answer {
        let work = match self.host.service {
            Service::Constant(time) => time,
            Service::Exponential(mean) => exponential(mean, luck.work),
        };
        match self.host.faults.iter().find(|fault| fault.holds(now, luck)).map(|fault| fault.effect)
        {
            Some(Effect::Hangs) => None,
            Some(Effect::Fails { after }) => Some((now + after, false)),
            Some(Effect::Slow { by }) => Some((self.work(now, work) + by, true)),
            None => Some((self.work(now, work), true)),
        }
    }

    /// Returns when it is done. A client that gives up does not spare the host the work.
    fn work(&mut self, now: Instant, work: Duration) -> Instant {
        match self.idle.iter_mut().min() {
            None => now + work,
            Some(idle) => {
                *idle = now.max(*idle) + work;
                *idle
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LUCK: Luck = Luck { work: 0, fault: 0 };

    fn host() -> Host {
        Host {
            service: Service::Constant(Duration::from_millis(10)),
            workers: None,
            faults: Vec::new(),
        }
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn requests_wait_for_a_worker() {
        let host = host().with_workers(2);
        let mut running = Running::new(&host);
        let answers = [0, 1, 2, 3, 100].map(|now| running.serve(at(now), LUCK).expect("an answer"));
        assert_eq!(answers, [10, 11, 20, 21, 110].map(|millis| (at(millis), true)));
    }

    #[test]
    fn faults_have_their_time_and_their_share() {
        let fails = Fault::always(Effect::Fails { after: Duration::from_millis(1) }).until(at(50));
        let slow = Fault {
            from: at(40),
            per_mille: 500,
            ..Fault::always(Effect::Slow { by: Duration::from_millis(7) })
        };
        let host = host().with(fails).with(slow);
        let mut running = Running::new(&host);
        let mut serve = |now, fault| running.serve(at(now), Luck { fault, ..LUCK });
        assert_eq!(serve(0, 0), Some((at(1), false)));
        assert_eq!(serve(49, 0), Some((at(50), false)));
        assert_eq!(serve(50, 0), Some((at(67), true)));
        assert_eq!(serve(50, u64::MAX), Some((at(60), true)));
        let host = host.with(Fault { from: at(50), ..Fault::always(Effect::Hangs) });
        assert_eq!(Running::new(&host).serve(at(60), Luck { fault: u64::MAX, ..LUCK }), None);
    }
}
