//! A list in runs, of which others that differ little share most.

use core::cmp::Ordering;
use std::sync::Arc;

/// Elements in order. A copy shares all runs of them, and a change copies one.
#[derive(Clone, Debug)]
pub(crate) struct Runs<T>(Vec<Arc<Vec<T>>>);

/// How many elements a new run has; one of twice as many is divided.
const RUN: usize = 64;

impl<T> Runs<T> {
    pub(crate) const EMPTY: Self = Self(Vec::new());

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flat_map(|run| run.iter())
    }
}

impl<T: Clone> Runs<T> {
    /// Has this element, or none, at a place from now on: `order` says where others are from it.
    /// O(n / 64) to find none of its run.
    pub(crate) fn put(&mut self, element: Option<T>, order: impl Fn(&T) -> Ordering) {
        let before = |run: &Arc<Vec<T>>| run.last().is_some_and(|last| order(last).is_lt());
        let at = self.0.partition_point(before).min(self.0.len().saturating_sub(1));
        let Some(run) = self.0.get_mut(at) else {
            self.0.extend(element.map(|element| Arc::new(vec![element])));
            return;
        };
        match (run.binary_search_by(order), element) {
            (Ok(place), Some(element)) => Arc::make_mut(run)[place] = element,
            (Ok(_), None) if run.len() == 1 => drop(self.0.remove(at)),
            (Ok(place), None) => drop(Arc::make_mut(run).remove(place)),
            (Err(place), Some(element)) => {
                let run = Arc::make_mut(run);
                run.insert(place, element);
                if run.len() >= 2 * RUN {
                    let rest = run.split_off(RUN);
                    self.0.insert(at + 1, Arc::new(rest));
                }
            }
            (Err(_), None) => {}
        }
    }
}

impl<T> FromIterator<T> for Runs<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut elements = elements.into_iter();
        let next = || {
            let mut run = Vec::with_capacity(RUN);
            run.extend(elements.by_ref().take(RUN));
            (!run.is_empty()).then(|| Arc::new(run))
        };
        Self(core::iter::from_fn(next).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use evenkeel_core::rand_core::Rng as _;
    use evenkeel_core::random::SplitMix64;

    use super::*;

    /// Against a map, with copies that have to stay as they were.
    #[test]
    fn a_list_in_runs_is_a_list_and_its_copies_stay_as_they_are() {
        for seed in 0..20 {
            let mut rng = SplitMix64::new(seed);
            let all = 1 + rng.next_u64() % 1_000;
            let mut model: BTreeMap<u64, u64> =
                (0..all).step_by(1 + seed as usize % 3).map(|key| (key, 0)).collect();
            let copied = |model: &BTreeMap<_, _>| model.iter().map(|(k, v)| (*k, *v)).collect();
            let mut runs: Runs<(u64, u64)> = copied(&model);
            let mut before = (runs.clone(), model.clone());
            for step in 0..1_000 {
                let (key, value) = (rng.next_u64() % all, rng.next_u64());
                let element = (value % 5 < 2 + step / 400).then_some((key, value));
                match element {
                    Some(_) => model.insert(key, value),
                    None => model.remove(&key),
                };
                runs.put(element, |other| other.0.cmp(&key));
                if step % 100 == 0 {
                    assert!(before.0.iter().map(|(k, v)| (k, v)).eq(&before.1), "seed {seed}");
                    assert!(runs.iter().map(|(k, v)| (k, v)).eq(&model), "seed {seed}");
                    assert!(runs.0.iter().all(|run| (1..2 * RUN).contains(&run.len())));
                    before = (runs.clone(), model.clone());
                }
            }
        }
    }
}
