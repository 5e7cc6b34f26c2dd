//! Header blocks after one was dropped.
//!
//! A block may change the table that later blocks refer to, those of other calls too.
//! A receiver that missed one cannot read them any more; so they are decoded here and
//! written anew, with nothing that refers to the table.

use bytes::Bytes;
use crosswire_http2::{
    block::{BlockReader, Taken},
    frame::{Frame, flag, kind},
    hpack::{self, Field, HeaderDecoder},
    settings::DEFAULT_MAX_FRAME_BYTES,
    write,
};

/// Reads the header blocks of one direction, and writes them anew where need be.
#[derive(Debug)]
pub(super) struct Rewriter {
    blocks: BlockReader,
    decoder: HeaderDecoder,
    /// A block was dropped.
    is_needed: bool,
    /// A block could not be read, and so none that follows: all pass as they are.
    is_lost: bool,
}

impl Default for Rewriter {
    fn default() -> Self {
        let mut decoder = HeaderDecoder::default();
        // Whether the table is larger than it may be is the receiver's matter.
        decoder.allow_table_size(u32::MAX);
        Self { blocks: BlockReader::default(), decoder, is_needed: false, is_lost: false }
    }
}

impl Rewriter {
    /// Whether a header block has begun and not ended.
    pub(super) const fn is_within_block(&self) -> bool {
        self.blocks.is_open()
    }

    /// Takes a frame; gives the bytes to pass on instead of it, which may be none.
    pub(super) fn frame(&mut self, raw: Bytes, frame: &Frame, is_dropped: bool) -> Bytes {
        let as_it_is = if is_dropped { Bytes::new() } else { raw };
        let block = match self.blocks.take(frame) {
            Ok(Taken::Other) => return as_it_is,
            Ok(Taken::Part) => None,
            Ok(Taken::Whole(block)) => Some(block),
            Err(_) => {
                self.is_lost = true;
                None
            }
        };
        if self.is_lost {
            return as_it_is;
        }
        let is_rewritten = self.is_needed && !is_dropped;
        self.is_needed |= is_dropped;
        let Some(block) = block else {
            // The rest of the block has yet to come.
            return if is_rewritten { Bytes::new() } else { as_it_is };
        };
        match self.decoder.decode(&block.bytes) {
            Ok(fields) if is_rewritten && block.kind == kind::HEADERS => {
                let flags = if block.ends_stream { flag::END_STREAM } else { 0 };
                anew(flags, block.stream, &fields.list)
            }
            Ok(_) => as_it_is,
            Err(_) => {
                self.is_lost = true;
                as_it_is
            }
        }
    }
}

fn anew(flags: u8, stream: u32, fields: &[Field]) -> Bytes {
    let fields: Vec<_> = fields.iter().map(|field| (&field.name, &field.value)).collect();
    let piece_bytes = DEFAULT_MAX_FRAME_BYTES as usize;
    write::block(stream, flags, &hpack::encode(&fields), piece_bytes).into()
}
