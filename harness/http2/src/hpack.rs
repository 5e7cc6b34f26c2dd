//! HPACK (RFC 7541): header blocks to fields and back.
//!
//! `table, huffman → decode, encode → encoder`

mod decode;
mod encode;
mod encoder;
#[cfg(test)]
mod examples;
mod huffman;
mod table;

pub use decode::{HeaderDecoder, HeaderError};
pub use encode::{encode, table_size};
pub use encoder::{HeaderEncoder, Indexing};

use bytes::Bytes;

/// What each field is counted with beside its text (RFC 7541, section 4.1).
const OVERHEAD_BYTES: usize = 32;

/// One header field. Names and values are bytes: what is legal is the rules' matter.
/// Those from the table are shared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, a pseudo-header's with the colon.
    pub name: Bytes,
    /// Its value.
    pub value: Bytes,
}

impl Field {
    /// How much memory it takes at most, if nothing of it is shared.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.value.len()
    }
}

/// The fields of one block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// In the order of the block.
    pub list: Vec<Field>,
    /// More were sent than are kept.
    pub is_cut: bool,
}
