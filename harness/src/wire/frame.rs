//! HTTP/2 frames (RFC 9113, section 4), from bytes that come in any pieces.

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;

use crate::role::Role;

/// What a client sends before its first frame.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The size of a frame's header.
pub const HEADER_BYTES: usize = 9;

/// How much of a frame is kept to be quoted: its header and what begins a payload.
const QUOTED_BYTES: usize = 64;

/// The types of frames.
pub mod kind {
    #![expect(missing_docs, reason = "the names are RFC 9113's, section 6")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
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

/// The codes of RST_STREAM and GOAWAY.
pub mod error {
    #![expect(missing_docs, reason = "the names are RFC 9113's, section 7")]
    pub const NO_ERROR: u32 = 0;
    pub const PROTOCOL_ERROR: u32 = 1;
    pub const INTERNAL_ERROR: u32 = 2;
    pub const FLOW_CONTROL_ERROR: u32 = 3;
    pub const SETTINGS_TIMEOUT: u32 = 4;
    pub const STREAM_CLOSED: u32 = 5;
    pub const FRAME_SIZE_ERROR: u32 = 6;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const COMPRESSION_ERROR: u32 = 9;
    pub const CONNECT_ERROR: u32 = 10;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
    pub const INADEQUATE_SECURITY: u32 = 12;
    pub const HTTP_1_1_REQUIRED: u32 = 13;
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

/// The bytes of a frame. A payload has 24 bits of length; what is beyond is cut off.
#[must_use]
pub fn encode(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Bytes {
    const MAX_LENGTH: usize = (1 << 24) - 1;
    let payload = &payload[..payload.len().min(MAX_LENGTH)];
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend_from_slice(&length);
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame.into()
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
    /// A header block cannot be put together, so that no later one can be decoded.
    #[error("a header block cannot be put together from its frames")]
    HeaderBlock,
    /// Something else stands between the frames of a header block.
    #[error("{} within a header block", kind_name(*kind))]
    WithinBlock {
        /// Its type.
        kind: u8,
    },
    /// A header block is longer than is put together.
    #[error("a header block of more than {limit} bytes")]
    LongBlock {
        /// How long it may be.
        limit: usize,
    },
    /// More SETTINGS than are followed wait for their acknowledgement.
    #[error("too many SETTINGS wait for their acknowledgement")]
    TooManySettings,
}

impl FrameError {
    /// Whether nothing that follows can be read.
    #[must_use]
    pub const fn is_fatal(self) -> bool {
        !matches!(self, Self::Padding | Self::Size)
    }
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
        quote.extend_from_slice(&self.length().to_be_bytes()[1..]);
        quote.extend_from_slice(&[self.kind, self.flags]);
        quote.extend_from_slice(&self.stream.to_be_bytes());
        quote.extend_from_slice(payload);
        quote.into()
    }

    /// A payload that has one size.
    ///
    /// # Errors
    /// It has another.
    pub fn fixed<const BYTES: usize>(&self) -> Result<[u8; BYTES], FrameError> {
        <[u8; BYTES]>::try_from(&*self.payload).map_err(|_| FrameError::Size)
    }

    /// Where the content of a DATA frame begins, in bytes from the start of its
    /// direction.
    #[must_use]
    pub const fn content_offset(&self) -> u64 {
        self.offset + HEADER_BYTES as u64 + self.has(flag::PADDED) as u64
    }

    /// The payload of a DATA or HEADERS frame without its padding and priority.
    ///
    /// # Errors
    /// The frame is shorter than they are.
    pub fn content(&self) -> Result<Bytes, FrameError> {
        let mut content = self.payload.clone();
        if self.has(flag::PADDED) {
            let padding = usize::from(content.try_get_u8().map_err(|_| FrameError::Size)?);
            let kept = content.len().checked_sub(padding).ok_or(FrameError::Padding)?;
            content.truncate(kept);
        }
        if self.kind == kind::HEADERS && self.has(flag::PRIORITY) {
            content
                .try_get_u32()
                .and_then(|_| content.try_get_u8())
                .map_err(|_| FrameError::Size)?;
        }
        Ok(content)
    }
}

/// The name of a type of frame.
#[must_use]
pub fn kind_name(kind: u8) -> String {
    let name = match kind {
        kind::DATA => "DATA",
        kind::HEADERS => "HEADERS",
        kind::PRIORITY => "PRIORITY",
        kind::RST_STREAM => "RST_STREAM",
        kind::SETTINGS => "SETTINGS",
        kind::PUSH_PROMISE => "PUSH_PROMISE",
        kind::PING => "PING",
        kind::GOAWAY => "GOAWAY",
        kind::WINDOW_UPDATE => "WINDOW_UPDATE",
        kind::CONTINUATION => "CONTINUATION",
        other => return format!("frame type {other:#04x}"),
    };
    name.to_owned()
}

/// The name of an error code.
#[must_use]
pub fn error_name(code: u32) -> String {
    let name = match code {
        error::NO_ERROR => "NO_ERROR",
        error::PROTOCOL_ERROR => "PROTOCOL_ERROR",
        error::INTERNAL_ERROR => "INTERNAL_ERROR",
        error::FLOW_CONTROL_ERROR => "FLOW_CONTROL_ERROR",
        error::SETTINGS_TIMEOUT => "SETTINGS_TIMEOUT",
        error::STREAM_CLOSED => "STREAM_CLOSED",
        error::FRAME_SIZE_ERROR => "FRAME_SIZE_ERROR",
        error::REFUSED_STREAM => "REFUSED_STREAM",
        error::CANCEL => "CANCEL",
        error::COMPRESSION_ERROR => "COMPRESSION_ERROR",
        error::CONNECT_ERROR => "CONNECT_ERROR",
        error::ENHANCE_YOUR_CALM => "ENHANCE_YOUR_CALM",
        error::INADEQUATE_SECURITY => "INADEQUATE_SECURITY",
        error::HTTP_1_1_REQUIRED => "HTTP_1_1_REQUIRED",
        other => return format!("error code {other}"),
    };
    name.to_owned()
}

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
    /// A reader of what one side sends; a client sends its preface first.
    #[must_use]
    pub fn new(from: Role) -> Self {
        Self { buffer: BytesMut::new(), offset: 0, awaits_preface: from == Role::Client }
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
        let stream = u32::from_be_bytes([e, f, g, h]) & 0x7fff_ffff;
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

    fn read(from: Role, bytes: &[u8], piece: usize) -> Result<Vec<Frame>, FrameError> {
        let mut reader = FrameReader::new(from);
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
        let whole = read(Role::Client, &bytes, bytes.len()).unwrap();
        let seen: Vec<_> = whole.iter().map(|f| (f.offset, f.kind, f.flags, f.stream)).collect();
        assert_eq!(seen, [(24, 4, 0, 0), (33, 0, 1, 5), (45, 0xfa, 0xff, 7)]);
        assert_eq!(whole[1].payload, "abc");
        for piece in 1..bytes.len() {
            assert_eq!(read(Role::Client, &bytes, piece).unwrap(), whole, "pieces of {piece}");
        }
        assert_eq!(read(Role::Server, &bytes[24..], 5).unwrap().len(), 3);
    }

    #[test]
    fn a_header_is_known_before_its_frame_is_whole() {
        let mut reader = FrameReader::new(Role::Client);
        reader.push(PREFACE);
        reader.push(&[0x48, 0x54, 0x54, 0x50]);
        assert_eq!(reader.next_frame(), Ok(None));
        assert_eq!(reader.announced(), None);
        reader.push(b"/1.1 ");
        assert_eq!(reader.announced(), Some((0x48_54_54, 0x50)));
    }

    #[test]
    fn what_is_not_http2_is_known_by_its_first_wrong_byte() {
        assert_eq!(read(Role::Client, &[0x16, 3, 1], 1), Err(FrameError::Preface));
        assert_eq!(read(Role::Client, b"PRI * HTTP/1", 4), Err(FrameError::Preface));
        assert_eq!(read(Role::Client, b"PRI * HTTP/2", 4), Ok(vec![]));
    }

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
