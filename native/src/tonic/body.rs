//! The body of an answer: its time, and its end.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use evenkeel_core::Verdict;
use evenkeel_core::grpc::Code;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;

use super::answer;
use super::calls::Judge;
use super::failure::{Failure, code_of, tonic_code};
use super::link::Link;
use super::meter::AnswerMeter;
use crate::head::HEAD;
use crate::lease::Lease;

/// The body of an answer. It ends with `DEADLINE_EXCEEDED` when the call's time is over.
///
/// A body that breaks is a failure of its endpoint, and no success before: the endpoint is told of a
/// good head half a second later, or at the body's end if that is earlier.
pub struct AnswerBody {
    inner: Incoming,
    deadline: Option<Instant>,
    /// When to tell of the head; `None` once that is told.
    head: Option<Instant>,
    /// Bodies that are there in time need none.
    timer: Option<Pin<Box<Sleep>>>,
    ending: Option<Ending>,
    meter: AnswerMeter,
}

/// Tells the endpoint how its answer ended, once. Until then, the call is in flight. Dropped before,
/// it tells of the head.
struct Ending {
    lease: Lease<Link>,
    judge: Judge,
}

impl AnswerBody {
    /// Follows a body; nothing is left to tell of one without a lease.
    pub(super) fn new(
        inner: Incoming,
        deadline: Option<Instant>,
        lease: Option<Lease<Link>>,
        judge: Judge,
        meter: AnswerMeter,
    ) -> Self {
        let ending = lease.map(|lease| Ending { lease, judge });
        let head = ending.as_ref().map(|_| Instant::now() + HEAD);
        Self { inner, deadline, head, timer: None, ending, meter }
    }

    fn end(&mut self, verdict: impl FnOnce(&Judge) -> Verdict) {
        self.deadline = None;
        if let Some(Ending { lease, judge }) = self.ending.take() {
            lease.report(verdict(&judge).outcome());
        }
    }

    /// Takes note of what a frame says of the endpoint.
    fn note(&mut self, frame: Option<&Result<Frame<Bytes>, Status>>) {
        match frame {
            None => {
                self.deadline = None;
                self.ending = None;
            }
            Some(Err(status)) => {
                self.meter.end(code_of(status.code()));
                self.end(|_| Verdict::NonRetryableFailure);
            }
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    let code = answer::code_in(trailers).unwrap_or(Code::Unknown);
                    self.meter.end(code);
                    self.end(|judge| (judge.0)(code, answer::push_back(trailers)));
                }
            }
        }
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Ends it where the call's time is over. Where something is there to be read, it is the reader
    /// who is late: the endpoint is told of its head, and no more.
    fn late(&mut self, cx: &mut Context<'_>) -> Status {
        self.meter.end(Code::DeadlineExceeded);
        if Pin::new(&mut self.inner).poll_frame(cx).is_ready() {
            self.ending = None;
        }
        self.end(|_| Verdict::TimedOut);
        Status::deadline_exceeded("the call's time was over within its answer")
    }

    /// Waits for the next of its times, now that there is nothing to read.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let head = self.head.filter(|_| self.ending.is_some());
        let Some(next) = [head, self.deadline].into_iter().flatten().min() else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(next)));
        if timer.deadline() != next {
            timer.as_mut().reset(next);
        }
        timer.as_mut().poll(cx)
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            // One that never stops is never late otherwise.
            if self.is_late() {
                return Poll::Ready(Some(Err(self.late(cx))));
            }
            if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
                let frame = frame.map(|frame| frame.map_err(broken));
                self.note(frame.as_ref());
                return Poll::Ready(frame);
            }
            if self.poll_timer(cx).is_pending() {
                return Poll::Pending;
            }
            if !self.is_late() {
                self.head = None;
                if let Some(ending) = &mut self.ending {
                    ending.lease.tell();
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn broken(error: hyper::Error) -> Status {
    match Failure::of(error, true) {
        Failure::Broken { error, code } => {
            Status::new(tonic_code(code), format!("the answer broke off: {error}"))
        }
        other => Status::unavailable(format!("the answer broke off: {other}")),
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}
