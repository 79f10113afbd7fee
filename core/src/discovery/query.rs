/// Names one query, so that a late result cannot be taken for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueryId(u32);

/// Hands out the names of queries.
#[derive(Debug, Default)]
pub(super) struct QueryIds {
    next: u32,
}

impl QueryIds {
    pub(super) fn next(&mut self) -> QueryId {
        let id = QueryId(self.next);
        self.next = self.next.wrapping_add(1);
        id
    }
}
