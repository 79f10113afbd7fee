//! When a body is late.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::BodyError;
use crate::head::HEAD;

/// The times that a body has. Bodies that are there in time need no timer.
pub(super) struct Limits {
    idle: Option<Duration>,
    deadline: Option<(Instant, Duration)>,
    /// When to tell how the head was; `None` once that is told.
    head: Option<Instant>,
    /// When a piece is late.
    piece: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What has come due.
pub(super) enum Due {
    /// To tell how the head was.
    Head,
    /// The body is late.
    Late(BodyError),
}

impl Limits {
    /// Returns those of a body whose head came then.
    pub(super) fn new(
        idle: Option<Duration>,
        deadline: Option<(Instant, Duration)>,
        head: Instant,
    ) -> Self {
        Self { idle, deadline, head: Some(head + HEAD), piece: None, timer: None }
    }

    /// Tells that the deadline is over.
    pub(super) fn is_over(&self) -> Option<BodyError> {
        let (deadline, limit) = self.deadline?;
        (Instant::now() >= deadline).then_some(BodyError::Deadline { limit })
    }

    /// Notes that a piece came.
    pub(super) fn came(&mut self) {
        self.piece = None;
    }

    /// Waits for what is due next, now that there is nothing to read; where it is `untold` how
    /// the head was, for that, too.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, untold: bool) -> Poll<Due> {
        if let Some(idle) = self.idle
            && self.piece.is_none()
        {
            self.piece = Instant::now().checked_add(idle);
        }
        let deadline = self.deadline.map(|(deadline, _)| deadline);
        let head = self.head.filter(|_| untold);
        let Some(next) = [head, self.piece, deadline].into_iter().flatten().min() else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(next)));
        if timer.deadline() != next {
            timer.as_mut().reset(next);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(if let Some(late) = self.is_over() {
            Due::Late(late)
        } else if let Some(limit) = self.idle.filter(|_| self.piece == Some(next)) {
            Due::Late(BodyError::Idle { limit })
        } else {
            self.head = None;
            Due::Head
        })
    }
}
