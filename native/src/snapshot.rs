//! What a pick reads: the candidates, their clients and the policies, all immutable.

use core::cell::Cell;
use core::ops::{Deref, DerefMut};
use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::cluster::{Candidacy, CandidateGroup, Member, draw_group};
use evenkeel_core::load::Needs;
use evenkeel_core::rand_core::Rng;
use evenkeel_core::set::{AllOfList, CutList, Set, Slots, SortedList};
use evenkeel_core::{Config, Heap, Policy, Slot, TableFull};

use crate::client::Client;
use crate::table::{Over, Table};
use crate::target::Target;

/// The endpoints that have a client.
pub(crate) type Cluster = evenkeel_core::Cluster<Target, (), Config, Heap>;

/// One state of the set, replaced as a whole.
#[derive(Debug)]
pub(crate) struct Snapshot<C, P> {
    /// Above 0, and different for each snapshot of a balancer.
    pub(crate) version: u64,
    /// A first attempt needs no more than the policy of the first group: no other shares the
    /// requests, and it has members, all in service.
    pub(crate) plain: bool,
    /// What is to be kept of requests.
    pub(crate) needs: Needs,
    pub(crate) table: Table<C>,
    /// Never empty: without candidates, there is the policy that waits for some.
    pub(crate) groups: Vec<Group<P>>,
    /// How many of them share the requests. The others are levels in reserve: for retries of what
    /// all of those have been tried for, and where so many have room, for what finds none.
    pub(crate) sharing: usize,
    /// How many of them take what finds no room elsewhere.
    roomy: usize,
    /// The ejected endpoints of each level, the best level first: for retries that have tried all
    /// others. No policy makes tables of them.
    ejected: Vec<SortedList>,
}

/// The endpoints of a group that have room: a list that is kept per thread, so that picks while room
/// is scarce allocate nothing.
#[derive(Debug)]
pub(crate) struct Room(SortedList);

thread_local! {
    static ROOM: Cell<SortedList> = const { Cell::new(SortedList::EMPTY) };
}

impl Room {
    fn new() -> Self {
        // The thread may be ending: there is no list to use again.
        Self(ROOM.try_with(Cell::take).unwrap_or_default())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let list = core::mem::take(&mut self.0);
        // The same.
        let _ = ROOM.try_with(|room| room.set(list));
    }
}

impl Deref for Room {
    type Target = SortedList;

    fn deref(&self) -> &SortedList {
        &self.0
    }
}

impl DerefMut for Room {
    fn deref_mut(&mut self) -> &mut SortedList {
        &mut self.0
    }
}

/// A group of candidates.
#[derive(Debug)]
pub(crate) struct Group<P> {
    pub(crate) policy: P,
    pub(crate) members: SortedList,
    share: u8,
    /// Endpoints are in it that would be left out if there were enough others.
    pub(crate) panic: bool,
}

impl<C, P: Policy + Clone> Snapshot<C, P> {
    /// Makes the snapshot of `cluster`, whose members are these, after the one `before` and with a
    /// table that nobody needs any more; `client` knows them all.
    pub(crate) fn new<'c>(
        version: u64,
        cluster: &Cluster,
        members: &[Member<'_, Target>],
        before: Option<&Self>,
        spare: Table<C>,
        client: impl Fn(Slot) -> Option<&'c Arc<Client<C>>>,
        policy: &P,
    ) -> Result<Self, TableFull>
    where
        C: 'c,
    {
        let before = before.map(|before| &before.table);
        let table = Table::new(cluster.slots(), members, before, spare, client);
        Self::over(version, cluster, members, table, policy)
    }

