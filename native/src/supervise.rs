//! Keeps the balancer's task alive when code that it calls panics, and tells of it.

use core::any::Any;
use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::Arc;

use tokio::sync::watch;

/// Pause after a panic, so that code which always panics does not keep a processor busy.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// How the task of a balancer is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskStatus {
    /// How often code panicked that the task calls: the factory, the source, the policy, the drop
    /// of a client, a subscriber to logs. The task goes on.
    pub panics: u64,
    /// What panicked last, and its message.
    pub last_panic: Option<Arc<str>>,
    /// The task has ended, with its runtime or the last handle. Picks go on with what was known.
    pub ended: bool,
}

/// Notes the panics of the task's callees, and its end.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    status: watch::Sender<TaskStatus>,
}

impl Supervisor {
    pub(crate) fn subscribe(&self) -> watch::Receiver<TaskStatus> {
        self.status.subscribe()
    }

    /// Tells that the task has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.status.borrow().ended
    }

    /// Notes that `what` panicked. Returns both as one text.
    pub(crate) fn panicked(&self, what: &str, payload: &(dyn Any + Send)) -> Arc<str> {
        let text: Arc<str> = match message(payload) {
            Some(message) => format!("{what} panicked: {message}").into(),
            None => format!("{what} panicked").into(),
        };
        self.status.send_modify(|status| {
            status.panics += 1;
            status.last_panic = Some(Arc::clone(&text));
        });
        // It may be the log itself that panicked.
        let _ = catch_unwind(AssertUnwindSafe(|| tracing::error!("{text}; the balancer goes on")));
        text
    }

    /// Returns a guard that tells of the task's end. The task has it from the beginning: it may end
    /// before it has run.
    pub(crate) fn guard(&self) -> impl Drop + Send + use<> {
        Guard(self.status.clone())
    }
}

struct Guard(watch::Sender<TaskStatus>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.send_modify(|status| status.ended = true);
        let _ = catch_unwind(|| tracing::debug!("the balancer's task has ended"));
    }
}

fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or(payload.downcast_ref::<&str>().copied())
}
