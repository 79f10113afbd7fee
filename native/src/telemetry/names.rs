//! Every name that spans and metrics have: OpenTelemetry's and gRPC's where they have one, else ours.

/// The target of spans, for filters such as `evenkeel::call=debug`.
pub(crate) const TARGET: &str = "evenkeel::call";

// OpenTelemetry's attributes: https://opentelemetry.io/docs/specs/semconv/registry/attributes/.
pub(crate) const SERVER_ADDRESS: &str = "server.address";
pub(crate) const SERVER_PORT: &str = "server.port";
/// The IP address, where the endpoint has a name as well.
pub(crate) const PEER_ADDRESS: &str = "network.peer.address";
pub(crate) const ERROR_TYPE: &str = "error.type";
/// Which resend it is; the first attempt has none.
pub(crate) const RESEND_COUNT: &str = "http.request.resend_count";
/// What `tracing-opentelemetry` makes the kind of a span of.
pub(crate) const OTEL_KIND: &str = "otel.kind";

// Ours.
/// How an attempt ended: an [`Outcome`](evenkeel_core::Outcome)'s name.
pub(crate) const OUTCOME: &str = "evenkeel.outcome";
/// The attempt goes beside others.
pub(crate) const HEDGE: &str = "evenkeel.hedge";
/// How a call ended: an [`End`](evenkeel_core::retry::End)'s name, or `dropped`.
pub(crate) const END: &str = "evenkeel.end";
/// How many attempts a call had.
pub(crate) const ATTEMPTS: &str = "evenkeel.attempts";

/// Names of metrics.
#[cfg(feature = "metrics")]
pub(crate) mod metric {
    /// Labels.
    pub(crate) const BALANCER: &str = "balancer";
    pub(crate) const ENDPOINT: &str = "endpoint";
    pub(crate) const KIND: &str = "kind";
    pub(crate) const WHY: &str = "why";

    // Of all endpoints together.
    pub(crate) const CALLS: &str = "evenkeel.calls";
    pub(crate) const SUCCEEDED: &str = "evenkeel.calls.succeeded";
    pub(crate) const ABANDONED: &str = "evenkeel.calls.abandoned";
    pub(crate) const DEADLINES: &str = "evenkeel.calls.deadlines";
    pub(crate) const UNAVAILABLE: &str = "evenkeel.calls.unavailable";
    pub(crate) const BUDGET_REFUSALS: &str = "evenkeel.budget_refusals";
    pub(crate) const EVENTS: &str = "evenkeel.events";
    pub(crate) const ENDPOINTS: &str = "evenkeel.endpoints";
    pub(crate) const CANDIDATES: &str = "evenkeel.endpoints.candidates";

    // Of each endpoint; the sums are without a label of an endpoint.
    pub(crate) const PICKS: &str = "evenkeel.picks";
    pub(crate) const ATTEMPTS: &str = "evenkeel.attempts";
    pub(crate) const RETRIES: &str = "evenkeel.retries";
    pub(crate) const HEDGES: &str = "evenkeel.hedges";
    pub(crate) const TIMED_OUT: &str = "evenkeel.timed_out";
    pub(crate) const GIVEN_UP: &str = "evenkeel.given_up";
    pub(crate) const ENDPOINT_PICKS: &str = "evenkeel.endpoint.picks";
    pub(crate) const ENDPOINT_ATTEMPTS: &str = "evenkeel.endpoint.attempts";
    pub(crate) const ENDPOINT_RETRIES: &str = "evenkeel.endpoint.retries";
    pub(crate) const ENDPOINT_HEDGES: &str = "evenkeel.endpoint.hedges";
    pub(crate) const ENDPOINT_TIMED_OUT: &str = "evenkeel.endpoint.timed_out";
    pub(crate) const ENDPOINT_GIVEN_UP: &str = "evenkeel.endpoint.given_up";
    pub(crate) const ENDPOINT_FAILURES: &str = "evenkeel.endpoint.failures";
    pub(crate) const ENDPOINT_EJECTIONS: &str = "evenkeel.endpoint.ejections";
    pub(crate) const ENDPOINT_HELD: &str = "evenkeel.endpoint.ejections_held";
    pub(crate) const ENDPOINT_IN_FLIGHT: &str = "evenkeel.endpoint.in_flight";
}

/// gRPC's metrics, and their labels: its proposals A66 (calls and attempts), A94 (connections) and A96
/// (retries).
#[cfg(all(feature = "metrics", feature = "tonic"))]
pub(crate) mod grpc {
    pub(crate) const METHOD: &str = "grpc.method";
    pub(crate) const TARGET: &str = "grpc.target";
    pub(crate) const STATUS: &str = "grpc.status";

    pub(crate) const ATTEMPT_STARTED: &str = "grpc.client.attempt.started";
    pub(crate) const ATTEMPT_DURATION: &str = "grpc.client.attempt.duration";
    pub(crate) const CALL_DURATION: &str = "grpc.client.call.duration";
    pub(crate) const CALL_RETRIES: &str = "grpc.client.call.retries";
    pub(crate) const CALL_TRANSPARENT_RETRIES: &str = "grpc.client.call.transparent_retries";
    pub(crate) const CALL_RETRY_DELAY: &str = "grpc.client.call.retry_delay";
    pub(crate) const CALL_HEDGES: &str = "grpc.client.call.hedges";
    pub(crate) const CONNECTIONS: &str = "grpc.subchannel.open_connections";
    pub(crate) const CONNECTED: &str = "grpc.subchannel.connection_attempts_succeeded";
    pub(crate) const NOT_CONNECTED: &str = "grpc.subchannel.connection_attempts_failed";
    pub(crate) const DISCONNECTIONS: &str = "grpc.subchannel.disconnections";
}
