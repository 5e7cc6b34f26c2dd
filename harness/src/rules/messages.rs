//! Rules of messages, whichever side sends them.

use crosswire_http2::message::{Message, Unread};
use prost_reflect::MessageDescriptor;
use serde_json::json;

use super::{
    Breach, Exchange,
    canonical::{Deviation, first_deviation},
    response::status_of,
    text,
};
use crate::{
    protobuf,
    role::Role,
    wire::transcript::{Event, What},
};

/// `grpc-encoding` at most once, and named when a message is compressed.
pub(super) fn encoding_is_named(exchange: &Exchange<'_>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for side in [Role::Client, Role::Server] {
        let repeated = exchange.values(side, "grpc-encoding").skip(1);
        breaches.extend(
            repeated.map(|(event, value)| Breach::quoting(event, value, "encoding-repeated")),
        );
    }
    let is_unnamed = |encoding: Option<&[u8]>| encoding.is_none_or(|name| name == b"identity");
    let unnamed =
        exchange.messages().filter(|(_, m, encoding)| m.flag == 1 && is_unnamed(*encoding));
    breaches.extend(unnamed.map(|(event, ..)| Breach::of(event, "encoding-unnamed")));
    breaches
}

/// What is marked as compressed decompresses.
pub(super) fn compressed_messages_decompress(exchange: &Exchange<'_>) -> Vec<Breach> {
    let compressed = exchange.messages().filter(|(_, message, _)| message.flag == 1);
    compressed
        .filter_map(|(event, message, encoding)| {
            let named = encoding.filter(|name| *name != b"identity")?;
            // Whatever is not known here, or too long, is not judged.
            (message.plain == Err(Unread::Malformed))
                .then(|| Breach::of(event, "not-compressed").expecting(text(named)))
        })
        .collect()
}

/// The flag of a message is 0 or 1.
pub(super) fn flag_is_zero_or_one(exchange: &Exchange<'_>) -> Vec<Breach> {
    let wrong = exchange.messages().filter(|(_, message, _)| message.flag > 1);
    wrong.map(|(event, message, _)| Breach::of(event, "flag").but_got(message.flag)).collect()
}

/// Nothing is left over at END_STREAM. An error that comes in the middle of a message is
/// told in trailers as any other, and the message is given up.
pub(super) fn are_whole(exchange: &Exchange<'_>) -> Vec<Breach> {
    let status = exchange.trailers().and_then(|block| status_of(block.value("grpc-status")?));
    let has_failed = status.is_some_and(|code| code != 0);
    let mut is_over = false;
    let events = exchange.transcript.events();
    events
        .filter(|event| {
            let is_reset = matches!(event.what, What::Reset { .. });
            is_over |= event.from == Role::Server && (event.ends_stream() || is_reset);
            // Of a call that the server has ended, its client may leave the rest.
            if event.from == Role::Client { !is_over } else { !has_failed }
        })
        .filter_map(|event| match &event.what {
            What::Fragment(fragment) => {
                let (prefix, payload) = (fragment.prefix.len(), fragment.payload_bytes);
                let got = json!({ "prefix_bytes": prefix, "payload_bytes": payload });
                Some(Breach::lack_after(event, "message-cut").but_got(got))
            }
            _ => None,
        })
        .collect()
}

/// The payload parses as the method's type. What the client was told to send as it
/// is, is the case's matter.
pub(super) fn parse_as_their_type(exchange: &Exchange<'_>) -> Vec<Breach> {
    payloads(exchange, |event, descriptor, payload| {
        let error = protobuf::decode(descriptor.clone(), payload)?.err()?.to_string();
        // How deep a message may be is our limit, and nobody else's.
        let is_malformed = !error.contains(TOO_DEEP);
        let breach = Breach::quoting(event, payload, "message-does-not-parse");
        is_malformed.then(|| breach.expecting(descriptor.full_name()).but_got(error))
    })
}

/// What the decoder says of a message that is nested more deeply than it follows.
const TOO_DEEP: &str = "recursion limit";

/// The payload is what encoders write, as the encoding guide has it.
pub(super) fn are_canonical(exchange: &Exchange<'_>) -> Vec<Breach> {
    payloads(exchange, |event, descriptor, payload| {
        let Deviation { bytes, field, clause } = first_deviation(descriptor, payload)?;
        // What does not parse breaks another rule. Few deviate, so this comes last.
        protobuf::decode(descriptor.clone(), payload)?.ok()?;
        let quoted = payload.get(bytes).unwrap_or_default();
        Some(Breach::quoting(event, quoted, clause).but_got(json!({ "field": field })))
    })
}

/// Judges every payload that can be read.
fn payloads(
    exchange: &Exchange<'_>,
    judge: impl Fn(&Event, &MessageDescriptor, &[u8]) -> Option<Breach>,
) -> Vec<Breach> {
    let breach = |(event, message, _): (&Event, &Message, Option<&[u8]>)| {
        if event.from == Role::Client && exchange.call.raw {
            return None;
        }
        let descriptor = exchange.message_type(event.from)?;
        judge(event, &descriptor, message.plain.as_ref().ok()?)
    };
    exchange.messages().filter_map(breach).collect()
}
