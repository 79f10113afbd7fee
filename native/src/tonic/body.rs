//! The body of an answer: its time, and its end.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use evenkeel_core::Verdict;
use evenkeel_core::grpc::Code;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;
use tonic::Status;

use super::answer;
use super::calls::Judge;
use super::failure::{Failure, code_of, tonic_code};
use super::link::Link;
use super::meter::AnswerMeter;
use crate::lease::Lease;

/// The body of an answer. It ends with `DEADLINE_EXCEEDED` when the call's time is over.
pub struct AnswerBody {
    inner: Incoming,
    deadline: Option<Pin<Box<Sleep>>>,
    ending: Option<Ending>,
    meter: AnswerMeter,
}

/// Tells the endpoint how its answer ended, once. Until then, the call is in flight.
struct Ending {
    lease: Lease<Link>,
    judge: Judge,
}

impl AnswerBody {
    pub(super) fn new(
        inner: Incoming,
        deadline: Option<tokio::time::Instant>,
        lease: Lease<Link>,
        judge: Judge,
        meter: AnswerMeter,
    ) -> Self {
        let deadline = deadline.map(|at| Box::pin(tokio::time::sleep_until(at)));
        Self { inner, deadline, ending: Some(Ending { lease, judge }), meter }
    }

    fn end(&mut self, verdict: impl FnOnce(&Judge) -> Verdict) {
        if let Some(Ending { lease, judge }) = self.ending.take() {
            lease.report(verdict(&judge).outcome());
        }
    }

    /// Takes note of what a frame says of the endpoint.
    fn note(&mut self, frame: Option<&Result<Frame<Bytes>, Status>>) {
        match frame {
            // What the head said has been told.
            None => self.ending = None,
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
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            let frame = frame.map(|frame| frame.map_err(broken));
            self.note(frame.as_ref());
            return Poll::Ready(frame);
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            self.deadline = None;
            self.meter.end(Code::DeadlineExceeded);
            self.end(|_| Verdict::TimedOut);
            let late = Status::deadline_exceeded("the call's time was over within its answer");
            return Poll::Ready(Some(Err(late)));
        }
        Poll::Pending
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
