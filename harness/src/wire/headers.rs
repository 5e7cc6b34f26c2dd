//! Header blocks: HPACK (RFC 7541) to fields.
//!
//! The coding is `loona-hpack`'s. Of the crates that stand alone, it is the one
//! that takes names and values as bytes (`zerodds-hpack` refuses what is no
//! UTF-8, which is just what must be seen here), hands fields out one by one, so
//! that a small block cannot become gigabytes, checks Huffman padding and the size of
//! the dynamic table, and has had the panics of its ancestor `hpack` removed
//! (RUSTSEC-2023-0085). `httlib-hpack` moves all bytes for each field.

use loona_hpack::{Decoder, decoder::DecoderError};
use thiserror::Error;

use super::settings::DEFAULT_HEADER_TABLE_BYTES;

/// The most that is kept of one block's fields, each counted with the 32 bytes
/// of RFC 7541, section 4.1. Servers refuse far less (16 KiB, 8 KiB).
const MAX_FIELDS_BYTES: usize = 1 << 20;

/// The largest dynamic table that is followed. Who asks for more is not followed
/// any more, and a note says so.
const MAX_TABLE_BYTES: usize = 1 << 20;

/// One header field. Names and values are bytes: what is legal is the rules' matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, a pseudo-header's with the colon.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// The fields of one block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// In the order of the block.
    pub list: Vec<Field>,
    /// More were sent than are kept.
    pub is_cut: bool,
}

/// A block cannot be decoded. No later block of its direction can be, either.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("a header block is no HPACK: {0}")]
pub struct HeaderError(#[from] DecoderError);

/// Decodes the blocks of one direction, in order.
pub struct HeaderDecoder {
    decoder: Decoder<'static>,
}

impl std::fmt::Debug for HeaderDecoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HeaderDecoder").finish_non_exhaustive()
    }
}

impl Default for HeaderDecoder {
    fn default() -> Self {
        let mut decoder = Decoder::new();
        decoder.set_max_allowed_table_size(DEFAULT_HEADER_TABLE_BYTES as usize);
        Self { decoder }
    }
}

impl HeaderDecoder {
    /// Sets how large the sender may make its table from now on. It tells us
    /// itself, in its next block, when it changes the size.
    pub fn allow_table_size(&mut self, bytes: u32) {
        self.decoder.set_max_allowed_table_size((bytes as usize).min(MAX_TABLE_BYTES));
    }

    /// Decodes a whole block.
    ///
    /// # Errors
    /// The block is malformed.
    pub fn decode(&mut self, block: &[u8]) -> Result<Fields, HeaderError> {
        let mut fields = Fields::default();
        let mut size_bytes = 0;
        self.decoder.decode_with_cb(block, |name, value| {
            size_bytes += name.len() + value.len() + 32;
            if size_bytes > MAX_FIELDS_BYTES {
                fields.is_cut = true;
                return;
            }
            fields.list.push(Field { name: name.into_owned(), value: value.into_owned() });
        })?;
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(fields: &Fields) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields.list.iter().map(|f| format!("{}={}", text(&f.name), text(&f.value))).collect()
    }

    /// RFC 7541, appendix C.4: requests with Huffman coding, of one connection.
    #[test]
    fn the_examples_of_the_specification_decode() {
        let mut decoder = HeaderDecoder::default();
        for (block, expected) in [
            (
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                ":method=GET :scheme=http :path=/ :authority=www.example.com",
            ),
            (
                "828684be5886a8eb10649cbf",
                ":method=GET :scheme=http :path=/ :authority=www.example.com cache-control=no-cache",
            ),
            (
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
                ":method=GET :scheme=https :path=/index.html :authority=www.example.com custom-key=custom-value",
            ),
        ] {
            let fields = decoder.decode(&hex(block)).unwrap();
            assert_eq!(text(&fields).join(" "), expected);
        }
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
        assert_eq!(fields.list, [Field { name: vec![0xff, 0], value: vec![0xc3] }]);
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

    fn hex(text: &str) -> Vec<u8> {
        let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digits).collect()
    }
}
