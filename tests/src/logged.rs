//! What is logged meanwhile.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::util::SubscriberInitExt;

/// Everything that anybody logs on this thread.
#[derive(Clone, Debug, Default)]
pub struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    /// Begins to log, until what is returned beside it is dropped.
    pub fn begin() -> (Self, impl Drop) {
        let logged = Self::default();
        let writer = logged.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("trace")
            .with_ansi(false)
            .with_writer(move || writer.clone());
        (logged, subscriber.set_default())
    }

    /// Returns what was logged since it was asked last.
    ///
    /// # Panics
    /// If it is no text.
    pub fn take(&self) -> String {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(core::mem::take(&mut *logged)).expect("text")
    }
}

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