    /// Makes the snapshot of `cluster`. `members` may lack those that are candidates.
    pub(crate) fn over(
        version: u64,
        cluster: &Cluster,
        members: &[Member<'_, Target>],
        table: Table<C>,
        policy: &P,
    ) -> Result<Self, TableFull> {
        let config = cluster.settings();
        let mut groups = Vec::new();
        for group in cluster.candidate_groups() {
            groups.push(Group::new(policy, &table, group)?);
        }
        let sharing = groups.len();
        for members in &levels(members, |member| member.candidacy == Candidacy::Priority) {
            let group = CandidateGroup { members, share: 0, panic: false };
            groups.push(Group::new(policy, &table, group)?);
        }
        let limited = config.max_in_flight > 0;
        let roomy = if limited && config.overflow { groups.len() } else { sharing };
        let Needs { in_flight, time } = policy.needs();
        let needs = Needs { in_flight: in_flight || limited, time };
        let only = groups.first().filter(|_| sharing == 1);
        let plain = only.is_some_and(|group| !group.members.is_empty() && !group.panic);
        let may_be_well =
            |it: &Member<'_, _>| it.candidacy == Candidacy::Unhealthy && it.health.is_ejected();
        // Those that a subset left for others are not its own any more.
        let ejected = if config.subset == 0 { levels(members, may_be_well) } else { Vec::new() };
        Ok(Self { version, plain, needs, table, groups, sharing, roomy, ejected })
    }

    /// Makes the next snapshot, of nobody.
    pub(crate) fn emptied(&self) -> Self {
        let table = Table::EMPTY;
        let groups = self.groups.first().map(|group| {
            let mut policy = group.policy.clone();
            // Every table has room for nobody.
            let _ = policy.rebuild(&Over::new(&table, SortedList::EMPTY.all()));
            Group { policy, members: SortedList::EMPTY, share: group.share, panic: false }
        });
        let groups: Vec<_> = groups.into_iter().collect();
        let count = groups.len();
        Self {
            version: self.version + 1,
            plain: false,
            needs: self.needs,
            table,
            groups,
            sharing: count,
            roomy: count,
            ejected: Vec::new(),
        }
    }
}

/// Lists some endpoints by priority, the best first.
fn levels(
    members: &[Member<'_, Target>],
    belongs: impl Fn(&Member<'_, Target>) -> bool,
) -> Vec<SortedList> {
    let mut levels = BTreeMap::<_, SortedList>::new();
    for member in members.iter().filter(|member| belongs(member)) {
        levels.entry(member.endpoint.priority).or_default().put(member.slot.index(), true);
    }
    levels.into_values().collect()
}

impl<C, P> Snapshot<C, P> {
    /// Draws the group of a request by the shares. Where all of that group are to be avoided, it is
    /// the first that has others.
    pub(crate) fn draw(&self, key: Option<u64>, avoid: &[Slot], rng: &mut impl Rng) -> usize {
        let sharing = self.groups.iter().take(self.sharing);
        let drawn = draw_group(sharing.clone().map(|group| group.share), key, rng);
        let offers = |group: &Group<P>| !self.less(group.members.all(), avoid).is_empty();
        if avoid.is_empty() || self.groups.get(drawn).is_some_and(offers) {
            return drawn;
        }
        { sharing }.position(offers).unwrap_or(drawn)
    }

    /// Returns the group that a retry goes on to: the drawn one, or, where all that share the requests
    /// have been tried or the call leaves the level, the first level in reserve that has others.
    pub(crate) fn go_on(&self, drawn: usize, avoid: &[Slot], leave_level: bool) -> usize {
        let offers = |&index: &usize| {
            let group = self.groups.get(index);
            group.is_some_and(|group| !self.less(group.members.all(), avoid).is_empty())
        };
        let mut reserve = self.sharing..self.groups.len();
        if !leave_level && offers(&drawn) { drawn } else { reserve.find(offers).unwrap_or(drawn) }
    }

    /// Returns the ejected endpoints that have room and are not to be avoided, of the best level that
    /// has any.
    pub(crate) fn ejected(&self, avoid: &[Slot]) -> Option<SortedList> {
        let others = self.ejected.iter().map(|level| {
            let mut others = SortedList::EMPTY;
            for row in level.iter().filter_map(|slot| self.table.row(slot)) {
                let offers = !avoid.contains(&row.slot) && !row.client.load.is_full();
                others.put(row.slot.index(), offers);
            }
            others
        });
        { others }.find(|others| !others.is_empty())
    }

    /// Leaves out the slots to avoid.
    #[inline]
    pub(crate) fn less<'a>(&self, slots: AllOfList<'a>, avoid: &'a [Slot]) -> CutList<'a> {
        SortedList::less(slots, avoid, |slot| self.table.client(slot).is_some())
    }

    /// Returns the candidates that have room, of a group from which to pick without those to avoid:
    /// of `first`, if it has others, or else of the first that has. `None` without room in any.
    pub(crate) fn with_room(&self, first: usize, avoid: &[Slot]) -> Option<(usize, Room)> {
        let (mut room, mut any) = (Room::new(), None);
        let others = (0..self.roomy).filter(|&index| index != first);
        for index in core::iter::once(first).chain(others) {
            self.list(index, &mut room);
            if !self.less(room.all(), avoid).is_empty() {
                return Some((index, room));
            }
            if !room.is_empty() {
                any = any.or(Some(index));
            }
        }
        let index = any?;
        self.list(index, &mut room);
        // Another thread may have taken the room meanwhile.
        (!room.is_empty()).then_some((index, room))
    }

    /// Lists the members of a group that have room.
    fn list(&self, index: usize, room: &mut Room) {
        room.clear();
        let members = self.groups.get(index).into_iter().flat_map(|group| group.members.iter());
        for slot in members {
            if self.table.row(slot).is_some_and(|row| !row.client.load.is_full()) {
                room.put(slot, true);
            }
        }
    }

    /// Returns how many candidates there are.
    pub(crate) fn len(&self) -> usize {
        self.groups.iter().take(self.sharing).map(|group| group.members.len()).sum()
    }

    /// Tells that nothing but the candidates, all of one level and in service, gets requests.
    pub(crate) fn is_one_level(&self) -> bool {
        self.plain && self.groups.len() == 1 && self.ejected.is_empty()
    }

    /// Tells that picks may go to the endpoint in this slot.
    pub(crate) fn offers(&self, slot: Slot) -> bool {
        let mut sharing = self.groups.iter().take(self.sharing);
        self.table.client(slot).is_some() && sharing.any(|group| group.members.has(slot.index()))
    }
}

impl<P: Policy + Clone> Group<P> {
    fn new<C>(
        policy: &P,
        table: &Table<C>,
        group: CandidateGroup<'_, SortedList>,
    ) -> Result<Self, TableFull> {
        let CandidateGroup { members, share, panic } = group;
        let mut policy = policy.clone();
        policy.rebuild(&Over::new(table, members.all()))?;
        Ok(Self { policy, members: members.clone(), share, panic })
    }
}
