//! HTTP for shells: what a status says of an endpoint, and which requests may be sent again.
//!
//! One table for every shell; each turns what it met into a [`Verdict`] by it. Nothing here reads a
//! header or a clock: who finds a `Retry-After` says it in the verdict.

use core::time::Duration;

use crate::names::named;
use crate::outcome::{Outcome, Verdict};

/// How long an endpoint rests that refuses (429, 503) without saying for how long.
pub const COOL_DOWN: Duration = Duration::from_secs(1);

/// The methods that may be sent again (RFC 9110 §9.2.2).
pub const IDEMPOTENT_METHODS: &[&str] = &["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"];

/// The header that makes any request one that may be sent again
/// (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Returns what an answer with this status means to its call.
///
/// | status | verdict | why |
/// |---|---|---|
/// | up to 399 | success | |
/// | 408, 425 | another attempt may do better | RFC 9110 §15.5.9, RFC 8470 |
/// | 429, 503 | overloaded, for [`COOL_DOWN`] where it does not say | elsewhere at once |
/// | other 4xx | ignorable | the request is at fault |
/// | 501, 505, 506, 508, 510, 511 | ignorable | no other endpoint would do better |
/// | all others | a failure, and another attempt may do better | |
///
/// ```
/// use evenkeel_core::http::{self, Repeat};
/// use evenkeel_core::{Outcome, Verdict};
///
/// assert_eq!(http::verdict(404), Verdict::Ignorable);
/// assert_eq!(http::verdict(502), Verdict::RetryableFailure);
/// assert_eq!(http::outcome(425), Outcome::Ignorable); // too early says nothing of the endpoint
/// assert!(!Repeat::of_method("POST").allows(http::verdict(502))); // it may have been done
/// ```
pub const fn verdict(status: u16) -> Verdict {
    match status {
        0..=399 => Verdict::Success,
        408 | 425 => Verdict::RetryableFailure,
        429 | 503 => Verdict::Overloaded { wait: Some(COOL_DOWN) },
        400..=499 | 501 | 505 | 506 | 508 | 510 | 511 => Verdict::Ignorable,
        500.. => Verdict::RetryableFailure,
    }
}

/// Returns what an answer with this status says of its endpoint: that of its [`verdict`], but
/// nothing where the request came too early.
pub const fn outcome(status: u16) -> Outcome {
    if status == 425 { Outcome::Ignorable } else { verdict(status).outcome() }
}

/// Says when a request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// After everything that another attempt may better, and beside one that takes long: it may be
    /// done twice.
    Idempotent,
    /// After what was not done for sure: it never left, or was refused unread.
    Sequential,
    /// Never.
    Never,
}

named!(all Repeat { Idempotent => "idempotent", Sequential => "sequential", Never => "never" });

impl Repeat {
    /// Returns when a request of this method may be sent again, unless the caller knows better.
    pub fn of_method(method: &str) -> Self {
        if IDEMPOTENT_METHODS.contains(&method) { Self::Idempotent } else { Self::Sequential }
    }

    /// Returns when a request of JSON-RPC may be sent again, by the method in its body: once what
    /// sends, signs or broadcasts, and all else as often as it takes. Knows the methods of
    /// Ethereum's, Bitcoin's, Solana's and Polkadot's nodes: for other services, say it yourself.
    ///
    /// ```
    /// use evenkeel_core::http::Repeat;
    ///
    /// assert_eq!(Repeat::of_json_rpc("eth_call"), Repeat::Idempotent);
    /// assert_eq!(Repeat::of_json_rpc("eth_sendRawTransaction"), Repeat::Sequential);
    /// assert_eq!(Repeat::of_json_rpc("sendtoaddress"), Repeat::Sequential);
    /// ```
    pub fn of_json_rpc(method: &str) -> Self {
        const WRITES: [&str; 8] = [
            "eth_send",
            "eth_sign",
            "personal_",
            "wallet_",
            "send",
            "sign",
            "author_submit",
            "requestAirdrop",
        ];
        let writes = WRITES.iter().any(|prefix| method.starts_with(prefix));
        if writes || method.contains("broadcast") { Self::Sequential } else { Self::Idempotent }
    }

