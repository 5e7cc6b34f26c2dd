//! Rules of messages, whichever side sends them.

use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::{Breach, Exchange, canonical::first_deviation, response::status_of};
use crate::{
    role::Role,
    wire::{
        message::{InflateError, Message},
        transcript::{Event, What},
    },
};

/// `grpc-encoding` at most once, and named when a message is compressed.
pub(super) fn encoding_is_named(exchange: &Exchange<'_>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for side in [Role::Client, Role::Server] {
        let repeated = exchange.values(side, "grpc-encoding").skip(1);
        breaches
            .extend(repeated.map(|(event, value)| {
                Breach::quoting(event, value, "more than one grpc-encoding")
            }));
    }
    let is_unnamed = |encoding: Option<&[u8]>| encoding.is_none_or(|name| name == b"identity");
    let unnamed =
        exchange.messages().filter(|(_, m, encoding)| m.flag == 1 && is_unnamed(*encoding));
    let what = "a compressed message without a grpc-encoding that says how";
    breaches.extend(unnamed.map(|(event, ..)| Breach::of(event, what)));
    breaches
}

/// What is marked as compressed decompresses.
pub(super) fn compressed_messages_decompress(exchange: &Exchange<'_>) -> Vec<Breach> {
    let compressed = exchange.messages().filter(|(_, message, _)| message.flag == 1);
    compressed
        .filter_map(|(event, message, encoding)| {
            let named = encoding.filter(|name| *name != b"identity")?;
            match message.plain(Some(named))? {
                Err(InflateError::Malformed(_)) => {
                    let name = named.escape_ascii();
                    Some(Breach::of(event, format!("a compressed message that is no {name}")))
                }
                // Whatever is not known here, or too long, is not judged.
                _ => None,
            }
        })
        .collect()
}

/// The flag of a message is 0 or 1.
pub(super) fn flag_is_zero_or_one(exchange: &Exchange<'_>) -> Vec<Breach> {
    let wrong = exchange.messages().filter(|(_, message, _)| message.flag > 1);
    wrong
        .map(|(event, m, _)| Breach::of(event, format!("a message with flag {}", m.flag)))
        .collect()
}

/// Nothing is left over at END_STREAM. An error that comes in the middle of a message is
/// told in trailers as any other, and the message is given up.
pub(super) fn are_whole(exchange: &Exchange<'_>) -> Vec<Breach> {
    let status = exchange.trailers().and_then(|block| status_of(block.value("grpc-status")?));
    let has_failed = status.is_some_and(|code| code != 0);
    let events = exchange.transcript.events();
    events
        .filter(|event| event.from == Role::Client || !has_failed)
        .filter_map(|event| match &event.what {
            What::Fragment(fragment) => {
                let what = format!(
                    "the stream ends within a message: {} of 5 bytes of its prefix, and {} bytes of its payload",
                    fragment.prefix.len(),
                    fragment.payload_bytes,
                );
                Some(Breach::lack_after(event, what))
            }
            _ => None,
        })
        .collect()
}

/// The payload parses as the method's type. What the client was told to send as it
/// is, is the case's matter.
pub(super) fn parse_as_their_type(exchange: &Exchange<'_>) -> Vec<Breach> {
    payloads(exchange, |descriptor, payload| {
        let error = DynamicMessage::decode(descriptor.clone(), payload).err()?.to_string();
        // How deep a message may be is our limit, and nobody else's.
        let what = format!("a message that is no {}: {error}", descriptor.full_name());
        (!error.contains(TOO_DEEP)).then_some((0..payload.len(), what))
    })
}

/// What the decoder says of a message that is nested more deeply than it follows.
const TOO_DEEP: &str = "recursion limit";

/// The payload is what encoders write, as the encoding guide has it.
pub(super) fn are_canonical(exchange: &Exchange<'_>) -> Vec<Breach> {
    payloads(exchange, |descriptor, payload| {
        let deviation = first_deviation(descriptor, payload)?;
        // What does not parse breaks another rule. Few deviate, so this comes last.
        DynamicMessage::decode(descriptor.clone(), payload).ok()?;
        Some((deviation.bytes, format!("not what an encoder writes: {}", deviation.what)))
    })
}

type Found = (std::ops::Range<usize>, String);

/// Judges every payload that can be read; the range says what to quote.
fn payloads(
    exchange: &Exchange<'_>,
    judge: impl Fn(&MessageDescriptor, &[u8]) -> Option<Found>,
) -> Vec<Breach> {
    let breach = |(event, message, encoding): (&Event, &Message, Option<&[u8]>)| {
        if event.from == Role::Client && exchange.call.raw {
            return None;
        }
        let descriptor = exchange.message_type(event.from)?;
        let payload = message.plain(encoding)?.ok()?;
        let (bytes, what) = judge(&descriptor, &payload)?;
        Some(Breach::quoting(event, payload.get(bytes).unwrap_or_default(), what))
    };
    exchange.messages().filter_map(breach).collect()
}
