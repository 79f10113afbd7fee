//! How calls are made, and what becomes of their attempts.

use core::fmt;
use std::sync::Arc;

use evenkeel_core::Verdict;
use evenkeel_core::grpc::{Code, PushBack};
use http::uri::{Authority, Scheme};
use hyper::body::Incoming;

use super::answer;
use super::failure::Failure;
use crate::call::{Accept, Classify, Retry};

/// How calls are made.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) retry: Retry,
    pub(super) judge: Judge,
    pub(super) resend_limit: usize,
    pub(super) wait_for_ready: bool,
    pub(super) scheme: Scheme,
    pub(super) authority: Option<Authority>,
    pub(super) key: Option<Key>,
}

/// Decides what a status means.
#[derive(Clone)]
pub(super) struct Judge(pub(super) Arc<dyn Fn(Code, Option<PushBack>) -> Verdict + Send + Sync>);

/// Reads the key of a call.
pub(super) struct Key(pub(super) Box<ReadKey>);

type ReadKey = dyn Fn(&http::request::Parts) -> Option<u64> + Send + Sync;

impl Classify<Failure> for Judge {
    fn verdict(&self, failure: &Failure) -> Verdict {
        match failure {
            Failure::Down(_) | Failure::Unsent { lost: false, .. } => Verdict::NeverSent,
            Failure::Unsent { lost: true, .. } => Verdict::RetryableFailure,
            Failure::Broken { code, .. } => (self.0)(*code, None),
            Failure::Request(_) | Failure::Spent => Verdict::Ignorable,
        }
    }
}

impl Accept<http::Response<Incoming>> for Judge {
    fn verdict(&self, answer: &http::Response<Incoming>) -> Verdict {
        let push_back = || answer::push_back(answer.headers());
        answer::code(answer).map_or(Verdict::Success, |code| (self.0)(code, push_back()))
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}
