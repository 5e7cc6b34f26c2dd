//! As much of HTTP/2 and gRPC as these peers need, over the harness's own frames: an
//! HTTP library would not let them do wrong. Each side takes what its partner sends,
//! right or wrong; messages are short, so that no window is ever used up.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use crosswire::{
    observe::Role,
    wire::{
        frame::{Frame, FrameReader, PREFACE, encode, flag, kind},
        headers::{Field, HeaderDecoder},
    },
};

/// A connection, and what of its other side was not read yet.
pub(crate) struct Connection {
    socket: TcpStream,
    reader: FrameReader,
    decoder: HeaderDecoder,
}

impl Connection {
    /// A connection as a client has it.
    pub(crate) fn to_server(target: &str) -> io::Result<Self> {
        let mut connection = Self::new(TcpStream::connect(target)?, Role::Server);
        connection.send(&[&PREFACE[..], &settings()].concat())?;
        Ok(connection)
    }

    /// A connection as a server has it.
    pub(crate) fn to_client(socket: TcpStream) -> io::Result<Self> {
        let mut connection = Self::new(socket, Role::Client);
        connection.send(&settings())?;
        Ok(connection)
    }

    fn new(socket: TcpStream, other_side: Role) -> Self {
        let (reader, decoder) = (FrameReader::new(other_side), HeaderDecoder::default());
        Self { socket, reader, decoder }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// The next frame that is about a stream; what asks for an answer is answered.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if none comes in time, and whatever ends the
    /// connection.
    pub(crate) fn next(&mut self, until: Option<Instant>) -> io::Result<Frame> {
        loop {
            let frame = self.read(until)?;
            match frame.kind {
                kind::SETTINGS | kind::PING if frame.has(flag::ACK) => {}
                kind::SETTINGS => self.send(&encode(kind::SETTINGS, flag::ACK, 0, b""))?,
                kind::PING => self.send(&encode(kind::PING, flag::ACK, 0, &frame.payload))?,
                _ if frame.stream > 0 => return Ok(frame),
                _ => {}
            }
        }
    }

    fn read(&mut self, until: Option<Instant>) -> io::Result<Frame> {
        let mut bytes = [0; 4096];
        loop {
            match self.reader.next_frame() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.socket.set_read_timeout(left)?;
            match self.socket.read(&mut bytes)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => self.reader.push(&bytes[..length]),
            }
        }
    }

    /// The fields of a HEADERS frame, which has its whole block.
    pub(crate) fn fields(&mut self, headers: &Frame) -> io::Result<Vec<Field>> {
        let block = headers.content().map_err(io::Error::other)?;
        Ok(self.decoder.decode(&block).map_err(io::Error::other)?.list)
    }
}

/// The value of the first field of a name.
pub(crate) fn value<'a>(fields: &'a [Field], name: &str) -> Option<&'a str> {
    let field = fields.iter().find(|field| field.name == name.as_bytes())?;
    std::str::from_utf8(&field.value).ok()
}

pub(crate) fn settings() -> Vec<u8> {
    encode(kind::SETTINGS, 0, 0, b"").into()
}

/// HEADERS with the whole block: every field written out, nothing indexed.
pub(crate) fn headers(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            push_length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    encode(kind::HEADERS, flag::END_HEADERS | flags, stream, &block).into()
}

/// The length of a string that is not Huffman-coded (RFC 7541, sections 5.1 and 5.2).
fn push_length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        return block.push(u8::try_from(length).unwrap());
    };
    block.push(127);
    while rest >= 128 {
        block.push(0x80 | u8::try_from(rest % 128).unwrap());
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

pub(crate) fn data(stream: u32, flags: u8, content: &[u8]) -> Vec<u8> {
    encode(kind::DATA, flags, stream, content).into()
}

/// A message that is not compressed, with its prefix.
pub(crate) fn message(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[0], &length[..], payload].concat()
}

pub(crate) fn reset(stream: u32, code: u32) -> Vec<u8> {
    encode(kind::RST_STREAM, 0, stream, &code.to_be_bytes()).into()
}
