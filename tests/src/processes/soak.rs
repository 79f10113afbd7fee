//! Trouble without end for one backend after the other, under as many calls as go.

use core::time::Duration;
use std::io;
use std::path::Path;

use evenkeel::{AnyPolicy, Balancer, Fixed, Target};
use tokio::time::{Instant, sleep};

use super::load::{Entry, Load, Manner, Phase};
use super::{Connections, Process};

const BACKENDS: usize = 5;
/// How long a backend is stopped, killed or slowed, and how long all are well after it.
const SPELL: Duration = Duration::from_millis(400);

/// What is left of a soak.
#[derive(Clone, Copy, Debug)]
pub struct Soaked {
    /// The calls.
    pub calls: Phase,
    /// Requests in flight after all have ended.
    pub in_flight: u32,
}

/// Calls without pause for this long, while one of five backends at a time is stopped, killed and
/// restarted, or slowed by 50 ms.
///
/// # Errors
/// A process does not do as it is told.
pub async fn soak(program: &Path, lasts: Duration) -> io::Result<Soaked> {
    let start = |_| Process::start(program);
    let mut backends = (0..BACKENDS).map(start).collect::<io::Result<Vec<_>>>()?;
    let targets = Fixed::new(backends.iter().map(|backend| backend.addr().to_string()));
    let policy: AnyPolicy = "peak_ewma".parse().map_err(io::Error::other)?;
    let balancer = Balancer::builder(targets.map_err(io::Error::other)?)
        .policy(policy)
        .seed(1)
        .build(async |target: Target| {
            let addr = target.socket_addr().ok_or("it has an address")?;
            Ok::<_, &str>(Connections::to(addr))
        })
        .map_err(io::Error::other)?;
    balancer.ready().await;
    let load = Load::begin(
        &Entry::Ours(balancer.clone()),
        Manner { pause: Duration::ZERO, ..Manner::RETRIES },
    );
    let end = Instant::now() + lasts;
    for round in 0.. {
        if Instant::now() >= end {
            break;
        }
        let backend = &mut backends[round % BACKENDS];
        match round % 3 {
            0 => {
                backend.stop()?;
                sleep(SPELL).await;
                backend.resume()?;
            }
            1 => {
                backend.kill();
                sleep(SPELL).await;
                backend.restart()?;
            }
            _ => {
                backend.tell("slow 50")?;
                sleep(SPELL).await;
                backend.tell("well")?;
            }
        }
        sleep(SPELL).await;
    }
    let [calls, ..] = load.end().await;
    let in_flight = balancer.endpoints().iter().map(|status| status.in_flight).sum();
    Ok(Soaked { calls, in_flight })
}
