use crate::cluster::GROUPS;

/// A policy for each group: clones of the first.
#[derive(Debug)]
pub(super) struct Policies<P> {
    first: P,
    others: heapless::Vec<P, { GROUPS - 1 }>,
    /// Absent where the settings never form a second group, so that a policy which is not `Clone` will do.
    clone: Option<fn(&P) -> P>,
}

impl<P> Policies<P> {
    pub(super) fn one(policy: P) -> Self {
        Self { first: policy, others: heapless::Vec::new(), clone: None }
    }

    pub(super) fn cloning(policy: P) -> Self
    where
        P: Clone,
    {
        Self { clone: Some(P::clone), ..Self::one(policy) }
    }

    /// The policy of the group with this index; the first one's, where it has none of its own.
    #[inline]
    pub(super) fn get(&self, index: usize) -> &P {
        match index.checked_sub(1) {
            None => &self.first,
            Some(other) => self.others.get(other).unwrap_or(&self.first),
        }
    }

    pub(super) fn get_mut(&mut self, index: usize) -> &mut P {
        match index.checked_sub(1) {
            None => &mut self.first,
            Some(other) => self.others.get_mut(other).unwrap_or(&mut self.first),
        }
    }

    /// Makes sure that there is a policy for each of `groups` groups.
    pub(super) fn cover(&mut self, groups: usize) {
        if let Some(clone) = self.clone {
            while self.others.len() + 1 < groups && self.others.push(clone(&self.first)).is_ok() {}
        }
    }
}
