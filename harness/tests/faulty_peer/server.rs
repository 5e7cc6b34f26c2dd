//! A server that announces itself and sends requests back, but for one fault.

use std::{
    collections::BTreeMap,
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{Args, ValueEnum};
use crosswire_http2::{
    error,
    frame::{flag, kind},
    message::MessageReader,
    write::{data, goaway, headers, message, ping, settings},
};
use serde_json::json;

use crate::{
    glut,
    http2::{Connection, value},
    misdeed::{
        HOSTILE, WRONG, block_sigterm, die, flood, hang, hang_in_spite_of, hang_with_stdout_closed,
        leave_a_daemon, leave_a_grandchild,
    },
    tls::ServerTls,
    wire::{BETWEEN_MESSAGES, ENDLESS_MESSAGES, Frames, Wire},
};

/// How a response begins.
const RESPONSE: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc")];

/// What a request has that is answered before it has ended.
const EARLY_ENTRY: &str = "x-early";

/// As many calls as a server takes that lets them wait for each other.
const MANY_CALLS: u32 = 100;

/// How long others may join a call before the connection ends under all of them.
const BEFORE_HANGING_UP: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(crate) struct Server {
    fault: Fault,
    /// The case with which a fault in a call shows; every case if there is none.
    #[arg(long, value_name = "CASE")]
    on: Option<String>,
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: String,
    /// Say that it listens there.
    #[arg(long, value_name = "ADDRESS")]
    announce: Option<String>,
    /// Listen at this Unix socket, too, and say so.
    #[arg(long, value_name = "PATH", conflicts_with = "announce")]
    unix: Option<PathBuf>,
    /// Print no ready line.
    #[arg(long)]
    silent: bool,
    #[command(flatten)]
    tls: ServerTls,
    #[command(flatten)]
    wire: Wire,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Fault {
    None,

    // At the start.
    NeverReady,
    ExitsAtStart,
    ClosesStdout,
    AnnouncesHostileText,
    PrintsGarbage,

    // In a call.
    Dies,
    DiesHavingAnswered,
    DiesHavingHungUp,
    Hangs,
    HangsUp,
    HangsUpOnAll,
    HangsUpOnAllOnce,
    StopsListening,
    AnswersWrongly,
    Floods,

    // More, or slower, than anybody should take.
    SendsBombs,
    SendsEmptyMembers,
    SaysTooMuch,
    SendsByteByByte,
    NeverReads,
    SaysNothing,

    // When asked to stop.
    IgnoresSigterm,
    LeavesAGrandchild,
    LeavesADaemon,
    ExitsWithAnError,
}

impl Server {
    pub(crate) fn run(self) {
        let sigterm = block_sigterm();
        let fault = self.fault;
        match fault {
            Fault::NeverReady => hang(),
            Fault::ExitsAtStart => die(),
            Fault::ClosesStdout => hang_with_stdout_closed(),
            Fault::PrintsGarbage => println!("INFO starting\n{{\"ready\":{{\"port\":1}}}}\n{{oops"),
            _ => {}
        }
        let listener = TcpListener::bind(&self.listen).unwrap();
        if let Some(path) = &self.unix {
            listen_at(path, listener.local_addr().unwrap());
        }
        if !self.silent {
            self.announce(&listener);
        }
        let Self { on, wire, tls, .. } = self;
        let service = Service {
            fault,
            on,
            wire,
            tls,
            listener,
            has_hung_up: false.into(),
            has_hung_up_on_all: false.into(),
        };
        thread::spawn(move || Arc::new(service).listen());
        if let Fault::IgnoresSigterm = fault {
            hang_in_spite_of(sigterm, "server");
        }
        sigterm.wait().unwrap();
        match fault {
            Fault::LeavesAGrandchild => leave_a_grandchild(),
            Fault::LeavesADaemon => leave_a_daemon(),
            Fault::ExitsWithAnError => die(),
            _ => {}
        }
    }

    fn announce(&self, listener: &TcpListener) {
        let address = match self.fault {
            Fault::AnnouncesHostileText => HOSTILE.to_owned(),
            _ => match (&self.announce, &self.unix) {
                (Some(address), _) => address.clone(),
                (None, Some(path)) => format!("unix:{}", path.display()),
                (None, None) => listener.local_addr().unwrap().to_string(),
            },
        };
        println!("{}", json!({ "ready": { "address": address } }));
    }
}

/// Takes connections at a Unix socket and passes each on to where the server listens.
fn listen_at(path: &Path, server: SocketAddr) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
            let mut up = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let mut down = (server, client);
            thread::spawn(move || {
                let _ = io::copy(&mut up.0, &mut up.1);
                let _ = up.1.shutdown(Shutdown::Write);
            });
            thread::spawn(move || {
                let _ = io::copy(&mut down.0, &mut down.1);
                let _ = down.1.shutdown(Shutdown::Write);
            });
        }
    });
}

