//! The line for clients.

use crate::target::Target;

/// The place of an endpoint in the line for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    /// It gets requests, or would with a client.
    Candidate,
    /// It would without the candidates.
    Next,
    Out,
}

/// Who is to get a client, in the order of turns: by failures in a row, place in the line and
/// priority.
pub(super) type Due = (u32, Line, u16, Target);
