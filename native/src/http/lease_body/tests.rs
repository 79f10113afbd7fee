use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, once};
use http_body_util::StreamBody;
use tokio::time::sleep;

use super::*;

type Pieces = StreamBody<BoxStream<'static, Result<Frame<Bytes>, BoxError>>>;

/// Makes a body of one piece, or none, that comes or breaks after so many milliseconds.
fn body(millis: u64, piece: Option<&'static [u8]>) -> LeaseBody<Pieces> {
    let piece = async move {
        sleep(Duration::from_millis(millis)).await;
        piece.map(|piece| Frame::data(Bytes::from_static(piece))).ok_or_else(|| "broken".into())
    };
    let limits = Limits::new(Some(Duration::from_millis(100)), None, Instant::now());
    let inner = Some(StreamBody::new(once(piece).boxed()));
    LeaseBody { inner, lease: None, limits, substitute: Substitute::None }
}

#[tokio::test(start_paused = true)]
async fn whoever_answers_in_place_of_a_body_that_broke_has_all_of_the_idle_time() {
    for (answers, expected) in [(60, Ok("fine")), (120, Err(()))] {
        let again = move || -> BoxFuture<'static, _> {
            Box::pin(async move {
                sleep(Duration::from_millis(answers)).await;
                Some(body(0, Some(b"fine")))
            })
        };
        let first = LeaseBody { substitute: Substitute::May(Box::new(again)), ..body(90, None) };
        let whole = first.bytes(100).await;
        assert_eq!(whole.as_deref().map_err(|_| ()), expected.map(str::as_bytes), "{answers} ms");
    }
}
