//! Frames from bytes that come in any pieces.

use bytes::{Buf as _, BytesMut};

use super::{Frame, FrameError, HEADER_BYTES, PREFACE, payload::NUMBER_BITS};

/// Cuts one direction's bytes into frames.
///
/// Holds at most one frame that is not whole: its length has 24 bits, so that is
/// 16 MiB at most.
#[derive(Debug)]
pub struct FrameReader {
    buffer: BytesMut,
    offset: u64,
    awaits_preface: bool,
}

impl FrameReader {
    /// Reads what a client sends: its preface, and then frames.
    #[must_use]
    pub fn of_client() -> Self {
        Self { awaits_preface: true, ..Self::of_server() }
    }

    /// Reads what a server sends: frames from the first byte on.
    #[must_use]
    pub fn of_server() -> Self {
        Self { buffer: BytesMut::new(), offset: 0, awaits_preface: false }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// How many bytes were read as frames.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes of a frame that is not whole were taken.
    #[must_use]
    pub fn left_over(&self) -> usize {
        self.buffer.len()
    }

    /// The length and the type of the next frame, once its header has come: whoever
    /// refuses it need not wait for the rest.
    #[must_use]
    pub fn announced(&self) -> Option<(u32, u8)> {
        match self.buffer.first_chunk::<HEADER_BYTES>() {
            Some(&[a, b, c, kind, ..]) if !self.awaits_preface => {
                Some((u32::from_be_bytes([0, a, b, c]), kind))
            }
            _ => None,
        }
    }

    /// The next frame, once it is whole.
    ///
    /// # Errors
    /// The preface is wrong; nothing after it can be read.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.awaits_preface {
            let given = self.buffer.len().min(PREFACE.len());
            if self.buffer[..given] != PREFACE[..given] {
                return Err(FrameError::Preface);
            }
            if given < PREFACE.len() {
                return Ok(None);
            }
            self.advance(PREFACE.len());
            self.awaits_preface = false;
        }
        let Some(&[a, b, c, kind, flags, e, f, g, h]) = self.buffer.first_chunk::<HEADER_BYTES>()
        else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        if self.buffer.len() < HEADER_BYTES + length {
            return Ok(None);
        }
        let offset = self.offset;
        self.advance(HEADER_BYTES);
        let payload = self.buffer.split_to(length).freeze();
        self.offset += length as u64;
        // The first bit of the stream is reserved and ignored (section 4.1).
        let stream = u32::from_be_bytes([e, f, g, h]) & NUMBER_BITS;
        Ok(Some(Frame { offset, kind, flags, stream, payload }))
    }

    fn advance(&mut self, bytes: usize) {
        self.buffer.advance(bytes);
        self.offset += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut reader: FrameReader, bytes: &[u8], piece: usize) -> Result<Vec<Frame>, FrameError> {
        let mut frames = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.push(piece);
            while let Some(frame) = reader.next_frame()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    #[test]
    fn frames_are_the_same_whatever_the_pieces() {
        let bytes = [
            PREFACE.as_slice(),
            &[0, 0, 0, 4, 0, 0, 0, 0, 0],
            &[0, 0, 3, 0, 1, 0x80, 0, 0, 5, b'a', b'b', b'c'],
            &[0, 0, 1, 0xfa, 0xff, 0, 0, 0, 7, 9],
        ]
        .concat();
        let whole = read(FrameReader::of_client(), &bytes, bytes.len()).unwrap();
        let seen: Vec<_> = whole.iter().map(|f| (f.offset, f.kind, f.flags, f.stream)).collect();
        assert_eq!(seen, [(24, 4, 0, 0), (33, 0, 1, 5), (45, 0xfa, 0xff, 7)]);
        assert_eq!(whole[1].payload, "abc");
        for piece in 1..bytes.len() {
            assert_eq!(
                read(FrameReader::of_client(), &bytes, piece).unwrap(),
                whole,
                "pieces of {piece}"
            );
        }
        assert_eq!(read(FrameReader::of_server(), &bytes[24..], 5).unwrap().len(), 3);
    }

    #[test]
    fn a_header_is_known_before_its_frame_is_whole() {
        let mut reader = FrameReader::of_client();
        reader.push(PREFACE);
        reader.push(&[0x48, 0x54, 0x54, 0x50]);
        assert_eq!(reader.next_frame(), Ok(None));
        assert_eq!(reader.announced(), None);
        reader.push(b"/1.1 ");
        assert_eq!(reader.announced(), Some((0x48_54_54, 0x50)));
    }

    #[test]
    fn what_is_not_http2_is_known_by_its_first_wrong_byte() {
        assert_eq!(read(FrameReader::of_client(), &[0x16, 3, 1], 1), Err(FrameError::Preface));
        assert_eq!(read(FrameReader::of_client(), b"PRI * HTTP/1", 4), Err(FrameError::Preface));
        assert_eq!(read(FrameReader::of_client(), b"PRI * HTTP/2", 4), Ok(vec![]));
    }
}
