//! Days of a service whose name servers fail at random, beside a model of what must hold.

mod lives;
mod network;
mod questions;
mod server;
mod zone;

use core::convert::Infallible;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use evenkeel_core::rand_core::Rng;
use evenkeel_core::random::SplitMix64;
use tokio::time::{Instant, sleep_until};

use super::{DnsHost, DnsSrv};
use crate::target::Target;
use crate::{Balancer, BoxDiscover, Builder, PollerConfig, SourceHealth};
pub(super) use network::{Stream, UdpSocket, connect, serve};
use server::{Fault, World};
use zone::{LONGEST, PORT, SERVICE};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Nothing holds for longer, though some of it is told to live for a day.
const MAX: Duration = Duration::from_secs(LONGEST as u64);

/// What is true for so long is known: twice the longest that anything holds with its jitter, for
/// addresses may have been told just before; the longest wait after failures; and a lookup.
const SETTLED: Duration = Duration::from_secs(LONGEST as u64 * 11 / 10 * 2 + 72 + 10);

/// Chance from a seed.
#[derive(Debug)]
struct Draw(SplitMix64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        (self.0.next_u64() % limit as u64) as usize
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn seconds(&mut self, below: usize) -> Duration {
        Duration::from_secs(1 + self.below(below) as u64)
    }
}

/// What the day is of.
#[derive(Clone, Copy, Debug)]
enum Of {
    /// A service by its records.
    Records,
    /// A host by its addresses.
    Host,
}

/// The service beside what a balancer knows of it.
struct Day {
    world: Arc<Mutex<World>>,
    balancer: Balancer<Target>,
    begun: Instant,
    known: BTreeSet<Target>,
    /// The last change of the service or of the servers.
    changed: Instant,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    sets: u32,
    /// The set was empty for a service that is absent.
    emptied: u32,
    /// So often what is known was checked to be what is true.
    settled: u32,
    questions: u32,
    failures: u64,
    held: u64,
}

impl Day {
    fn start(seed: u64, of: Of) -> Self {
        let draw = Draw(SplitMix64::new(seed));
        let world = match of {
            Of::Records => World::new(draw),
            Of::Host => World::of_host(draw),
        };
        let world = Arc::new(Mutex::new(world));
        let addrs: [SocketAddr; 2] = [1, 2].map(|host| (Ipv4Addr::new(127, 0, 0, host), 53).into());
        for (server, addr) in addrs.into_iter().enumerate() {
            let world = world.clone();
            serve(addr, move |way, bytes| world.lock().unwrap().serve(server, way, bytes));
        }
        let poller = PollerConfig { max: MAX, ..PollerConfig::default() };
        let source = match of {
            Of::Records => {
                let source = DnsSrv::new(SERVICE).unwrap().servers(addrs).unwrap();
                BoxDiscover::new(source.poller(poller))
            }
            Of::Host => {
                let source = DnsHost::new("h1.t.", PORT).unwrap().servers(addrs).unwrap();
                BoxDiscover::new(source.poller(poller))
            }
        };
        let balancer = Builder::seed(Balancer::builder(source), seed)
            .build(async |target: Target| Ok::<_, Infallible>(target))
            .unwrap();
        let (known, changed, tally) = (BTreeSet::new(), Instant::now(), Tally::default());
        Self { world, balancer, begun: changed, known, changed, tally }
    }

    /// Follows what the balancer knows until then, and checks each set.
    async fn follow(&mut self, until: Instant) {
        let mut sets = self.balancer.discovered();
        loop {
            let set =
                sets.borrow_and_update().endpoints.iter().map(|one| one.addr.clone()).collect();
            self.take(set);
            tokio::select! {
                biased;
                changed = sets.changed() => changed.expect("the balancer goes on"),
                () = sleep_until(until) => return,
            }
        }
    }

    fn take(&mut self, set: BTreeSet<Target>) {
        if self.known == set {
            return;
        }
        let world = self.world.lock().unwrap();
        for target in set.difference(&self.known) {
            assert!(world.told(target), "{target} was in no answer");
        }
        for target in self.known.difference(&set) {
            let denied = set.is_empty() || world.denied(target);
            assert!(denied, "{target} left, and every answer had it: {:?}", world.faults);
        }
        if set.is_empty() {
            assert!(
                world.told_absent_twice(),
                "nobody said that there is none: {:?}",
                world.faults
            );
            self.tally.emptied += 1;
        }
        self.tally.sets += 1;
        drop(world);
        self.known = set;
        self.check();
    }

