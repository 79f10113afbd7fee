//! A source of endpoints that answers as the test says.

use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;

use evenkeel::{Answer, BoxError, Discover, Endpoint, PollerConfig, Target};
use tokio::sync::watch;

/// What the source says at the moment.
#[derive(Clone, Debug)]
pub enum Says {
    /// These endpoints, separated by blanks; none is an empty answer.
    Endpoints(&'static str),
    /// These endpoints, with all that they say.
    These(Vec<Endpoint<Target>>),
    /// These, and that they are not all for this reason.
    Half(Vec<Endpoint<Target>>, &'static str),
    /// The service is decidedly not available.
    Absent,
    /// This error.
    Error(&'static str),
    /// Nothing, ever.
    Nothing,
}

/// A [`Discover`] whose answers a [`Script`] changes.
#[derive(Debug)]
pub struct Source {
    says: watch::Receiver<Says>,
    lookups: Arc<AtomicUsize>,
    /// The settings of its poller.
    pub poller: PollerConfig,
}

/// The test's end of a [`Source`].
#[derive(Debug)]
pub struct Script {
    says: watch::Sender<Says>,
    lookups: Arc<AtomicUsize>,
}

/// A source that says `says` until told otherwise.
pub fn source(says: Says) -> (Source, Script) {
    let (sender, receiver) = watch::channel(says);
    let lookups = Arc::new(AtomicUsize::new(0));
    let source =
        Source { says: receiver, lookups: Arc::clone(&lookups), poller: PollerConfig::default() };
    (source, Script { says: sender, lookups })
}

impl Script {
    /// Changes what the source says from now on.
    pub fn say(&self, says: Says) {
        self.says.send_replace(says);
    }

    /// Returns how often the source was asked.
    pub fn lookups(&self) -> usize {
        self.lookups.load(SeqCst)
    }

    /// Tells that the source is gone: nobody can ask it any more.
    pub fn is_stopped(&self) -> bool {
        self.says.is_closed()
    }
}

impl Discover for Source {
    type Error = BoxError;

    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        self.lookups.fetch_add(1, SeqCst);
        let says = self.says.borrow().clone();
        match says {
            Says::Endpoints(list) => {
                let endpoints =
                    list.split_whitespace().map(|target| Ok(Endpoint::new(target.parse()?)));
                Ok(Answer::new(endpoints.collect::<Result<Vec<_>, BoxError>>()?))
            }
            Says::These(endpoints) => Ok(Answer::new(endpoints)),
            Says::Half(endpoints, error) => Ok(Answer::new(endpoints).with_error(error)),
            Says::Absent => Ok(Answer::absent()),
            Says::Error(error) => Err(error.into()),
            Says::Nothing => core::future::pending().await,
        }
    }

    fn poller(&self) -> PollerConfig {
        self.poller
    }
}
