//! Header blocks to fields.
//!
//! Own code, because a reader of hostile bytes needs what no crate that stands alone
//! gives at once: names and values as bytes whatever they are (`zerodds-hpack` refuses
//! what is no UTF-8, `h2` what is no legal name, which is just what must be seen here),
//! a bound for what a small block can become, and a cost that is in proportion to the
//! block. `hpack` and its descendants build a new table for each Huffman string, which
//! makes seconds of a block of 1 MiB; `httlib-hpack` moves all bytes for each field.

use bytes::Bytes;
use thiserror::Error;

use super::{Field, Fields, OVERHEAD_BYTES, huffman, table::Table};
use crate::settings::DEFAULT_HEADER_TABLE_BYTES;

/// The most that is kept of one block's fields, each counted with its overhead.
/// Servers refuse far less (16 KiB, 8 KiB).
const MAX_FIELDS_BYTES: usize = 1 << 20;

/// How much of a dynamic table is kept. A sender may have a larger one, where the other
/// side allows it; whoever fills it beyond this is not followed any more.
const MAX_TABLE_BYTES: usize = 1 << 20;

/// How many bytes may follow the first of a number. As many as 32 bits need are 5; a sender
/// may write more, which add nothing (RFC 7541, section 5.1, leaves the limit to who reads).
const MAX_NUMBER_BYTES: u32 = 9;

