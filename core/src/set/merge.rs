//! An update of the whole set where there is room for all: one merge pass over two sorted lists.

use core::cmp::Ordering;
use core::iter::once;

use super::slots::MOST;
use super::{Change, Changes, EndpointSet, Observer};
use crate::endpoint::{Address, Endpoint};
use crate::store::{List, Store};

/// The input is compared with the set as it comes, as long as it is sorted, and only what is new
/// is kept: an update of little change costs little more than the comparison. Nothing changes before all of it has come.
pub(super) fn update<A: Address, S: Store>(
    set: &mut EndpointSet<A, S>,
    endpoints: impl IntoIterator<Item = Endpoint<A>>,
    observer: &mut impl Observer<A>,
) -> Changes {
    let mut fresh: S::List<Endpoint<A>> = S::List::default();
    let mut difference = Difference::<S>::default();
    let mut endpoints = endpoints.into_iter();
    while let Some(endpoint) = endpoints.find(|endpoint| !difference.is_next(set, endpoint)) {
        if !difference.is_sorted(set, &fresh, &endpoint) {
            collect(set, &difference, &mut fresh, once(endpoint).chain(endpoints));
            difference = Difference::default();
            fresh.keep(|endpoint| difference.compare(set, endpoint));
            break;
        }
        if difference.compare(set, &endpoint) {
            let _ = fresh.try_push(endpoint);
        }
    }
    while difference.next < set.order.len() {
        difference.depart();
    }
    apply(set, &difference, fresh, observer)
}

/// What an update brings, as places in the order of the set before it.
struct Difference<S: Store> {
    /// Where each fresh endpoint is, marked as [`KNOWN`], or before which place it belongs.
    places: S::List<u32>,
    /// The places of endpoints that do not come any more.
    gone: S::List<u32>,
    /// The first place that nothing was compared with yet.
    next: usize,
}

/// Marks the place of an endpoint that is in the set and says something new.
const KNOWN: u32 = MOST;

impl<S: Store> Difference<S> {
    /// Steps over the next endpoint of the set if the one that came is the same: much the most common case, and equality is
    /// quicker to tell than order.
    #[inline]
    fn is_next<A: Address>(&mut self, set: &EndpointSet<A, S>, endpoint: &Endpoint<A>) -> bool {
        let next = set.order.get(self.next).map(|&index| set.slots.endpoint(index));
        let same = next.is_some_and(|next| next.addr == endpoint.addr && next.same_content(endpoint));
        self.next += usize::from(same);
        same
    }

    /// Whether an endpoint comes after all before it.
    fn is_sorted<A: Address>(&self, set: &EndpointSet<A, S>, fresh: &[Endpoint<A>], endpoint: &Endpoint<A>) -> bool {
        let last = self.next.checked_sub(1).map(|place| set.slots.endpoint(set.order[place]));
        last.is_none_or(|last| last.addr < endpoint.addr) && fresh.last().is_none_or(|last| last.addr < endpoint.addr)
    }

    /// Finds the place of an endpoint that comes after all before it; tells whether it says anything new.
    fn compare<A: Address>(&mut self, set: &EndpointSet<A, S>, endpoint: &Endpoint<A>) -> bool {
        while let Some(&index) = set.order.get(self.next) {
            let known = set.slots.endpoint(index);
            match known.addr.cmp(&endpoint.addr) {
                Ordering::Less => self.depart(),
                Ordering::Equal => {
                    self.next += 1;
                    return !known.same_content(endpoint) && self.note((self.next - 1) as u32 | KNOWN);
                }
                Ordering::Greater => break,
            }
        }
        self.note(self.next as u32)
    }

    fn note(&mut self, place: u32) -> bool {
        let _ = self.places.try_push(place);
        true
    }

    /// The endpoint at the next place does not come any more.
    fn depart(&mut self) {
        let _ = self.gone.try_push(self.next as u32);
        self.next += 1;
    }
}

impl<S: Store> Default for Difference<S> {
    fn default() -> Self {
        Self { places: S::List::default(), gone: S::List::default(), next: 0 }
    }
}

/// Collects the input in `fresh`, which has what is fresh of the endpoints that came before, and sorts it.
#[cold]
fn collect<A: Address, S: Store>(
    set: &EndpointSet<A, S>,
    before: &Difference<S>,
    fresh: &mut S::List<Endpoint<A>>,
    rest: impl Iterator<Item = Endpoint<A>>,
) {
    let mut gone = before.gone.iter().peekable();
    let mut changed = before.places.iter().filter(|&&place| place & KNOWN != 0).peekable();
    let same = (0..before.next as u32)
        .filter(|place| gone.next_if_eq(&place).is_none() && changed.next_if_eq(&&(place | KNOWN)).is_none());
    let same = same.map(|place| set.slots.endpoint(set.order[place as usize]).clone());
    for endpoint in same.chain(rest) {
        let _ = fresh.try_push(endpoint);
    }
    sort_and_fold(fresh);
}

/// Changes the set by `difference`.
fn apply<A: Address, S: Store>(
    set: &mut EndpointSet<A, S>,
    difference: &Difference<S>,
    fresh: S::List<Endpoint<A>>,
    observer: &mut impl Observer<A>,
) -> Changes {
    let Difference { places, gone, .. } = difference;
    let mut changes = Changes { removed: gone.len(), ..Changes::default() };
    for &place in &**gone {
        let index = set.order[place as usize];
        observer.on_change(Change::Removed(set.slots.slot(index), set.slots.endpoint(index)));
        set.slots.release(index);
    }
    let mut gone = gone.iter().map(|&place| place as usize).peekable();
    let moving = gone.peek().is_some() || places.iter().any(|place| place & KNOWN == 0);
    let (mut order, mut copied) = (<S::List<u32>>::default(), 0);
    // What stays between two differences is copied in one go; `order` has the capacity of the set.
    let mut copy = |order: &mut S::List<u32>, set: &EndpointSet<A, S>, end: usize| {
        while let Some(place) = gone.next_if(|&place| place < end) {
            order.try_extend(&set.order[copied..place]);
            copied = place + 1;
        }
        order.try_extend(&set.order[copied..end]);
        copied = end;
    };
    for (&place, endpoint) in places.iter().zip(fresh) {
        if place & KNOWN != 0 {
            let index = set.order[(place & !KNOWN) as usize];
            set.slots.set_content(index, &endpoint);
            changes.changed += 1;
            observer.on_change(Change::Changed(set.slots.slot(index), set.slots.endpoint(index)));
        } else if let Some(index) = set.slots.allocate(endpoint, |index| observer.idle(index)) {
            copy(&mut order, set, place as usize);
            let _ = order.try_push(index);
            changes.added += 1;
            observer.on_change(Change::Added(set.slots.slot(index), set.slots.endpoint(index)));
        }
    }
    if moving {
        copy(&mut order, set, set.order.len());
        set.order = order;
    }
    changes
}

/// Sorts by address and folds records of the same address into the one that takes precedence.
fn sort_and_fold<A: Address>(endpoints: &mut impl List<Endpoint<A>>) {
    if endpoints.is_sorted_by(|a, b| a.addr < b.addr) {
        return;
    }
    endpoints.sort_with(|a, b| a.addr.cmp(&b.addr));
    let mut kept = 0;
    for next in 1..endpoints.len() {
        if endpoints[next].addr != endpoints[kept].addr {
            kept += 1;
            endpoints.swap(kept, next);
        } else if endpoints[next].takes_precedence_over(&endpoints[kept]) {
            endpoints.swap(kept, next);
        }
    }
    endpoints.shorten(kept + 1);
}
