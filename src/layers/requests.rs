//! Limits the messages of a request: a longer one than gRPC takes by default is
//! RESOURCE_EXHAUSTED, a second one for a method that has one is INTERNAL. So are
//! trailers, which a request of gRPC does not have, and the library under tonic would
//! take with pseudo-headers in them.

use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};

use super::messages::MessageReader;
use super::middleware::{Handler, Middleware};

/// The limits.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    /// How many messages there may be; any number without it.
    pub max_messages: Option<usize>,
}

impl Middleware for Requests {
    fn answer<H: Handler>(
        &self,
        request: Request<Body>,
        handler: H,
    ) -> impl Future<Output = Response<Body>> + Send + 'static {
        let reader = MessageReader::new(self.max_messages);
        handler.answer(request.map(|body| limited(body, reader)))
    }
}

fn limited(body: Body, reader: MessageReader) -> Body {
    let limited = Limited { body, reader, failure: None };
    let frames = stream::unfold(limited, |mut limited| async {
        let frame = limited.next().await?;
        Some((frame, limited))
    });
    Body::new(StreamBody::new(frames))
}

struct Limited {
    body: Body,
    reader: MessageReader,
    /// What is told once the data before it was.
    failure: Option<Status>,
}

impl Limited {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Status>> {
        if let Some(failure) = self.failure.take() {
            return Some(Err(failure));
        }
        let frame = match self.body.frame().await? {
            Ok(frame) => frame,
            Err(status) => return Some(Err(status)),
        };
        if frame.is_trailers() {
            return Some(Err(Status::internal("a request has no trailers")));
        }
        let read = frame.data_ref().map_or(Ok(()), |data| self.reader.read(data));
        Some(Ok(match read {
            Ok(()) => frame,
            Err((before, failure)) => {
                self.failure = Some(failure);
                Frame::data(before)
            }
        }))
    }
}
