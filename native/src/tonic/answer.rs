//! What an answer says: in its head, and at the end of its body.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use evenkeel_core::grpc::{self, Code, PushBack};
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;
use tonic::Status;

use super::failure::{Failure, tonic_code};

/// Returns the code of an answer that has nothing but a status; `None` of one that goes on.
pub(super) fn code<B>(answer: &http::Response<B>) -> Option<Code> {
    if let Some(code) = code_in(answer.headers()) {
        return Some(code);
    }
    let status = answer.status();
    (status != StatusCode::OK).then(|| Code::of_http(status.as_u16()))
}

fn code_in(headers: &HeaderMap) -> Option<Code> {
    let code = headers.get(grpc::STATUS)?;
    Some(code.to_str().map_or(Code::Unknown, Code::parse))
}

/// Returns what the server says of trying again.
pub(super) fn push_back(headers: &HeaderMap) -> Option<PushBack> {
    let value = headers.get(grpc::PUSH_BACK)?;
    Some(value.to_str().map_or(PushBack::Never, PushBack::parse))
}

/// The body of an answer. It ends with `DEADLINE_EXCEEDED` when the call's time is over.
pub struct AnswerBody {
    inner: Incoming,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl AnswerBody {
    pub(super) fn new(inner: Incoming, deadline: Option<tokio::time::Instant>) -> Self {
        let deadline = deadline.map(|at| Box::pin(tokio::time::sleep_until(at)));
        Self { inner, deadline }
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
            return Poll::Ready(frame.map(|frame| frame.map_err(broken)));
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            self.deadline = None;
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
