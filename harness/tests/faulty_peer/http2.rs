//! As much of HTTP/2 and gRPC as these peers need, over the harness's own frames: an
//! HTTP library would not let them do wrong. Each side takes what its partner sends,
//! right or wrong; messages are short, so that no window is ever used up.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use crosswire_http2::{
    frame::{Frame, FrameReader, PREFACE, flag, kind},
    hpack::{Field, HeaderDecoder},
    settings::MAX_CONCURRENT_STREAMS,
    write::{ping, settings, settings_ack, window_update},
};

use crate::{
    tls::{ClientTls, ServerTls, Stream},
    wire::{Frames, Wire},
};

/// Longer than whoever is asked may leave it unanswered, while it sends other frames.
const OVERDUE: Duration = Duration::from_millis(1100);

/// More than that many frames.
const FRAMES: usize = 10;

/// A connection, and what of its other side was not read yet.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    /// What is under the stream, for its time limit.
    socket: TcpStream,
    reader: FrameReader,
    decoder: HeaderDecoder,
    wrong: Option<Frames>,
    /// The other side takes no more calls on it.
    pub(crate) is_ending: bool,
}

impl Connection {
    /// A connection as a client has it.
    pub(crate) fn to_server(
        target: &str,
        tls: Option<&ClientTls>,
        wire: &Wire,
    ) -> io::Result<Self> {
        let socket = TcpStream::connect(target)?;
        let stream = match tls {
            Some(tls) => tls.connect(socket.try_clone()?, protocols(wire))?,
            None => Box::new(socket.try_clone()?),
        };
        let mut connection = Self::new(stream, socket, FrameReader::of_server(), wire.frames);
        connection.send(&[&PREFACE[..], &connection.greeting(&[])].concat())?;
        Ok(connection)
    }

    /// A connection as a server has it, which takes so many calls at once.
    pub(crate) fn to_client(
        socket: TcpStream,
        tls: &ServerTls,
        wire: &Wire,
        calls: u32,
    ) -> io::Result<Self> {
        let stream = tls.accept(socket.try_clone()?, protocols(wire))?;
        let mut connection = Self::new(stream, socket, FrameReader::of_client(), wire.frames);
        connection.send(&connection.greeting(&[(MAX_CONCURRENT_STREAMS, calls)]))?;
        Ok(connection)
    }

    fn new(
        stream: Box<dyn Stream>,
        socket: TcpStream,
        reader: FrameReader,
        wrong: Option<Frames>,
    ) -> Self {
        let decoder = HeaderDecoder::default();
        Self { stream, socket, reader, decoder, wrong, is_ending: false }
    }

    /// SETTINGS, a PING and SETTINGS again: who answers one has read what came before it.
    fn greeting(&self, list: &[(u16, u32)]) -> Vec<u8> {
        let first = settings(list);
        let ping = ping(0, b"greeting");
        match self.wrong {
            Some(Frames::BeginWithPing) => [&ping[..], &first].concat(),
            _ => [&first[..], &ping, &settings(&[])].concat(),
        }
    }

    /// One that leaves something unanswered goes on for long enough to be blamed for it:
    /// it reads and writes, while no call is on its way.
    pub(crate) fn go_on_silently(&mut self) -> io::Result<()> {
        let never = [Some(Frames::NeverAcknowledgeSettings), Some(Frames::NeverAnswerPing)];
        if !never.contains(&self.wrong) {
            return Ok(());
        }
        match self.next(Some(Instant::now() + OVERDUE)) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        self.send(&window_update(0, 1).repeat(FRAMES))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
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
                kind::SETTINGS if self.wrong == Some(Frames::NeverAcknowledgeSettings) => {}
                kind::SETTINGS => self.send(&settings_ack())?,
                kind::PING if self.wrong == Some(Frames::NeverAnswerPing) => {}
                kind::PING => self.send(&ping(flag::ACK, &frame.payload))?,
                kind::GOAWAY => self.is_ending = true,
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
            match self.stream.read(&mut bytes)? {
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

/// What is offered and selected by ALPN.
fn protocols(wire: &Wire) -> &'static [&'static [u8]] {
    if wire.has(Frames::OfferNoAlpn) { &[] } else { &[b"h2"] }
}

/// The value of the first field of a name.
pub(crate) fn value<'a>(fields: &'a [Field], name: &str) -> Option<&'a str> {
    let field = fields.iter().find(|field| field.name == name.as_bytes())?;
    std::str::from_utf8(&field.value).ok()
}
