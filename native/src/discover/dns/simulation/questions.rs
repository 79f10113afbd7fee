//! The bound on questions: those for one thing are so far apart as its time to live says.

use core::time::Duration;
use std::collections::BTreeMap;

use hickory_proto::rr::RecordType;
use tokio::time::Instant;

use super::zone::LONGEST;

/// The least time between lookups, [`PollerConfig::min`](crate::PollerConfig::min) by default.
const LEAST: Duration = Duration::from_secs(5);

/// The wait after a failure is one second, give or take a fifth.
const BACK_OFF: Duration = Duration::from_millis(800);

/// Two servers with two seconds each.
const PATIENCE: Duration = Duration::from_secs(4);

/// A question is repeated once over UDP, and asked over TCP, of each server.
const REPEATS: u32 = 2 * 3;

/// A failure makes lookups come as after a failure for so long: its time-outs, and the wait.
const FELT: Duration = Duration::from_secs(15);

/// All questions, with repeated ones counted with the first.
#[derive(Debug, Default)]
pub(super) struct Questions {
    last: BTreeMap<(String, RecordType), Question>,
    /// Since then there is a reason to ask early: a failure, or somebody who wants it.
    early: Option<Instant>,
    /// When somebody last wanted an answer sooner.
    hurried: Option<Instant>,
    pub(super) count: u32,
    /// Those that came too early.
    pub(super) early_ones: Vec<String>,
}

#[derive(Debug)]
struct Question {
    begun: Instant,
    repeats: u32,
    /// When a good answer comes, and for how long that holds.
    answer: Option<(Instant, Duration)>,
}

impl Questions {
    /// Notes that somebody wants an answer sooner.
    pub(super) fn hurry(&mut self, now: Instant) {
        (self.early, self.hurried) = (Some(now), Some(now));
    }

    /// Notes a question with its answer, if it has a good one: when it comes, and how many seconds
    /// it holds. Records all of whose targets are `gone` are doubted.
    pub(super) fn note(
        &mut self,
        name: &str,
        kind: RecordType,
        now: Instant,
        answer: Option<(Instant, u32)>,
        gone: bool,
    ) {
        let answer = answer.map(|(at, ttl)| (at, Duration::from_secs(ttl.min(LONGEST).into())));
        if answer.is_none() {
            self.early = Some(now);
        }
        let key = (name.to_owned(), kind);
        if let Some(last) = self.last.get_mut(&key) {
            let since = now - last.begun;
            let patience = last.answer.map_or(last.begun + PATIENCE, |(at, _)| at);
            if now <= patience && last.repeats < REPEATS {
                last.repeats += 1;
                last.answer = last.answer.or(answer);
                return;
            }
            let early = self.early.is_some_and(|early| early + FELT >= last.begun);
            // Who hurries while a lookup is under way has another follow it at once.
            let hurried = self.hurried.is_some_and(|at| at + PATIENCE >= last.begun);
            let least = match last.answer {
                Some((_, holds)) if !early && !gone => holds.max(LEAST),
                Some(_) if !early => LEAST,
                Some(_) | None if hurried => Duration::ZERO,
                Some(_) | None => BACK_OFF,
            };
            if since < least {
                let again = format!("{name} {kind} again after {since:?}, not {least:?}");
                self.early_ones.push(format!("{again}: {last:?}"));
            }
        }
        self.count += 1;
        self.last.insert(key, Question { begun: now, repeats: 0, answer });
    }
}
