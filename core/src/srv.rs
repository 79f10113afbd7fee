//! From DNS SRV records to endpoints.

mod order;

use core::fmt;

pub use order::{order, order_by_share};

use crate::endpoint::Endpoint;

/// One SRV record (RFC 2782), its target as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SrvRecord<T> {
    /// Lower is preferred.
    pub priority: u16,
    /// Share among records of the same priority; 0 means "a very small chance".
    pub weight: u16,
    /// 0 is not a port: such a record is skipped.
    pub port: u16,
    /// The host; `.` means that the service is decidedly not available.
    pub target: T,
}

/// A host name as it identifies an endpoint: in lower case, without the trailing dot. Written with
/// `Display`.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// Returns the name that `target` means.
    pub fn new(target: &'a str) -> Self {
        Self(target.strip_suffix('.').unwrap_or(target))
    }

    /// Tells that it is the root, `.`.
    pub const fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| fmt::Write::write_char(f, char.to_ascii_lowercase()))
    }
}

/// Records that are no endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Records with port 0.
    pub port_zero: usize,
    /// Records whose target is the root: alone, they say that the service is decidedly not
    /// available.
    pub root: usize,
}

/// Hands each record to `push` as an endpoint, its address made by `address` from target and port.
///
/// Priorities are kept. Within a priority with `z` zero weights, a weight `w` becomes `w · z` and 0
/// becomes 1, which is the proportion that RFC 2782's selection means (`w` itself where there is no
/// zero): weights 0, 0 and 5 become 1, 1 and 10, so that both zeros together get 1 of 6. Equal
/// weights become 1: servers that give each of `n` endpoints `100 / n`
/// would otherwise change all of them whenever one comes or goes. Sorts `records` by priority;
/// O(n log n).
///
/// ```
/// use evenkeel_core::srv::{self, SrvRecord};
///
/// let record = |priority, weight, port, target| SrvRecord { priority, weight, port, target };
/// let mut records = [
///     record(0, 60, 80, "A.example."),
///     record(0, 30, 80, "b.example"),
///     record(5, 0, 0, "c.example"),
/// ];
/// let mut endpoints = Vec::new();
/// let address = |name: srv::Name<'_>, port| format!("{name}:{port}");
/// let skipped = srv::endpoints(&mut records, address, |endpoint| endpoints.push(endpoint));
/// assert_eq!(skipped.port_zero, 1);
/// assert_eq!((endpoints[0].addr.as_str(), endpoints[0].weight), ("a.example:80", 60));
/// ```
pub fn endpoints<T: AsRef<str>, A>(
    records: &mut [SrvRecord<T>],
    mut address: impl FnMut(Name<'_>, u16) -> A,
    mut push: impl FnMut(Endpoint<A>),
) -> Skipped {
    records.sort_unstable_by_key(|record| record.priority);
    let mut skipped = Skipped::default();
    for level in records.chunk_by(|a, b| a.priority == b.priority) {
        let usable = || level.iter().filter(|record| record.is_usable());
        let zeros = usable().filter(|record| record.weight == 0).count();
        let equal = usable().zip(usable().skip(1)).all(|(a, b)| a.weight == b.weight);
        for record in level {
            let name = Name::new(record.target.as_ref());
            if name.is_root() {
                skipped.root += 1;
            } else if record.port == 0 {
                skipped.port_zero += 1;
            } else {
                let weight = if equal { 1 } else { weight(record.weight, zeros) };
                let endpoint = Endpoint::new(address(name, record.port));
                push(endpoint.with_weight(weight).with_priority(record.priority));
            }
        }
    }
    skipped
}

impl<T: AsRef<str>> SrvRecord<T> {
    fn is_usable(&self) -> bool {
        self.port != 0 && !Name::new(self.target.as_ref()).is_root()
    }
}

fn weight(weight: u16, zeros: usize) -> u32 {
    match (weight, u32::try_from(zeros.max(1))) {
        (0, _) => 1,
        (weight, Ok(zeros)) => u32::from(weight).saturating_mul(zeros),
        (_, Err(_)) => u32::MAX,
    }
}
