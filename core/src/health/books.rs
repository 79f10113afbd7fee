use crate::part::{Absent, Fresh, Part, Present};
use crate::settings::{Book, Settings};

/// A book of rules, as a type: only what is named is linked.
pub trait Rules: 'static {
    /// Something that is kept where there are rules.
    #[doc(hidden)]
    type Part<T: Fresh>: Part<T>;

    /// Returns which book it is.
    #[doc(hidden)]
    fn book(settings: &impl Settings) -> Book;

    /// Tells that any rule may eject.
    #[doc(hidden)]
    #[inline]
    fn ejects(s: &impl Settings) -> bool {
        Self::book(s) != Book::Off
            && (s.consecutive_failures() > 0 || s.failure_percentage() > 0 || s.success_rate())
    }

    /// Tells that rows of failures and of cancellations eject by our rule.
    #[doc(hidden)]
    #[inline]
    fn by_row(s: &impl Settings) -> bool {
        Self::book(s) == Book::Evenkeel && s.consecutive_failures() > 0
    }

    /// Tells that all outcomes are counted, in intervals that begin for all endpoints at once.
    #[doc(hidden)]
    #[inline]
    fn in_intervals(s: &impl Settings) -> bool {
        Self::ejects(s) && (Self::book(s) != Book::Evenkeel || s.success_rate())
    }

    /// Tells that ejections end with intervals.
    #[doc(hidden)]
    #[inline]
    fn timed(s: &impl Settings) -> bool {
        matches!(Self::book(s), Book::Envoy | Book::Grpc) && Self::ejects(s)
    }
}

macro_rules! book {
    ($(#[doc = $doc:literal])* $name:ident, $part:ident $(<$t:ident>)? = $book:expr) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl Rules for $name {
            type Part<T: Fresh> = $part $(<$t>)?;

            #[inline(always)]
            fn book(settings: &impl Settings) -> Book {
                let book: fn(_) -> Book = $book;
                book(settings.book())
            }
        }
    };
}
book!(
    /// Our rules; see [`Book`].
    Evenkeel, Present<T> = |_: Book| Book::Evenkeel
);
book!(
    /// Envoy's rules; see [`Book`].
    Envoy, Present<T> = |_: Book| Book::Envoy
);
book!(
    /// gRPC's rules; see [`Book`].
    Grpc, Present<T> = |_: Book| Book::Grpc
);
book!(
    /// The rules that the setting [`book`](crate::Settings::book) names.
    AnyBook, Present<T> = |book: Book| book
);
book!(
    /// No rules: no endpoint is ever ejected, or left alone because it asked for it.
    NoRules, Absent = |_: Book| Book::Off
);
