//! What fails, how many of how many, and how callers ask meanwhile.

use core::time::Duration;
use std::io;
use std::path::Path;

use evenkeel::health::Health;
use evenkeel::{AnyPolicy, Balancer, Endpoint, Fixed, Target};
use tokio::time::{Instant, sleep, timeout};

use super::envoy::{Envoy, Sidecar};
use super::load::{Entry, Load, Manner, Phase};
use super::{Connections, Process};

/// How a backend fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is killed: connections are refused. Later, it is started again.
    Killed,
    /// It is stopped: connections hang.
    Stopped,
    /// It answers that it failed.
    Fails,
    /// It answers 200 ms later than usual.
    Slowed,
    /// One after the other is killed, and started again half a second later.
    Rolling,
}

/// An outage.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Its name in the table.
    pub name: &'static str,
    /// Backends of the first priority.
    pub primaries: usize,
    /// Backends of the second.
    pub backups: usize,
    /// How many of the primaries fail at once, or one after the other.
    pub faulty: usize,
    /// How they fail.
    pub fault: Fault,
    /// How long.
    pub lasts: Duration,
    /// How callers ask.
    pub manner: Manner,
}

/// Who spreads the calls.
#[derive(Clone, Debug)]
pub enum Side {
    /// The tokio balancer with this policy, and its default settings.
    Ours(AnyPolicy),
    /// An Envoy beside the callers.
    Envoy(Sidecar),
}

/// Who does it, at work.
enum AtWork {
    Ours(Balancer<Connections>),
    Envoy(Envoy),
}

/// What became of an outage.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Before, during and after it.
    pub phases: [Phase; 3],
    /// The time from its end until all endpoints took requests again, if they did.
    pub back: Option<Duration>,
}

/// The longest wait for all to be back.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between a kill and a restart, and until the next, of a rolling restart.
const ROLL: Duration = Duration::from_millis(500);

impl Shape {
    /// Plays the outage with backends that are processes of `program`, `calm` before and after it.
    ///
    /// # Errors
    /// A process does not do as it is told.
    pub async fn play(&self, program: &Path, side: &Side, calm: Duration) -> io::Result<Course> {
        let start = |_| Process::start(program);
        let mut backends =
            (0..self.primaries + self.backups).map(start).collect::<io::Result<Vec<_>>>()?;
        let (at_work, entry) = self.set_to_work(&backends, side).await?;
        let load = Load::begin(&entry, self.manner);
        sleep(calm).await;
        load.enter(1);
        let faulty = &mut backends[..self.faulty];
        if self.fault == Fault::Rolling {
            for backend in faulty.iter_mut() {
                backend.kill();
                sleep(ROLL).await;
                backend.restart()?;
                sleep(ROLL).await;
            }
        } else {
            faulty.iter_mut().try_for_each(|backend| self.begin(backend))?;
            sleep(self.lasts).await;
            faulty.iter_mut().try_for_each(|backend| self.end(backend))?;
        }
        load.enter(2);
        let back = at_work.back().await?;
        sleep(calm).await;
        Ok(Course { phases: load.end().await, back })
    }

    async fn set_to_work(&self, backends: &[Process], side: &Side) -> io::Result<(AtWork, Entry)> {
        Ok(match side {
            Side::Ours(policy) => {
                let balancer = self.balancer(backends, policy.clone())?;
                balancer.ready().await;
                (AtWork::Ours(balancer.clone()), Entry::Ours(balancer))
            }
            Side::Envoy(sidecar) => {
                let addresses: Vec<_> = backends.iter().map(Process::addr).collect();
                let envoy = sidecar.start(&addresses, self.backups, self.manner).await?;
                let entry = Entry::Proxy(envoy.entry.clone());
                (AtWork::Envoy(envoy), entry)
            }
        })
    }

    fn balancer(
        &self,
        backends: &[Process],
        policy: AnyPolicy,
    ) -> io::Result<Balancer<Connections>> {
        let endpoint = |(place, backend): (usize, &Process)| {
            let endpoint = Endpoint::new(Target::from(backend.addr()));
            endpoint.with_priority(u16::from(place >= self.primaries))
        };
        let endpoints: Vec<_> = backends.iter().enumerate().map(endpoint).collect();
        let client = async |target: Target| {
            let addr = target.socket_addr().ok_or("it has an address")?;
            Ok::<_, &str>(Connections::to(addr))
        };
        let builder = Balancer::builder(Fixed::from(endpoints)).policy(policy).seed(1);
        builder.build(client).map_err(io::Error::other)
    }

    fn begin(&self, backend: &mut Process) -> io::Result<()> {
        match self.fault {
            Fault::Killed | Fault::Rolling => backend.kill(),
            Fault::Stopped => backend.stop()?,
            Fault::Fails => backend.tell("fail")?,
            Fault::Slowed => backend.tell("slow 200")?,
        }
        Ok(())
    }

    fn end(&self, backend: &mut Process) -> io::Result<()> {
        match self.fault {
            Fault::Killed | Fault::Rolling => backend.restart(),
            Fault::Stopped => backend.resume(),
            Fault::Fails | Fault::Slowed => backend.tell("well"),
        }
    }
}

impl AtWork {
    /// Waits until all endpoints are well, and returns how long that took.
    async fn back(&self) -> io::Result<Option<Duration>> {
        let begun = Instant::now();
        let all_well = async {
            while !self.all_well().await? {
                sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        };
        match timeout(PATIENCE, all_well).await {
            Ok(result) => result.map(|()| Some(begun.elapsed())),
            Err(_) => Ok(None),
        }
    }

    async fn all_well(&self) -> io::Result<bool> {
        match self {
            Self::Ours(balancer) => {
                Ok(balancer.endpoints().iter().all(|status| status.health == Health::Healthy))
            }
            Self::Envoy(envoy) => envoy.all_well().await,
        }
    }
}
