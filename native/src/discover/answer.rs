use core::time::Duration;
use std::sync::Arc;

use evenkeel_core::Endpoint;
use tokio::sync::watch;

use super::{DiscoveryStatus, Skipped};
use crate::aside::Size;
use crate::error::SharedError;
use crate::factory::BoxError;
use crate::target::Target;

/// What a source answers: the whole set, or what of it could be found.
///
/// ```
/// use core::time::Duration;
///
/// use evenkeel::{Answer, Endpoint};
///
/// let found = ["10.0.0.1:80".parse().map(Endpoint::new)?];
/// let answer = Answer::new(found).with_ttl(Duration::from_secs(5));
/// assert_eq!(answer.endpoints.len(), 1);
/// # Ok::<(), evenkeel::TargetError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Answer {
    /// The endpoints. None at all is not believed at once: the endpoints known so far stay, unless
    /// the answer is [`absent`](Self::absent) or the balancer's settings say otherwise.
    pub endpoints: Vec<Endpoint<Target>>,
    /// How long the answer is good, if the source says.
    pub ttl: Option<Duration>,
    /// The source is not to be asked again before this wait is over, if it says so. Nothing but
    /// its own [news](super::Discover::changed) makes it earlier; longer than an hour
    /// ([`MAX_RETRY_AFTER`](evenkeel_core::discovery::MAX_RETRY_AFTER)) counts as an hour.
    pub retry_after: Option<Duration>,
    /// The source says that the service is decidedly not available (SRV target `.`); believed when
    /// it says so twice in a row.
    pub absent: bool,
    /// What of the answer was no endpoint, and why.
    pub skipped: Skipped,
    /// Why there are no endpoints, if the source knows more than that.
    pub why_none: Option<Arc<str>>,
    /// These are not all: the endpoints known so far that are not in it stay.
    pub partial: bool,
    /// What went wrong, though there are endpoints; without any, the lookup has failed.
    pub error: Option<SharedError>,
    /// Who answered, such as a name server or a member of a cluster.
    pub server: Option<Arc<str>>,
    /// How the sources are doing that this one is made of.
    pub parts: Vec<watch::Receiver<DiscoveryStatus>>,
}

impl Size for Answer {
    fn size(&self) -> usize {
        self.endpoints.len()
    }
}

impl Answer {
    /// Answers with the whole set.
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint<Target>>) -> Self {
        Self { endpoints: endpoints.into_iter().collect(), ..Self::default() }
    }

    /// Answers that the service is decidedly not available.
    pub fn absent() -> Self {
        Self { absent: true, ..Self::default() }
    }

    /// Answers with an error and no endpoints: as an error of the lookup, and it may say
    /// [when to ask again](Self::with_retry_after).
    pub fn failed(error: impl Into<BoxError>) -> Self {
        Self::default().with_error(error)
    }

    /// Answers without endpoints, and says why: "web.example.com does not exist".
    pub fn none(why: impl Into<Arc<str>>) -> Self {
        Self { why_none: Some(why.into()), ..Self::default() }
    }

    /// Says how long the answer is good.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..self }
    }

    /// Says how long the source is not to be [asked again](Self::retry_after), at most an hour.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// Says that the set is not whole: what is missing in it was not removed.
    #[must_use]
    pub fn partial(self) -> Self {
        Self { partial: true, ..self }
    }

    /// Says why the set is not [whole](Self::partial).
    #[must_use]
    pub fn with_error(self, error: impl Into<BoxError>) -> Self {
        Self { error: Some(error.into().into()), ..self.partial() }
    }

    /// Says who answered.
    #[must_use]
    pub fn with_server(self, server: impl Into<Arc<str>>) -> Self {
        Self { server: Some(server.into()), ..self }
    }

    /// Says that a part of the answer is no endpoint, and why.
    pub fn skip(&mut self, reason: impl Into<Arc<str>>) {
        self.skipped.note(reason);
    }
}
