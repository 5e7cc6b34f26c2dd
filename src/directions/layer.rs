use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use prost::bytes::{Bytes, BytesMut};
use tonic::body::Body;
use tonic::codegen::http::header::CONTENT_TYPE;
use tonic::codegen::http::{HeaderMap, HeaderValue, Request, Response, response};
use tonic::{Code, Status};

use super::messages::{prepare, take_message};
use super::parse::Directions;
use crate::layers::middleware::{Handler, Middleware};

type Frame = hyper::body::Frame<Bytes>;

/// Answers each call as its metadata directs.
#[derive(Clone, Copy, Debug)]
pub struct Directed {
    /// The paths of the methods that answer with a stream of messages; all others
    /// are unary.
    pub streaming: &'static [&'static str],
}

impl Middleware for Directed {
    fn answer<H: Handler>(
        &self,
        request: Request<Body>,
        handler: H,
    ) -> impl Future<Output = Response<Body>> + Send + 'static {
        let is_streaming = self.streaming.contains(&request.uri().path());
        async move {
            if !Directions::are_in(request.headers()) {
                return handler.answer(request).await;
            }
            let directions = match Directions::parse(request.headers()) {
                Ok(directions) => directions,
                Err(status) => return status.into_http(),
            };
            let (head, body) = handler.answer(request).await.into_parts();
            let own = Own::new(&head.headers, body);
            if is_streaming {
                stream(head, own, directions)
            } else {
                unary(head, own, directions).await
            }
        }
    }
}

/// What the service answered: nothing but its trailers, or messages before them.
enum Own {
    Failure(HeaderMap),
    Messages(Body),
}

impl Own {
    fn new(headers: &HeaderMap, body: Body) -> Self {
        if !headers.contains_key(Status::GRPC_STATUS) {
            return Self::Messages(body);
        }
        let mut trailers = headers.clone();
        trailers.remove(CONTENT_TYPE);
        Self::Failure(trailers)
    }
}

async fn unary(head: response::Parts, own: Own, directions: Directions) -> Response<Body> {
    directions.pause().await;
    let answer = match own {
        Own::Failure(trailers) => Err(trailers),
        Own::Messages(body) => match whole_message(body, &directions).await {
            Ok((message, trailers)) => Ok((message, trailers)),
            Err(status) => return status.into_http(),
        },
    };
    panic_if_directed(&directions);
    let status = directions.status.as_ref();
    match answer {
        // Without a message the call cannot end with OK, even if it is directed so.
        Err(own) => {
            let status = status.filter(|status| status.code() != Code::Ok);
            failure(head, trailers(own, status, &directions), &directions)
        }
        Ok((_, own)) if status.is_some_and(|status| status.code() != Code::Ok) => {
            failure(head, trailers(own, status, &directions), &directions)
        }
        Ok((message, own)) => {
            let trailers = trailers(own, status, &directions);
            let frames = [Ok(Frame::data(message)), Ok(Frame::trailers(trailers))];
            with_body(head, stream::iter(frames), &directions)
        }
    }
}

/// The one message of a unary answer as it is sent, and the trailers.
async fn whole_message(body: Body, directions: &Directions) -> Result<(Bytes, HeaderMap), Status> {
    let collected = body.collect().await?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let mut written = BytesMut::from(collected.to_bytes());
    let message = take_message(&mut written).ok_or_else(|| Status::internal("no answer"))?;
    Ok((prepare(message, directions)?, trailers))
}

fn stream(head: response::Parts, own: Own, directions: Directions) -> Response<Body> {
    let body = match own {
        Own::Messages(body) => body,
        Own::Failure(own) => {
            panic_if_directed(&directions);
            let trailers = trailers(own, directions.status.as_ref(), &directions);
            return failure(head, trailers, &directions);
        }
    };
    let head = with_body(head, stream::empty(), &directions).into_parts().0;
    let messages = Messages { own: body, written: BytesMut::new(), directions, ended: false };
    let frames = stream::unfold(messages, |mut messages| async {
        let frame = messages.next().await?;
        Some((frame, messages))
    });
    Response::from_parts(head, Body::new(StreamBody::new(frames)))
}

/// The messages of a stream, then its trailers, as they are sent.
struct Messages {
    own: Body,
    /// What the service wrote and is not sent yet.
    written: BytesMut,
    directions: Directions,
    ended: bool,
}

impl Messages {
    async fn next(&mut self) -> Option<Result<Frame, Status>> {
        if self.ended {
            return None;
        }
        loop {
            if let Some(message) = take_message(&mut self.written) {
                self.directions.pause().await;
                return Some(Ok(match prepare(message, &self.directions) {
                    Ok(prepared) => Frame::data(prepared),
                    Err(status) => self.end(trailers_of(&status)),
                }));
            }
            let frame = match self.own.frame().await? {
                Ok(frame) => frame,
                Err(status) => return Some(Err(status)),
            };
            match frame.into_data() {
                Ok(data) => self.written.extend_from_slice(&data),
                Err(frame) => {
                    panic_if_directed(&self.directions);
                    let own = frame.into_trailers().unwrap_or_default();
                    let status = self.directions.status.as_ref();
                    let trailers = trailers(own, status, &self.directions);
                    return Some(Ok(self.end(trailers)));
                }
            }
        }
    }

    fn end(&mut self, trailers: HeaderMap) -> Frame {
        self.ended = true;
        Frame::trailers(trailers)
    }
}

/// As a handler with a bug does.
fn panic_if_directed(directions: &Directions) {
    if let Some(text) = &directions.panic {
        panic!("{text}");
    }
}

/// The trailers that the service wrote, with another status if one is directed.
fn trailers(own: HeaderMap, status: Option<&Status>, directions: &Directions) -> HeaderMap {
    let mut trailers = status.map_or(own, trailers_of);
    trailers.extend(directions.trailers.clone());
    trailers
}

fn trailers_of(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // The message is escaped and the details are base64: both fit in a header.
    status.add_header(&mut trailers).expect("a status makes trailers");
    trailers
}

/// An answer without messages: one block, or two if one stands before the
/// trailers.
fn failure(
    mut head: response::Parts,
    trailers: HeaderMap,
    directions: &Directions,
) -> Response<Body> {
    if !directions.headers.is_empty() {
        let frames = [Ok(Frame::trailers(trailers))];
        return with_body(head, stream::iter(frames), directions);
    }
    head.headers = headers();
    head.headers.extend(trailers);
    Response::from_parts(head, Body::empty())
}

fn with_body(
    mut head: response::Parts,
    frames: impl stream::Stream<Item = Result<Frame, Status>> + Send + 'static,
    directions: &Directions,
) -> Response<Body> {
    head.headers = headers();
    if directions.gzip {
        head.headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
    }
    head.headers.extend(directions.headers.clone());
    Response::from_parts(head, Body::new(StreamBody::new(frames)))
}

/// What stands before every answer; the services themselves send no more.
fn headers() -> HeaderMap {
    let content_type = HeaderValue::from_static("application/grpc");
    HeaderMap::from_iter([(CONTENT_TYPE, content_type)])
}
