//! gRPC's own metrics of calls, attempts and connections, through the facade `metrics`: its proposals
//! A66, A94 and A96.
//!
//! `grpc.method` is known of generated clients, and `other` of the rest, so that there are only so
//! many; `grpc.target` is the channel's [name](super::Builder::metrics_target).

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evenkeel_core::grpc::Code;
use metrics::{Label, SharedString, counter, gauge, histogram};
use tokio::time::Instant;
use tonic::GrpcMethod;

use super::failure::Failure;
use crate::telemetry::names::grpc as name;

/// What a label says that must not have too many values.
pub(super) const OTHER: &str = "other";

/// Measures a call, until it is dropped.
#[derive(Clone, Debug)]
pub(super) struct CallMeter(Arc<Call>);

#[derive(Debug)]
struct Call {
    labels: [Label; 2],
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// `None`: it was given up.
    status: Option<Code>,
    attempts: u32,
    hedges: u32,
    /// The largest number of an attempt: one that never left is sent again under its own.
    number: u32,
    under_way: u32,
    /// Since when no attempt is under way.
    idle_since: Option<Instant>,
    idle: Duration,
}

impl CallMeter {
    pub(super) fn begin(target: &Arc<str>, parts: &http::request::Parts) -> Self {
        let method = parts.extensions.get::<GrpcMethod<'static>>();
        let method = method.map_or_else(
            || SharedString::const_str(OTHER),
            |method| format!("{}/{}", method.service(), method.method()).into(),
        );
        let labels =
            [Label::new(name::METHOD, method), Label::new(name::TARGET, Arc::clone(target))];
        Self(Arc::new(Call { labels, began: Instant::now(), state: Mutex::default() }))
    }

    /// Begins to measure an attempt.
    pub(super) fn attempt(&self, number: u32, is_hedge: bool) -> AttemptMeter {
        counter!(name::ATTEMPT_STARTED, self.0.labels.iter()).increment(1);
        let now = Instant::now();
        let mut state = self.0.state();
        state.attempts += 1;
        state.hedges += u32::from(is_hedge);
        state.number = state.number.max(number);
        state.under_way += 1;
        if let Some(since) = state.idle_since.take() {
            state.idle += now.saturating_duration_since(since);
        }
        drop(state);
        AttemptMeter { call: self.clone(), began: now, status: None }
    }

    /// Tells how the call ended.
    pub(super) fn end(&self, code: Code) {
        self.0.state().status = Some(code);
    }
}

impl Call {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_status(&self, code: Option<Code>) -> [Label; 3] {
        let [method, target] = self.labels.clone();
        let code = code.unwrap_or(Code::Cancelled).name();
        [method, target, Label::from_static_parts(name::STATUS, code)]
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (took, labels) = (self.began.elapsed(), self.labels.clone());
        let State { status, attempts, hedges, number, idle, .. } = *self.state();
        histogram!(name::CALL_DURATION, self.with_status(status).iter()).record(took);
        for (name, count) in [
            (name::CALL_RETRIES, number.saturating_sub(1 + hedges)),
            (name::CALL_HEDGES, hedges),
            (name::CALL_TRANSPARENT_RETRIES, attempts.saturating_sub(number)),
        ] {
            // A call without any is not told of.
            if count > 0 {
                histogram!(name, labels.iter()).record(f64::from(count));
            }
        }
        histogram!(name::CALL_RETRY_DELAY, labels.iter()).record(idle);
    }
}

/// Measures an attempt, until it is dropped.
#[derive(Debug)]
pub(super) struct AttemptMeter {
    call: CallMeter,
    began: Instant,
    /// `None`: it was given up.
    status: Option<Code>,
}

impl AttemptMeter {
    /// Takes note of what came of it: an answer that goes on takes the measure with it.
    pub(super) fn answered<B>(
        mut self,
        answer: Result<http::Response<B>, Failure>,
    ) -> Result<http::Response<B>, Failure> {
        match answer {
            Ok(mut answer) => {
                if let Some(code) = super::answer::code(&answer) {
                    self.status = Some(code);
                } else {
                    answer.extensions_mut().insert(Riding(Arc::new(Mutex::new(Some(self)))));
                }
                Ok(answer)
            }
            Err(failure) => {
                self.status = Some(failure.grpc_code());
                Err(failure)
            }
        }
    }
}

impl Drop for AttemptMeter {
    fn drop(&mut self) {
        let call = &self.call.0;
        let labels = call.with_status(self.status);
        histogram!(name::ATTEMPT_DURATION, labels.iter()).record(self.began.elapsed());
        let mut state = call.state();
        state.under_way = state.under_way.saturating_sub(1);
        if state.under_way == 0 {
            state.idle_since = Some(Instant::now());
        }
    }
}

/// The measure of an attempt with its answer.
#[derive(Clone)]
struct Riding(Arc<Mutex<Option<AttemptMeter>>>);

/// Measures an answer to its end.
#[derive(Debug)]
pub(super) struct AnswerMeter {
    call: CallMeter,
    attempt: Option<AttemptMeter>,
}

impl AnswerMeter {
    pub(super) fn of<B>(call: CallMeter, answer: &mut http::Response<B>) -> Self {
        if let Some(code) = super::answer::code(answer) {
            call.end(code);
        }
        let riding = answer.extensions_mut().remove::<Riding>();
        let attempt = riding.and_then(|Riding(attempt)| {
            attempt.lock().unwrap_or_else(PoisonError::into_inner).take()
        });
        Self { call, attempt }
    }

    /// Tells how it ended.
    pub(super) fn end(&mut self, code: Code) {
        if let Some(mut attempt) = self.attempt.take() {
            attempt.status = Some(code);
            self.call.end(code);
        }
    }
}

/// Counts a connection while it is there.
#[derive(Debug)]
pub(super) struct Connected(Arc<str>);

impl Connected {
    pub(super) fn begin(target: &Arc<str>) -> Self {
        counter!(name::CONNECTED, name::TARGET => Arc::clone(target)).increment(1);
        gauge!(name::CONNECTIONS, name::TARGET => Arc::clone(target)).increment(1.0);
        Self(Arc::clone(target))
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        counter!(name::DISCONNECTIONS, name::TARGET => Arc::clone(&self.0)).increment(1);
        gauge!(name::CONNECTIONS, name::TARGET => Arc::clone(&self.0)).decrement(1.0);
    }
}

/// Counts an attempt to connect that failed.
pub(super) fn not_connected(target: &Arc<str>) {
    counter!(name::NOT_CONNECTED, name::TARGET => Arc::clone(target)).increment(1);
}
