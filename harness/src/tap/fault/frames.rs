//! Bytes cut into frames, with the bytes as they came.

use bytes::{Bytes, BytesMut};
use crosswire_http2::frame::{Frame, FrameReader};

use crate::role::Role;

/// Cuts one direction's bytes into frames, as far as they are HTTP/2.
#[derive(Debug)]
pub(super) struct Frames {
    reader: FrameReader,
    raw: BytesMut,
    /// How many bytes were handed out.
    passed: u64,
    is_lost: bool,
}

impl Frames {
    pub(super) fn new(from: Role) -> Self {
        Self { reader: from.frame_reader(), raw: BytesMut::new(), passed: 0, is_lost: false }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
        if !self.is_lost {
            self.reader.push(bytes);
        }
    }

    /// The next frame with its bytes, the client's preface before its first included.
    /// Not an iterator: there may be more after `None`, once more bytes have come.
    pub(super) fn next(&mut self) -> Option<(Bytes, Frame)> {
        if self.is_lost {
            return None;
        }
        let frame = self.reader.next_frame().unwrap_or_else(|_| {
            self.is_lost = true;
            None
        })?;
        let end = frame.offset + frame.size_bytes();
        let length = usize::try_from(end - self.passed).unwrap_or_default();
        self.passed = end;
        Some((self.raw.split_to(length).freeze(), frame))
    }

    /// What was pushed and not handed out.
    pub(super) fn rest(&mut self) -> Bytes {
        self.raw.split().freeze()
    }

    /// Whether it is no HTTP/2, so that nothing can be told apart.
    pub(super) const fn are_lost(&self) -> bool {
        self.is_lost
    }
}
