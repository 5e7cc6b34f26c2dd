//! Header blocks, put together from HEADERS or PUSH_PROMISE and what continues them.

use bytes::Buf as _;

use super::{
    frame::{Frame, FrameError, flag, kind},
    transcript::Event,
};

/// The longest block that is put together.
const MAX_BLOCK_BYTES: usize = 1 << 20;

/// A block, encoded.
#[derive(Debug)]
pub(super) struct Block {
    /// The type of its first frame.
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) ends_stream: bool,
    pub(super) bytes: Vec<u8>,
    /// Its first frame, with the size of all of them.
    pub(super) event: Event,
}

/// Puts the blocks of one direction together.
#[derive(Debug, Default)]
pub(super) struct BlockReader {
    open: Option<Block>,
}

impl BlockReader {
    /// Whether a block has begun: then nothing but its continuation may come.
    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes HEADERS, PUSH_PROMISE or CONTINUATION; hands out the block if it is whole.
    ///
    /// # Errors
    /// There is no block of it, and so none to be decoded any more.
    pub(super) fn push(
        &mut self,
        frame: &Frame,
        event: Event,
    ) -> Result<Option<Block>, FrameError> {
        let block = match frame.kind {
            kind::CONTINUATION => self.continued(frame)?,
            _ => begun(frame, event)?,
        };
        if frame.has(flag::END_HEADERS) {
            return Ok(Some(block));
        }
        self.open = Some(block);
        Ok(None)
    }

    fn continued(&mut self, frame: &Frame) -> Result<Block, FrameError> {
        let block = self.open.take().filter(|block| block.stream == frame.stream);
        let mut block = block.ok_or(FrameError::HeaderBlock)?;
        if block.bytes.len() + frame.payload.len() > MAX_BLOCK_BYTES {
            return Err(FrameError::LongBlock { limit: MAX_BLOCK_BYTES });
        }
        block.bytes.extend_from_slice(&frame.payload);
        block.event.size_bytes += frame.size_bytes();
        Ok(block)
    }
}

fn begun(frame: &Frame, event: Event) -> Result<Block, FrameError> {
    let mut content = frame.content().map_err(|_| FrameError::HeaderBlock)?;
    if frame.kind == kind::PUSH_PROMISE {
        // The promised stream stands before the block.
        content.try_get_u32().map_err(|_| FrameError::HeaderBlock)?;
    }
    Ok(Block {
        kind: frame.kind,
        stream: frame.stream,
        ends_stream: frame.kind == kind::HEADERS && frame.has(flag::END_STREAM),
        bytes: content.to_vec(),
        event,
    })
}
