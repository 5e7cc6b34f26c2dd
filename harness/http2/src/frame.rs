//! HTTP/2 frames (RFC 9113, sections 4 and 6).

mod payload;
mod reader;

pub use payload::GoAway;
pub use reader::FrameReader;

use bytes::{Buf as _, BufMut as _, Bytes};
use thiserror::Error;

/// What a client sends before its first frame.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The size of a frame's header.
pub const HEADER_BYTES: usize = 9;

/// How much of a frame is kept to be quoted: its header and what begins a payload.
const QUOTED_BYTES: usize = 64;

/// The types of frames.
pub mod kind {
    #![expect(missing_docs, reason = "the names are RFC 9113's, section 6")]

    use crate::names::named;

    named! { u8:
        DATA = 0,
        HEADERS = 1,
        PRIORITY = 2,
        RST_STREAM = 3,
        SETTINGS = 4,
        PUSH_PROMISE = 5,
        PING = 6,
        GOAWAY = 7,
        WINDOW_UPDATE = 8,
        CONTINUATION = 9,
    }
}

/// A type of frame as it is shown: by its name, if it has one.
#[must_use]
pub fn kind_name(kind: u8) -> String {
    kind::name(kind).map_or_else(|| format!("frame type {kind:#04x}"), str::to_owned)
}

/// The flags of frames. One bit has several meanings: the type decides.
pub mod flag {
    #![expect(missing_docs, reason = "the names are RFC 9113's, section 6")]
    pub const ACK: u8 = 0x1;
    pub const END_STREAM: u8 = 0x1;
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;
    pub const PRIORITY: u8 = 0x20;
}

/// One frame, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Where it began, in bytes from the start of its direction.
    pub offset: u64,
    /// Its type, known or not.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// The stream that it belongs to; 0 is the connection.
    pub stream: u32,
    /// What follows its header, padding included.
    pub payload: Bytes,
}

/// Why bytes cannot be read as HTTP/2, or a frame as what its type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A client's first bytes are something else, such as a TLS handshake.
    #[error("the connection does not begin with the HTTP/2 preface")]
    Preface,
    /// The padding is as long as the payload or longer.
    #[error("the padding is longer than the frame")]
    Padding,
    /// The payload is too short for its type, or not of the size that it must have.
    #[error("the frame's size is wrong for its type")]
    Size,
}

impl Frame {
    /// Whether all bits of a flag are set.
    #[must_use]
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag == flag
    }

    /// The length in its header.
    #[must_use]
    pub fn length(&self) -> u32 {
        // 24 bits, for a frame that was read.
        u32::try_from(self.payload.len()).unwrap_or(u32::MAX)
    }

    /// Its size on the wire.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        (HEADER_BYTES + self.payload.len()) as u64
    }

    /// Its first bytes, header included.
    #[must_use]
    pub fn quote(&self) -> Bytes {
        let payload = &self.payload[..self.payload.len().min(QUOTED_BYTES - HEADER_BYTES)];
        let mut quote = Vec::with_capacity(HEADER_BYTES + payload.len());
        push_header(&mut quote, self.length(), self.kind, self.flags, self.stream);
        quote.extend_from_slice(payload);
        quote.into()
    }

    /// Whether it is padded. The flag means nothing in other types than these.
    #[must_use]
    pub const fn is_padded(&self) -> bool {
        matches!(self.kind, kind::DATA | kind::HEADERS | kind::PUSH_PROMISE)
            && self.has(flag::PADDED)
    }

    /// Where the content of a DATA frame begins, in bytes from the start of its
    /// direction.
    #[must_use]
    pub const fn content_offset(&self) -> u64 {
        self.offset + HEADER_BYTES as u64 + self.is_padded() as u64
    }

    /// The payload without its padding, and without what stands before the block of
    /// HEADERS (a priority) and of PUSH_PROMISE (a stream).
    ///
    /// # Errors
    /// The frame is shorter than they are.
    pub fn content(&self) -> Result<Bytes, FrameError> {
        let mut content = self.payload.clone();
        if self.is_padded() {
            let padding = usize::from(content.try_get_u8().map_err(|_| FrameError::Size)?);
            let kept = content.len().checked_sub(padding).ok_or(FrameError::Padding)?;
            content.truncate(kept);
        }
        let before = match self.kind {
            kind::HEADERS if self.has(flag::PRIORITY) => 5,
            kind::PUSH_PROMISE => 4,
            _ => 0,
        };
        if content.len() < before {
            return Err(FrameError::Size);
        }
        content.advance(before);
        Ok(content)
    }
}

/// The header of a frame (section 4.1). A length has 24 bits; the first 8 go nowhere.
pub(crate) fn push_header(bytes: &mut Vec<u8>, length: u32, kind: u8, flags: u8, stream: u32) {
    let [_, length @ ..] = length.to_be_bytes();
    bytes.extend_from_slice(&length);
    bytes.put_u8(kind);
    bytes.put_u8(flags);
    bytes.put_u32(stream);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_and_priority_are_no_content() {
        let frame = |kind, flags, payload: &'static [u8]| Frame {
            offset: 0,
            kind,
            flags,
            stream: 1,
            payload: Bytes::from_static(payload),
        };
        let headers = kind::HEADERS;
        for (name, frame, expected) in [
            ("plain", frame(kind::DATA, 0, b"abc"), Ok("abc")),
            ("padded", frame(kind::DATA, 8, b"\x02abc\0\0"), Ok("abc")),
            ("nothing but padding", frame(kind::DATA, 8, b"\x02\0\0"), Ok("")),
            ("too much padding", frame(kind::DATA, 8, b"\x03\0\0"), Err(FrameError::Padding)),
            ("no length of padding", frame(kind::DATA, 8, b""), Err(FrameError::Size)),
            ("priority", frame(headers, 0x20, b"\0\0\0\x01\x10abc"), Ok("abc")),
            ("both", frame(headers, 0x28, b"\x01\0\0\0\x01\x10abc\0"), Ok("abc")),
            ("half a priority", frame(headers, 0x20, b"\0\0\0\x01"), Err(FrameError::Size)),
            ("not DATA's flag", frame(kind::DATA, 0x20, b"abc"), Ok("abc")),
            ("a promise", frame(kind::PUSH_PROMISE, 8, b"\x01\0\0\0\x02abc\0"), Ok("abc")),
            ("half a promise", frame(kind::PUSH_PROMISE, 0, b"\0\0\0"), Err(FrameError::Size)),
            (
                "not CONTINUATION's flags",
                frame(kind::CONTINUATION, 0x28, b"\x7fabc"),
                Ok("\x7fabc"),
            ),
        ] {
            assert_eq!(frame.content(), expected.map(Bytes::from), "{name}");
        }
    }

    #[test]
    fn a_quote_is_the_frame_as_it_was_sent() {
        let frame = Frame { offset: 0, kind: 0, flags: 1, stream: 3, payload: vec![7; 300].into() };
        let quote = frame.quote();
        assert_eq!(quote.len(), QUOTED_BYTES);
        assert_eq!(quote[..10], [0, 1, 44, 0, 1, 0, 0, 0, 3, 7]);
    }
}
