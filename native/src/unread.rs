//! Requests that a server of HTTP/2 has not looked at.

use h2::Reason;

/// Tells that the server has not looked at the request of a stream (RFC 9113 §8.7): it refused the
/// stream, or went away without error, which ends only those that are beyond its last.
pub(crate) fn is_unread(error: &h2::Error) -> bool {
    error.is_remote()
        && match error.reason() {
            Some(Reason::REFUSED_STREAM) => true,
            Some(Reason::NO_ERROR) => error.is_go_away(),
            _ => false,
        }
}
