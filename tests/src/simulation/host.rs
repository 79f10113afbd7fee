//! The hosts of a service: how long they work for a request, and what is wrong with them.

use core::time::Duration;

use evenkeel_core::{Instant, Verdict};

use super::chance::{Luck, exponential};
use super::fault::{Effect, Fault};

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its level: others are for when those of lower numbers do not do.
    pub priority: u16,
    /// Its share, in relation to the others'.
    pub weight: u32,
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

/// The time of an answer, and what it is; nothing without an answer.
pub(super) type Answer = Option<(Instant, Verdict)>;

impl Host {
    /// A host without faults that works on any number of requests at a time.
    pub fn exponential(mean: Duration) -> Self {
        Self::new(Service::Exponential(mean))
    }

    /// The same with another distribution.
    pub const fn new(service: Service) -> Self {
        Self { service, workers: None, faults: Vec::new(), priority: 0, weight: 1 }
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
            Some(Effect::Fails { after }) => Some((now + after, Verdict::RetryableFailure)),
            Some(Effect::Refuses { after }) => {
                self.idle.fill(now);
                Some((now + after, Verdict::NeverSent))
            }
            Some(Effect::Slow { by }) => Some(self.answer(now, work, by)),
            Some(Effect::Slower { times }) => Some(self.answer(now, work * times, Duration::ZERO)),
            None => Some(self.answer(now, work, Duration::ZERO)),
        }
    }

    /// Works, and answers a while later, unless it goes down before: then whoever waits learns it.
    fn answer(&mut self, now: Instant, work: Duration, later: Duration) -> (Instant, Verdict) {
        let done = self.work(now, work) + later;
        let down = |fault: &&Fault| {
            matches!(fault.effect, Effect::Refuses { .. }) && now < fault.from && fault.from < done
        };
        match self.host.faults.iter().filter(down).map(|fault| fault.from).min() {
            Some(from) => (from, Verdict::RetryableFailure),
            None => (done, Verdict::Success),
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
        Host::new(Service::Constant(Duration::from_millis(10)))
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn requests_wait_for_a_worker() {
        let host = host().with_workers(2);
        let mut running = Running::new(&host);
        let answers = [0, 1, 2, 3, 100].map(|now| running.serve(at(now), LUCK).expect("an answer"));
        assert_eq!(answers, [10, 11, 20, 21, 110].map(|millis| (at(millis), Verdict::Success)));
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
        assert_eq!(serve(0, 0), Some((at(1), Verdict::RetryableFailure)));
        assert_eq!(serve(49, 0), Some((at(50), Verdict::RetryableFailure)));
        assert_eq!(serve(50, 0), Some((at(67), Verdict::Success)));
        assert_eq!(serve(50, u64::MAX), Some((at(60), Verdict::Success)));
        let host = host.with(Fault { from: at(50), ..Fault::always(Effect::Hangs) });
        assert_eq!(Running::new(&host).serve(at(60), Luck { fault: u64::MAX, ..LUCK }), None);
    }

    #[test]
    fn a_host_that_goes_down_loses_what_it_was_at() {
        let refuses = Effect::Refuses { after: Duration::from_millis(1) };
        let down = Fault { from: at(15), ..Fault::always(refuses).until(at(50)) };
        let host = host().with_workers(1).with(down);
        let mut running = Running::new(&host);
        let answers = [0, 1, 20, 50].map(|now| running.serve(at(now), LUCK));
        let lost = (at(15), Verdict::RetryableFailure);
        let (good, refused) = ((at(10), Verdict::Success), (at(21), Verdict::NeverSent));
        assert_eq!(answers, [good, lost, refused, (at(60), Verdict::Success)].map(Some));
    }
}
