//! The line for clients.

/// The place of an endpoint in the line for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    /// It gets requests, or would with a client.
    Candidate,
    /// It would without the candidates.
    Next,
    Out,
}
