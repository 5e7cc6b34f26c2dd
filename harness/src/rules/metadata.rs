//! Rules of header fields, whichever side sends them.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use crosswire_http2::hpack::Field;

use super::{Breach, Exchange};
use crate::{
    role::Role,
    wire::transcript::{Block, Event, other},
};

/// gRPC's base64: padding may be there or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Pseudo-headers stand before all others, each is one of those that its block may
/// have, and each is there once.
pub(super) fn pseudo_headers_stand_first(exchange: &Exchange<'_>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for side in [Role::Client, Role::Server] {
        for (index, block) in exchange.transcript.blocks(side).enumerate() {
            let known: &[&str] = match (side, index) {
                (Role::Client, 0) => &[":method", ":scheme", ":path", ":authority"],
                (Role::Server, 0) => &[":status"],
                _ => &[],
            };
            breaches.extend(pseudo_headers_of(block, known));
        }
    }
    breaches
}

fn pseudo_headers_of(block: Block<'_>, known: &[&str]) -> Vec<Breach> {
    let is_pseudo = |field: &Field| field.name.first() == Some(&b':');
    let mut breaches = Vec::new();
    for (index, field) in block.fields.iter().enumerate().filter(|(_, field)| is_pseudo(field)) {
        let before = &block.fields[..index];
        let what = if !known.iter().any(|name| name.as_bytes() == field.name) {
            "pseudo-header-other"
        } else if before.iter().any(|other| other.name == field.name) {
            "pseudo-header-repeated"
        } else if before.iter().any(|other| !is_pseudo(other)) {
            "pseudo-header-late"
        } else {
            continue;
        };
        breaches.push(field_breach(block.event, field, what));
    }
    breaches
}

/// Names are `[0-9a-z_.-]`; those of a response that is HTTP's own, any token in lower case
/// (RFC 9110, section 5.6.2; RFC 9113, section 8.2).
pub(super) fn names_are_legal(exchange: &Exchange<'_>) -> Vec<Breach> {
    let is_legal = |event: &Event, field: &Field| {
        let name = field.name.strip_prefix(b":").unwrap_or(&field.name);
        let is_https = event.from == Role::Server && exchange.is_plain_http();
        let may_be_there = |byte: &u8| {
            matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'.' | b'-')
                || is_https && b"!#$%&'*+^`|~".contains(byte)
        };
        !name.is_empty() && name.iter().all(may_be_there)
    };
    all_fields(exchange)
        .filter(|(event, field)| !is_legal(event, field))
        .map(|(event, field)| field_breach(event, field, "name-illegal"))
        .collect()
}

/// The values of `-bin` names are base64, several joined by commas.
pub(super) fn binary_values_are_base64(exchange: &Exchange<'_>) -> Vec<Breach> {
    base64_fields(exchange)
        .filter(|(_, field)| parts(&field.value).any(|part| BASE64.decode(part).is_err()))
        .map(|(event, field)| field_breach(event, field, "binary-not-base64"))
        .collect()
}

/// They are sent without padding.
pub(super) fn binary_values_are_unpadded(exchange: &Exchange<'_>) -> Vec<Breach> {
    base64_fields(exchange)
        .filter(|(_, field)| parts(&field.value).any(|part| part.ends_with(b"=")))
        .map(|(event, field)| field_breach(event, field, "binary-padded"))
        .collect()
}

/// Decodes one value: base64, padded or not, or bytes as they are after a zero.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    match value {
        [0, bytes @ ..] => Some(bytes.to_vec()),
        value => BASE64.decode(value).ok(),
    }
}

/// A breach that quotes a field.
pub(super) fn field_breach(event: &Event, field: &Field, clause: &'static str) -> Breach {
    Breach::quoting(event, &[&field.name, &b": "[..], &field.value].concat(), clause)
}

fn all_fields<'a>(exchange: &Exchange<'a>) -> impl Iterator<Item = (&'a Event, &'a Field)> {
    let transcript = exchange.transcript;
    [Role::Client, Role::Server]
        .into_iter()
        .flat_map(|side| transcript.blocks(side))
        .flat_map(|block| block.fields.iter().map(move |field| (block.event, field)))
}

/// The `-bin` fields, but for those that are sent as they are because the other
/// side takes them so.
fn base64_fields<'a>(exchange: &Exchange<'a>) -> impl Iterator<Item = (&'a Event, &'a Field)> {
    let takers = exchange.transcript.connection.takes_true_binary;
    let is_base64 = move |event: &Event, field: &Field| {
        field.value.first() != Some(&0) || !takers.of(other(event.from))
    };
    all_fields(exchange)
        .filter(|(_, field)| field.name.ends_with(b"-bin"))
        .filter(move |(event, field)| is_base64(event, field))
}

/// The values that a comma joins.
fn parts(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}
