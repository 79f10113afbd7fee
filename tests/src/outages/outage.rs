//! The words that an outage is told in.

use core::ops::Range;
use core::time::Duration;

use evenkeel_core::retry::{AnyBudget, RetryBudget, RetryBudgetSettings, RetryPolicy};

use super::Figure;
use crate::simulation::{Canceled, Effect, Fault, Host, Scenario};

const MS: Duration = Duration::from_millis(1);

/// An outage: a scenario, when its trouble begins and ends, and what must hold.
#[derive(Clone, Debug)]
pub struct Outage {
    /// What it is called in tables.
    pub title: String,
    /// What is played.
    pub scenario: Scenario,
    /// Of retries, for each client.
    pub budget: AnyBudget,
    /// The seconds of the trouble.
    pub trouble: Range<u64>,
    /// What its table shows, and the most that ours may have: in hundredths.
    pub figures: Vec<(Figure, Option<u64>)>,
    /// How many runs there are, with the seeds from 1 on.
    pub seeds: u64,
}

/// What is wrong with hosts.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    hosts: u32,
    per_mille: u32,
    effect: Effect,
    /// Seconds of trouble, and of none after that.
    rhythm: Option<(u64, u64)>,
    one_by_one: bool,
}

const fn trouble(hosts: u32, effect: Effect) -> Trouble {
    Trouble { hosts, per_mille: 1000, effect, rhythm: None, one_by_one: false }
}

/// So many hosts are dead: requests fail after 1 ms.
pub const fn dead(hosts: u32) -> Trouble {
    trouble(hosts, Effect::Fails { after: MS })
}

/// So many hosts are not there: requests cannot be sent, which shows after 1 ms.
pub const fn refusing(hosts: u32) -> Trouble {
    trouble(hosts, Effect::Refuses { after: MS })
}

/// So many hosts take requests and never answer.
pub const fn hung(hosts: u32) -> Trouble {
    trouble(hosts, Effect::Hangs)
}

/// So many of a thousand requests to so many hosts fail after 1 ms.
pub const fn failing(hosts: u32, per_mille: u32) -> Trouble {
    Trouble { per_mille, ..dead(hosts) }
}

/// Requests are so many times the work for so many hosts.
pub const fn slow(hosts: u32, times: u32) -> Trouble {
    trouble(hosts, Effect::Slower { times })
}

/// So many hosts are dead for some seconds, well for as many, and so on.
pub const fn flapping(hosts: u32, seconds: u64) -> Trouble {
    Trouble { rhythm: Some((seconds, seconds)), ..dead(hosts) }
}

/// One host after the other is not there for so many seconds.
pub const fn restarting(hosts: u32, seconds: u64) -> Trouble {
    Trouble { rhythm: Some((seconds, 0)), one_by_one: true, ..dead(hosts) }
}

impl Outage {
    /// No hosts; round robin; 80 s; up to 4 attempts of 250 ms each, with the default budget.
    ///
    /// # Panics
    /// Never: the policy makes sense.
    pub fn new(title: impl Into<String>) -> Self {
        let duration = Duration::from_secs(80);
        Self {
            title: title.into(),
            scenario: Scenario { duration, ..Scenario::default() },
            budget: AnyBudget::RetryBudget(RetryBudget::default()),
            trouble: 0..0,
            figures: Vec::new(),
            seeds: 3,
        }
        .attempts(4, 250)
    }

    /// So many hosts that work on one request at a time, 20 ms each, exponentially distributed.
    #[must_use]
    pub fn hosts(mut self, hosts: usize) -> Self {
        self.scenario.hosts = vec![Host::exponential(20 * MS).with_workers(1); hosts];
        self
    }

    /// Each host works on so many at a time; on any number with 0.
    #[must_use]
    pub fn workers(mut self, workers: u32) -> Self {
        for host in &mut self.scenario.hosts {
            host.workers = (workers > 0).then_some(workers);
        }
        self
    }

    /// Each host has its weight, and as many workers; weights move every so many milliseconds.
    #[must_use]
    pub fn weights(mut self, weights: &[u32], millis: u32) -> Self {
        for (host, weight) in self.scenario.hosts.iter_mut().zip(weights) {
            (host.weight, host.workers) = (*weight, Some(*weight));
        }
        self.scenario.reweighed = Some(millis * MS);
        self
    }

    /// A request takes so many milliseconds.
    #[must_use]
    pub fn takes(mut self, millis: u32) -> Self {
        for host in &mut self.scenario.hosts {
            host.service = crate::simulation::Service::Exponential(millis * MS);
        }
        self
    }

