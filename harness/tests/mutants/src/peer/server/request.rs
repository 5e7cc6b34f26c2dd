//! A request: what its headers say, and its one message.

use std::time::{Duration, Instant};

use crosswire_http2::hpack::Field;
use mutants::{mutant::Mutant, planted::planted};

use super::{refusal::Refusal, unusual};
use crate::{
    grpc::{
        limit::{has_limit, too_long},
        messages::{Messages, bad_framing},
        metadata::{self, Entry},
        status::{Status, code},
        timeout,
    },
    http2::{Connection, Received, value},
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

    /// The one message of the request.
    ///
    /// # Errors
    /// There is none, or more than one, or it is not taken.
    pub(super) fn message(
        &self,
        connection: &Connection,
        stream: u32,
        deadline: Option<Instant>,
    ) -> Result<Vec<u8>, Refusal> {
        let mut messages = Messages::new(self.encoding.as_deref());
        let mut request = None;
        loop {
            match connection.receive(stream, deadline)? {
                Received::Data(content, _) => messages.push(&content),
                // Trailers of a request say nothing.
                Received::Headers(..) => {}
                Received::End => break,
            }
            if messages.is_too_long() && has_limit() {
                return Err(too_long().into());
            }
            while let Some(message) = messages.next() {
                if request.replace(message?).is_some() {
                    let text = "more than one message; the method takes one";
                    return Err(Status::new(code::INTERNAL, text).into());
                }
            }
        }
        if messages.has_fragment() {
            return Err(Status::new(bad_framing(), "the request ends within a message").into());
        }
        let is_unknown = |encoding: &Vec<u8>| encoding != b"gzip" && encoding != b"identity";
        if planted(Mutant::RefusesUnknownEncodings)
            && self.encoding.as_ref().is_some_and(is_unknown)
        {
            return Err(Status::new(code::INTERNAL, "an encoding that is not known here").into());
        }
        if planted(Mutant::NoMessageIsEmpty) {
            return Ok(request.unwrap_or_default());
        }
        request.ok_or_else(|| Status::new(code::INTERNAL, "the request has no message").into())
    }
}

/// What a timeout that cannot be read is refused with.
fn bad_timeout() -> i32 {
    if planted(Mutant::BadTimeoutIsUnavailable) { code::UNAVAILABLE } else { code::INTERNAL }
}
