//! Clients of a user's own, whose answers are followed to their end.

use core::pin::Pin;
use core::task::{Context, Poll};

use evenkeel::health::Health;
use evenkeel::{Attempt, Balancer, Fixed, Retry, Target, http};
use hyper::Response;
use hyper::body::{Body, Bytes, Frame};

use super::{InOrder, quick, until, within};

/// A body of some pieces, which breaks after them if it is to.
struct Pieces {
    left: u32,
    breaks: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from("piece")))));
        }
        Poll::Ready(self.breaks.then(|| Err(std::io::Error::other("it breaks"))))
    }
}

async fn balancer() -> Balancer<String, InOrder> {
    let balancer =
        Balancer::builder(Fixed::new(["10.0.0.1:80", "10.0.0.2:80"]).expect("addresses"))
            .policy(InOrder)
            .build(async |target: Target| Ok::<_, std::io::Error>(target.to_string()))
            .expect("a runtime");
    within(balancer.ready()).await;
    balancer
}

/// Asks once; the first endpoint's head is this, and its bodies break.
async fn ask(
    balancer: &Balancer<String, InOrder>,
    status: u16,
    attempts: u32,
) -> Response<http::LeaseBody<Pieces>> {
    let retry: Retry<_, _> = quick(attempts)
        .accept(|answer: &Response<Pieces>| http::verdict(answer.status(), answer.headers()));
    let send = async |client: Attempt<String>| {
        let breaks = client.starts_with("10.0.0.1");
        let mut answer = Response::new(Pieces { left: 2, breaks });
        *answer.status_mut() = if breaks { status } else { 200 }.try_into().expect("a status");
        Ok::<_, std::io::Error>(answer)
    };
    within(balancer.call_response(&retry, send)).await.expect("an answer")
}

#[tokio::test]
async fn who_breaks_all_bodies_is_ejected_as_no_head_was_a_success() {
    let balancer = balancer().await;
    let first = || balancer.endpoints().remove(0);
    for times in 1..=5 {
        let body = ask(&balancer, 200, 1).await.into_body();
        assert_eq!((first().in_flight, first().failures), (1, times - 1));
        within(body.bytes(100)).await.expect_err("it breaks");
        assert_eq!((first().in_flight, first().failures), (0, times));
    }
    until(|| matches!(first().health, Health::Ejected { .. })).await;
    let body = ask(&balancer, 200, 1).await.into_body();
    assert_eq!(within(body.bytes(100)).await.expect("a body"), "piecepiece");
}

#[tokio::test]
async fn each_answer_is_in_flight_as_long_as_its_body() {
    let balancer = balancer().await;
    let in_flight = || balancer.endpoints().iter().map(|one| one.in_flight).collect::<Vec<_>>();
    // A 500 is followed by another attempt, and its own body is given up.
    let answer = ask(&balancer, 500, 2).await;
    assert_eq!((answer.status().as_u16(), in_flight()), (200, vec![0, 1]));
    drop(answer);
    let answer = ask(&balancer, 500, 1).await;
    assert_eq!((answer.status().as_u16(), in_flight()), (500, vec![1, 0]));
    // It has been told of, and is not told of again.
    within(answer.into_body().bytes(100)).await.expect_err("it breaks");
    assert_eq!((in_flight(), balancer.endpoints()[0].failures), (vec![0, 0], 2));
}
