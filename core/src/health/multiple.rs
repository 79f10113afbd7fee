//! When a row of failures is judged.

/// Tells that a row has grown to or beyond a multiple of `k`. Without a division: on small
/// processors it would be the only one.
///
/// With `k` = 5, from 8 to 10: 8 is 3 beyond a multiple, and 2 more are 5.
pub(crate) fn crosses(k: u32, before: u32, row: u32) -> bool {
    if k == 0 {
        return false;
    }
    let (mut beyond, mut part) = (before, k);
    while part <= before >> 1 {
        part <<= 1;
    }
    while part >= k {
        if beyond >= part {
            beyond -= part;
        }
        part >>= 1;
    }
    row.saturating_sub(before) >= k - beyond
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_judged_at_multiples_of_k() {
        assert!(crosses(5, 4, 5) && crosses(5, 9, 10) && crosses(5, 3, 17) && crosses(1, 0, 1));
        assert!(!crosses(5, 5, 9) && !crosses(5, 0, 4) && !crosses(0, 0, 7));
    }
}
