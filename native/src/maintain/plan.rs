//! Who gets a client: the candidates, and those next in line.

use std::collections::BTreeMap;

use evenkeel_core::cluster::Candidacy;
use evenkeel_core::{Book, Config, Endpoint, Policy, Zone};

use super::Maintenance;
use super::found::Found;
use super::line::{Due, Line};
use crate::factory::Factory;
use crate::snapshot::Cluster;
use crate::target::Target;

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    /// Lines the endpoints up: by priorities, subset and zones, and who is well. A subset of 10
    /// makes 10 candidates, and the 10 of the next ranks come next. Queues up who is to get a client.
    pub(super) fn line_up(&mut self) {
        if let Some(due) = self.line_up_touched() {
            return self.queue_up(due);
        }
        self.level = None;
        let due = self.line_up_all().unwrap_or_else(|| {
            self.line_up_some();
            self.found.iter().filter_map(Found::due).collect()
        });
        self.queue_up(due);
    }

    /// Lines up those that were touched, and lists those that are due, where all others are lined up
    /// already, and all have the same priority.
    fn line_up_touched(&mut self) -> Option<Vec<Due>> {
        let (level, targets) = (self.level?, self.touched.targets()?);
        let of_level =
            |target| self.found.get(target).is_none_or(|found| found.endpoint.priority == level);
        if !targets.iter().all(of_level) {
            return None;
        }
        let others = self.line.iter().filter(|target| !targets.contains(target));
        let mut due: Vec<_> = others.filter_map(|target| self.found.get(target)?.due()).collect();
        for target in targets {
            let Some(found) = self.found.get_mut(target) else { continue };
            found.line = if found.left.is_none() { Line::Candidate } else { Line::Out };
            found.left_out = None;
            due.extend(found.due());
        }
        Some(due)
    }

    fn line_up_some(&mut self) {
        let well = self.found.iter().filter(|found| found.left.is_none() && self.may_serve(found));
        let well: Vec<_> = well.map(|found| found.endpoint.clone()).collect();
        let first = self.plan(well.clone());
        let is_in = |plan: &BTreeMap<Target, Candidacy>, target: &Target| {
            plan.get(target).is_some_and(|candidacy| candidacy.is_candidate())
        };
        let next = self.plan(well.into_iter().filter(|endpoint| !is_in(&first, &endpoint.addr)));
        for found in self.found.iter_mut() {
            let target = &found.endpoint.addr;
            found.line = match (is_in(&first, target), is_in(&next, target)) {
                (true, _) => Line::Candidate,
                (false, true) => Line::Next,
                (false, false) => Line::Out,
            };
            found.left_out = first.get(target).copied().filter(|why| !why.is_candidate());
        }
    }

    /// Makes all of them candidates, and lists those that are due; unless settings or priorities leave
    /// somebody out.
    fn line_up_all(&mut self) -> Option<Vec<Due>> {
        let config = self.cluster.settings();
        let overflows = config.max_in_flight > 0 && config.overflow;
        if config.subset > 0 || config.zone != Zone::NONE {
            return None;
        }
        let (mut first, mut alike, mut due) = (None, true, Vec::new());
        for found in self.found.iter_mut() {
            let priority = found.endpoint.priority;
            alike &= *first.get_or_insert(priority) == priority;
            if !alike && !overflows {
                return None;
            }
            // Nobody makes a client for one that left.
            found.line = if found.left.is_none() { Line::Candidate } else { Line::Out };
            found.left_out = None;
            due.extend(found.due());
        }
        self.level = first.filter(|_| alike);
        Some(due)
    }

    /// Tells that nothing is known against an endpoint.
    fn may_serve(&self, found: &Found<F::Client>) -> bool {
        found.connection.is_new() || self.serves(found)
    }

    /// Returns whom the settings would choose if these were all endpoints, and well; and why not
    /// the others.
    fn plan(
        &self,
        endpoints: impl IntoIterator<Item = Endpoint<Target>>,
    ) -> BTreeMap<Target, Candidacy> {
        let config = Config { book: Book::Off, max_in_flight: 0, ..*self.cluster.settings() };
        let mut cluster = Cluster::new(config);
        let _ = cluster.update(self.shared.clock.now(), endpoints);
        let members = cluster.members();
        members.map(|member| (member.endpoint.addr.clone(), member.candidacy)).collect()
    }
}
