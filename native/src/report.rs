//! What is due when a request ends.

use evenkeel_core::load::Needs;
use evenkeel_core::{Instant, Outcome, Slot, Why};

use crate::client::Client;

/// What is due when a request ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) chosen: Chosen,
    /// What was kept of the request: it is among those in flight, its answer is timed.
    pub(crate) needs: Needs,
    /// The snapshot that it was picked from.
    pub(crate) version: u64,
    /// `None`: it has been told, and only what is in flight is to be counted.
    pub(crate) outcome: Option<Outcome>,
}

impl Due {
    /// Reports. Most reports on a healthy endpoint have nothing to tell.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the pick is copied through memory")]
    pub(crate) fn report<C>(self, client: &Client<C>) {
        let tells =
            |outcome| self.needs.time || self.chosen.decides || client.vitals.heeds(outcome);
        if let Some(outcome) = self.outcome.filter(|outcome| tells(*outcome)) {
            let Self { chosen: Chosen { slot, why, decides, sent }, needs, version, .. } = self;
            report_all(client, (slot, sent, version), (why, decides, needs), outcome);
        } else if self.needs.in_flight {
            client.load.end();
        }
    }

    fn report_all<C>(&self, client: &Client<C>) {
        // Learnt from before it is taken off: in between, a new endpoint would look as if it had
        // never been asked.
        let Some(outcome) = self.outcome else {
            if self.needs.in_flight {
                client.load.end();
            }
            return;
        };
        if self.needs.time && client.load.observe(self.chosen.sent, client.clock.now(), outcome) {
            client.marks.mark(self.chosen.slot.index());
        }
        if self.needs.in_flight {
            client.load.end();
        }
        if self.chosen.decides || client.vitals.heeds(outcome) {
            self.tell(client, outcome);
        }
    }

    #[cfg(any(feature = "http-verdict", feature = "tonic"))]
    pub(crate) fn learn<C>(
        &mut self,
        client: &Client<C>,
        outcome: Outcome,
        now: impl FnOnce() -> Instant,
    ) {
        if self.outcome.is_none() {
            return;
        }
        self.outcome = Some(outcome);
        if self.needs.time && client.load.observe(self.chosen.sent, now(), outcome) {
            client.marks.mark(self.chosen.slot.index());
        }
        self.needs.time = false;
    }

    #[cfg(any(feature = "http-verdict", feature = "tonic"))]
    pub(crate) fn tell_now<C>(&mut self, client: &Client<C>) {
        let Some(outcome) = self.outcome.take() else { return };
        if self.chosen.decides || client.vitals.heeds(outcome) {
            self.tell(client, outcome);
        }
        self.chosen.decides = false;
    }

    fn tell<C>(self, client: &Client<C>, outcome: Outcome) {
        let Chosen { slot, why, decides, sent } = self.chosen;
        // In panic there are others to decide.
        let decides = decides && (why == Why::Probe || !outcome.is_canceled());
        let now = client.clock.now();
        // One that is not timed ended in the same breath.
        let times = [if sent == Instant::ZERO { now } else { sent }, now];
        if client.vitals.report(outcome, self.version, decides.then_some(sent), times) {
            client.marks.mark(slot.index());
        }
    }

    /// Makes it one of which nothing is due any more.
    pub(crate) fn settle(&mut self) {
        self.needs = Needs::default();
        self.chosen.decides = false;
        self.outcome = None;
    }
}

/// Reports what is due. It gets the parts, which so need not be in memory before.
#[inline(never)]
fn report_all<C>(
    client: &Client<C>,
    (slot, sent, version): (Slot, Instant, u64),
    (why, decides, needs): (Why, bool, Needs),
    outcome: Outcome,
) {
    // A panic of the caller's says nothing of the endpoint: only its probe is to be had again.
    let outcome = if outcome == Outcome::Abandoned && std::thread::panicking() {
        decides.then_some(Outcome::LostRace)
    } else {
        Some(outcome)
    };
    let chosen = Chosen { slot, why, decides, sent };
    Due { chosen, needs, version, outcome }.report_all(client);
}

/// Whom a request went to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen {
    pub(crate) slot: Slot,
    pub(crate) why: Why,
    /// Its report may decide if an ejected endpoint comes back.
    pub(crate) decides: bool,
    /// Known where the policy looks at answer times, of a request that decides, and of a lease;
    /// else zero.
    pub(crate) sent: Instant,
}
