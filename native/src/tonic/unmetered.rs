//! What there is to measure without the feature `metrics`: nothing.

#![expect(clippy::unused_self, reason = "as in `metered`")]

use std::sync::Arc;

use evenkeel_core::grpc::Code;

use super::failure::Failure;

pub(super) const OTHER: &str = "other";

#[derive(Clone, Copy, Debug)]
pub(super) struct CallMeter;

impl CallMeter {
    pub(super) fn begin(_: &Arc<str>, _: &http::request::Parts) -> Self {
        Self
    }

    pub(super) fn attempt(self, _: u32, _: bool) -> AttemptMeter {
        AttemptMeter
    }

    pub(super) fn end(self, _: Code) {}
}

pub(super) struct AttemptMeter;

impl AttemptMeter {
    pub(super) fn answered<B>(
        self,
        answer: Result<http::Response<B>, Failure>,
    ) -> Result<http::Response<B>, Failure> {
        answer
    }
}

#[derive(Debug)]
pub(super) struct AnswerMeter;

impl AnswerMeter {
    pub(super) fn of<B>(_: CallMeter, _: &mut http::Response<B>) -> Self {
        Self
    }

    pub(super) fn end(&mut self, _: Code) {}
}

pub(super) struct Connected;

impl Connected {
    pub(super) fn begin(_: &Arc<str>) -> Self {
        Self
    }
}

pub(super) fn not_connected(_: &Arc<str>) {}
