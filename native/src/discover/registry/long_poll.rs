//! Runs the core's `LongPoll` on tokio.

use core::time::Duration;

use evenkeel_core::discovery::WatchConfigError;
use evenkeel_core::discovery::long_poll::{
    LongPoll, LongPollAnswer, LongPollConfig, LongPollStep, LongPollVerdict,
};

use hyper::header::HeaderMap;

use super::{Mouth, RegistryError};
use crate::discover::Answer;

/// An answer may be a hundred megabytes, over a slow line.
const ANSWER: Duration = Duration::from_secs(60);

/// Returns the settings of a source of which nothing else is said.
pub(in crate::discover) fn config() -> LongPollConfig {
    LongPollConfig { timeout: ANSWER, ..LongPollConfig::default() }
}

/// A registry that keeps a question until its answer has another index.
pub(in crate::discover) trait Polled: Send + 'static {
    /// Asks. Dropped when it takes too long.
    fn ask(
        &mut self,
        index: Option<u64>,
        wait: Duration,
    ) -> impl Future<Output = Result<Fetched, RegistryError>> + Send;

    /// Hears whether the set that came last is believed.
    fn judged(&mut self, _believed: bool) {}

    /// Names what is asked.
    fn at(&self) -> String;
}

/// What a registry answers.
pub(in crate::discover) enum Fetched {
    Set {
        answer: Answer,
        index: Option<u64>,
    },
    /// It is what it was.
    #[cfg(feature = "http-list")]
    Same {
        index: Option<u64>,
    },
}

/// Asks and tells, until the task is aborted.
pub(in crate::discover) async fn follow(
    mut registry: impl Polled,
    config: LongPollConfig,
    mut mouth: Mouth,
) {
    let mut machine = match LongPoll::new(config) {
        Ok(machine) => machine,
        Err(error) => {
            let reason = error.to_string();
            mouth.fail(RegistryError::Setting { name: "LongPollConfig", reason });
            mouth.asks_again(None);
            return core::future::pending().await;
        }
    };
    loop {
        let step = machine.poll(mouth.clock.now(), &mut mouth.rng);
        mouth.asks_again(match step {
            LongPollStep::Wait(until) => until,
            LongPollStep::Fetch { .. } | LongPollStep::Cancel { .. } => None,
        });
        match step {
            LongPollStep::Fetch { id, index, wait, deadline } => {
                let result = tokio::select! {
                    result = registry.ask(index, wait) => result,
                    () = mouth.clock.sleep_until(Some(deadline)) => continue,
                };
                let (answer, set) = match result {
                    Ok(Fetched::Set { answer, index }) => {
                        (LongPollAnswer::Ok { index }, Some(answer))
                    }
                    #[cfg(feature = "http-list")]
                    Ok(Fetched::Same { index }) => (LongPollAnswer::Same { index }, None),
                    Err(error) => {
                        let retry_after = error.retry_after();
                        let refused = error.refused() && retry_after.is_none();
                        mouth.fail(error);
                        let fail = LongPollAnswer::Fail { retry_after };
                        (if refused { LongPollAnswer::Refused } else { fail }, None)
                    }
                };
                let verdict = machine.on_result(mouth.clock.now(), id, answer);
                registry.judged(verdict == LongPollVerdict::Publish);
                match verdict {
                    LongPollVerdict::Publish => set.into_iter().for_each(|set| mouth.say(set)),
                    LongPollVerdict::Unchanged => mouth.still_good(),
                    LongPollVerdict::Rewound => {
                        tracing::info!("{}: the index went backwards", registry.at());
                    }
                    LongPollVerdict::Failed | LongPollVerdict::Late => {}
                }
            }
            LongPollStep::Cancel { .. } => mouth.fail(RegistryError::Timeout { at: registry.at() }),
            LongPollStep::Wait(until) => tokio::select! {
                () = mouth.clock.sleep_until(until) => {}
                () = mouth.wanted.notified() => machine.refresh(mouth.clock.now()),
            },
        }
    }
}

/// Checks settings as those of a source.
pub(in crate::discover) fn checked(
    config: LongPollConfig,
) -> Result<LongPollConfig, RegistryError> {
    let bad = |error: WatchConfigError| RegistryError::Setting {
        name: "LongPollConfig",
        reason: error.to_string(),
    };
    config.check().map_err(bad)?;
    Ok(config)
}

/// Reads the index in the first of these headers that is there.
pub(in crate::discover) fn index_of(headers: &HeaderMap, names: &[&str]) -> Option<u64> {
    let value = names.iter().find_map(|name| headers.get(*name))?;
    value.to_str().ok()?.trim().parse().ok()
}
