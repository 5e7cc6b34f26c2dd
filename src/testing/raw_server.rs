use std::io;

use prost::bytes::BufMut as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::{listen, within_limit};

const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What a server does, in order, once it has a whole request. All frames are for
/// the request's stream.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A block of headers, or of trailers.
    Headers(Vec<(&'static str, String)>),
    /// The same, and the end of the stream.
    LastHeaders(Vec<(&'static str, String)>),
    Data(Vec<u8>),
    /// Data, and the end of the stream.
    LastData(Vec<u8>),
    Reset(u32),
    /// GOAWAY with this last stream and this error.
    GoAway(u32, u32),
    /// Any bytes.
    Bytes(Vec<u8>),
    /// Closes the connection.
    Close,
}

/// A frame that the client sent.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    flags: u8,
    stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// A stream that a client has reset, and what it has sent there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WasReset {
    pub(crate) code: u32,
    pub(crate) data_bytes: usize,
    /// Whether it has ended the stream, too.
    pub(crate) has_ended: bool,
}

impl Frame {
    fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }
}

/// A server that does on each connection what it was told, once, and then waits
/// for the client to close it.
#[derive(Debug)]
pub(crate) struct RawServer {
    pub(crate) address: String,
    frames: mpsc::UnboundedReceiver<Frame>,
}

impl RawServer {
    /// The first connection gets the first list of steps, and so on; there are no
    /// more connections than lists.
    pub(crate) async fn start(connections: Vec<Vec<Step>>) -> Self {
        Self::start_at(Begin::WholeRequest, connections).await
    }

    /// The same, but the steps begin with the request.
    pub(crate) async fn start_early(connections: Vec<Vec<Step>>) -> Self {
        Self::start_at(Begin::Headers, connections).await
    }

    async fn start_at(begin: Begin, connections: Vec<Vec<Step>>) -> Self {
        let (listener, address) = listen().await;
        let (sender, frames) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for steps in connections {
                let (stream, _) = listener.accept().await.expect("a connection");
                let connection = Connection { begin, stream, frames: sender.clone() };
                // A client that has gone is no failure of the server.
                tokio::spawn(async move { connection.serve(steps).await });
            }
        });
        Self { address, frames }
    }

    /// How the client resets its stream.
    pub(crate) async fn reset(&mut self) -> WasReset {
        let (mut data_bytes, mut has_ended) = (0, false);
        within_limit(async {
            loop {
                let frame = self.frames.recv().await.expect("a client");
                data_bytes += if frame.kind == DATA { frame.payload.len() } else { 0 };
                has_ended |= frame.ends_stream();
                if frame.kind == RST_STREAM {
                    let code = frame.payload.try_into().expect("four bytes");
                    return WasReset { code: u32::from_be_bytes(code), data_bytes, has_ended };
                }
            }
        })
        .await
    }

    /// The next frame of this kind that any client has sent.
    pub(crate) async fn next_frame(&mut self, kind: u8) -> Frame {
        within_limit(async {
            loop {
                let frame = self.frames.recv().await.expect("a client");
                if frame.kind == kind {
                    return frame;
                }
            }
        })
        .await
    }
}

/// What a server waits for before it does anything.
#[derive(Clone, Copy, Debug)]
enum Begin {
    Headers,
    WholeRequest,
}

struct Connection {
    begin: Begin,
    stream: TcpStream,
    frames: mpsc::UnboundedSender<Frame>,
}

impl Connection {
    async fn serve(mut self, steps: Vec<Step>) -> io::Result<()> {
        self.stream.read_exact(&mut [0; PREFACE_BYTES]).await?;
        self.write(SETTINGS, 0, 0, &[]).await?;
        let stream = self.read_request().await?;
        for step in steps {
            match step {
                Step::Headers(pairs) => self.write_block(END_HEADERS, stream, &pairs).await?,
                Step::LastHeaders(pairs) => {
                    self.write_block(END_HEADERS | END_STREAM, stream, &pairs).await?;
                }
                Step::Data(data) => self.write_data(0, stream, &data).await?,
                Step::LastData(data) => self.write_data(END_STREAM, stream, &data).await?,
                Step::Reset(code) => self.write(RST_STREAM, 0, stream, &code.to_be_bytes()).await?,
                Step::GoAway(last, code) => {
                    let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
                    self.write(GOAWAY, 0, 0, &payload).await?;
                }
                Step::Bytes(bytes) => self.stream.write_all(&bytes).await?,
                Step::Close => return self.stream.shutdown().await,
            }
        }
        loop {
            self.read().await?;
        }
    }

    /// The stream of the first request, once enough of it has come.
    async fn read_request(&mut self) -> io::Result<u32> {
        loop {
            let frame = self.read().await?;
            let has_come = match self.begin {
                Begin::Headers => frame.kind == HEADERS,
                Begin::WholeRequest => frame.ends_stream(),
            };
            if has_come {
                return Ok(frame.stream);
            }
        }
    }

    /// Reads a frame, and answers it if it wants an answer of any server.
    async fn read(&mut self) -> io::Result<Frame> {
        let mut head = [0; HEAD_BYTES];
        self.stream.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload).await?;
        if matches!(kind, SETTINGS | PING) && flags & ACK == 0 {
            let answer = if kind == PING { &payload[..] } else { &[] };
            self.write(kind, ACK, 0, answer).await?;
        }
        let frame = Frame { kind, flags, stream: u32::from_be_bytes(stream), payload };
        // The test may not look at frames.
        let _ = self.frames.send(frame.clone());
        Ok(frame)
    }

    async fn write_block(
        &mut self,
        flags: u8,
        stream: u32,
        pairs: &[(&'static str, String)],
    ) -> io::Result<()> {
        let mut block = Vec::new();
        for (name, value) in pairs {
            // A literal that is not indexed, as it is.
            block.put_u8(0);
            for text in [name.as_bytes(), value.as_bytes()] {
                put_length(&mut block, text.len());
                block.put_slice(text);
            }
        }
        self.write(HEADERS, flags, stream, &block).await
    }

    /// In frames of the length that every client takes.
    async fn write_data(&mut self, last: u8, stream: u32, data: &[u8]) -> io::Result<()> {
        let mut pieces = data.chunks(1 << 14).peekable();
        if pieces.peek().is_none() {
            return self.write(DATA, last, stream, &[]).await;
        }
        while let Some(piece) = pieces.next() {
            let flags = if pieces.peek().is_none() { last } else { 0 };
            self.write(DATA, flags, stream, piece).await?;
        }
        Ok(())
    }

    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(HEAD_BYTES + payload.len());
        frame.put_uint(payload.len() as u64, 3);
        frame.put_u8(kind);
        frame.put_u8(flags);
        frame.put_u32(stream);
        frame.put_slice(payload);
        self.stream.write_all(&frame).await
    }
}

/// HPACK's integer with a prefix of seven bits.
fn put_length(block: &mut Vec<u8>, length: usize) {
    const PREFIX: usize = 127;
    if length < PREFIX {
        block.put_u8(length as u8);
        return;
    }
    block.put_u8(PREFIX as u8);
    let mut rest = length - PREFIX;
    while rest >= 128 {
        block.put_u8((rest % 128 + 128) as u8);
        rest /= 128;
    }
    block.put_u8(rest as u8);
}
