//! Ends a call at its deadline with DEADLINE_EXCEEDED, also while it sends its
//! messages. tonic would say CANCELLED before the first, and nothing after it.
//!
//! A `grpc-timeout` against the grammar is INTERNAL. The handler is dropped at the
//! deadline. A message that the client does not take is not taken back: nothing is
//! sent until it does, or resets the stream, as it does at its own deadline.

use std::pin::Pin;
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Body as _, Frame};
use prost::bytes::Bytes;
use tokio::time::{self, Instant, Sleep};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};

use crate::layers::middleware::{Handler, Middleware};

/// The layer, which must be the outermost: tonic's own timer is then never first,
/// since it starts later and asks the layer before itself.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines;

impl Middleware for Deadlines {
    fn answer<H: Handler>(
        &self,
        request: Request<Body>,
        handler: H,
    ) -> impl Future<Output = Response<Body>> + Send + 'static {
        let arrived = Instant::now();
        let timeout = timeout_of(request.headers());
        async move {
            match timeout {
                Ok(None) => handler.answer(request).await,
                Ok(Some(timeout)) => limited(request, handler, arrived + timeout).await,
                Err(status) => status.into_http(),
            }
        }
    }
}

async fn limited<H: Handler>(
    request: Request<Body>,
    handler: H,
    deadline: Instant,
) -> Response<Body> {
    let mut over = Box::pin(time::sleep_until(deadline));
    let answer = handler.answer(request);
    tokio::select! {
        biased;
        () = passed(&mut over) => exceeded().into_http(),
        response = answer => response.map(|body| limited_body(body, over)),
    }
}

fn limited_body(body: Body, over: Pin<Box<Sleep>>) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let frames = stream::unfold(Some((body, over)), |state| async {
        let (mut body, mut over) = state?;
        tokio::select! {
            biased;
            () = passed(&mut over) => Some((Ok(trailers()), None)),
            frame = body.frame() => frame.map(|frame| (frame, Some((body, over)))),
        }
    });
    Body::new(StreamBody::new(frames))
}

/// The timer wakes whoever waits up to a millisecond late. Whoever is asked before
/// that, by tonic's timer for instance, looks at the clock.
async fn passed(over: &mut Pin<Box<Sleep>>) {
    let deadline = over.deadline();
    let passed = std::future::poll_fn(|context| {
        if deadline <= Instant::now() {
            return std::task::Poll::Ready(());
        }
        over.as_mut().poll(context)
    });
    passed.await;
}

fn exceeded() -> Status {
    Status::deadline_exceeded("the deadline has passed")
}

fn trailers() -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    exceeded().add_header(&mut trailers).expect("a plain text fits in a header");
    Frame::trailers(trailers)
}

/// The time from the call's arrival to its deadline.
fn timeout_of(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let mut values = headers.get_all("grpc-timeout").iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match parse(value.as_bytes()) {
            Some(timeout) => Ok(Some(timeout)),
            None => Err(Status::internal("grpc-timeout is not 1 to 8 digits and a unit")),
        },
        (Some(_), Some(_)) => Err(Status::internal("grpc-timeout is there twice")),
    }
}

fn parse(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 60 * 60),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_known() {
        let table = [
            ("1H", Duration::from_secs(3600)),
            ("2M", Duration::from_secs(120)),
            ("3S", Duration::from_secs(3)),
            ("4m", Duration::from_millis(4)),
            ("5u", Duration::from_micros(5)),
            ("6n", Duration::from_nanos(6)),
            ("00000000m", Duration::ZERO),
            ("99999999H", Duration::from_secs(359_999_996_400)),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_against_the_grammar_is_refused() {
        for text in ["", "1", "S", "abc", "-1S", "+1S", "123456789m", "1s", "1.5S", " 1S", "1 S"] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
