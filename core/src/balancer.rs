//! Balances requests: the whole path for one thread, update, pick, report.

mod answered;
mod choose;
mod over;
mod pick;
mod state;
mod status;

use core::fmt;

pub(crate) use over::Over;
pub use pick::{Pick, Request, Why};
use rand_core::Rng;
pub use status::{Stats, Status};

use crate::cluster::{Changes, Cluster};
use crate::endpoint::{Address, Endpoint};
use crate::error::{InsertError, PickError, TableFull, UpdateError};
use crate::event::Event;
use crate::kit::{Kit, Parts};
use crate::load::Load;
use crate::outcome::Outcome;
use crate::policy::{Cx, Policy, honours};
use crate::set::{Set, Slots};
use crate::settings::{Config, ConfigError};
use crate::slot::{Slot, Turn};
use crate::store::{List, Store};
use crate::time::Instant;

/// Balances requests over a set of endpoints; for one thread, without locks, atomics or a clock.
///
/// Each request is one [`pick`](Self::pick) before it and one [`report`](Self::report) after it.
/// `A` is the type of addresses, `P` the policy, `S` the settings (a type that fixes them, or
/// [`Config`]), `St` the storage.
///
/// Firmware keeps it in a `static`: all that is not set by [`update`](Self::update) is zero, so it
/// takes no flash.
///
/// ```
/// use evenkeel_core::{Balancer, Defaults, Inline, policy::RoundRobin};
///
/// type Gateways = Balancer<[u8; 4], RoundRobin, Defaults, Inline<8>>;
/// const GATEWAYS: Gateways = Balancer::with_settings(RoundRobin::new(), Defaults);
/// # assert!(GATEWAYS.is_empty());
/// ```
#[repr(C)]
pub struct Balancer<
    A,
    P: Policy,
    #[cfg(feature = "alloc")] S: Kit = Config,
    #[cfg(not(feature = "alloc"))] S: Kit,
    #[cfg(feature = "alloc")] St: Store = crate::Heap,
    #[cfg(not(feature = "alloc"))] St: Store,
> {
    /// 0: none yet.
    id: u16,
    turn: Turn,
    /// The turn of retries, which take nobody else's.
    retries: Turn,
    cluster: Cluster<A, P::Load, S, St>,
    policy: P,
    /// The policies and turns of groups beside the first.
    more: <S::Parts as Parts>::Groups<(P, Turn)>,
}

#[cfg(feature = "alloc")]
impl<A: Address, P: Policy + Clone> Balancer<A, P> {
    /// Makes a balancer without endpoints, with our defaults.
    pub const fn new(policy: P) -> Self {
        Self::with_settings(policy, Config::DEFAULT)
    }
}

impl<A: Address, P: Policy + Clone, St: Store> Balancer<A, P, Config, St> {
    /// Makes a balancer without endpoints, with settings known at run time.
    ///
    /// # Errors
    /// [`ConfigError`] for settings that make no sense; it names the setting and its limit.
    pub fn with_config(policy: P, config: Config) -> Result<Self, ConfigError> {
        check(&policy, &config)?;
        let mut policy = policy;
        policy.seed(config.seed);
        Ok(Self::with_settings(policy, config))
    }

    /// Goes on by other settings, from now on: by other rules, what was counted in another way is
    /// dropped; without any, all that are ejected come back.
    ///
    /// # Errors
    /// [`ConfigError`] for settings that make no sense. Nothing changes.
    pub fn set_config(&mut self, now: Instant, config: Config) -> Result<(), ConfigError> {
        check(&self.policy, &config)?;
        self.cluster.configure(now, config);
        // A policy whose table is too small goes on as after an update, which would say so.
        let _ = self.rebuild();
        Ok(())
    }
}

fn check<P: Policy>(policy: &P, config: &Config) -> Result<(), ConfigError> {
    config.check()?;
    honours(policy, config)?;
    let value = config.max_in_flight;
    if value > 0 && !P::Load::NEEDS.in_flight {
        return Err(ConfigError::Uncounted { setting: "max_in_flight", value: value.into() });
    }
    Ok(())
}

impl<A: Address, P: Policy + Clone, S: Kit, St: Store> Balancer<A, P, S, St> {
    /// Makes a balancer without endpoints. Settings known at run time are not checked: see
    /// [`with_config`](Balancer::with_config).
    pub const fn with_settings(policy: P, settings: S) -> Self {
        let cluster = Cluster::new(settings);
        let (turn, retries) = (Turn::START, Turn::START);
        Self { id: 0, policy, turn, retries, more: List::NEW, cluster }
    }

    /// Takes what should differ between clients from random numbers of this client's own, where
    /// [settings fixed by type](crate::Defaults) have the same seed everywhere: which endpoint
    /// [`PickFirst`](crate::policy::PickFirst) picks, and when ejections end. **Without it, all
    /// clients of one firmware do alike.** A [`subset`](crate::Settings::subset) goes by the
    /// settings' own [`seed`](crate::Settings::seed); [`Config::seeded_by`] sets that.
    pub fn seeded_by(&mut self, rng: &mut impl Rng) {
        self.policy.seed(rng.next_u64());
        self.cluster.begin_draws_at(rng.next_u32());
    }

