//! Questions on the wire, and what a message is to a question.

use std::io;
use std::sync::Arc;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::DNSClass;

use super::error::Cause;

/// What fits into one datagram on every path (DNS flag day 2020, RFC 9715).
const UDP_PAYLOAD: u16 = 1232;

/// One message that asks, with an id of its own.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) bytes: Vec<u8>,
    id: u16,
}

/// What came in, seen from a question.
pub(super) enum Heard {
    /// Its answer.
    Answer(Message),
    /// Not its answer: another id, a question instead of an answer, or too short to tell.
    Foreign,
    /// It has the id and answers another question.
    WrongQuestion,
    /// It has the id and cannot be read.
    Broken(String),
}

impl Asked {
    /// Writes the question, with EDNS (RFC 6891) or as RFC 1035 has it.
    pub(super) fn new(query: &Query, edns: bool) -> Result<Self, Cause> {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(query.clone());
        if edns {
            let mut options = Edns::new();
            options.set_max_payload(UDP_PAYLOAD);
            message.set_edns(options);
        }
        let bytes = message.to_vec().map_err(|error| Cause::Failed(Arc::new(error)))?;
        Ok(Self { bytes, id: message.metadata.id })
    }

    /// Takes this id instead of a random one: of those that share a connection, each has its own.
    #[cfg(any(feature = "dns-over-tls", feature = "dns-over-https"))]
    pub(super) fn with_id(mut self, id: u16) -> Self {
        // The first field of a message (RFC 1035 §4.1.1).
        self.bytes[..2].copy_from_slice(&id.to_be_bytes());
        Self { id, ..self }
    }

    /// Returns the message with its length before it, as streams have it (RFC 1035 §4.2.2).
    ///
    /// # Errors
    /// If it is longer than any message.
    pub(super) fn framed(&self) -> Result<Vec<u8>, Cause> {
        let length = u16::try_from(self.bytes.len()).map_err(|e| Cause::io(io::Error::other(e)))?;
        Ok([&length.to_be_bytes(), &*self.bytes].concat())
    }

    /// Reads what may be the answer.
    pub(super) fn read(&self, query: &Query, bytes: &[u8]) -> Heard {
        let [high, low, flags, ..] = bytes else { return Heard::Foreign };
        let (is_response, is_truncated) = (flags & 0x80 != 0, flags & 0x02 != 0);
        if u16::from_be_bytes([*high, *low]) != self.id || !is_response {
            return Heard::Foreign;
        }
        let mut message = match Message::from_vec(bytes) {
            Ok(message) => message,
            // Some servers cut in the middle of a record.
            Err(_) if is_truncated => {
                let mut message = Message::response(self.id, Message::query().metadata.op_code);
                message.metadata.truncation = true;
                return Heard::Answer(message);
            }
            Err(error) => return Heard::Broken(error.to_string()),
        };
        // A server that could not read the question may leave it out (RFC 1035 §4.1.1), and one
        // that refuses sometimes does.
        let left_out = message.queries.is_empty() && !says_what_exists(message.response_code);
        if !left_out && message.queries != [query.clone()] {
            return Heard::WrongQuestion;
        }
        for section in [&mut message.answers, &mut message.authorities, &mut message.additionals] {
            section.retain(|record| record.dns_class == DNSClass::IN);
        }
        Heard::Answer(message)
    }
}

/// Tells that the code says something of the records: all others only say that the server failed.
pub(super) fn says_what_exists(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::NoError | ResponseCode::NXDomain)
}

/// Lets only a whole answer pass: a part of a set would remove the rest.
pub(super) fn whole(answer: Result<Message, Cause>) -> Result<Message, Cause> {
    match answer {
        Ok(answer) if answer.truncation => Err(Cause::Truncated),
        answer => answer,
    }
}
