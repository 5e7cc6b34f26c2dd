//! A client that does nothing wrong.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use crosswire_http2::{
    frame::{Frame, FrameReader, PREFACE, flag, kind},
    hpack::HeaderDecoder,
    write,
};

use crate::{CALL, request};

/// How long one call may take; only one that hangs comes near.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// A connection on which one call follows the other.
pub(crate) struct Bystander {
    stream: TcpStream,
    frames: FrameReader,
    headers: HeaderDecoder,
    next_stream: u32,
}

/// What became of a bystander's calls.
#[derive(Debug, Default)]
pub(crate) struct Served {
    times: Vec<Duration>,
    /// Why the others were not answered.
    pub(crate) failures: Vec<io::Error>,
}

impl Served {
    /// Makes calls until then, one at a time, on one connection as long as it lasts.
    pub(crate) fn until(server: &str, until: Instant) -> Self {
        let mut served = Self::default();
        let mut bystander = None;
        while Instant::now() < until {
            let began = Instant::now();
            match Bystander::call(&mut bystander, server) {
                Ok(()) => served.times.push(began.elapsed()),
                Err(error) => {
                    served.failures.push(error);
                    bystander = None;
                }
            }
        }
        served
    }

    /// Half of the calls that were answered took no longer.
    pub(crate) fn median(&self) -> Option<Duration> {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
}

impl Bystander {
    fn connect(server: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(CALL_LIMIT))?;
        stream.write_all(&[&PREFACE[..], &write::settings(&[])].concat())?;
        let (frames, headers) = (FrameReader::of_server(), HeaderDecoder::default());
        Ok(Self { stream, frames, headers, next_stream: 1 })
    }

    /// Makes a call, on a new connection if there is none, and waits for its status.
    ///
    /// # Errors
    /// It was not answered, or not with OK.
    pub(crate) fn call(connection: &mut Option<Self>, server: &str) -> io::Result<()> {
        let this = match connection {
            Some(this) => this,
            None => connection.insert(Self::connect(server)?),
        };
        let stream = this.next_stream;
        this.next_stream += 2;
        let message = write::data(stream, flag::END_STREAM, CALL);
        this.stream.write_all(&[write::headers(stream, 0, &request()), message].concat())?;
        loop {
            let frame = this.next_frame()?;
            match frame.kind {
                kind::SETTINGS if !frame.has(flag::ACK) => {
                    this.stream.write_all(&write::settings_ack())?;
                }
                kind::PING if !frame.has(flag::ACK) => {
                    this.stream.write_all(&write::ping(flag::ACK, &frame.payload))?;
                }
                kind::DATA => this.stream.write_all(&write::window_update(0, frame.length()))?,
                kind::HEADERS => {
                    let block = frame.content().map_err(io::Error::other)?;
                    let fields = this.headers.decode(&block).map_err(io::Error::other)?;
                    let status = fields.list.iter().find(|field| field.name == "grpc-status");
                    if let Some(status) = status {
                        let is_ok = frame.stream == stream && status.value == "0";
                        return is_ok.then_some(()).ok_or_else(|| unexpected(&frame));
                    }
                }
                kind::RST_STREAM | kind::GOAWAY => return Err(unexpected(&frame)),
                _ => {}
            }
        }
    }

    fn next_frame(&mut self) -> io::Result<Frame> {
        loop {
            if let Some(frame) = self.frames.next_frame().map_err(io::Error::other)? {
                return Ok(frame);
            }
            let mut bytes = [0; 4096];
            let read = self.stream.read(&mut bytes)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.frames.push(&bytes[..read]);
        }
    }
}

fn unexpected(frame: &Frame) -> io::Error {
    io::Error::other(format!("instead of OK: {frame:?}"))
}
