//! Callers that ask a client without pause, in a process of their own. Who started it writes lines
//! to its standard input, and gets the counts so far for each.

use core::error::Error;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::timeout;

/// An error of any client.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The time-out of one attempt, the same for all clients.
pub const ATTEMPT: Duration = Duration::from_millis(250);
/// The most attempts of a request.
pub const ATTEMPTS: u32 = 3;
/// The time after which a caller gives its request up.
pub const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Counts {
    good: AtomicU64,
    lost: AtomicU64,
    over: AtomicBool,
}

/// Lets so many callers ask, each as soon as it has its answer; `get` says whether that was good.
/// Answers each line of the standard input by `GOOD LOST`; ends with it, after the last answer, and
/// writes the counts once more.
///
/// # Errors
/// The standard output is closed.
pub async fn call<C, F>(
    callers: usize,
    client: C,
    get: impl Fn(C) -> F + Copy + Send + 'static,
) -> io::Result<()>
where
    C: Clone + Send + 'static,
    F: Future<Output = Result<bool, BoxError>> + Send,
{
    let counts = Arc::<Counts>::default();
    let mut at_work = JoinSet::new();
    for _ in 0..callers {
        let (counts, client) = (Arc::clone(&counts), client.clone());
        at_work.spawn(async move {
            while !counts.over.load(Relaxed) {
                let good = matches!(timeout(PATIENCE, get(client.clone())).await, Ok(Ok(true)));
                let count = if good { &counts.good } else { &counts.lost };
                count.fetch_add(1, Relaxed);
            }
        });
    }
    let asked = Arc::clone(&counts);
    let told = tokio::task::spawn_blocking(move || {
        for _ in io::stdin().lock().lines().map_while(Result::ok) {
            tell(&asked)?;
        }
        Ok::<_, io::Error>(())
    });
    told.await.map_err(io::Error::other)??;
    counts.over.store(true, Relaxed);
    while at_work.join_next().await.is_some() {}
    tell(&counts)
}

fn tell(counts: &Counts) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{} {}", counts.good.load(Relaxed), counts.lost.load(Relaxed))?;
    output.flush()
}
