//! Bounds what is held for clients that leave their calls half done: answers that they do
//! not read, and messages that they do not end. The libraries under tonic take an answer
//! before they know whether it can be sent, and what has come of a message is kept until
//! the rest has, each time for every call of every connection.
//!
//! All calls share one budget. What is beyond it is RESOURCE_EXHAUSTED: a call before its
//! handler runs, and a message in its place, after those that were sent.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyStream, StreamBody};
use hyper::body::{Body as _, Frame};
use prost::bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};

use crate::layers::middleware::{Handler, Middleware};

/// What all calls of a server may hold: 64 of the longest messages that gRPC takes by
/// default. Ordinary clients never come near: what was sent, or has come whole, is not held.
const BUDGET_BYTES: usize = 256 << 20;

/// What a call holds beside its messages: its task, its stream, its metadata, and the two
/// buffers that tonic begins with. Measured: 20 KiB.
const CALL_BYTES: usize = 24 << 10;

/// What a piece of an answer holds beside its bytes, in the library's queue and here.
const PIECE_BYTES: usize = 512;

/// The layer; its clones share the budget.
#[derive(Clone, Debug)]
pub struct Held(Arc<Semaphore>);

impl Default for Held {
    fn default() -> Self {
        Self::of(BUDGET_BYTES)
    }
}

impl Middleware for Held {
    fn answer<H: Handler>(
        &self,
        request: Request<Body>,
        handler: H,
    ) -> impl Future<Output = Response<Body>> + Send + 'static {
        let budget = self.clone();
        let share = budget.share(CALL_BYTES);
        async move {
            match share {
                Ok(share) => handler.answer(request).await.map(|body| held(body, budget, share)),
                Err(status) => status.into_http(),
            }
        }
    }
}

impl Held {
    pub(super) fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    /// Given back when it is dropped.
    pub(super) fn share(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Status> {
        let share = u32::try_from(bytes).ok().and_then(|bytes| {
            let budget = Arc::clone(&self.0);
            budget.try_acquire_many_owned(bytes).ok()
        });
        share.ok_or_else(|| {
            Status::resource_exhausted(
                "too many calls are half done; read the answers, end the requests, \
                 or try again later",
            )
        })
    }

    /// The same frame, with its share for as long as its bytes are in memory.
    fn hold(&self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Status> {
        match frame.into_data() {
            Ok(bytes) => {
                let share = self.share(PIECE_BYTES + bytes.len())?;
                Ok(Frame::data(Bytes::from_owner(Piece { bytes, _share: share })))
            }
            Err(trailers) => Ok(trailers),
        }
    }
}

/// A piece of an answer. Whoever sends it drops it once it is sent, or when the stream or
/// the connection has ended.
struct Piece {
    bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The call's own share is given back with the body.
fn held(body: Body, budget: Held, share: OwnedSemaphorePermit) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let frames = stream::unfold(Some((BodyStream::new(body), budget, share)), |answer| async {
        let (mut frames, budget, share) = answer?;
        match frames.next().await? {
            Ok(frame) => Some(match budget.hold(frame) {
                Ok(frame) => (Ok(frame), Some((frames, budget, share))),
                Err(status) => (Ok(trailers(&status)), None),
            }),
            Err(status) => Some((Err(status), Some((frames, budget, share)))),
        }
    });
    Body::new(StreamBody::new(frames))
}

fn trailers(status: &Status) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).expect("a plain text fits in a header");
    Frame::trailers(trailers)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use tonic::Code;

    fn data(bytes: usize) -> Frame<Bytes> {
        Frame::data(vec![7; bytes].into())
    }

    fn body(frames: Vec<Frame<Bytes>>, budget: &Held) -> BodyStream<Body> {
        let frames = stream::iter(frames.into_iter().map(Ok::<_, Status>));
        let share = budget.share(CALL_BYTES).expect("room");
        BodyStream::new(held(Body::new(StreamBody::new(frames)), budget.clone(), share))
    }

    #[test]
    fn a_share_lasts_as_long_as_the_bytes() {
        let budget = Held::of(10_000);
        let frame = budget.hold(data(1000)).expect("room");
        let bytes = frame.into_data().expect("data");
        let rest = bytes.slice(999..);
        drop(bytes);
        assert_eq!(budget.0.available_permits(), 10_000 - 1000 - PIECE_BYTES);
        drop(rest);
        assert_eq!(budget.0.available_permits(), 10_000);
    }

    #[test]
    fn what_is_beyond_all_counting_is_refused() {
        let status = Held::of(10_000).share(usize::MAX).expect_err("no room");
        assert_eq!(status.code(), Code::ResourceExhausted);
    }

    #[tokio::test]
    async fn a_call_has_its_share_from_when_it_comes() {
        let budget = Held::of(CALL_BYTES);
        let handler = tower::service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
        let call = || budget.answer(Request::new(Body::empty()), handler);
        let (first, second) = (call(), call().await);
        assert_eq!(second.headers()[Status::GRPC_STATUS], "8");
        drop(first);
        assert!(!call().await.headers().contains_key(Status::GRPC_STATUS));
    }

    #[tokio::test]
    async fn an_answer_that_is_read_as_it_comes_is_never_too_long() {
        let budget = Held::of(CALL_BYTES + PIECE_BYTES + 1000);
        let mut frames = body((0..100).map(|_| data(1000)).collect(), &budget);
        for _ in 0..100 {
            let frame = frames.next().await.expect("a frame").expect("no failure");
            assert_eq!(frame.into_data().expect("data").len(), 1000);
        }
        assert!(frames.next().await.is_none());
        assert_eq!(budget.0.available_permits(), CALL_BYTES + PIECE_BYTES + 1000);
    }

    #[tokio::test]
    async fn what_does_not_fit_ends_the_answer() {
        let budget = Held::of(CALL_BYTES + 2 * PIECE_BYTES + 1000);
        let mut frames = body(vec![data(1000), data(1), data(0)], &budget);
        let kept = frames.next().await.expect("a frame").expect("no failure");
        let last = frames.next().await.expect("a frame").expect("no failure");
        let trailers = last.into_trailers().expect("no data");
        assert_eq!(trailers[Status::GRPC_STATUS], "8");
        assert!(frames.next().await.is_none());
        drop((kept, frames));
        assert_eq!(budget.0.available_permits(), CALL_BYTES + 2 * PIECE_BYTES + 1000);
    }

    #[tokio::test]
    async fn an_answer_that_is_dropped_holds_nothing() {
        let budget = Held::of(CALL_BYTES + PIECE_BYTES + 1000);
        let mut frames = body(vec![data(1000)], &budget);
        let frame = frames.next().await;
        assert_eq!(budget.0.available_permits(), 0);
        drop((frame, frames));
        assert_eq!(budget.0.available_permits(), CALL_BYTES + PIECE_BYTES + 1000);
    }
}
