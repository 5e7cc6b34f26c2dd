//! A response, as it comes: blocks and DATA to messages and a status.

use crosswire_http2::hpack::Field;
use mutants::{mutant::Mutant, planted::planted};

use super::{observed::Observed, types::Stub};
use crate::{
    grpc::{
        limit::{has_limit, too_long},
        messages::Messages,
        metadata,
        status::{Status, code},
    },
    http2::value,
};

/// The response to one call.
pub(super) struct Response {
    stub: Stub,
    /// Once the first block has come.
    messages: Option<Messages>,
    status: Option<Status>,
    /// How many messages were handed out.
    taken: usize,
}

impl Response {
    pub(super) fn new(stub: Stub) -> Self {
        Self { stub, messages: None, status: None, taken: 0 }
    }

    /// Whether its headers have come and its status has not.
    pub(super) fn wants_message(&self) -> bool {
        self.messages.is_some() && self.status.is_none()
    }

    /// Takes a block.
    pub(super) fn block(
        &mut self,
        fields: &[Field],
        ends: bool,
        observed: &mut Observed,
    ) -> Result<(), Status> {
        refuse(fields)?;
        if self.messages.is_some() {
            observed.trailers = metadata::read(fields);
            self.status = Status::read(fields);
            return Ok(());
        }
        let http = value(fields, ":status").unwrap_or_default();
        if http.first() == Some(&b'1') && http.len() == 3 {
            // Informational: the response is still to come (RFC 9113, section 8.1).
            return Ok(());
        }
        let status = Status::read(fields);
        let is_grpc = value(fields, "content-type")
            .is_some_and(|value| value.starts_with(b"application/grpc"));
        if http != b"200" || !is_grpc {
            return Err(status.unwrap_or_else(|| of_http(http)));
        }
        observed.has_begun = true;
        if ends {
            observed.trailers = metadata::read(fields);
            self.status = status;
        } else {
            observed.headers = metadata::read(fields);
        }
        self.messages = Some(Messages::new(value(fields, "grpc-encoding")));
        Ok(())
    }

    /// Takes the content of DATA.
    pub(super) fn data(&mut self, content: &[u8]) -> Result<(), Status> {
        if planted(Mutant::TakesMalformed) {
            self.messages.get_or_insert_with(|| Messages::new(None));
        }
        let Some(messages) = &mut self.messages else {
            return Err(Status::new(code::INTERNAL, "DATA before the response's headers"));
        };
        messages.push(content);
        if messages.is_too_long() && has_limit() {
            return Err(too_long());
        }
        Ok(())
    }

    /// The next message that is whole, serialized again.
    pub(super) fn next_message(&mut self) -> Option<Result<Vec<u8>, Status>> {
        let message = self.messages.as_mut()?.next()?;
        self.taken += 1;
        if self.taken > 1 && !self.stub.is_streaming() {
            let text = "more than one message; the method answers one";
            return Some(Err(Status::new(code::INTERNAL, text)));
        }
        // What the server may refuse to do, the client cannot.
        let message = message.map_err(|status| match status.code {
            code::UNIMPLEMENTED => Status::new(code::INTERNAL, status.message),
            _ => status,
        });
        let malformed = |_| {
            let code = match () {
                () if planted(Mutant::OddFieldsAreInvalid) => code::INVALID_ARGUMENT,
                () => code::INTERNAL,
            };
            Status::new(code, "the response is malformed")
        };
        Some(message.and_then(|message| self.stub.response(message.bytes).map_err(malformed)))
    }

    /// The status with which it ended.
    pub(super) fn end(self, observed: &Observed) -> Result<Status, Status> {
        let internal = |text: &str| Status::new(code::INTERNAL, text);
        if self.messages.is_some_and(|messages| messages.has_fragment()) {
            let code = match () {
                () if planted(Mutant::FragmentIsCancelled) => code::CANCELLED,
                () => code::INTERNAL,
            };
            return Err(Status::new(code, "the response ends within a message"));
        }
        let Some(mut status) = self.status else {
            if planted(Mutant::NoStatusIsSuccess) {
                return Ok(Status::ok());
            }
            return Err(Status::new(code::UNKNOWN, "the response has no status"));
        };
        if !code::is_known(status.code) {
            status.code = code::UNKNOWN;
        }
        let is_missing = status.code == code::OK && observed.messages.is_empty();
        if is_missing && (!self.stub.is_streaming() || planted(Mutant::WantsAMessage)) {
            return Err(internal("OK without a message"));
        }
        Ok(status)
    }
}

/// What gRPC suggests that a client takes of a header block.
const MAX_BLOCK_BYTES: usize = 8 << 10;

/// Refuses blocks for what some clients do not take.
fn refuse(fields: &[Field]) -> Result<(), Status> {
    let unavailable = |text: &str| Err(Status::new(code::UNAVAILABLE, text));
    let length: usize = fields.iter().map(|one| one.name.len() + one.value.len() + 32).sum();
    if length > MAX_BLOCK_BYTES && planted(Mutant::LongBlocksAreUnavailable) {
        return unavailable("the header block is too long");
    }
    let is_bad = |field: &Field| {
        let is_binary = field.name.ends_with(b"-bin");
        let mut parts = field.value.split(|byte| *byte == b',');
        is_binary && parts.any(|part| metadata::decode(part.trim_ascii()).is_none())
    };
    if planted(Mutant::BadBinaryIsUnavailable) && fields.iter().any(is_bad) {
        return unavailable("metadata that is no base64");
    }
    Ok(())
}

/// The status of a response that has none of gRPC's (http-grpc-status-mapping.md).
fn of_http(status: &[u8]) -> Status {
    let code = match status {
        _ if planted(Mutant::HttpStatusIsInternal) => code::INTERNAL,
        b"404" if planted(Mutant::Http404IsNotFound) => code::NOT_FOUND,
        b"400" => code::INTERNAL,
        b"401" => code::UNAUTHENTICATED,
        b"403" => code::PERMISSION_DENIED,
        b"404" => code::UNIMPLEMENTED,
        b"429" | b"502" | b"503" | b"504" => code::UNAVAILABLE,
        _ => code::UNKNOWN,
    };
    Status::new(code, format!("HTTP status {}", status.escape_ascii()))
}
