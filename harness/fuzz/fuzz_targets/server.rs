//! What a client may send to the Rust server, over TCP: sessions as other libraries have
//! them, with frames changed, moved, left out and added. Whatever comes, no task of the
//! server's panics, it ends the connection that its client ends, and the next client is
//! served.

#![no_main]

use std::{
    future, io,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    panic,
    sync::LazyLock,
    thread,
    time::Duration,
};

use crosswire_http2::{
    frame::{Frame, FrameReader, PREFACE, flag, kind},
    hpack::HeaderDecoder,
    write,
};
use interop::server::{self, Connections, Listener};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

/// How long the server may take until it has ended a connection, or answered a call.
const LIMIT: Duration = Duration::from_secs(20);

/// What libraries send, as `harness/http2/tests/recorded` has it.
const SESSIONS: [&[u8]; 2] = [
    include_bytes!("../../http2/tests/recorded/grpc-go-client.bin"),
    include_bytes!("../../http2/tests/recorded/grpcio-client.bin"),
];

/// Fields that the server looks at, and some that it does not.
const NAMES: [&str; 16] = [
    "grpc-timeout",
    "grpc-encoding",
    "grpc-accept-encoding",
    "content-type",
    "content-length",
    "te",
    "connection",
    "cookie",
    "a-bin",
    "grpc-trace-bin",
    "x-crosswire-size",
    "x-crosswire-status",
    "x-crosswire-compress",
    "x-crosswire-header-a",
    "x-crosswire-trailer-a-bin",
    "x-crosswire-panic",
];

/// Where a handler panics because it is asked to (`x-crosswire-panic`).
const DIRECTED: &str = "directions/layer.rs";

/// A change to the frames of a session. Positions are counted round and round.
#[derive(Arbitrary, Debug)]
enum Edit<'a> {
    Cut(u8, u8),
    Copy {
        from: u8,
        frames: u8,
        to: u8,
    },
    Kind(u8, u8),
    Flags(u8, u8),
    Stream(u8, u32),
    /// Puts bytes in the place of others of a payload.
    Payload {
        at: u8,
        from: u16,
        to: u16,
        bytes: &'a [u8],
    },
    /// A frame of any kind.
    Frame(u8, u8, u8, u32, &'a [u8]),
    /// A header block that can be read, of a request with other fields, or more of them.
    Request(u8, u8, u32, Vec<(u8, &'a [u8])>),
    /// A message that can be read.
    Message(u8, u8, u32, u8, &'a [u8]),
    /// What is no frame.
    Bytes(u8, &'a [u8]),
}

/// The server, and the client that is always well served.
static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    // libFuzzer's own hook ends the process at a panic, whatever thread it is in.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        if !what.location().is_some_and(|place| place.file().ends_with(DIRECTED)) {
            hook(what);
        }
    }));
    let runtime = Runtime::new().unwrap();
    // Whose main function is not Rust's ends by SIGPIPE when a client has gone; once it is
    // listened for, it never does.
    drop(runtime.block_on(async { signal(SignalKind::pipe()) }).unwrap());
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let listeners = vec![Listener::Tcp(listener)];
        let connections = Connections::default();
        let ended = runtime.block_on(server::run(listeners, None, connections, future::pending()));
        panic!("the server has ended: {ended:?}");
    });
    address
});

fuzz_target!(|input: (u8, u8, Vec<Edit<'_>>)| {
    let (which, frames, edits) = input;
    let session = SESSIONS[usize::from(which) % SESSIONS.len()];
    let bytes = edited(session, frames.into(), &edits);
    let mut stream = connect();
    // It may end the connection before all is written.
    let _ = stream.write_all(&bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    match io::copy(&mut stream, &mut io::sink()) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("it goes on"),
        _ => {}
    }
    call().unwrap();
});

