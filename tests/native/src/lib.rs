//! Tests of the tokio balancer are in `tests/`; what they share is in `evenkeel-tests`.
