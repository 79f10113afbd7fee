//! What this process uses of the machine.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::fs;
use std::io;

use rustix::time::{ClockId, clock_gettime};

/// Returns the memory of this process, in bytes.
///
/// # Errors
/// The system does not tell.
pub fn memory() -> io::Result<u64> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let resident = pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    resident.map(|pages| pages * 4_096).ok_or_else(|| io::Error::other(pages))
}

/// Returns the processor time of this process, of all its threads.
///
/// # Errors
/// The system does not tell.
pub fn processor_time() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // User and system time, in hundredths of a second; the name before them may have blanks.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    Ok(Duration::from_millis(10 * ticks.sum::<u64>()))
}

/// Returns the processor time of this thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // It counts from the thread's beginning: neither is below 0.
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Waits, and returns the most processor time that this thread took between two turns of the
/// waiting: what other tasks took, if it waits in a task of its own.
pub async fn longest(until: impl Future<Output = ()>) -> Duration {
    let mut until = pin!(until);
    let (mut longest, mut last) = (Duration::ZERO, thread_time());
    loop {
        tokio::select! {
            biased;
            () = turn() => {
                let now = thread_time();
                longest = longest.max(now.saturating_sub(last));
                last = now;
            }
            () = &mut until => return longest,
        }
    }
}

/// Waits until all other tasks that can run had their turn.
async fn turn() {
    let mut waited = false;
    poll_fn(|context| {
        if core::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
