//! Header blocks, put together from HEADERS or PUSH_PROMISE and what continues them
//! (RFC 9113, section 4.3).

use thiserror::Error;

use crate::frame::{Frame, FrameError, flag, kind, kind_name};

/// The longest block that is put together.
pub const MAX_BLOCK_BYTES: usize = 1 << 20;

/// A block, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The type of its first frame: HEADERS or PUSH_PROMISE.
    pub kind: u8,
    /// Its stream; a promise's is the one on which it was made.
    pub stream: u32,
    /// Whether its sender has nothing more to say on the stream.
    pub ends_stream: bool,
    /// What is to be decoded.
    pub bytes: Vec<u8>,
    /// The size of all of its frames on the wire.
    pub size_bytes: u64,
}

/// What a frame is to the blocks of its direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is no part of a block.
    Other,
    /// It begins or continues a block that is not whole.
    Part,
    /// With it, a block is whole.
    Whole(Block),
}

/// Why a block cannot be put together. It is lost, and with it all that come later in its
/// direction, since each may change what the next ones mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BlockError {
    /// The first frame of a block cannot be read.
    #[error("a header block cannot be put together: {0}")]
    Content(FrameError),
    /// CONTINUATION on a stream that has no block to be continued.
    #[error("CONTINUATION of no header block")]
    Stray,
    /// Something else stands between the frames of a block.
    #[error("{} within a header block", kind_name(*kind))]
    Within {
        /// Its type.
        kind: u8,
    },
    /// More than is put together.
    #[error("a header block of more than {MAX_BLOCK_BYTES} bytes")]
    Long,
}

/// Puts the blocks of one direction together.
#[derive(Debug, Default)]
pub struct BlockReader {
    open: Option<Block>,
    is_long: bool,
}

impl BlockReader {
    /// Whether a block has begun and not ended: then nothing but its continuation may come.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// How many bytes of a block that is not whole are kept.
    #[must_use]
    pub fn left_over(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.bytes.len())
    }

    /// Takes the next frame, whatever its type.
    ///
    /// # Errors
    /// A block cannot be put together. One that is too long stays open until its last
    /// frame, with nothing of it kept.
    pub fn take(&mut self, frame: &Frame) -> Result<Taken, BlockError> {
        match (&mut self.open, frame.kind) {
            (None, kind::HEADERS | kind::PUSH_PROMISE) => self.open = Some(begun(frame)?),
            (Some(block), kind::CONTINUATION) if block.stream == frame.stream => {
                block.size_bytes += frame.size_bytes();
                if !self.is_long {
                    block.bytes.extend_from_slice(&frame.payload);
                }
            }
            (_, kind::CONTINUATION) => return Err(BlockError::Stray),
            (Some(_), kind) => return Err(BlockError::Within { kind }),
            (None, _) => return Ok(Taken::Other),
        }
        if let Some(block) = self.open.as_mut().filter(|block| block.bytes.len() > MAX_BLOCK_BYTES)
        {
            block.bytes = Vec::new();
            self.is_long = true;
        }
        let is_last = frame.has(flag::END_HEADERS);
        let whole = self.open.take_if(|_| is_last);
        match whole {
            _ if self.is_long => {
                self.is_long = !is_last;
                Err(BlockError::Long)
            }
            Some(block) => Ok(Taken::Whole(block)),
            None => Ok(Taken::Part),
        }
    }
}

