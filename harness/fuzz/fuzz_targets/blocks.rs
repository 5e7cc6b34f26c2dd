//! Any frames: blocks are put together or refused, with a bound to what is kept. A block
//! that was cut into frames is the same again.

#![no_main]

use crosswire_http2::{
    block::{Block, BlockReader, MAX_BLOCK_BYTES, Taken},
    frame::{FrameReader, flag, kind},
    write,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, bool, &[u8])| {
    let (piece, ends_stream, bytes) = input;
    let mut reader = BlockReader::default();
    let mut frames = FrameReader::of_server();
    frames.push(bytes);
    while let Ok(Some(frame)) = frames.next_frame() {
        let was_open = reader.is_open();
        match reader.take(&frame) {
            Ok(Taken::Whole(block)) => {
                assert!(block.bytes.len() <= MAX_BLOCK_BYTES && !reader.is_open());
            }
            Ok(Taken::Part) => assert!(reader.is_open()),
            Ok(Taken::Other) => assert!(!reader.is_open()),
            Err(_) => assert!(was_open || !reader.is_open() || bytes.len() > MAX_BLOCK_BYTES),
        }
    }

    let flags = if ends_stream { flag::END_STREAM } else { 0 };
    let written = write::block(1, flags, bytes, piece.into());
    let mut reader = BlockReader::default();
    let mut frames = FrameReader::of_server();
    frames.push(&written);
    let mut last = Ok(Taken::Other);
    while let Ok(Some(frame)) = frames.next_frame() {
        last = reader.take(&frame);
    }
    let size_bytes = written.len() as u64;
    let (kind, bytes) = (kind::HEADERS, bytes.to_vec());
    assert_eq!(last, Ok(Taken::Whole(Block { kind, stream: 1, ends_stream, bytes, size_bytes })));
});
