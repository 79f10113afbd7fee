//! Questions on the wire, and what a message is to a question.

use std::sync::Arc;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::DNSClass;

use super::error::Cause;

/// What fits into one datagram on every path (DNS flag day 2020, RFC 9715).
const UDP_PAYLOAD: u16 = 1232;

/// One message that asks, with an id of its own.
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