fn begun(frame: &Frame) -> Result<Block, BlockError> {
    let content = frame.content().map_err(BlockError::Content)?;
    Ok(Block {
        kind: frame.kind,
        stream: frame.stream,
        ends_stream: frame.kind == kind::HEADERS && frame.has(flag::END_STREAM),
        bytes: content.into(),
        size_bytes: frame.size_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::HEADER_BYTES;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Frame {
        let payload = payload.to_vec().into();
        Frame { offset: 0, kind, flags, stream, payload }
    }

    fn take(
        reader: &mut BlockReader,
        kind: u8,
        flags: u8,
        payload: &[u8],
    ) -> Result<Taken, BlockError> {
        reader.take(&frame(kind, flags, 1, payload))
    }

    #[test]
    fn a_block_is_whole_with_its_last_frame() {
        let mut reader = BlockReader::default();
        let padded = b"\x02one\0\0";
        let flags = flag::END_STREAM | flag::PADDED;
        assert_eq!(take(&mut reader, kind::HEADERS, flags, padded), Ok(Taken::Part));
        assert!(reader.is_open());
        // The flag of padding means nothing here.
        assert_eq!(take(&mut reader, kind::CONTINUATION, flag::PADDED, b" two"), Ok(Taken::Part));
        let block = Block {
            kind: kind::HEADERS,
            stream: 1,
            ends_stream: true,
            bytes: b"one two".to_vec(),
            size_bytes: (3 * HEADER_BYTES + padded.len() + 4) as u64,
        };
        let last = take(&mut reader, kind::CONTINUATION, flag::END_HEADERS, b"");
        assert_eq!(last, Ok(Taken::Whole(block)));
        assert!(!reader.is_open());
        assert_eq!(take(&mut reader, kind::DATA, flag::END_HEADERS, b""), Ok(Taken::Other));
    }

    #[test]
    fn a_promise_is_a_block_too_and_ends_no_stream() {
        let mut reader = BlockReader::default();
        let taken = take(&mut reader, kind::PUSH_PROMISE, 0x05, b"\0\0\0\x02block");
        let Ok(Taken::Whole(block)) = taken else { panic!("{taken:?}") };
        assert_eq!((&*block.bytes, block.ends_stream), (&b"block"[..], false));
    }

    #[test]
    fn nothing_may_stand_within_a_block() {
        let mut reader = BlockReader::default();
        assert_eq!(take(&mut reader, kind::CONTINUATION, 4, b""), Err(BlockError::Stray));
        assert_eq!(take(&mut reader, kind::HEADERS, 0, b"one"), Ok(Taken::Part));
        for kind in [kind::DATA, kind::HEADERS, kind::PING, 0xfa] {
            assert_eq!(take(&mut reader, kind, 4, b""), Err(BlockError::Within { kind }));
        }
        let of_another = frame(kind::CONTINUATION, 4, 3, b"");
        assert_eq!(reader.take(&of_another), Err(BlockError::Stray));
        assert!(matches!(take(&mut reader, kind::CONTINUATION, 4, b""), Ok(Taken::Whole(_))));
        let padding = take(&mut reader, kind::HEADERS, flag::PADDED, b"\x01");
        assert_eq!(padding, Err(BlockError::Content(FrameError::Padding)));
    }

    #[test]
    fn a_block_that_is_too_long_is_passed_over() {
        let mut reader = BlockReader::default();
        let piece = vec![0; MAX_BLOCK_BYTES / 2];
        assert_eq!(take(&mut reader, kind::HEADERS, 0, &piece), Ok(Taken::Part));
        assert_eq!(take(&mut reader, kind::CONTINUATION, 0, &piece), Ok(Taken::Part));
        assert_eq!(take(&mut reader, kind::CONTINUATION, 0, b"1"), Err(BlockError::Long));
        assert!(reader.open.as_ref().is_some_and(|block| block.bytes.capacity() == 0));
        assert_eq!(take(&mut reader, kind::CONTINUATION, 0, &piece), Err(BlockError::Long));
        assert_eq!(take(&mut reader, kind::CONTINUATION, 4, b""), Err(BlockError::Long));
        assert!(matches!(take(&mut reader, kind::HEADERS, 4, b""), Ok(Taken::Whole(_))));
        let long = vec![0; MAX_BLOCK_BYTES + 1];
        assert_eq!(take(&mut reader, kind::HEADERS, 4, &long), Err(BlockError::Long));
    }
}
