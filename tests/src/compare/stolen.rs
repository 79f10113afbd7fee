//! What a virtual machine's host took of its CPUs for others.

use std::fs;
use std::thread::available_parallelism;

/// The kernel tells CPU time in such parts of a second.
pub(super) const TICKS: f64 = 100.0;

/// Returns how many seconds the machine has stood still so far: the time that its host took of all
/// CPUs, by their number; 0 where nobody tells.
pub(super) fn seconds() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let cpus = available_parallelism().map_or(1, usize::from);
    ticks(&text).unwrap_or(0.0) / TICKS / f64::from(u32::try_from(cpus).unwrap_or(u32::MAX))
}

/// Finds the steal time of all CPUs in what Linux has of them.
fn ticks(text: &str) -> Option<f64> {
    let all = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    all.split_whitespace().nth(7)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_eighth_number_of_all_cpus() {
        let text = "cpu  9 8 7 6 5 4 3 250 1 0\ncpu0 9 8 7 6 5 4 3 150 1 0\n";
        assert_eq!(ticks(text), Some(250.0));
        assert_eq!(ticks("cpu  9 8 7\n"), None);
    }
}
