//! Another answer in place of one whose body broke.

use ::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG};
use ::http::{HeaderMap, HeaderValue, Response};
use futures_util::future::BoxFuture;
use http_body::Body;

use super::exchange::{Followed, Rest};
use super::lease_body::LeaseBody;

/// Hands an answer out. Where its body breaks before anybody had anything of it, `ask` goes on with
/// the rest: the body of the answer that comes then stands in, if the head fits.
pub(crate) fn or_again<B>(
    (answer, rest): Followed<B>,
    ask: impl FnOnce(Box<Rest>) -> AskedAgain<B> + Send + Sync + 'static,
) -> Response<LeaseBody<B>>
where
    B: Body + Send + 'static,
{
    let Some(rest) = rest else { return answer };
    let (status, head) = (answer.status(), representation(answer.headers()));
    let again = move || -> BoxFuture<'static, Option<LeaseBody<B>>> {
        let asked = ask(rest);
        Box::pin(async move {
            let other = asked.await?;
            let fits = other.status() == status && representation(other.headers()) == head;
            fits.then(|| other.into_body())
        })
    };
    answer.map(|body| body.or_again(again))
}

/// An answer to a request that goes on; `None` if there is none.
pub(crate) type AskedAgain<B> = BoxFuture<'static, Option<Response<LeaseBody<B>>>>;

/// Returns what a head says of its body: another one fits where all of it is the same.
fn representation(headers: &HeaderMap) -> [Option<HeaderValue>; 5] {
    let names = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_TYPE, CONTENT_RANGE, ETAG];
    let mut values = [const { None }; 5];
    // One pass over the few headers there are takes less than five searches.
    for (name, value) in headers {
        let place = names.iter().position(|known| known == name);
        if let Some(place) = place {
            values[place].get_or_insert_with(|| value.clone());
        }
    }
    values
}