    /// Replaces the whole set of endpoints. Endpoints that stay keep their slots, counts and place
    /// in the rotation.
    ///
    /// An empty set is obeyed: protection against empty answers is the business of sources. Records
    /// of one address are folded into one, in any order: the lowest priority wins, then the largest
    /// weight. Beyond the store's capacity, endpoints already in the set stay first, then addresses
    /// in their order; [`Changes::left_out`] says how many found no room. O(n) for sorted input,
    /// O(n log n) otherwise; an identical update rebuilds nothing.
    ///
    /// # Errors
    /// [`UpdateError`] when the policy's table is too small; the set is updated all the same.
    pub fn update(
        &mut self,
        now: Instant,
        endpoints: impl IntoIterator<Item = Endpoint<A>>,
    ) -> Result<Changes, UpdateError> {
        self.take_id();
        let changes = self.cluster.update(now, endpoints);
        if !changes.is_empty() {
            self.rebuild()?;
        }
        Ok(changes)
    }

    /// Adds one endpoint, or changes the one of the same address.
    ///
    /// # Errors
    /// [`InsertError::Full`] when there is no room for it: nothing changes.
    pub fn insert(&mut self, now: Instant, endpoint: Endpoint<A>) -> Result<Changes, InsertError> {
        self.take_id();
        let changes = self.cluster.insert(now, endpoint)?;
        if !changes.is_empty() {
            self.rebuild()?;
        }
        Ok(changes)
    }

    /// Takes out the endpoint of this address and gives it back, if it was there.
    ///
    /// # Errors
    /// [`UpdateError`] when the policy cannot rebuild; the endpoint is out all the same.
    pub fn remove(&mut self, now: Instant, addr: &A) -> Result<Option<Endpoint<A>>, UpdateError> {
        let removed = self.cluster.remove(now, addr);
        if removed.is_some() {
            self.rebuild()?;
        }
        Ok(removed)
    }

    /// Picks the endpoint for the next request.
    ///
    /// # Errors
    /// [`PickError`] when there is no endpoint to pick.
    #[inline]
    pub fn pick(&mut self, now: Instant, rng: &mut impl Rng) -> Result<Pick, PickError> {
        self.pick_with(Request::at(now), rng)
    }

    /// Picks the endpoint for a request with a key, or with slots to avoid.
    ///
    /// # Errors
    /// [`PickError`] when there is no endpoint to pick.
    #[inline]
    pub fn pick_with(
        &mut self,
        request: Request<'_>,
        rng: &mut impl Rng,
    ) -> Result<Pick, PickError> {
        let (slot, why, decides);
        if !St::FEW && self.is_plain(&request) && (St::ONE_WAY || self.policy.is_short()) {
            let (policy, cluster) = (&self.policy, &self.cluster);
            let (ready, panic) = cluster.first_level();
            if ready.is_empty() {
                return Err(self.unavailable());
            }
            let mut cx = Cx::new(request.now, request.key, &mut self.turn, rng);
            let picked = if St::ONE_WAY {
                choose::ask(policy, &Over::new(St::Set::uncut(ready), cluster), &mut cx)
            } else {
                choose::ask_short(policy, &Over::new(ready, cluster), &mut cx)
            };
            (slot, decides) = (picked.ok_or(PickError::Declined)?, panic);
            why = if panic { Why::Panic } else { Why::Policy };
        } else {
            let choice = if St::ONE_WAY {
                self.choose_few(&request, rng)
            } else {
                // In registers: so other picks do not go through memory.
                self.choose(request.now, request.key, request.avoid, request.leave_level, rng)
            };
            let Some(choice) = choice else { return Err(self.unavailable()) };
            (slot, why, decides) = (choice.slot as usize, choice.why, choice.decides);
        }
        let Some((slot, full)) = self.cluster.begin(slot) else { return Err(PickError::Declined) };
        if full {
            self.change_room(slot);
        }
        Ok(Pick { slot, started: request.now, balancer: self.id, why, decides })
    }

    /// Tells that the first level is to pick from: nothing is due, grouped, or to be avoided.
    #[inline]
    fn is_plain(&self, request: &Request<'_>) -> bool {
        !self.cluster.wakes(request.now) && request.avoid.is_empty() && !self.cluster.is_grouped()
    }

    /// Says why there is nothing to pick.
    #[cold]
    fn unavailable(&self) -> PickError {
        let ready = |group| !self.cluster.pool(group).ready.is_empty();
        if (0..self.cluster.groups()).any(ready) {
            return PickError::Declined;
        }
        self.cluster.unavailable()
    }