/// A block cannot be decoded. No later block of its direction can be, either.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a header block {}: {}", how(.0), .0)]
pub struct HeaderError(#[from] Malformed);

impl HeaderError {
    /// Whether the block may be right, and is only more than is followed here.
    #[must_use]
    pub const fn is_our_limit(&self) -> bool {
        matches!(self.0, Malformed::LongTable | Malformed::LongNumber)
    }
}

const fn how(wrong: &Malformed) -> &'static str {
    match wrong {
        Malformed::LongTable | Malformed::LongNumber => "cannot be followed",
        _ => "is no HPACK",
    }
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Malformed {
    #[error("it ends within a field")]
    Cut,
    #[error("a number has more than 32 bits")]
    Number,
    #[error("a number has more than {MAX_NUMBER_BYTES} bytes after the first")]
    LongNumber,
    #[error("there is no entry {0} in the table")]
    Index(u32),
    #[error("a string has no such Huffman code, or the wrong padding")]
    Huffman,
    #[error("its table is to have {size} bytes, and {allowed} are allowed")]
    TableSize { size: u32, allowed: u32 },
    #[error("the table's size changes after a field")]
    LateTableSize,
    #[error("its table holds more than the {MAX_TABLE_BYTES} bytes that are followed here")]
    LongTable,
}

/// Decodes the blocks of one direction, in order.
#[derive(Debug)]
pub struct HeaderDecoder {
    table: Table,
    allowed_table_bytes: u32,
}

impl Default for HeaderDecoder {
    fn default() -> Self {
        let table = Table::new(DEFAULT_HEADER_TABLE_BYTES as usize);
        Self { table, allowed_table_bytes: DEFAULT_HEADER_TABLE_BYTES }
    }
}

impl HeaderDecoder {
    /// Sets how large the sender may make its table from now on. It tells us
    /// itself, in its next block, when it changes the size.
    pub fn allow_table_size(&mut self, bytes: u32) {
        self.allowed_table_bytes = bytes;
    }

    /// The sender knows that its table has no more room than this, and says so in its next
    /// block (RFC 7541, section 4.2): what goes beyond is not there any more, even if it does
    /// not say so.
    pub fn reduce_table_size(&mut self, bytes: u32) {
        self.allow_table_size(bytes);
        self.table.reduce(bytes as usize);
    }

    /// Decodes a whole block.
    ///
    /// # Errors
    /// The block is malformed, or its table holds more than is followed.
    pub fn decode(&mut self, block: &[u8]) -> Result<Fields, HeaderError> {
        let mut reader = Reader { rest: block };
        let mut fields = Fields::default();
        let mut size_bytes = 0;
        while let Some(first) = reader.rest.first() {
            let (name, value) = match first {
                0x80.. => self.entry(reader.number(7)?)?,
                0x40.. => {
                    let (name, value) = self.literal(&mut reader, 6)?;
                    self.table.insert(name.clone(), value.clone());
                    if self.table.size_bytes() > MAX_TABLE_BYTES {
                        return Err(Malformed::LongTable.into());
                    }
                    (name, value)
                }
                0x20.. if size_bytes > 0 => return Err(Malformed::LateTableSize.into()),
                0x20.. => {
                    self.resize(reader.number(5)?)?;
                    continue;
                }
                _ => self.literal(&mut reader, 4)?,
            };
            size_bytes += name.len() + value.len() + OVERHEAD_BYTES;
            fields.is_cut |= size_bytes > MAX_FIELDS_BYTES;
            if !fields.is_cut {
                fields.list.push(Field { name, value });
            }
        }
        Ok(fields)
    }

    /// A field that is written out, but for its name perhaps.
    fn literal(&self, reader: &mut Reader<'_>, prefix: u32) -> Result<(Bytes, Bytes), Malformed> {
        let name = match reader.number(prefix)? {
            0 => reader.string()?,
            index => self.entry(index)?.0,
        };
        Ok((name, reader.string()?))
    }

    fn entry(&self, index: u32) -> Result<(Bytes, Bytes), Malformed> {
        self.table.get(index as usize).ok_or(Malformed::Index(index))
    }

    #[cfg(test)]
    pub(super) const fn table(&self) -> &Table {
        &self.table
    }

    fn resize(&mut self, size: u32) -> Result<(), Malformed> {
        let allowed = self.allowed_table_bytes;
        if size > allowed {
            return Err(Malformed::TableSize { size, allowed });
        }
        self.table.resize(size as usize);
        Ok(())
    }
}

/// Reads the parts of a block.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A number that begins in so many of the next byte's bits (section 5.1).
    pub(super) fn number(&mut self, prefix: u32) -> Result<u32, Malformed> {
        let most = u32::from(u8::MAX >> (8 - prefix));
        let start = u32::from(self.byte()?) & most;
        if start < most {
            return Ok(start);
        }
        let mut number = u64::from(start);
        for index in 0..MAX_NUMBER_BYTES {
            let byte = self.byte()?;
            number += u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return u32::try_from(number).map_err(|_| Malformed::Number);
            }
        }
        Err(match u32::try_from(number) {
            Ok(_) => Malformed::LongNumber,
            Err(_) => Malformed::Number,
        })
    }

    /// A string, as it is or with Huffman's code (section 5.2).
    fn string(&mut self) -> Result<Bytes, Malformed> {
        let is_huffman = self.rest.first().is_some_and(|byte| byte & 0x80 != 0);
        let length = self.number(7)? as usize;
        let (string, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Cut)?;
        self.rest = rest;
        if is_huffman {
            huffman::decode(string).map(Bytes::from).ok_or(Malformed::Huffman)
        } else {
            Ok(Bytes::copy_from_slice(string))
        }
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.rest.split_first().ok_or(Malformed::Cut)?;
        self.rest = rest;
        Ok(*byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hpack::examples::hex;

    fn text(fields: &Fields) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields.list.iter().map(|f| format!("{}={}", text(&f.name), text(&f.value))).collect()
    }

    #[test]
    fn malformed_blocks_are_errors() {
        for (name, block) in [
            ("index 0", "80"),
            ("an index that is not there", "bf"),
            ("a string that is cut", "400a6375"),
            ("an integer without end", "ffffffffffffffffff"),
            ("padding of zeros", "4081000161"),
            ("a table larger than allowed", "3fe21f82"),
            ("a table that changes after a field", "8220"),
            ("the code that ends a string", "4084ffffffff0161"),
            ("a byte of padding", "40821fff0161"),
            ("a number that is cut", "7f80"),
            ("a number of 33 bits", "ff81ffffff0f"),
        ] {
            assert!(HeaderDecoder::default().decode(&hex(block)).is_err(), "{name}");
        }
    }

    #[test]
    fn the_table_grows_only_as_far_as_was_allowed() {
        let mut decoder = HeaderDecoder::default();
        decoder.allow_table_size(8192);
        assert_eq!(text(&decoder.decode(&hex("3fe13f82")).unwrap()), [":method=GET"]);
        assert!(decoder.decode(&hex("3fe23f82")).is_err());
    }

    #[test]
    fn names_and_values_are_any_bytes() {
        let fields = HeaderDecoder::default().decode(&hex("0002ff0001c3")).unwrap();
        assert_eq!(fields.list, [Field { name: vec![0xff, 0].into(), value: vec![0xc3].into() }]);
    }

    /// One field of 4,000 bytes, then a byte for each of its repetitions.
    #[test]
    fn a_small_block_cannot_become_a_large_list() {
        let mut block = hex("4001617fa11e");
        block.extend(std::iter::repeat_n(b'v', 4000));
        block.extend(std::iter::repeat_n(0xbe, 1 << 20));
        let fields = HeaderDecoder::default().decode(&block).unwrap();
        assert!(fields.is_cut);
        assert!(fields.list.len() < 300);
    }

    /// Whatever a block is, it is read or refused, and the next one, too.
    #[test]
    fn blocks_at_random_never_panic() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let (mut read, mut refused) = (0, 0);
        for round in 0..50_000 {
            let mut decoder = HeaderDecoder::default();
            for _ in 0..4 {
                let mut block: Vec<u8> = Vec::new();
                for _ in 0..1 + round % 5 {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    block.extend(&state.to_be_bytes()[..1 + round % 8]);
                }
                match decoder.decode(&block) {
                    Ok(_) => read += 1,
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
    }
}
