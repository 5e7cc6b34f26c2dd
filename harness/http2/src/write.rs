//! Writes frames, legal or not: whoever is to break HTTP/2 on purpose needs a writer
//! that does not mend it.

use bytes::BufMut as _;

use crate::{
    frame::{HEADER_BYTES, flag, kind, push_header},
    hpack,
    message::PREFIX_BYTES,
};

/// The longest payload that a header can announce.
const MAX_PAYLOAD_BYTES: usize = (1 << 24) - 1;

/// A frame. A payload's length has 24 bits; what is beyond is cut off.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(MAX_PAYLOAD_BYTES)];
    let length = u32::try_from(payload.len()).unwrap_or_default();
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    push_header(&mut frame, length, kind, flags, stream);
    frame.extend_from_slice(payload);
    frame
}

/// A message as it stands in DATA: its flag, its length in four bytes, and itself.
#[must_use]
pub fn message(flag: u8, payload: &[u8]) -> Vec<u8> {
    prefixed(flag, u32::try_from(payload.len()).unwrap_or(u32::MAX), payload)
}

/// Likewise with a prefix that may lie.
#[must_use]
pub fn prefixed(flag: u8, length: u32, payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(PREFIX_BYTES + payload.len());
    message.put_u8(flag);
    message.put_u32(length);
    message.extend_from_slice(payload);
    message
}

/// DATA.
#[must_use]
pub fn data(stream: u32, flags: u8, content: &[u8]) -> Vec<u8> {
    frame(kind::DATA, flags, stream, content)
}

/// HEADERS with the whole block: every field literal, nothing indexed.
#[must_use]
pub fn headers<Name: AsRef<[u8]>, Value: AsRef<[u8]>>(
    stream: u32,
    flags: u8,
    fields: &[(Name, Value)],
) -> Vec<u8> {
    frame(kind::HEADERS, flag::END_HEADERS | flags, stream, &hpack::encode(fields))
}

/// A header block in HEADERS and as many CONTINUATION as its pieces need; one of no
/// bytes is one empty HEADERS.
#[must_use]
pub fn block(stream: u32, flags: u8, block: &[u8], piece_bytes: usize) -> Vec<u8> {
    let mut pieces: Vec<&[u8]> = block.chunks(piece_bytes.max(1)).collect();
    if pieces.is_empty() {
        pieces.push(&[]);
    }
    let last = pieces.len() - 1;
    let mut frames = Vec::with_capacity(block.len() + HEADER_BYTES * pieces.len());
    for (index, piece) in pieces.into_iter().enumerate() {
        let kind = if index == 0 { kind::HEADERS } else { kind::CONTINUATION };
        let flags = if index == 0 { flags } else { 0 };
        let end = if index == last { flag::END_HEADERS } else { 0 };
        frames.extend_from_slice(&frame(kind, flags | end, stream, piece));
    }
    frames
}

/// SETTINGS.
#[must_use]
pub fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (setting, value) in settings {
        payload.put_u16(*setting);
        payload.put_u32(*value);
    }
    frame(kind::SETTINGS, 0, 0, &payload)
}

/// An acknowledgement of SETTINGS.
#[must_use]
pub fn settings_ack() -> Vec<u8> {
    frame(kind::SETTINGS, flag::ACK, 0, b"")
}

/// PING, or with [`flag::ACK`] its answer.
#[must_use]
pub fn ping(flags: u8, data: impl AsRef<[u8]>) -> Vec<u8> {
    frame(kind::PING, flags, 0, data.as_ref())
}

/// RST_STREAM.
#[must_use]
pub fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, &code.to_be_bytes())
}

/// GOAWAY.
#[must_use]
pub fn goaway(last_stream: u32, code: u32) -> Vec<u8> {
    let payload = [last_stream.to_be_bytes(), code.to_be_bytes()].concat();
    frame(kind::GOAWAY, 0, 0, &payload)
}

/// WINDOW_UPDATE; of the connection if the stream is 0.
#[must_use]
pub fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}
