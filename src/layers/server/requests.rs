//! Limits the messages of a request: a longer one than gRPC takes by default is
//! RESOURCE_EXHAUSTED, a second one for a method that has one is INTERNAL. So are
//! trailers, which a request of gRPC does not have, and the library under tonic would
//! take with pseudo-headers in them.

use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use prost::bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::{Code, Status};

use super::held::Held;
use crate::layers::messages::MessageReader;
use crate::layers::middleware::{Handler, Middleware};

/// The limits.
#[derive(Clone, Debug)]
pub struct Requests {
    /// The paths of the methods that take a stream of messages; all others take one.
    pub streaming: &'static [&'static str],
    /// Where a message has its share, as far as it has come, until it is whole.
    pub held: Held,
}

impl Middleware for Requests {
    fn answer<H: Handler>(
        &self,
        request: Request<Body>,
        handler: H,
    ) -> impl Future<Output = Response<Body>> + Send + 'static {
        let takes_stream = self.streaming.contains(&request.uri().path());
        let reader = MessageReader::new((!takes_stream).then_some(1));
        let held = self.held.clone();
        handler.answer(request.map(|body| {
            let limited = Limited { body, reader, held, share: None, failure: None };
            limited.into_body()
        }))
    }
}

struct Limited {
    body: Body,
    reader: MessageReader,
    held: Held,
    /// That of the message that has begun.
    share: Option<OwnedSemaphorePermit>,
    /// What is told once the data before it was.
    failure: Option<Status>,
}

impl Limited {
    fn into_body(self) -> Body {
        let frames = stream::unfold(self, |mut limited| async {
            let frame = limited.next().await?;
            Some((frame, limited))
        });
        Body::new(StreamBody::new(frames))
    }

    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Status>> {
        if let Some(failure) = self.failure.take() {
            return Some(Err(failure));
        }
        let frame = match self.body.frame().await? {
            Ok(frame) => frame,
            Err(status) => return Some(Err(no_end(status))),
        };
        if frame.is_trailers() {
            return Some(Err(Status::internal("a request has no trailers")));
        }
        let Some(data) = frame.data_ref() else { return Some(Ok(frame)) };
        match self.held.share(data.len()) {
            Ok(more) => match &mut self.share {
                Some(share) => share.merge(more),
                None => self.share = Some(more),
            },
            Err(status) => return Some(Err(status)),
        }
        let read = self.reader.read(data);
        if !self.reader.is_within() {
            self.share = None;
        }
        Some(Ok(match read {
            Ok(()) => frame,
            Err((before, failure)) => {
                self.failure = Some(failure);
                Frame::data(before)
            }
        }))
    }
}

/// tonic takes CANCELLED for the end of a stream of requests: a handler would take what had
/// come for all of it.
fn no_end(status: Status) -> Status {
    match status.code() {
        Code::Cancelled => Status::aborted("the client has reset the stream"),
        _ => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Streaming;
    use tonic::codec::Codec as _;
    use tonic_prost::ProstCodec;

    /// All of a request that comes in these pieces, and may hold so much.
    async fn read(pieces: Vec<Bytes>, most_bytes: usize) -> Result<usize, Status> {
        let frames = pieces.into_iter().map(|piece| Ok::<_, Status>(Frame::data(piece)));
        let body = Body::new(StreamBody::new(stream::iter(frames)));
        Ok(limited(body, most_bytes).collect().await?.to_bytes().len())
    }

    fn limited(body: Body, most_bytes: usize) -> Body {
        let (reader, held) = (MessageReader::new(None), Held::of(most_bytes));
        Limited { body, reader, held, share: None, failure: None }.into_body()
    }

    #[tokio::test]
    async fn a_reset_is_no_end() {
        let reset = Err(Status::cancelled("a reset"));
        let frames = stream::iter([Ok(Frame::data(Bytes::from_static(&[0; 5]))), reset]);
        let body = limited(Body::new(StreamBody::new(frames)), 100);
        let mut messages = Streaming::<u32>::new_request(
            ProstCodec::<u32, u32>::default().decoder(),
            body,
            None,
            None,
        );
        assert_eq!(messages.message().await.expect("a message"), Some(0));
        messages.message().await.expect_err("no end");
    }

    #[tokio::test]
    async fn messages_that_are_whole_hold_nothing() {
        let message = Bytes::from([&[0, 0, 0, 3, 0xe8][..], &[7; 1000]].concat());
        let pieces: Vec<Bytes> =
            (0..100).flat_map(|_| [message.slice(..500), message.slice(500..)]).collect();
        assert_eq!(read(pieces.clone(), 1005).await.expect("room"), 100 * 1005);
        let status = read(pieces, 1004).await.expect_err("no room");
        assert_eq!(status.code(), Code::ResourceExhausted);
    }
}