    /// Checks the questions, and that what is true for long is known.
    fn check(&mut self) {
        let world = self.world.lock().unwrap();
        assert_eq!(
            world.questions.early_ones,
            [""; 0],
            "seconds of this day: {:?}",
            self.begun.elapsed()
        );
        assert_eq!(world.strangers, [""; 0]);
        let is_good = world.faults == [Fault::None; 2];
        if is_good && self.changed.elapsed() >= SETTLED {
            assert_eq!(self.known, world.zone.endpoints(), "known and true, of {:?}", world.zone);
            self.tally.settled += 1;
        }
    }

    /// Lets something happen, and returns until when.
    fn happen(&mut self) -> Duration {
        let mut world = self.world.lock().unwrap();
        let World { draw, zone, faults, questions, .. } = &mut *world;
        let now = Instant::now();
        if draw.one_in(8) {
            questions.hurry(now);
            self.balancer.refresh();
            return draw.seconds(60);
        }
        self.changed = now;
        let outage = draw.one_in(3);
        match draw.below(3) {
            0 => *faults = [Fault::None; 2],
            1 => zone.change(draw),
            _ => *faults = [0, 1].map(|_| if outage { Fault::any(draw) } else { Fault::None }),
        }
        if draw.one_in(2) {
            faults[draw.below(2)] = Fault::any(draw);
        }
        let most = if draw.one_in(3) { 1_800 } else { 240 };
        draw.seconds(most)
    }
}

/// Lives through a day that follows from a seed.
async fn live(seed: u64, of: Of) -> Tally {
    let mut day = Day::start(seed, of);
    let end = Instant::now() + DAY;
    while Instant::now() < end {
        let lasts = day.happen();
        day.follow(Instant::now() + lasts).await;
        day.check();
    }
    // All's well that ends well.
    {
        let mut world = day.world.lock().unwrap();
        (world.faults, world.zone.absent) = ([Fault::None; 2], false);
    }
    day.changed = Instant::now();
    day.follow(day.changed + SETTLED).await;
    day.check();
    let status = day.balancer.discovery().borrow().clone();
    assert_eq!((status.health, status.error.is_none()), (SourceHealth::Fresh, true), "{status:?}");
    let world = day.world.lock().unwrap();
    let met = world.met.len();
    assert!(met >= 12, "few kinds of faults: {:?}", world.met);
    let questions = world.questions.count;
    Tally { questions, failures: status.failures, held: status.empty_held, ..day.tally }
}

/// One day, or as many as `EVENKEEL_DEEP` says.
fn days() -> u64 {
    std::env::var("EVENKEEL_DEEP").map_or(1, |days| days.parse().expect("a number"))
}

#[tokio::test(start_paused = true)]
async fn a_day_of_faults_breaks_no_rule_and_ends_well() {
    for seed in 0..days() {
        // Half of the least of 76 days, or less.
        let tally = live(seed, Of::Records).await;
        let Tally { sets, emptied, settled, questions, failures, held } = tally;
        assert!(sets > 15 && emptied > 0 && settled > 7, "seed {seed}: {tally:?}");
        assert!(questions > 4_000 && failures > 7 && held > 100, "seed {seed}: {tally:?}");
    }
}

/// Answers without an address empty no set: nobody says by them that a service is absent.
#[tokio::test(start_paused = true)]
async fn a_day_of_a_host_breaks_no_rule_and_ends_well() {
    for seed in 0..days() {
        let tally = live(seed, Of::Host).await;
        let Tally { sets, emptied, settled, questions, failures, held } = tally;
        // Half of the least of 30 days, or less.
        assert!(sets > 14 && emptied == 0 && settled > 7, "seed {seed}: {tally:?}");
        assert!(questions > 2_000 && failures > 5 && held > 150, "seed {seed}: {tally:?}");
    }
}
