//! A response's body, as far as gRPC allows it: whatever else comes is an error.

use futures_util::stream;
use h2::Reason;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Body as _, Frame};
use prost::bytes::Bytes;
use tonic::body::Body;
use tonic::codegen::http::HeaderMap;
use tonic::{Code, Status};

use super::asking::Caller;
use super::head::mend_status;
use super::transport::{of_reset, status_of};
use crate::layers::binary::split;
use crate::layers::messages::MessageReader;

/// The body of a response that has one, with its messages and its end checked. `early`
/// is the status in its headers, which do not end it. Whoever reads it is the caller.
pub(super) fn checked(
    body: Body,
    reader: MessageReader,
    early: Option<Status>,
    caller: Caller,
) -> Body {
    let checked = Checked { body, reader, early, state: State::Reading, _caller: caller };
    let frames = stream::unfold(checked, |mut checked| async {
        let frame = checked.next().await?;
        Some((frame, checked))
    });
    Body::new(StreamBody::new(frames))
}

struct Checked {
    body: Body,
    reader: MessageReader,
    early: Option<Status>,
    state: State,
    _caller: Caller,
}

enum State {
    Reading,
    /// What is told once the data before it was.
    Failing(Status),
    Over,
}

impl Checked {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Status>> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Reading => {}
            State::Failing(status) => return Some(Err(status)),
            State::Over => return None,
        }
        let frame = match self.body.frame().await {
            None => return Some(Err(self.ended_without_status())),
            Some(Err(status)) => return Some(Err(status_of(&status).unwrap_or(status))),
            Some(Ok(frame)) => frame,
        };
        match frame.into_data() {
            Ok(data) => match self.reader.read(&data) {
                Ok(()) => {
                    self.state = State::Reading;
                    Some(Ok(Frame::data(data)))
                }
                Err((before, status)) => {
                    self.state = State::Failing(status);
                    Some(Ok(Frame::data(before)))
                }
            },
            Err(frame) => Some(self.trailers(frame.into_trailers().unwrap_or_default())),
        }
    }

    fn trailers(&self, mut trailers: HeaderMap) -> Result<Frame<Bytes>, Status> {
        mend_status(&mut trailers);
        let trailers = split(trailers);
        let code = trailers.get(Status::GRPC_STATUS).map(|code| Code::from_bytes(code.as_bytes()));
        if code == Some(Code::Ok) && self.reader.is_within() {
            return Err(Status::internal("the response ended within a message"));
        }
        Ok(Frame::trailers(trailers))
    }

    /// A failure that the headers told stands if nothing else came.
    ///
    /// The library tells of a reset with NO_ERROR as of an end, but knows that the
    /// stream did not end itself.
    fn ended_without_status(&mut self) -> Status {
        if self.body.is_end_stream() {
            let early = self.early.take().filter(|early| early.code() != Code::Ok);
            if let Some(early) = early.filter(|_| self.reader.is_unused()) {
                return early;
            }
            return Status::unknown("the response ended without a status");
        }
        Status::new(of_reset(Reason::NO_ERROR), "the stream was reset: NO_ERROR")
    }
}
