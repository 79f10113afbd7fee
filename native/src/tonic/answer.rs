//! What an answer says of its call, in its head or in its trailers.

use evenkeel_core::grpc::{self, Code, PushBack};
use http::{HeaderMap, StatusCode};

/// Returns the code of an answer that has nothing but a status; `None` of one that goes on.
pub(super) fn code<B>(answer: &http::Response<B>) -> Option<Code> {
    if let Some(code) = code_in(answer.headers()) {
        return Some(code);
    }
    let status = answer.status();
    (status != StatusCode::OK).then(|| Code::of_http(status.as_u16()))
}

/// Returns the code among these headers or trailers.
pub(super) fn code_in(headers: &HeaderMap) -> Option<Code> {
    let code = headers.get(grpc::STATUS)?;
    Some(code.to_str().map_or(Code::Unknown, Code::parse))
}

/// Returns what the server says of trying again.
pub(super) fn push_back(headers: &HeaderMap) -> Option<PushBack> {
    let value = headers.get(grpc::PUSH_BACK)?;
    Some(value.to_str().map_or(PushBack::Never, PushBack::parse))
}
