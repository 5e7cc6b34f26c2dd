//! Any bytes, in any pieces: the frames are the same, nothing is lost, and what was read
//! is what is written again.

#![no_main]

use crosswire_http2::{
    frame::{Frame, FrameError, FrameReader, PREFACE},
    settings::entries,
    write,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (usize, &[u8])| {
    let (piece, bytes) = input;
    for reader in [FrameReader::of_client as fn() -> FrameReader, FrameReader::of_server] {
        let mut whole = reader();
        whole.push(bytes);
        let frames = read(&mut whole);
        let mut pieces = reader();
        let mut in_pieces = Ok(Vec::new());
        for piece in bytes.chunks(piece.clamp(1, 64)) {
            pieces.push(piece);
            in_pieces = in_pieces.and_then(|mut frames: Vec<Frame>| {
                frames.extend(read(&mut pieces)?);
                Ok(frames)
            });
        }
        assert_eq!(frames, in_pieces);
        let Ok(frames) = frames else { return };
        assert_eq!(whole.offset() + whole.left_over() as u64, bytes.len() as u64);
        for frame in frames {
            let at = usize::try_from(frame.offset).unwrap();
            assert!(at == 0 || at == PREFACE.len() || at > 8);
            let stands = &bytes[at..][..usize::try_from(frame.size_bytes()).unwrap()];
            let mut again = write::frame(frame.kind, frame.flags, frame.stream, &frame.payload);
            // The reserved bit is not kept.
            again[5] |= stands[5] & 0x80;
            assert_eq!(again, stands);
            let _ = (frame.content(), frame.reset_code(), frame.increment(), frame.goaway());
            let _ = entries(&frame.payload).map(Iterator::count);
            assert!(frame.quote().len() <= 64);
        }
    }
});

fn read(reader: &mut FrameReader) -> Result<Vec<Frame>, FrameError> {
    std::iter::from_fn(|| reader.next_frame().transpose()).collect()
}
