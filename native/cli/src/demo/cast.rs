//! The backends, and what each is there for.

/// All backends, in the table's order.
pub(super) const NAMES: [&str; 7] = ["ash", "birch", "cedar", "dogwood", "elm", "fir", "hazel"];
/// In DNS from the beginning.
pub(super) const FIRST: [&str; 4] = ["ash", "birch", "cedar", "dogwood"];
pub(super) const FAILING: &str = "birch";
pub(super) const SLOW: &str = "cedar";
pub(super) const LEAVING: &str = "dogwood";
pub(super) const JOINING: &str = "elm";
/// The one whose load is too much for the others.
pub(super) const STUMBLING: &str = "ash";
/// In DNS after the first act; what happens to all of a level happens to these.
pub(super) const PRIMARIES: [&str; 4] = ["ash", "birch", "cedar", "elm"];
pub(super) const BACKUPS: [&str; 2] = ["fir", "hazel"];

/// Returns the priority of a backend's SRV record.
pub(super) fn priority(name: &str) -> u16 {
    if BACKUPS.contains(&name) { BACKUP_PRIORITY } else { 0 }
}

/// The priority of the backups: they serve when nobody of priority 0 does.
pub(super) const BACKUP_PRIORITY: u16 = 10;
