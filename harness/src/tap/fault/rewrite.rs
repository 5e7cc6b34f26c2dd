//! Header blocks after one was dropped.
//!
//! A block may change the table that later blocks refer to, those of other calls too.
//! A receiver that missed one cannot read them any more; so they are decoded here and
//! written anew, with nothing that refers to the table.

use bytes::Bytes;

use crate::wire::{
    frame::{Frame, encode, flag, kind},
    headers::{Field, HeaderDecoder},
};

/// What every receiver takes in one frame.
const MAX_FRAME_BYTES: usize = 16_384;

/// The longest block that is put together.
const MAX_BLOCK_BYTES: usize = 1 << 20;

/// Reads the header blocks of one direction, and writes them anew where need be.
#[derive(Debug)]
pub(super) struct Rewriter {
    decoder: HeaderDecoder,
    block: Vec<u8>,
    flags: u8,
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
        Self { decoder, block: Vec::new(), flags: 0, is_needed: false, is_lost: false }
    }
}

impl Rewriter {
    /// Takes a HEADERS or CONTINUATION frame; gives the bytes to pass on instead of it,
    /// which may be none.
    pub(super) fn frame(&mut self, raw: Bytes, frame: &Frame, is_dropped: bool) -> Bytes {
        if self.is_lost {
            return if is_dropped { Bytes::new() } else { raw };
        }
        match (frame.kind, frame.content()) {
            (kind::HEADERS, Ok(content)) => {
                self.flags = frame.flags & flag::END_STREAM;
                self.block = content.to_vec();
            }
            (kind::HEADERS, Err(_)) => self.is_lost = true,
            _ => self.block.extend_from_slice(&frame.payload),
        }
        self.is_lost |= self.block.len() > MAX_BLOCK_BYTES;
        let is_whole = frame.has(flag::END_HEADERS);
        let fields = if is_whole { self.decoder.decode(&self.block).ok() } else { None };
        self.is_lost |= is_whole && fields.is_none();
        let passed = match fields {
            _ if is_dropped => Bytes::new(),
            _ if self.is_lost || !self.is_needed => raw,
            Some(fields) => write(self.flags, frame.stream, &fields.list),
            // The rest of the block has yet to come.
            None => Bytes::new(),
        };
        self.is_needed |= is_dropped;
        passed
    }
}

fn write(flags: u8, stream: u32, fields: &[Field]) -> Bytes {
    let mut block = Vec::new();
    for Field { name, value } in fields {
        // A literal without indexing, its name new (RFC 7541, section 6.2.2).
        block.push(0);
        for text in [name, value] {
            length(text.len(), &mut block);
            block.extend_from_slice(text);
        }
    }
    let mut frames = Vec::new();
    let count = block.len().div_ceil(MAX_FRAME_BYTES).max(1);
    for index in 0..count {
        let end = block.len().min((index + 1) * MAX_FRAME_BYTES);
        let payload = &block[index * MAX_FRAME_BYTES..end];
        let (kind, flags) =
            if index == 0 { (kind::HEADERS, flags) } else { (kind::CONTINUATION, 0) };
        let last = if index + 1 == count { flag::END_HEADERS } else { 0 };
        frames.extend_from_slice(&encode(kind, flags | last, stream, payload));
    }
    frames.into()
}

/// The length of a string that is not Huffman-coded (RFC 7541, section 5.1): seven
/// bits, and more if they are all ones.
fn length(mut length: usize, block: &mut Vec<u8>) {
    const PREFIX: usize = 127;
    if length < PREFIX {
        block.push(length.to_le_bytes()[0]);
        return;
    }
    block.push(0x7f);
    length -= PREFIX;
    while length >= 128 {
        block.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    block.push(length.to_le_bytes()[0]);
}