fn connect() -> TcpStream {
    let stream = TcpStream::connect(*SERVER).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// The first so many frames of a session with these edits, and before them the preface.
fn edited(session: &[u8], most: usize, edits: &[Edit<'_>]) -> Vec<u8> {
    let mut reader = FrameReader::of_client();
    reader.push(session);
    let frames = std::iter::from_fn(|| reader.next_frame().unwrap());
    let mut pieces: Vec<Vec<u8>> = frames.take(1 + most).map(|frame| written(&frame)).collect();
    for edit in edits {
        let count = pieces.len();
        let place = |at: &u8| usize::from(*at) % count.max(1);
        let end = |from: usize, frames: &u8| (from + usize::from(*frames)).min(count);
        // The head of a frame, which nothing but `Bytes` has not.
        let head = |pieces: &mut Vec<Vec<u8>>, at: &u8, position: usize, bytes: &[u8]| {
            let piece = &mut pieces[usize::from(*at) % count];
            if piece.len() >= position + bytes.len() {
                piece[position..][..bytes.len()].copy_from_slice(bytes);
            }
        };
        match edit {
            _ if pieces.is_empty() => break,
            Edit::Cut(from, frames) => drop(pieces.drain(place(from)..end(place(from), frames))),
            Edit::Copy { from, frames, to } => {
                let copied = pieces[place(from)..end(place(from), frames)].to_vec();
                pieces.splice(place(to)..place(to), copied);
            }
            Edit::Kind(at, kind) => head(&mut pieces, at, 3, &[kind % 12]),
            Edit::Flags(at, flags) => head(&mut pieces, at, 4, &[*flags]),
            Edit::Stream(at, stream) => head(&mut pieces, at, 5, &stream.to_be_bytes()),
            Edit::Payload { at, from, to, bytes } => {
                let piece = &mut pieces[place(at)];
                let from = usize::from(*from).min(piece.len());
                let to = usize::from(*to).clamp(from, piece.len());
                piece.splice(from..to, bytes.iter().copied());
            }
            Edit::Frame(at, kind, flags, stream, payload) => {
                pieces.insert(place(at), write::frame(kind % 12, *flags, *stream, payload));
            }
            Edit::Request(at, flags, stream, more) => {
                let mut fields = request();
                for (name, value) in more {
                    match fields.get_mut(usize::from(*name)) {
                        Some(field) => field.1 = value,
                        None => fields.push((NAMES[usize::from(*name) % NAMES.len()], value)),
                    }
                }
                pieces.insert(place(at), write::headers(*stream, *flags, &fields));
            }
            Edit::Message(at, flags, stream, compressed, message) => {
                let data = write::data(*stream, *flags, &write::message(*compressed, message));
                pieces.insert(place(at), data);
            }
            Edit::Bytes(at, bytes) => pieces.insert(place(at), bytes.to_vec()),
        }
    }
    [&PREFACE[..], &pieces.concat()].concat()
}

fn written(frame: &Frame) -> Vec<u8> {
    write::frame(frame.kind, frame.flags, frame.stream, &frame.payload)
}

fn request<'a>() -> Vec<(&'a str, &'a [u8])> {
    vec![
        (":method", b"POST"),
        (":scheme", b"http"),
        (":path", b"/FibonacciService/GetSequence"),
        (":authority", b"127.0.0.1"),
        ("content-type", b"application/grpc"),
        ("te", b"trailers"),
    ]
}

/// Makes an ordinary call on a connection of its own.
fn call() -> io::Result<()> {
    let mut stream = connect();
    let message = write::data(1, flag::END_STREAM, &write::message(0, &[8, 2]));
    let call = [write::settings(&[]), write::headers(1, 0, &request()), message].concat();
    stream.write_all(&[&PREFACE[..], &call].concat())?;
    let (mut frames, mut headers) = (FrameReader::of_server(), HeaderDecoder::default());
    loop {
        while let Some(frame) = frames.next_frame().map_err(io::Error::other)? {
            if frame.kind != kind::HEADERS {
                continue;
            }
            let fields = headers.decode(&frame.payload).map_err(io::Error::other)?;
            if let Some(status) = fields.list.iter().find(|field| field.name == "grpc-status") {
                assert_eq!(status.value, "0");
                return Ok(());
            }
        }
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => frames.push(&bytes[..read]),
            // By libFuzzer's timer.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