    /// Tells that the request may be sent again after this verdict.
    pub const fn allows(self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::RetryableFailure | Verdict::TimedOut | Verdict::PushBack { .. } => {
                matches!(self, Self::Idempotent)
            }
            Verdict::Overloaded { .. } | Verdict::NeverSent => !matches!(self, Self::Never),
            Verdict::Success
            | Verdict::NonRetryableFailure
            | Verdict::Ignorable
            | Verdict::Canceled => false,
        }
    }

    /// Returns the verdict for a call whose request may be sent again only as this says: a failure
    /// after which it must not be ends the call.
    ///
    /// ```
    /// use evenkeel_core::Verdict;
    /// use evenkeel_core::http::Repeat;
    ///
    /// let write = Repeat::of_method("POST");
    /// assert_eq!(write.limit(Verdict::RetryableFailure), Verdict::NonRetryableFailure);
    /// assert_eq!(write.limit(Verdict::NeverSent), Verdict::NeverSent);
    /// ```
    pub const fn limit(self, verdict: Verdict) -> Verdict {
        if Self::Idempotent.allows(verdict) && !self.allows(verdict) {
            return Verdict::NonRetryableFailure;
        }
        verdict
    }

    /// Tells that another attempt may go beside one that takes long.
    pub const fn hedges(self) -> bool {
        matches!(self, Self::Idempotent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every status of the registry, and what clouds send besides.
    #[test]
    fn each_status_has_the_verdict_of_the_table() {
        let rest = Verdict::Overloaded { wait: Some(COOL_DOWN) };
        let ignorable = [501, 505, 506, 508, 510, 511];
        for status in 100..=999 {
            let wanted = match status {
                100..=399 => Verdict::Success,
                429 | 503 => rest,
                408 | 425 => Verdict::RetryableFailure,
                400..=499 => Verdict::Ignorable,
                _ if ignorable.contains(&status) => Verdict::Ignorable,
                _ => Verdict::RetryableFailure,
            };
            assert_eq!(verdict(status), wanted, "{status}");
            let outcome_wanted = if status == 425 { Outcome::Ignorable } else { wanted.outcome() };
            assert_eq!(outcome(status), outcome_wanted, "{status}");
        }
    }

    #[test]
    fn what_may_have_been_done_is_not_sent_again() {
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
            assert_eq!(Repeat::of_method(method), Repeat::Idempotent, "{method}");
        }
        // Methods are case-sensitive, and others are not known.
        for method in ["POST", "PATCH", "CONNECT", "get", "", "QUERY"] {
            assert_eq!(Repeat::of_method(method), Repeat::Sequential, "{method}");
        }
        let allowed = |repeat: Repeat| {
            let verdicts = [
                Verdict::Success,
                Verdict::RetryableFailure,
                Verdict::NonRetryableFailure,
                Verdict::TimedOut,
                Verdict::Ignorable,
                Verdict::Overloaded { wait: None },
                Verdict::PushBack { wait: COOL_DOWN },
                Verdict::NeverSent,
                Verdict::Canceled,
            ];
            verdicts.map(|verdict| u8::from(repeat.allows(verdict)))
        };
        assert_eq!(allowed(Repeat::Idempotent), [0, 1, 0, 1, 0, 1, 1, 1, 0]);
        assert_eq!(allowed(Repeat::Sequential), [0, 0, 0, 0, 0, 1, 0, 1, 0]);
        assert_eq!(allowed(Repeat::Never), [0; 9]);
        for repeat in Repeat::ALL {
            assert_eq!(repeat.limit(Verdict::Success), Verdict::Success);
            assert_eq!(repeat.limit(Verdict::Ignorable), Verdict::Ignorable);
            let failed = repeat.limit(Verdict::TimedOut);
            assert_eq!(failed == Verdict::TimedOut, repeat.hedges());
        }
        assert_eq!(Repeat::ALL.iter().filter(|repeat| repeat.hedges()).count(), 1);
    }
}
