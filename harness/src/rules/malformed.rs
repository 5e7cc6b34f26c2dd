//! Which responses are malformed HTTP/2 (RFC 9113, section 8), so that whoever reads them
//! may refuse them with an error of the stream, whatever else they say.

use crosswire_http2::{frame::kind, hpack::Field};

use super::{Exchange, metadata::pseudo_headers_stand_first};
use crate::{
    role::Role,
    wire::transcript::{Block, Event, What},
};

/// Fields of the connection, which HTTP/2 does not have (section 8.2.2).
const OF_CONNECTION: [&[u8]; 5] =
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];

/// Whether a client may refuse the response, or the whole connection, for what the server
/// makes of HTTP/2.
pub(super) fn is_malformed_http2(exchange: &Exchange<'_>) -> bool {
    let transcript = exchange.transcript;
    // What could not be read here, others may refuse, too.
    transcript.connection.notes.iter().any(|note| note.from == Role::Server)
        || pseudo_headers_stand_first(exchange).iter().any(|breach| breach.side == Role::Server)
        || transcript.blocks(Role::Server).any(|block| block.fields.iter().any(is_malformed))
        || transcript.sent_by(Role::Server).any(is_out_of_place)
        || has_no_status(exchange)
        || has_blocks_in_between(exchange)
        || has_other_length(exchange)
}

/// Names and values that no field has (sections 8.2.1 and 8.2.2).
fn is_malformed(field: &Field) -> bool {
    let name = field.name.strip_prefix(b":").unwrap_or(&field.name);
    let is_of_no_name = |byte: &u8| matches!(byte, 0..=b' ' | b':' | b'A'..=b'Z' | 0x7f..=u8::MAX);
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    name.is_empty()
        || name.iter().any(is_of_no_name)
        || OF_CONNECTION.contains(&name)
        || field.value.iter().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n'))
        || is_blank(field.value.first())
        || is_blank(field.value.last())
}

/// What a frame of PRIORITY takes: its head, and five octets.
const PRIORITY_BYTES: u64 = 9 + 5;

/// Frames that are an error of their stream (sections 5.1, 6.3 and 6.9).
fn is_out_of_place(event: &Event) -> bool {
    let is_cut = |kind| kind == kind::PRIORITY && event.size_bytes != PRIORITY_BYTES;
    match event.what {
        What::AfterEnd { .. } | What::WindowUpdate { increment: 0 } => true,
        What::Other { kind } => is_cut(kind),
        _ => false,
    }
}

/// A response begins with its status (section 8.3.2), and before its content.
fn has_no_status(exchange: &Exchange<'_>) -> bool {
    let is_digits = |status: &[u8]| status.len() == 3 && status.iter().all(u8::is_ascii_digit);
    let is_status = |block: Block<'_>| block.value(":status").is_some_and(is_digits);
    let is_first = |event: &&Event| matches!(event.what, What::Headers { .. } | What::Data { .. });
    let first = exchange.transcript.sent_by(Role::Server).find(is_first);
    first.is_some_and(|event| matches!(event.what, What::Data { .. }))
        || exchange.response().is_some_and(|response| !is_status(response))
}

/// A block after the first is the last (section 8.1).
fn has_blocks_in_between(exchange: &Exchange<'_>) -> bool {
    exchange.transcript.blocks(Role::Server).skip(1).any(|block| !block.ends_stream)
}

/// What content-length says is what comes (section 8.1.1).
fn has_other_length(exchange: &Exchange<'_>) -> bool {
    let Some(value) = exchange.response().and_then(|block| block.value("content-length")) else {
        return false;
    };
    let Some(announced) = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()) else {
        return true;
    };
    // Padding counts here, and is no content; whoever pads has sent less.
    let sent: u64 = exchange
        .transcript
        .sent_by(Role::Server)
        .map(|event| match event.what {
            What::Data { length, .. } => length.into(),
            _ => 0,
        })
        .sum();
    let has_ended = exchange.transcript.end(Role::Server).is_some();
    sent > announced || has_ended && sent < announced
}
