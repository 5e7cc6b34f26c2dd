//! Fields to header blocks as an ordinary encoder writes them: what its table holds is
//! named by a number, and strings are in Huffman's code where that is not longer.

use bytes::Bytes;

use super::{
    encode::{push_number, push_string},
    huffman,
    table::{Found, Table},
};
use crate::settings::DEFAULT_HEADER_TABLE_BYTES;

/// What becomes of a field that the table does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Indexing {
    /// The table takes it (RFC 7541, section 6.2.1).
    #[default]
    Incremental,
    /// The table does not (section 6.2.2).
    Without,
    /// Nobody's table ever does, whoever passes it on (section 6.2.3). It is written out
    /// even if the table holds it.
    Never,
}

/// Writes the blocks of one direction, in order. Its strings are plain by default.
#[derive(Debug)]
pub struct HeaderEncoder {
    table: Table,
    uses_huffman: bool,
    /// How small the table has been since the last block, and how large it is.
    resized: Option<(u32, u32)>,
}

impl Default for HeaderEncoder {
    fn default() -> Self {
        let table = Table::new(DEFAULT_HEADER_TABLE_BYTES as usize);
        Self { table, uses_huffman: false, resized: None }
    }
}

impl HeaderEncoder {
    /// Likewise with Huffman's code for every string that it does not make longer.
    #[must_use]
    pub fn with_huffman(self) -> Self {
        Self { uses_huffman: true, ..self }
    }

    /// Changes the size of the table. The next block begins by saying so, as it must
    /// (section 4.2).
    pub fn resize(&mut self, bytes: u32) {
        self.table.resize(bytes as usize);
        let smallest = self.resized.map_or(bytes, |(smallest, _)| smallest.min(bytes));
        self.resized = Some((smallest, bytes));
    }

    /// The block of these fields. Names and values are any bytes, legal or not.
    pub fn encode<Name: AsRef<[u8]>, Value: AsRef<[u8]>>(
        &mut self,
        fields: impl IntoIterator<Item = (Name, Value, Indexing)>,
    ) -> Vec<u8> {
        let mut block = Vec::new();
        if let Some((smallest, last)) = self.resized.take() {
            if smallest < last {
                push_number(&mut block, 0x20, 5, smallest as usize);
            }
            push_number(&mut block, 0x20, 5, last as usize);
        }
        for (name, value, indexing) in fields {
            self.field(&mut block, name.as_ref(), value.as_ref(), indexing);
        }
        block
    }

    fn field(&mut self, block: &mut Vec<u8>, name: &[u8], value: &[u8], indexing: Indexing) {
        let found = self.table.find(name, value);
        let (first, prefix_bits) = match indexing {
            Indexing::Incremental => (0x40, 6),
            Indexing::Without => (0, 4),
            Indexing::Never => (0x10, 4),
        };
        match found {
            Some(Found::Field(index)) if indexing != Indexing::Never => {
                return push_number(block, 0x80, 7, index);
            }
            Some(Found::Field(index) | Found::Name(index)) => {
                push_number(block, first, prefix_bits, index);
            }
            None => {
                push_number(block, first, prefix_bits, 0);
                self.string(block, name);
            }
        }
        self.string(block, value);
        if indexing == Indexing::Incremental {
            self.table.insert(Bytes::copy_from_slice(name), Bytes::copy_from_slice(value));
        }
    }

    fn string(&self, block: &mut Vec<u8>, string: &[u8]) {
        let coded = self.uses_huffman.then(|| huffman::encode(string));
        match coded.filter(|coded| coded.len() <= string.len()) {
            Some(coded) => push_string(block, 0x80, &coded),
            None => push_string(block, 0, string),
        }
    }

    #[cfg(test)]
    pub(super) const fn table(&self) -> &Table {
        &self.table
    }
}