    /// So many hosts more, for when the first do not do.
    #[must_use]
    pub fn backups(mut self, hosts: usize) -> Self {
        let host = Host { priority: 1, faults: Vec::new(), ..self.scenario.hosts[0].clone() };
        self.scenario.hosts.extend(vec![host; hosts]);
        self
    }

    /// So many calls as take these percent of what the hosts of the first level can do, 20 ms each;
    /// those with any number of workers count as with one.
    #[must_use]
    pub fn load(mut self, percent: u32) -> Self {
        let first = self.scenario.hosts.iter().filter(|host| host.priority == 0);
        let workers: u32 = first.map(|host| host.workers.unwrap_or(1)).sum();
        self.scenario.rate = workers * 50 * percent / 100;
        self
    }

    /// So many callers, each with one call at a time.
    #[must_use]
    pub fn callers(mut self, callers: u32) -> Self {
        self.scenario.callers = Some(callers);
        self
    }

    /// So many clients, each with its own balancer and budget.
    #[must_use]
    pub fn clients(mut self, clients: u32) -> Self {
        self.scenario.clients = clients;
        self
    }

    /// Another policy than round robin.
    ///
    /// # Panics
    /// If there is none of this name.
    #[must_use]
    pub fn policy(mut self, name: &str) -> Self {
        self.scenario.policy = name.parse().expect("a policy");
        self
    }

    /// Retries for a share of the calls of the last 10 s, as in Finagle and tower.
    #[must_use]
    pub fn finagles_budget(mut self) -> Self {
        const FINAGLES: RetryBudget = match RetryBudget::new(RetryBudgetSettings::FINAGLE) {
            Ok(budget) => budget,
            Err(_) => panic!("good settings"),
        };
        self.budget = AnyBudget::RetryBudget(FINAGLES);
        self
    }

    /// So many attempts, of so many milliseconds each.
    ///
    /// # Panics
    /// For none of either.
    #[must_use]
    pub fn attempts(mut self, attempts: u32, millis: u32) -> Self {
        let retry = RetryPolicy::new(attempts);
        let retry = retry.and_then(|retry| retry.with_attempt_timeout(millis * MS));
        self.scenario.retry = retry.expect("a retry policy");
        self
    }

    /// One attempt, which nothing in the client ends: callers wait for so many milliseconds.
    #[must_use]
    pub fn patience(mut self, millis: u32) -> Self {
        self.scenario.retry = Scenario::default().retry;
        self.scenario.patience = Some(millis * MS);
        self
    }

    /// So many of a thousand calls are canceled, after so many milliseconds on average.
    #[must_use]
    pub fn canceled(mut self, per_mille: u32, millis: u32) -> Self {
        self.scenario.canceled = Some(Canceled { per_mille, after: millis * MS });
        self
    }

    /// How long it goes on.
    #[must_use]
    pub fn seconds(mut self, seconds: u64) -> Self {
        self.scenario.duration = Duration::from_secs(seconds);
        self
    }

    /// The first hosts are in trouble in these seconds.
    #[must_use]
    pub fn fault(mut self, trouble: Trouble, seconds: Range<u64>) -> Self {
        for (index, host) in (0..u64::from(trouble.hosts)).zip(&mut self.scenario.hosts) {
            let (bad, good) = trouble.rhythm.unwrap_or((seconds.end - seconds.start, 1));
            let first = seconds.start + if trouble.one_by_one { index * bad } else { 0 };
            let mut starts = (first..seconds.end).step_by((bad + good) as usize);
            let count = if trouble.one_by_one { 1 } else { usize::MAX };
            host.faults.extend(starts.by_ref().take(count).map(|start| {
                let end = (start + bad).min(seconds.end);
                Fault::between(start, end, trouble.effect).of_a_thousand(trouble.per_mille)
            }));
        }
        self.trouble = seconds;
        self
    }

    /// So many runs.
    #[must_use]
    pub fn runs(self, seeds: u64) -> Self {
        Self { seeds, ..self }
    }

    /// One run only.
    #[must_use]
    pub fn once(self) -> Self {
        self.runs(1)
    }

    /// Its table shows this.
    #[must_use]
    pub fn shows(mut self, figure: Figure) -> Self {
        self.figures.push((figure, None));
        self
    }

    /// Its table shows this, and ours must not have more, in hundredths.
    #[must_use]
    pub fn must(mut self, figure: Figure, most: u64) -> Self {
        self.figures.push((figure, Some(most)));
        self
    }
}
