//! How header blocks are written.

use crosswire_http2::{
    frame::{flag, kind},
    hpack::{self, HeaderEncoder, Indexing},
    settings::{DEFAULT_HEADER_TABLE_BYTES, DEFAULT_MAX_FRAME_BYTES},
    write::{block, frame},
};
use mutants::{mutant::Mutant, planted::planted};

use super::Fields;

/// Blocks in one HEADERS as long as they fit in a frame that everybody takes.
const PIECE_BYTES: usize = DEFAULT_MAX_FRAME_BYTES as usize;

/// Not so many that it would look like an attack: h2 takes five.
const PIECES: usize = 3;

/// Writes the blocks of one direction.
pub(super) struct BlockWriter {
    encoder: HeaderEncoder,
    /// How much the encoder's table may hold.
    table_bytes: u32,
}

impl Default for BlockWriter {
    fn default() -> Self {
        let encoder = HeaderEncoder::default();
        let is_coded = planted(Mutant::CodesFields);
        Self {
            encoder: if is_coded { encoder.with_huffman() } else { encoder },
            table_bytes: DEFAULT_HEADER_TABLE_BYTES,
        }
    }
}

impl BlockWriter {
    /// Heeds how large the other side lets the table be.
    pub(super) fn limit_table(&mut self, bytes: u32) {
        if planted(Mutant::IgnoresTableSize) {
            return;
        }
        let bytes = bytes.min(DEFAULT_HEADER_TABLE_BYTES);
        if bytes != self.table_bytes {
            self.table_bytes = bytes;
            self.encoder.resize(bytes);
        }
    }

    /// The frames of a block. `flags` are those of its HEADERS.
    pub(super) fn frames(&mut self, stream: u32, flags: u8, mut fields: Fields) -> Vec<u8> {
        if planted(Mutant::ReversesFields) {
            // Pseudo-headers stay in front, and the values of one name in order.
            fields.sort_by(|(a, _), (b, _)| (b.starts_with(':'), b).cmp(&(a.starts_with(':'), a)));
        }
        if planted(Mutant::PseudoHeadersLast) {
            fields.sort_by_key(|(name, _)| name.starts_with(':'));
        }
        if planted(Mutant::UppercaseNames) {
            for (name, _) in &mut fields {
                if name.starts_with("grpc-") || name == "te" {
                    *name = name.to_uppercase();
                }
            }
        }
        if planted(Mutant::ConnectionField) {
            fields.push(("connection".to_owned(), b"keep-alive".to_vec()));
        }
        let uses_table = planted(Mutant::IndexesFields) || planted(Mutant::IgnoresTableSize);
        // What is written without the table says all the same how large it is now.
        let is_encoded = uses_table || planted(Mutant::CodesFields);
        let sizes = if is_encoded { Vec::new() } else { self.coded(&Fields::new()) };
        let bytes = if uses_table {
            self.indexed(&fields)
        } else if planted(Mutant::CodesFields) {
            self.coded(&fields)
        } else if planted(Mutant::RefersToMissingEntry) {
            // Index 62 is the newest entry of a dynamic table that has none.
            [hpack::encode(&fields), vec![0x80 | 62]].concat()
        } else {
            hpack::encode(&fields)
        };
        let bytes = [sizes, bytes].concat();
        if planted(Mutant::ContinuesBlocks) {
            return block(stream, flags, &bytes, bytes.len().div_ceil(PIECES));
        }
        if planted(Mutant::InterruptsBlocks) {
            let (first, rest) = bytes.split_at(bytes.len() / 2);
            return [
                frame(kind::HEADERS, flags, stream, first),
                frame(kind::PRIORITY, 0, stream, &[0, 0, 0, 0, 15]),
                frame(kind::CONTINUATION, flag::END_HEADERS, stream, rest),
            ]
            .concat();
        }
        if planted(Mutant::PadsHeaders) && bytes.len() + 9 < PIECE_BYTES {
            let padded = [&[8][..], &bytes, &[0; 8]].concat();
            let flags = flags | flag::END_HEADERS | flag::PADDED;
            return frame(kind::HEADERS, flags, stream, &padded);
        }
        if planted(Mutant::PrioritizesHeaders) && bytes.len() + 5 < PIECE_BYTES {
            let weighed = [&[0, 0, 0, 0, 200][..], &bytes].concat();
            let flags = flags | flag::END_HEADERS | flag::PRIORITY;
            return frame(kind::HEADERS, flags, stream, &weighed);
        }
        block(stream, flags, &bytes, PIECE_BYTES)
    }

    /// Fields by their place in the table, where they are known, and for the table where
    /// they may come again.
    fn indexed(&mut self, fields: &Fields) -> Vec<u8> {
        self.encoder.encode(fields.iter().map(|(name, value)| {
            let comes_again = name != "x-crosswire-call";
            let indexing = if comes_again { Indexing::Incremental } else { Indexing::Without };
            (name, value, indexing)
        }))
    }

    /// Strings in Huffman's code, and no table.
    fn coded(&mut self, fields: &Fields) -> Vec<u8> {
        let fields = fields.iter().map(|(name, value)| (name, value, Indexing::Never));
        self.encoder.encode(fields)
    }
}
