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
/// Whoever drops a call drops what feeds its stream of requests, too: the library would take
/// that for the stream's end and say so, and then nobody knows that it was not.
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
