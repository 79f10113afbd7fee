//! Plays outages with the first edition's balancer, and compares what comes of them with
//! `tests/tables/outages_first_edition.txt`; `EVENKEEL_BLESS=1` writes it. With `random`, the same
//! of outages that nobody chose.
//!
//! Calls, retries, budgets and hosts are those of the simulations: only who chooses hosts, and
//! ejects them, is another.

use evenkeel_core as core_of_today;
use evenkeel_core::{EventKind, Outcome, Why};
use evenkeel_tests::outages::{
    FIRST_EDITION, FRESH, Kind, Outage, SEEDS, column, draw, draw_with_backups, first as figures,
    lose,
};
use evenkeel_tests::simulation::{Balance, Picked, Scenario, Tell, run_with};
use evenkeel_tests::tables::check;
use first::policy::AnyPolicy;
use first::{Balancer, Config, Endpoint, Instant, Pick, Request, Slot};
use rand_chacha::ChaCha8Rng;

fn main() {
    let play = |scenario: &Scenario, seed, budget: &mut _| {
        run_with(scenario, seed, budget, &|seed| First::new(scenario, seed))
    };
    if std::env::args().any(|arg| arg == "random") {
        let lost = |draw: fn(u64) -> (Kind, Outage)| {
            let configs = [core_of_today::Config::DEFAULT];
            [SEEDS, FRESH].map(|seeds| lose(draw, seeds, &configs, &play, &|_| ())).concat()
        };
        let (alone, with_backups) = (lost(draw), lost(draw_with_backups));
        check(figures::RANDOM, &figures::write_random(&alone, &with_backups));
        let all = alone.len() + with_backups.len();
        return println!("test result: ok. {all} passed; 0 failed");
    }
    let outages = figures::all();
    let (_, first) = column(FIRST_EDITION, &outages, core_of_today::Config::DEFAULT, &play);
    check(figures::FILE, &figures::write(&first));
    println!("test result: ok. {} passed; 0 failed", outages.len());
}

struct First {
    balancer: Balancer<u32, AnyPolicy>,
    /// By host.
    slots: Vec<Slot>,
}

impl First {
    fn new(scenario: &Scenario, seed: u64) -> Self {
        let policy = scenario.policy.to_string().parse().expect("a policy of both editions");
        let config = Config { seed, ..Config::default() };
        let balancer = Balancer::with_config(policy, config).expect("settings");
        Self { balancer, slots: Vec::new() }
    }
}

fn at(now: core_of_today::Instant) -> Instant {
    Instant::from_nanos(now.as_nanos())
}

fn of_today(at: Instant) -> core_of_today::Instant {
    core_of_today::Instant::from_nanos(at.as_nanos())
}

impl Balance for First {
    type Pick = Pick;

    fn update(&mut self, now: core_of_today::Instant, hosts: &[core_of_today::Endpoint<u32>]) {
        let hosts = hosts.iter().map(|host| {
            Endpoint::new(host.addr).with_weight(host.weight).with_priority(host.priority)
        });
        let _changes = self.balancer.update(at(now), hosts).expect("room for all");
        self.slots = self.balancer.endpoints().map(|status| status.slot).collect();
    }

    fn pick(
        &mut self,
        now: core_of_today::Instant,
        avoid: &[u32],
        _leave_level: bool,
        rng: &mut ChaCha8Rng,
    ) -> Option<Picked<Pick>> {
        let avoid: Vec<_> = avoid.iter().map(|host| self.slots[*host as usize]).collect();
        let pick = self.balancer.pick_with(Request::at(at(now)).avoiding(&avoid), rng).ok()?;
        let host = self.balancer.endpoint(&pick)?.addr;
        Some(Picked { host, why: Why::Policy, pick })
    }

    fn withdraw(&mut self, now: core_of_today::Instant, pick: Pick) {
        self.balancer.report(at(now), pick, first::Outcome::Canceled);
    }

    fn report(&mut self, now: core_of_today::Instant, pick: Pick, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Success | Outcome::Ignorable | Outcome::PushedBack => first::Outcome::Success,
            Outcome::Failure | Outcome::TimedOut | Outcome::NeverSent => first::Outcome::Failure,
            Outcome::Overloaded { retry_after } => first::Outcome::Overloaded { retry_after },
            Outcome::Abandoned | Outcome::LostRace => first::Outcome::Canceled,
        };
        self.balancer.report(at(now), pick, outcome);
    }

    fn events(&mut self, tell: Tell<'_>) {
        for event in self.balancer.events() {
            let kind = match event.kind {
                first::EventKind::Ejected { until, .. } => EventKind::Ejected {
                    reason: core_of_today::health::Reason::ConsecutiveFailures,
                    until: of_today(until),
                },
                first::EventKind::Readmitted => EventKind::Readmitted,
                // Nothing that outages count.
                _ => continue,
            };
            let host = event.endpoint.and_then(|(_, addr)| addr.copied());
            tell(of_today(event.at), host, kind);
        }
    }
}
