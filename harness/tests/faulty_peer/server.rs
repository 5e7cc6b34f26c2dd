//! A server that announces itself and sends requests back, but for one fault.

use std::{
    collections::BTreeMap,
    io,
    net::{Shutdown, TcpListener, TcpStream},
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{Args, ValueEnum};
use crosswire::wire::{
    frame::{flag, kind},
    message::MessageReader,
};
use serde_json::json;

use crate::{
    http2::{Connection, data, headers, message},
    misdeed::{
        HOSTILE, WRONG, block_sigterm, die, flood, hang, hang_in_spite_of, hang_with_stdout_closed,
        leave_a_daemon, leave_a_grandchild,
    },
};

/// The tag and the length of the one field of a short `Text`.
const TEXT_PREFIX_BYTES: usize = 2;

#[derive(Args)]
pub(crate) struct Server {
    fault: Fault,
    /// The case with which a fault in a call shows; every case if there is none.
    #[arg(long, value_name = "CASE")]
    on: Option<String>,
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: String,
    /// Print no ready line.
    #[arg(long)]
    silent: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Fault {
    None,

    // At the start.
    NeverReady,
    ExitsAtStart,
    ClosesStdout,
    AnnouncesNoAddress,
    AnnouncesHostileText,
    PrintsGarbage,

    // In a call.
    Dies,
    DiesHavingAnswered,
    DiesHavingHungUp,
    Hangs,
    HangsUp,
    StopsListening,
    AnswersWrongly,
    Floods,

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
        if !self.silent {
            self.announce(&listener);
        }
        let service = Service { fault, on: self.on, listener, has_hung_up: false.into() };
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
            Fault::AnnouncesNoAddress => "here".to_owned(),
            Fault::AnnouncesHostileText => HOSTILE.to_owned(),
            _ => listener.local_addr().unwrap().to_string(),
        };
        println!("{}", json!({ "ready": { "address": address } }));
    }
}

/// The echo, as all connections share it.
struct Service {
    fault: Fault,
    on: Option<String>,
    listener: TcpListener,
    has_hung_up: AtomicBool,
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
        let mut connection = Connection::to_client(socket)?;
        let mut requests: BTreeMap<u32, (MessageReader, Vec<u8>)> = BTreeMap::new();
        loop {
            let frame = connection.next(None)?;
            let (reader, request) = requests.entry(frame.stream).or_default();
            if frame.kind == kind::DATA {
                reader.push(0, &frame.payload, |_, message| {
                    *request = message.payload.unwrap_or_default().into();
                });
            }
            let may_end = matches!(frame.kind, kind::HEADERS | kind::DATA);
            if may_end && frame.has(flag::END_STREAM) {
                let request = std::mem::take(request);
                requests.remove(&frame.stream);
                self.answer(&mut connection, frame.stream, request)?;
            }
        }
    }

    fn answer(&self, connection: &mut Connection, stream: u32, request: Vec<u8>) -> io::Result<()> {
        let answers = |message: &[u8]| echo(stream, message);
        if !self.is_culprit(&request) {
            return connection.send(&answers(&request));
        }
        match self.fault {
            Fault::Dies => die(),
            Fault::DiesHavingAnswered => {
                connection.send(&answers(&request))?;
                die();
            }
            Fault::DiesHavingHungUp => {
                self.has_hung_up.store(true, Ordering::SeqCst);
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Fault::Hangs => Ok(()),
            Fault::HangsUp => Err(io::ErrorKind::ConnectionAborted.into()),
            Fault::StopsListening => {
                stop_listening(&self.listener)?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Fault::AnswersWrongly => connection.send(&answers(&STANDARD.decode(WRONG).unwrap())),
            Fault::Floods => {
                flood();
                connection.send(&answers(&request))
            }
            _ => connection.send(&answers(&request)),
        }
    }

    /// Whether the fault shows with this request, whose text is the case's name.
    fn is_culprit(&self, request: &[u8]) -> bool {
        let text = request.get(TEXT_PREFIX_BYTES..).unwrap_or_default();
        let name = |case: &str| case.trim_start_matches("s/").as_bytes() == text;
        self.on.as_deref().is_none_or(name)
    }
}

/// A response with one message.
fn echo(stream: u32, payload: &[u8]) -> Vec<u8> {
    let response = [(":status", "200"), ("content-type", "application/grpc")];
    let trailers = [("grpc-status", "0")];
    [
        headers(stream, 0, &response),
        data(stream, 0, &message(payload)),
        headers(stream, flag::END_STREAM, &trailers),
    ]
    .concat()
}

/// From now on the system refuses connections, although a thread waits for them.
fn stop_listening(listener: &TcpListener) -> io::Result<()> {
    let socket: OwnedFd = listener.try_clone()?.into();
    TcpStream::from(socket).shutdown(Shutdown::Both)
}
