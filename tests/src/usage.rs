//! What this process uses of the machine.

use core::time::Duration;
use std::fs;
use std::io;

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
