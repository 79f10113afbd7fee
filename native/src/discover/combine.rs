//! Sources made of others.

use core::fmt;
use core::pin::pin;
use core::time::Duration;

use evenkeel_core::Endpoint;
use evenkeel_core::discovery::poller::PollerConfig;

use super::driven::{Driven, Part};
use super::{Answer, Discover, Empty, Ended};
use crate::aside::LONG;
use crate::factory::BoxError;
use crate::target::Target;

/// The endpoints of two sources together; see [`Discover::merge`].
#[derive(Debug)]
pub struct Merge<A, B> {
    first: Part<A>,
    second: Part<B>,
    told: Told,
}

/// The endpoints of a source, or of another one as long as the first has none; see
/// [`Discover::or_else`].
#[derive(Debug)]
pub struct OrElse<A, B> {
    first: Part<A>,
    fallback: Part<B>,
    told: Told,
}

/// The endpoints of a source, changed or left out; see [`Discover::map`].
pub struct Map<D, F> {
    source: D,
    change: F,
}

/// A source that decides itself what an answer without endpoints means; see
/// [`Discover::with_empty`].
#[derive(Debug)]
pub struct WithEmpty<D> {
    source: D,
    empty: Empty,
}

/// What was told of the parts.
#[derive(Debug, Default)]
struct Told {
    /// The next lookup is for news: nobody wants the parts to be asked again.
    news: bool,
    /// The last lookup said that the service is absent.
    absent: bool,
    /// It is to be said once more: only then it is believed.
    confirm: bool,
}

impl Told {
    fn answer(&mut self, answer: Answer) -> Answer {
        self.confirm = answer.absent && !self.absent;
        self.absent = answer.absent;
        answer
    }

    /// Waits until one of the parts has news, or the answer has to be said again.
    async fn changed<A: Discover, B: Discover>(
        &mut self,
        first: &mut Part<A>,
        second: &mut Part<B>,
    ) {
        if !self.confirm {
            tokio::select! {
                () = first.changed() => {}
                () = second.changed() => {}
            }
        }
        self.news = true;
    }
}

impl<A: Discover, B: Discover> Merge<A, B> {
    pub(super) fn new(first: A, second: B) -> Self {
        Self { first: Part::new(first), second: Part::new(second), told: Told::default() }
    }
}

impl<A: Discover, B: Discover> Discover for Merge<A, B> {
    type Error = BoxError;

    /// Answers with all that is known, as soon as one has endpoints, or both have failed.
    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        let wanted = !core::mem::take(&mut self.told.news);
        let (first, second) = (self.first.drive(wanted)?, self.second.drive(wanted)?);
        settled(first, second).await;
        let (mut all, other) = (first.answer().await, second.answer().await);
        all.absent &= other.absent;
        all.endpoints.extend(other.endpoints);
        all.skipped.add(other.skipped);
        all.why_none = all.why_none.or(other.why_none);
        all.parts.extend(other.parts);
        all.error = all.error.or(other.error);
        all.server = match (all.server, other.server) {
            (Some(one), Some(two)) => Some(format!("{one}, {two}").into()),
            (one, two) => one.or(two),
        };
        Ok(self.told.answer(all))
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        self.told.changed(&mut self.first, &mut self.second).await;
        Ok(())
    }

    fn poller(&self) -> PollerConfig {
        let first = self.first.poller();
        if first.check().is_err() { first } else { self.second.poller() }
    }

    fn heed(&mut self, empty: Empty) {
        self.first.heed(empty);
        self.second.heed(empty);
    }
}

/// Waits until one has a set, or both have failed.
async fn settled(first: &mut Driven, second: &mut Driven) {
    let (mut first, mut second) = (pin!(first.settled()), pin!(second.settled()));
    tokio::select! {
        known = &mut first => if !known {
            second.await;
        },
        known = &mut second => if !known {
            first.await;
        },
    }
}

impl<A: Discover, B: Discover> OrElse<A, B> {
    pub(super) fn new(first: A, fallback: B) -> Self {
        Self { first: Part::new(first), fallback: Part::new(fallback), told: Told::default() }
    }
}

impl<A: Discover, B: Discover> Discover for OrElse<A, B> {
    type Error = BoxError;

    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        let wanted = !core::mem::take(&mut self.told.news);
        let first = self.first.drive(wanted)?;
        first.settled().await;
        let mut own = first.answer().await;
        if !own.endpoints.is_empty() {
            own.parts.extend(self.fallback.status());
            return Ok(self.told.answer(own));
        }
        let fallback = self.fallback.drive(wanted)?;
        fallback.settled().await;
        let mut other = fallback.answer().await;
        other.absent &= own.absent;
        other.error = own.error.or(other.error);
        other.why_none = other.why_none.or(own.why_none);
        other.parts.splice(..0, own.parts);
        Ok(self.told.answer(other))
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        self.told.changed(&mut self.first, &mut self.fallback).await;
        Ok(())
    }

    fn poller(&self) -> PollerConfig {
        let first = self.first.poller();
        if first.check().is_err() { first } else { self.fallback.poller() }
    }

    fn heed(&mut self, empty: Empty) {
        self.first.heed(empty);
        self.fallback.heed(empty);
    }
}

impl<D, F> Map<D, F> {
    pub(super) fn new(source: D, change: F) -> Self {
        Self { source, change }
    }
}

impl<D: Discover, F> Discover for Map<D, F>
where
    F: FnMut(Endpoint<Target>) -> Option<Endpoint<Target>> + Send + 'static,
{
    type Error = D::Error;

    async fn lookup(&mut self) -> Result<Answer, D::Error> {
        let mut answer = self.source.lookup().await?;
        let found = core::mem::take(&mut answer.endpoints);
        for (index, endpoint) in found.into_iter().enumerate() {
            answer.endpoints.extend((self.change)(endpoint));
            if index % LONG == LONG - 1 {
                // A long list must not keep other tasks from running.
                tokio::task::yield_now().await;
            }
        }
        Ok(answer)
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        self.source.changed().await
    }

    fn poller(&self) -> PollerConfig {
        self.source.poller()
    }

    fn next_query_in(&self) -> Option<Duration> {
        self.source.next_query_in()
    }

    fn empty(&self) -> Option<Empty> {
        self.source.empty()
    }

    fn heed(&mut self, empty: Empty) {
        self.source.heed(empty);
    }
}

impl<D: fmt::Debug, F> fmt::Debug for Map<D, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("source", &self.source).finish_non_exhaustive()
    }
}

impl<D> WithEmpty<D> {
    pub(super) fn new(source: D, empty: Empty) -> Self {
        Self { source, empty }
    }
}

impl<D: Discover> Discover for WithEmpty<D> {
    type Error = D::Error;

    async fn lookup(&mut self) -> Result<Answer, D::Error> {
        self.source.lookup().await
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        self.source.changed().await
    }

    fn poller(&self) -> PollerConfig {
        self.source.poller()
    }

    fn next_query_in(&self) -> Option<Duration> {
        self.source.next_query_in()
    }

    fn empty(&self) -> Option<Empty> {
        Some(self.empty)
    }

    fn heed(&mut self, _: Empty) {
        self.source.heed(self.empty);
    }
}
