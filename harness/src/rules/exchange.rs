//! What a rule is judged by.

use std::time::Duration;

use crosswire_http2::message::Message;
use prost_reflect::MessageDescriptor;

use super::request::parse_timeout;
use crate::{
    observe::Answer,
    role::Role,
    suite::Call,
    wire::transcript::{Block, Event, Transcript, What},
};

/// One call on the wire, with what the client was asked and what it answered.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// What passed.
    pub transcript: &'a Transcript,
    /// What passed before for the same call.
    pub earlier: &'a [Transcript],
    /// What the client was asked to do.
    pub call: &'a Call,
    /// What it says came of it, if it said so.
    pub answer: Option<&'a Answer>,
}

impl<'a> Exchange<'a> {
    /// The request's header block.
    pub(super) fn request(&self) -> Option<Block<'a>> {
        self.transcript.blocks(Role::Client).next()
    }

    /// The response's first header block.
    pub(super) fn response(&self) -> Option<Block<'a>> {
        self.transcript.blocks(Role::Server).next()
    }

    /// The header block that ends the response.
    pub(super) fn trailers(&self) -> Option<Block<'a>> {
        self.transcript.blocks(Role::Server).find(|block| block.ends_stream)
    }

    /// Whether the server sent a status, right or wrong.
    pub(super) fn has_status(&self) -> bool {
        self.transcript.blocks(Role::Server).any(|block| block.value("grpc-status").is_some())
    }

    /// Whether the response is HTTP's own, and not gRPC's: its status is another than 200, or
    /// what was asked is no gRPC and the answer does not say that it is. HTTP lets it carry
    /// any fields and any content (RFC 9110, section 15).
    pub(super) fn is_plain_http(&self) -> bool {
        let is_grpc = |block: &Block<'_>| {
            let content_type = block.value("content-type").unwrap_or_default();
            let rest = content_type.strip_prefix(b"application/grpc");
            rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
        };
        let is_asked =
            |request: &Block<'_>| request.value(":method") == Some(b"POST") && is_grpc(request);
        self.response().is_some_and(|response| {
            response.value(":status").is_some_and(|status| status != b"200")
                || self.request().is_some_and(|request| !is_asked(&request)) && !is_grpc(&response)
        })
    }

    /// Whether the server ended the stream within a message.
    pub(super) fn ends_within_a_message(&self) -> bool {
        let is_fragment = |event: &Event| matches!(event.what, What::Fragment(_));
        self.transcript.sent_by(Role::Server).any(is_fragment)
    }

    /// The call's deadline, counted from when the client wrote its request.
    pub(super) fn timeout(&self) -> Duration {
        let sent = self.request().and_then(|request| request.value("grpc-timeout"));
        let asked = self.call.timeout;
        sent.and_then(parse_timeout).map_or(asked, |sent| sent.min(asked))
    }

    /// The fields of a name in all of a side's blocks.
    pub(super) fn values(
        &self,
        side: Role,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a Event, &'a [u8])> + use<'a> {
        let blocks = self.transcript.blocks(side);
        blocks.flat_map(move |block| block.values(name).map(move |value| (block.event, value)))
    }

    /// Messages of both sides, with the encoding that their side named.
    pub(super) fn messages(
        &self,
    ) -> impl Iterator<Item = (&'a Event, &'a Message, Option<&'a [u8]>)> + use<'a> {
        let transcript = self.transcript;
        [Role::Client, Role::Server].into_iter().flat_map(move |side| {
            let encoding = transcript.encoding(side);
            transcript.messages(side).map(move |(event, message)| (event, message, encoding))
        })
    }

    /// The type of a side's messages, if the method is known.
    pub(super) fn message_type(&self, side: Role) -> Option<MessageDescriptor> {
        let method = self.call.method.descriptor.as_ref()?;
        Some(match side {
            Role::Client => method.input(),
            Role::Server => method.output(),
        })
    }
}
