//! An SRV weight shared among the addresses of its target.

use std::collections::BTreeMap;

use evenkeel_core::Endpoint;

/// The largest factor by which weights grow to divide evenly; beyond it shares are rounded.
const MAX_FACTOR: u64 = 1 << 16;

/// Replaces each endpoint by one per address beside it, which together weigh what it weighed against
/// the others of its priority.
///
/// The weights of a priority are multiplied by the smallest factor that makes every share a whole
/// number.
pub(super) fn split<A, B>(resolved: Vec<(Endpoint<A>, Vec<B>)>) -> Vec<Endpoint<B>> {
    let mut factors: BTreeMap<u16, u64> = BTreeMap::new();
    for (endpoint, addresses) in &resolved {
        let parts = (addresses.len() as u64).max(1);
        let needed = parts / gcd(parts, endpoint.weight.into()).max(1);
        let factor = factors.entry(endpoint.priority).or_insert(1);
        let common = *factor / gcd(*factor, needed) * needed;
        if common <= MAX_FACTOR {
            *factor = common;
        }
    }
    let mut parts = Vec::new();
    for (endpoint, addresses) in resolved {
        let share = u64::from(endpoint.weight) * factors[&endpoint.priority]
            / (addresses.len() as u64).max(1);
        let share = share.max(u64::from(endpoint.weight > 0));
        parts.extend(addresses.into_iter().map(|addr| (addr, endpoint.priority, share)));
    }
    let largest = parts.iter().map(|(_, _, share)| *share).max().unwrap_or(0);
    let shrink = largest.div_ceil(u32::MAX.into()).max(1);
    parts
        .into_iter()
        .map(|(addr, priority, share)| {
            let weight = (share / shrink).max(u64::from(share > 0));
            Endpoint::new(addr).with_weight(weight as u32).with_priority(priority)
        })
        .collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits endpoints given as (priority, weight, addresses), as (priority, weight) of the parts.
    fn parts(endpoints: &[(u16, u32, usize)]) -> Vec<(u16, u32)> {
        let endpoints = endpoints
            .iter()
            .map(|&(priority, weight, count)| {
                let endpoint = Endpoint::new(()).with_weight(weight).with_priority(priority);
                (endpoint, (0..count).collect())
            })
            .collect();
        split(endpoints).iter().map(|part| (part.priority, part.weight)).collect()
    }

    #[test]
    fn weights_that_divide_stay_as_they_are() {
        assert_eq!(
            parts(&[(0, 60, 2), (0, 30, 1), (0, 10, 1)]),
            [(0, 30), (0, 30), (0, 30), (0, 10)]
        );
    }

    #[test]
    fn weights_that_do_not_divide_grow_together_within_their_priority() {
        assert_eq!(parts(&[(0, 1, 2), (0, 1, 1), (7, 1, 1)]), [(0, 1), (0, 1), (0, 2), (7, 1)]);
        assert_eq!(parts(&[(0, 1, 2), (0, 1, 3)]), [(0, 3), (0, 3), (0, 2), (0, 2), (0, 2)]);
    }

    #[test]
    fn nothing_overflows() {
        let many: Vec<_> =
            [7, 11, 13, 17, 19, 23, 29, 31].iter().map(|&count| (0, u32::MAX - 1, count)).collect();
        assert!(parts(&many).iter().all(|&(_, weight)| weight > 0));
        assert_eq!(parts(&[(0, 0, 2), (0, 5, 0)]), [(0, 0), (0, 0)]);
    }
}