    /// Returns the endpoint of a pick, unless it has left since.
    #[inline]
    pub fn endpoint(&self, pick: &Pick) -> Option<&Endpoint<A>> {
        if pick.balancer == self.id { self.cluster.get(pick.slot) } else { None }
    }

    /// Learns how the request of a pick ended.
    ///
    /// The pick of an endpoint that has left, or of another balancer, changes nothing.
    #[inline]
    pub fn report(&mut self, now: Instant, pick: Pick, outcome: Outcome) {
        if pick.balancer != self.id {
            return;
        }
        let Pick { slot, started, decides, .. } = pick;
        if P::Load::NEEDS.time || self.cluster.waits() {
            // A wait, or an answer time, from before a clock that went back would last until then.
            self.cluster.follow_clock(now);
        }
        let Some(ended) = self.cluster.end(now, slot, outcome, started, decides) else { return };
        if ended.has_room {
            self.change_room(slot);
        }
        if ended.heeds {
            self.observe(now, slot, outcome, started, decides);
        }
        if P::Load::NEEDS.time && outcome == Outcome::Ignorable {
            self.cluster.lend_estimate(now, slot);
        }
    }

    /// Makes a pick as if it had never been: nothing was sent, and nothing is learned. Retries are
    /// never probes; one that is withdrawn all the same has failed when its time is over.
    #[cold]
    pub fn withdraw(&mut self, now: Instant, pick: Pick) {
        if pick.balancer != self.id {
            return;
        }
        if self.cluster.withdraw(now, pick.slot, pick.started) {
            self.change_room(pick.slot);
        }
    }

    #[cold]
    #[inline(never)]
    fn observe(
        &mut self,
        now: Instant,
        slot: Slot,
        outcome: Outcome,
        sent: Instant,
        decides: bool,
    ) {
        if self.cluster.learn(now, slot, outcome, sent, decides) {
            // A policy whose table is too small goes on as after an update, which would say so.
            let _ = self.rebuild();
        }
    }

    #[cold]
    #[inline(never)]
    fn change_room(&mut self, slot: Slot) {
        if self.cluster.change_room(slot.index()) {
            let _ = self.rebuild();
        }
    }

    /// Takes over what active checks find of the endpoint in `slot`: a
    /// [`Checker`](crate::health::Checker) says it.
    pub fn set_down(&mut self, now: Instant, slot: Slot, down: bool) {
        if self.cluster.set_down(now, slot, down) {
            let _ = self.rebuild();
        }
    }

    /// Takes out what changed since it was last asked; see [`Cluster::events`].
    pub fn events(&mut self) -> impl Iterator<Item = Event<'_, A>> {
        self.cluster.events()
    }

    /// Returns the end of the calm of a level, if it is calm; see [`Cluster::calm_until`].
    pub fn calm_until(&self, priority: u16) -> Option<Instant> {
        self.cluster.calm_until(priority)
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due; see [`Cluster::poll_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.cluster.poll_timeout()
    }

    /// Does what is due at `now`: ejections and probes end, new endpoints get more of their weight.
    /// Harmless when called too early or too late; without any call, the next pick does it.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.cluster.handle_timeout(now) {
            let _ = self.rebuild();
        }
    }

    /// Lists every endpoint with what is known of it, in the order of addresses.
    pub fn endpoints(&self) -> impl Iterator<Item = Status<'_, A>> {
        status::all(&self.cluster)
    }

    /// Returns how many endpoints there are, candidates or not.
    pub fn len(&self) -> usize {
        self.cluster.len()
    }

    /// Tells that there is none.
    pub fn is_empty(&self) -> bool {
        self.cluster.is_empty()
    }

    /// Returns its settings.
    pub fn settings(&self) -> &S {
        self.cluster.settings()
    }

    fn take_id(&mut self) {
        if self.id == 0 {
            self.id = pick::balancer_id();
        }
    }

    /// Lets the policies follow the candidates.
    #[inline]
    fn rebuild(&mut self) -> Result<(), TableFull> {
        let groups = self.cluster.groups();
        while self.more.len() + 1 < groups
            && self.more.try_push((self.policy.clone(), Turn::START)).is_ok()
        {}
        let cluster = &self.cluster;
        let rebuild = |policy: &mut P, index| {
            let members = Set::all(cluster.pool(index).members);
            if St::ONE_WAY {
                policy.rebuild(&Over::new(St::Set::uncut(members), cluster))
            } else {
                policy.rebuild(&Over::new(members, cluster))
            }
        };
        let mut result = rebuild(&mut self.policy, 0);
        for (index, (policy, _)) in (1..groups).zip(self.more.iter_mut()) {
            // A group without room must not leave the others with tables of earlier candidates.
            result = result.and(rebuild(policy, index));
        }
        result
    }
}

impl<A: fmt::Debug, P: Policy, S: Kit, St: Store> fmt::Debug for Balancer<A, P, S, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Balancer");
        shown.field("cluster", &self.cluster).field("turn", &self.turn).finish_non_exhaustive()
    }
}
