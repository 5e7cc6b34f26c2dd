//! Where in its frames a side stands that sends anything.

use crosswire_http2::frame::{HEADER_BYTES, PREFACE, flag, kind};

/// The kinds of frame that begin or continue a header block.
const OF_BLOCKS: [u8; 3] = [kind::HEADERS, kind::PUSH_PROMISE, kind::CONTINUATION];

/// What was begun and not ended of all that was sent.
#[derive(Debug, Default)]
pub(super) struct Unended {
    /// Of a frame's header, as far as it was sent.
    header: Vec<u8>,
    /// How many bytes of the frame are missing.
    missing: usize,
    is_in_block: bool,
    has_begun: bool,
}

impl Unended {
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let mut bytes = bytes.strip_prefix(PREFACE).filter(|_| is_first).unwrap_or(bytes);
        loop {
            let skipped = self.missing.min(bytes.len());
            self.missing -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            let taken = (HEADER_BYTES - self.header.len()).min(bytes.len());
            self.header.extend(&bytes[..taken]);
            bytes = &bytes[taken..];
            if let [a, b, c, kind, flags, ..] = self.header[..]
                && self.header.len() == HEADER_BYTES
            {
                self.missing = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                if OF_BLOCKS.contains(&kind) {
                    self.is_in_block = flags & flag::END_HEADERS == 0;
                }
                self.header.clear();
            }
        }
    }

    /// Whether another frame may follow.
    pub(super) fn is_nothing(&self) -> bool {
        self.header.is_empty() && self.missing == 0 && !self.is_in_block
    }
}

#[cfg(test)]
mod tests {
    use crosswire_http2::write;

    use super::*;

    #[test]
    fn a_preface_is_no_frame() {
        let mut unended = Unended::default();
        unended.sent(PREFACE);
        assert!(unended.is_nothing());
        unended.sent(PREFACE);
        assert!(!unended.is_nothing(), "only at the beginning");
    }

    #[test]
    fn frames_and_blocks_are_whole_when_their_last_byte_is_sent() {
        let begun = write::frame(kind::HEADERS, 0, 1, b"\x88");
        let bytes = [write::settings(&[]), write::data(1, 0, b"abc"), begun].concat();
        let whole = [0, 9, 21];
        for pieces in [1, 2, 7, bytes.len()] {
            let (mut unended, mut sent) = (Unended::default(), 0);
            for piece in bytes.chunks(pieces) {
                unended.sent(piece);
                sent += piece.len();
                assert_eq!(unended.is_nothing(), whole.contains(&sent), "{sent} by {pieces}");
            }
            unended.sent(&write::frame(kind::CONTINUATION, flag::END_HEADERS, 1, b""));
            assert!(unended.is_nothing(), "by {pieces}");
        }
    }
}
