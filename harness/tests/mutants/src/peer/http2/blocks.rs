//! How header blocks are written.

use crosswire_http2::{
    frame::{flag, kind},
    hpack,
    settings::DEFAULT_MAX_FRAME_BYTES,
    write::{block, frame},
};
use mutants::{mutant::Mutant, planted::planted};

use super::Fields;

/// The entries of HPACK's static table, which come before those of our own.
const STATIC_ENTRIES: usize = 61;

/// What the table may hold before its entries would have to be dropped, and what each
/// is counted with beside its text (RFC 7541, section 4.1).
const TABLE_BYTES: usize = 4096;
const ENTRY_OVERHEAD_BYTES: usize = 32;

/// Blocks in one HEADERS as long as they fit in a frame that everybody takes.
const PIECE_BYTES: usize = DEFAULT_MAX_FRAME_BYTES as usize;

/// Not so many that it would look like an attack: h2 takes five.
const PIECES: usize = 3;

/// Writes the blocks of one direction.
pub(super) struct BlockWriter {
    /// What the other side has in its dynamic table, oldest first.
    table: Vec<(String, Vec<u8>)>,
    table_bytes: usize,
    /// How much the table may hold.
    most_table_bytes: usize,
    /// The sizes of the table that the other side is to be told in the next block.
    untold_sizes: Vec<u32>,
}

impl Default for BlockWriter {
    fn default() -> Self {
        Self {
            table: Vec::new(),
            table_bytes: 0,
            most_table_bytes: TABLE_BYTES,
            untold_sizes: Vec::new(),
        }
    }
}

impl BlockWriter {
    /// Heeds how large the other side lets the table be.
    pub(super) fn limit_table(&mut self, bytes: u32) {
        if planted(Mutant::IgnoresTableSize) {
            return;
        }
        let bytes = bytes.min(TABLE_BYTES as u32);
        if bytes as usize == self.most_table_bytes {
            return;
        }
        self.most_table_bytes = bytes as usize;
        // An empty table is within every limit, and entries come back by themselves.
        self.table.clear();
        self.table_bytes = 0;
        self.untold_sizes = if bytes == 0 { vec![0] } else { vec![0, bytes] };
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
        let sizes: Vec<u8> = self.untold_sizes.drain(..).flat_map(hpack::table_size).collect();
        let bytes = if uses_table {
            self.indexed(&fields)
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

    /// Fields by their place in the table, where they are known, and for the table
    /// where there is room.
    fn indexed(&mut self, fields: &Fields) -> Vec<u8> {
        let mut block = Vec::new();
        for field in fields {
            let (name, value) = field;
            if let Some(place) = self.table.iter().rposition(|known| known == field) {
                let index = STATIC_ENTRIES + self.table.len() - place;
                // The table holds far fewer entries than one byte of index names.
                block.push(0x80 | u8::try_from(index).unwrap_or(u8::MAX));
                continue;
            }
            let bytes = name.len() + value.len() + ENTRY_OVERHEAD_BYTES;
            let literal = hpack::encode(&[(name, value)]);
            let has_room =
                self.table_bytes + bytes <= self.most_table_bytes && self.table.len() < 60;
            let is_kept = has_room && name != "x-crosswire-call";
            block.push(if is_kept { 0x40 } else { 0 });
            block.extend_from_slice(&literal[1..]);
            if is_kept {
                self.table.push(field.clone());
                self.table_bytes += bytes;
            }
        }
        block
    }
}