/// The echo, as all connections share it.
struct Service {
    fault: Fault,
    on: Option<String>,
    wire: Wire,
    tls: ServerTls,
    listener: TcpListener,
    has_hung_up: AtomicBool,
    has_hung_up_on_all: AtomicBool,
}

/// What has come of a request.
#[derive(Default)]
struct Request {
    reader: MessageReader,
    /// The last message.
    message: Vec<u8>,
}

impl Service {
    fn listen(self: Arc<Self>) {
        while let Ok((socket, _)) = self.listener.accept() {
            if self.has_hung_up.load(Ordering::SeqCst) {
                die();
            }
            let service = Arc::clone(&self);
            // What connects and says nothing is the harness, looking whether we live;
            // a client that has left has had enough.
            thread::spawn(move || service.serve(socket));
        }
    }

    /// Serves a connection until one of its sides has had enough.
    fn serve(&self, socket: TcpStream) -> io::Result<()> {
        match self.fault {
            Fault::NeverReads => glut::never_read(&socket, &settings(&[])),
            Fault::SaysNothing => glut::never_read(&socket, b""),
            _ => {}
        }
        let calls = match self.fault {
            Fault::HangsUpOnAll | Fault::HangsUpOnAllOnce => MANY_CALLS,
            _ => 1,
        };
        let mut connection = Connection::to_client(socket, &self.tls, &self.wire, calls)?;
        let mut requests: BTreeMap<u32, Request> = BTreeMap::new();
        loop {
            let frame = connection.next(None)?;
            match frame.kind {
                kind::HEADERS => {
                    let fields = connection.fields(&frame)?;
                    requests.entry(frame.stream).or_default();
                    if self.wire.has(Frames::EarlyStatus) && value(&fields, EARLY_ENTRY).is_some() {
                        connection.send(&self.early_status(frame.stream))?;
                    }
                }
                kind::DATA => {
                    let content = frame.content().map_err(io::Error::other)?;
                    let Request { reader, message } = requests.entry(frame.stream).or_default();
                    reader.push(0, &content, |_, read| {
                        *message = read.payload.unwrap_or_default().into();
                    });
                }
                _ => continue,
            }
            if frame.has(flag::END_STREAM)
                && let Some(request) = requests.remove(&frame.stream)
            {
                self.answer(&mut connection, frame.stream, &request.message)?;
            }
        }
    }

