//! Any content of DATA, cut anywhere: the messages are the same, at the same places, and
//! inflating them ends.

#![no_main]

use crosswire_http2::message::{Fragment, Message, MessageReader, PREFIX_BYTES, Unread};
use libfuzzer_sys::fuzz_target;

/// How much is inflated: more costs runs and shows nothing.
const INFLATED_BYTES: usize = 1 << 12;

fuzz_target!(|input: (usize, &[u8])| {
    let (piece, bytes) = input;
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(read(bytes, piece.clamp(1, 64)), whole);
    let (messages, fragment) = whole;
    let mut end = 0;
    for (offset, message) in &messages {
        assert_eq!(*offset, end);
        end += PREFIX_BYTES as u64 + u64::from(message.length);
        assert!(message.payload.as_ref().is_none_or(|kept| kept.len() == message.length as usize));
        for encoding in ["gzip", "deflate"] {
            let mut message = message.clone();
            let cost = message.inflate(Some(encoding.as_bytes()), INFLATED_BYTES);
            assert!(cost <= INFLATED_BYTES || message.plain == Err(Unread::TooLong));
        }
    }
    let rest = fragment.map_or(0, |(_, fragment)| fragment.prefix.len() + fragment.payload_bytes);
    assert_eq!(end + rest as u64, bytes.len() as u64);
});

type Read = (Vec<(u64, Message)>, Option<(u64, Fragment)>);

fn read(bytes: &[u8], piece: usize) -> Read {
    let mut reader = MessageReader::default();
    let mut messages = Vec::new();
    let mut offset = 0;
    for piece in bytes.chunks(piece) {
        reader.push(offset, piece, |offset, message| messages.push((offset, message)));
        offset += piece.len() as u64;
    }
    (messages, reader.fragment())
}
