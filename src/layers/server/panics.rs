//! Makes a status of a handler's panic: UNKNOWN, with none of its words, after the
//! messages that were sent. tonic would reset the stream.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt as _, StreamExt as _};
use http_body_util::{BodyStream, StreamBody};
use hyper::body::{Body as _, Frame};
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};

use crate::layers::middleware::{Handler, Middleware};

/// The layer. What tonic has encoded and not sent yet when the panic comes is
/// lost: messages that a stream has ready at once go out together.
#[derive(Clone, Copy, Debug)]
pub struct Panics;

impl Middleware for Panics {
    fn answer<H: Handler>(
        &self,
        request: Request<Body>,
        handler: H,
    ) -> impl Future<Output = Response<Body>> + Send + 'static {
        let answer = AssertUnwindSafe(async move { handler.answer(request).await }).catch_unwind();
        async move {
            match answer.await {
                Ok(response) => response.map(caught),
                Err(_) => status().into_http(),
            }
        }
    }
}

/// Whoever reads learns no more than that: the text is for the server's log.
fn status() -> Status {
    Status::unknown("the handler failed")
}

fn caught(body: Body) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let frames = AssertUnwindSafe(BodyStream::new(body)).catch_unwind();
    Body::new(StreamBody::new(frames.map(|frame| frame.unwrap_or_else(|_| Ok(trailers())))))
}

fn trailers() -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    status().add_header(&mut trailers).expect("a plain text fits in a header");
    Frame::trailers(trailers)
}