    fn answer(&self, connection: &mut Connection, stream: u32, request: &[u8]) -> io::Result<()> {
        // What is no text of a case is not sent back: that would be wrong here too.
        let request = if text(request).is_some() { request } else { b"" };
        let right = Wire::default();
        if !self.is_culprit(request) {
            return connection.send(&response(stream, request, &right));
        }
        match self.fault {
            Fault::Dies => die(),
            Fault::DiesHavingAnswered => {
                connection.send(&response(stream, request, &right))?;
                die();
            }
            Fault::DiesHavingHungUp => {
                self.has_hung_up.store(true, Ordering::SeqCst);
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Fault::Hangs => return Ok(()),
            Fault::HangsUp => return Err(io::ErrorKind::ConnectionAborted.into()),
            Fault::HangsUpOnAll => return self.hang_up_on_all(connection),
            Fault::HangsUpOnAllOnce if !self.has_hung_up_on_all.swap(true, Ordering::SeqCst) => {
                return self.hang_up_on_all(connection);
            }
            Fault::StopsListening => {
                stop_listening(&self.listener)?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Fault::AnswersWrongly => {
                let wrong = STANDARD.decode(WRONG).unwrap();
                return connection.send(&response(stream, &wrong, &right));
            }
            Fault::Floods => flood(),
            Fault::SendsBombs => return glut::send_bombs(connection, stream),
            Fault::SendsEmptyMembers => return glut::send_empty_members(connection, stream),
            Fault::SaysTooMuch => {
                let trailers = [("grpc-status", "13"), ("grpc-message", &glut::long_text())];
                let fields = [RESPONSE, &trailers].concat();
                return connection.send(&headers(stream, flag::END_STREAM, &fields));
            }
            Fault::SendsByteByByte => {
                let bytes = response(stream, request, &right);
                return glut::send_byte_by_byte(connection, &bytes);
            }
            _ => {}
        }
        connection.go_on_silently()?;
        connection.send(&response(stream, request, &self.wire))?;
        if self.wire.has(Frames::DataAfterReset) {
            for _ in 0..ENDLESS_MESSAGES {
                thread::sleep(BETWEEN_MESSAGES);
                connection.send(&data(stream, 0, &message(0, request)))?;
            }
        }
        Ok(())
    }

    /// Leaves what else comes on the connection unanswered for a while, and ends it.
    fn hang_up_on_all(&self, connection: &mut Connection) -> io::Result<()> {
        let until = Instant::now() + BEFORE_HANGING_UP;
        while connection.next(Some(until)).is_ok() {}
        connection.send(&goaway(0, error::INTERNAL_ERROR))?;
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    /// The whole response, as soon as the request begins.
    fn early_status(&self, stream: u32) -> Vec<u8> {
        let fields = [RESPONSE, &[("grpc-status", "5")]].concat();
        headers(stream, flag::END_STREAM, &self.wire.header(&fields))
    }

    /// Whether the fault shows with this request, whose text is the case's name.
    fn is_culprit(&self, request: &[u8]) -> bool {
        let is_it = |case: &str| text(request) == Some(case.trim_start_matches("s/").as_bytes());
        self.on.as_deref().is_none_or(is_it)
    }
}

/// The text in a short `Text { text: "…" }`.
fn text(message: &[u8]) -> Option<&[u8]> {
    match message {
        [0x0a, length @ 1..0x80, text @ ..] if text.len() == usize::from(*length) => Some(text),
        _ => None,
    }
}

/// A response with one message, and a PING that is answered before the next call.
fn response(stream: u32, payload: &[u8], wire: &Wire) -> Vec<u8> {
    let begin = headers(stream, 0, &wire.header(RESPONSE));
    let ping = ping(0, b"are you?");
    let content = wire.content(message(0, payload));
    let data_ends = |flags| data(stream, flags, &content);
    let end = headers(stream, flag::END_STREAM, &wire.trailer(&[("grpc-status", "0")]));
    match wire.frames {
        Some(Frames::DataFirst) => [data_ends(0), begin, end].concat(),
        Some(Frames::TrailersTwice) => {
            let more = headers(stream, 0, &wire.trailer(&[("x-trailer", "1")]));
            [begin, data_ends(0), more, end].concat()
        }
        Some(Frames::EndOnData) => [begin, data_ends(flag::END_STREAM)].concat(),
        Some(Frames::DataAfterEnd) => [begin, data_ends(0), end, data(stream, 0, b"")].concat(),
        Some(Frames::DataAfterReset) => [begin, data_ends(0)].concat(),
        _ => [begin, ping, wire.disturbance(stream), data_ends(0), end].concat(),
    }
}

/// From now on the system refuses connections, although a thread waits for them.
fn stop_listening(listener: &TcpListener) -> io::Result<()> {
    let socket: OwnedFd = listener.try_clone()?.into();
    TcpStream::from(socket).shutdown(Shutdown::Both)
}
