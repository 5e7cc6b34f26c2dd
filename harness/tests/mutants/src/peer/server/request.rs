//! A request: what its headers say, and its messages.

use std::time::{Duration, Instant};

use crosswire_http2::hpack::Field;
use mutants::{mutant::Mutant, planted::planted};

use super::{refusal::Refusal, unusual};
use crate::{
    grpc::{
        limit::{has_limit, too_long},
        messages::{Content, Messages, bad_framing},
        metadata::{self, Entry},
        status::{Status, code},
        timeout,
    },
    http2::{Connection, Ended, Received, value},
};

/// The headers of a request.
pub(super) struct Head {
    pub(super) path: Vec<u8>,
    pub(super) metadata: Vec<Entry>,
    pub(super) offers_gzip: bool,
    encoding: Option<Vec<u8>>,
    /// How long it may take.
    pub(super) timeout: Option<Duration>,
}

impl Head {
    /// # Errors
    /// The headers are not those of a call.
    pub(super) fn read(fields: &[Field]) -> Result<Self, Refusal> {
        if let Some(refusal) = unusual::refusal(fields) {
            return Err(refusal);
        }
        if value(fields, ":method") != Some(b"POST") && !planted(Mutant::AnyMethod) {
            return Err(Refusal::Http(405));
        }
        let content_type = value(fields, "content-type").unwrap_or_default();
        let codec = content_type.strip_prefix(b"application/grpc");
        let is_grpc = codec.is_some_and(|codec| matches!(codec.first(), None | Some(b'+' | b';')));
        if !is_grpc && !planted(Mutant::AnyContentType) {
            return Err(Refusal::Http(415));
        }
        let malformed =
            || Status::new(bad_timeout(), "grpc-timeout is not 1 to 8 digits and a unit");
        let timeout = match value(fields, "grpc-timeout") {
            None => None,
            Some(value) => match timeout::parse(value) {
                None if planted(Mutant::IgnoresBadTimeout) => None,
                timeout => Some(timeout.ok_or_else(malformed)?),
            },
        };
        let offers = value(fields, "grpc-accept-encoding").unwrap_or_default();
        let encoding = value(fields, "grpc-encoding").map(<[u8]>::to_vec);
        Ok(Self {
            path: value(fields, ":path").unwrap_or_default().to_vec(),
            metadata: metadata::read(fields),
            offers_gzip: offers.split(|byte| *byte == b',').any(|one| one.trim_ascii() == b"gzip"),
            encoding,
            timeout: timeout.filter(|_| !planted(Mutant::IgnoresDeadline)),
        })
    }

    /// The messages of the request.
    pub(super) fn messages<'a>(
        &self,
        connection: &'a Connection,
        stream: u32,
        deadline: Option<Instant>,
    ) -> Requests<'a> {
        let encoding = self.encoding.as_deref();
        let is_unknown = |encoding: &[u8]| encoding != b"gzip" && encoding != b"identity";
        Requests {
            connection,
            stream,
            deadline,
            messages: Messages::new(encoding),
            has_received: false,
            has_ended: false,
            is_cancelled: false,
            is_of_unknown_encoding: encoding.is_some_and(is_unknown),
        }
    }
}

/// The messages of a request, as they come.
pub(super) struct Requests<'a> {
    connection: &'a Connection,
    stream: u32,
    pub(super) deadline: Option<Instant>,
    messages: Messages,
    has_received: bool,
    has_ended: bool,
    /// A reset was taken for the end.
    pub(super) is_cancelled: bool,
    is_of_unknown_encoding: bool,
}

impl Requests<'_> {
    /// The next message, unless the client has half-closed.
    ///
    /// # Errors
    /// It is not taken, or nothing more comes.
    pub(super) fn next(&mut self) -> Result<Option<Content>, Refusal> {
        loop {
            if let Some(message) = self.messages.next() {
                return Ok(Some(message?));
            }
            if self.messages.is_too_long() && has_limit() {
                return Err(too_long().into());
            }
            if self.has_ended {
                return if self.messages.has_fragment() { Err(cut()) } else { Ok(None) };
            }
            let deadline = self
                .deadline
                .filter(|_| self.has_received || !planted(Mutant::DeadlineFromFirstRequest));
            match self.connection.receive(self.stream, deadline) {
                Ok(Received::Data(content, _)) => {
                    self.has_received = true;
                    self.messages.push(&content);
                }
                // Trailers of a request say nothing.
                Ok(Received::Headers(..)) => {}
                Ok(Received::End) => self.has_ended = true,
                Err(Ended::Reset(_)) if planted(Mutant::TakesCancelForTheEnd) => {
                    self.has_ended = true;
                    self.is_cancelled = true;
                }
                Err(ended) => return Err(ended.into()),
            }
        }
    }

    /// The one message of the request.
    ///
    /// # Errors
    /// There is none, or more than one, or it is not taken.
    pub(super) fn only(&mut self) -> Result<Content, Refusal> {
        let mut request = None;
        while let Some(message) = self.next()? {
            if request.replace(message).is_some() {
                let text = "more than one message; the method takes one";
                return Err(Status::new(code::INTERNAL, text).into());
            }
        }
        if planted(Mutant::RefusesUnknownEncodings) && self.is_of_unknown_encoding {
            return Err(Status::new(code::INTERNAL, "an encoding that is not known here").into());
        }
        if planted(Mutant::NoMessageIsEmpty) && request.is_none() {
            return Ok(Content { bytes: Vec::new(), was_compressed: false });
        }
        request.ok_or_else(|| Status::new(code::INTERNAL, "the request has no message").into())
    }
}

fn cut() -> Refusal {
    Status::new(bad_framing(), "the request ends within a message").into()
}

/// What a timeout that cannot be read is refused with.
fn bad_timeout() -> i32 {
    if planted(Mutant::BadTimeoutIsUnavailable) { code::UNAVAILABLE } else { code::INTERNAL }
}
