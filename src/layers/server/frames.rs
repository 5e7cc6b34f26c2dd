//! The frames of HTTP/2, as far as they are told apart from outside the library.

/// What a client's frames come after.
pub(super) const PREFACE_BYTES: usize = 24;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
const GOAWAY: u8 = 7;

pub(super) const ACK: u8 = 1;

const HEAD_BYTES: usize = 9;

/// The head of a frame, without its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

/// Follows the frames of one direction, whatever the pieces that they come in.
#[derive(Debug)]
pub(super) struct Frames {
    head: [u8; HEAD_BYTES],
    head_read: usize,
    /// How much is missing of what began last.
    missing: usize,
}

impl Frames {
    /// Frames that come after so many bytes that are none.
    pub(super) const fn after(bytes: usize) -> Self {
        Self { head: [0; HEAD_BYTES], head_read: 0, missing: bytes }
    }

    /// Reads the next piece, and tells of each frame once its head is whole.
    pub(super) fn read(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Frame)) {
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(self.rest().min(bytes.len()));
            bytes = rest;
            if self.missing > 0 {
                self.missing -= piece.len();
                continue;
            }
            self.head[self.head_read..][..piece.len()].copy_from_slice(piece);
            self.head_read += piece.len();
            if self.head_read == HEAD_BYTES {
                let [a, b, c, kind, flags, stream @ ..] = self.head;
                self.missing = u32::from_be_bytes([0, a, b, c]) as usize;
                self.head_read = 0;
                // The highest bit is reserved.
                tell(Frame { kind, flags, stream: u32::from_be_bytes(stream) & (u32::MAX >> 1) });
            }
        }
    }

    /// Whether no frame has begun that is not over.
    pub(super) const fn is_between(&self) -> bool {
        self.missing == 0 && self.head_read == 0
    }

    /// How many bytes surely belong to what comes now: a frame's head, or the rest of it.
    pub(super) const fn rest(&self) -> usize {
        if self.missing > 0 { self.missing } else { HEAD_BYTES - self.head_read }
    }
}

/// A GOAWAY frame.
pub(super) fn goaway(last_stream: u32, code: u32, reason: &[u8]) -> Vec<u8> {
    let payload = [&last_stream.to_be_bytes()[..], &code.to_be_bytes(), reason].concat();
    let [_, length @ ..] = (payload.len() as u32).to_be_bytes();
    [&length[..], &[GOAWAY, 0, 0, 0, 0, 0], &payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_mean_nothing() {
        let goaway = goaway(3, 11, b"why");
        let whole = [&[7; 24][..], &goaway, &[0, 0, 0, PING, ACK, 0x80, 0, 0, 5], &goaway].concat();
        let expected = [
            Frame { kind: GOAWAY, flags: 0, stream: 0 },
            Frame { kind: PING, flags: ACK, stream: 5 },
            Frame { kind: GOAWAY, flags: 0, stream: 0 },
        ];
        for size in 1..=whole.len() {
            let mut frames = Frames::after(PREFACE_BYTES);
            let mut seen = Vec::new();
            for piece in whole.chunks(size) {
                frames.read(piece, |frame| seen.push(frame));
            }
            assert_eq!(seen, expected, "{size}");
            assert!(frames.is_between(), "{size}");
        }
    }

    #[test]
    fn the_rest_is_of_the_frame_that_has_begun() {
        let mut frames = Frames::after(0);
        let table = [(&[0, 0, 2, PING][..], 5), (&[0, 0, 0, 0, 1], 2), (&[9], 1), (&[9], 9)];
        for (piece, expected) in table {
            frames.read(piece, |_| {});
            assert_eq!(frames.rest(), expected, "{piece:?}");
        }
        assert!(frames.is_between());
    }
}
