//! A request's body that does not outlive its call.

use std::convert::Infallible;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::stream;
use h2::Reason;
use http_body_util::StreamBody;
use hyper::body::Body as _;
use tokio::sync::oneshot;
use tonic::Status;
use tonic::body::Body;

/// Keeps a request's body going for as long as it is held.
pub(super) struct Caller(#[expect(dead_code, reason = "it is there to be dropped")] Sender);

type Sender = oneshot::Sender<Infallible>;

/// The same body, which resets its stream if the caller is gone before it has ended.
///
/// Whoever drops a call mostly drops what feeds its stream of requests, too: the library would
/// take that for the stream's end, and may have said so before it resets the stream. Without
/// that it would go on sending once a response has begun.
pub(super) fn held_by_caller(mut body: Body) -> (Body, Caller) {
    let (caller, mut gone) = oneshot::channel();
    let frames = stream::poll_fn(move |context| {
        if Pin::new(&mut gone).poll(context).is_ready() {
            return Poll::Ready(Some(Err(cancelled())));
        }
        Pin::new(&mut body).poll_frame(context)
    });
    (Body::new(StreamBody::new(frames)), Caller(caller))
}

/// hyper resets a stream with the reason that it finds in an error of its body.
fn cancelled() -> Status {
    let mut status = Status::cancelled("the caller is gone");
    status.set_source(Arc::new(h2::Error::from(Reason::CANCEL)));
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt as _, BodyStream};
    use hyper::body::Frame;
    use prost::bytes::Bytes;
    use std::error::Error as _;
    use tokio_stream::StreamExt as _;

    fn body() -> Body {
        let frames = [Ok::<_, Status>(Frame::data(Bytes::from_static(b"data")))];
        Body::new(StreamBody::new(stream::iter(frames)))
    }

    #[tokio::test]
    async fn a_body_ends_as_it_does_while_somebody_waits() {
        let (body, _caller) = held_by_caller(body());
        assert_eq!(body.collect().await.expect("no failure").to_bytes(), "data");
    }

    #[tokio::test]
    async fn an_end_that_comes_after_the_caller_has_gone_is_none() {
        let (body, caller) = held_by_caller(body());
        let mut frames = BodyStream::new(body);
        frames.next().await.expect("a frame").expect("no failure");
        drop(caller);
        let status = frames.next().await.expect("no end").expect_err("no frame");
        let source = status.source().and_then(|source| source.downcast_ref::<h2::Error>());
        assert_eq!(source.and_then(h2::Error::reason), Some(Reason::CANCEL));
    }
}
