use super::Balancer;
use crate::endpoint::Address;
use crate::kit::{GROUPS, Kit};
use crate::policy::Policy;
use crate::slot::Turn;
use crate::state::{ImportError, Imported, LastTurn, State};
use crate::store::Store;
use crate::time::Instant;

impl<A: Address, P: Policy + Clone, S: Kit, St: Store> Balancer<A, P, S, St> {
    /// Returns what was learned, to be kept over a restart; the [module](crate::state) says what
    /// that is. O(n log n)
    pub fn export(&self, now: Instant) -> State<A, St> {
        let turns = core::array::from_fn(|index| {
            let turn = self.turn(index)?;
            let endpoint = self.cluster.rows().last_endpoint(turn.slot()?)?;
            let (addr, place) = (endpoint.addr.clone(), turn.place.wrapping_sub(1));
            Some(LastTurn { addr, place, walk: turn.walk })
        });
        self.cluster.export_with(now, turns)
    }

    /// Goes on with what another balancer knew, perhaps in another process.
    ///
    /// [`update`](Self::update) first: what is known of endpoints that are not in the set is left
    /// out. An endpoint of which something was reported here keeps what was learned from that, as
    /// it is newer; so does a rotation that has begun. The settings of this balancer rule: nothing
    /// is ejected for longer, and no more endpoints are, than they allow. O(n log n)
    ///
    /// A policy whose table is too small for the candidates that are left goes on as it does after
    /// an [`update`](Self::update), which would say so.
    ///
    /// # Errors
    /// [`ImportError`] for a state that is damaged, older than
    /// [`MAX_AGE`](crate::state::MAX_AGE), of another version, or about other endpoints. Nothing
    /// changes.
    pub fn import<T: Store>(
        &mut self,
        now: Instant,
        state: &State<A, T>,
    ) -> Result<Imported, ImportError> {
        let imported = self.cluster.import(now, state)?;
        let _ = self.rebuild();
        for index in 0..self.cluster.groups().min(GROUPS) {
            let Some(Some(LastTurn { addr, place, walk })) = state.turns.get(index) else {
                continue;
            };
            let turn = match self.cluster.find(addr) {
                // In another cycle, policies go on as they do where the candidates change.
                Some(slot) => Turn { walk: *walk, ..Turn::had(slot.index(), *place as usize) },
                // It has left: the next turn goes to the one that follows it.
                None => match self.cluster.after_address(addr) {
                    Some(next) => {
                        Turn { place: place.wrapping_add(1), walk: *walk, ..Turn::before(next) }
                    }
                    None => continue,
                },
            };
            if self.turn(index) == Some(Turn::START) {
                self.set_turn(index, turn);
            }
        }
        Ok(imported)
    }

    /// Returns where the rotation of a group stands, if the group has a policy.
    fn turn(&self, index: usize) -> Option<Turn> {
        match index.checked_sub(1) {
            None => Some(self.turn),
            Some(at) => self.more.get(at).map(|(_, turn)| *turn),
        }
    }

    fn set_turn(&mut self, index: usize, turn: Turn) {
        match index.checked_sub(1) {
            None => self.turn = turn,
            Some(at) => {
                if let Some((_, other)) = self.more.get_mut(at) {
                    *other = turn;
                }
            }
        }
    }
}
