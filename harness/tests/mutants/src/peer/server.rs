//! The server: it listens, and answers each call on a thread of its own.

mod call;
mod directions;
mod exchange;
mod padding;
mod refusal;
mod request;
mod response;
mod unusual;

use std::{
    io::{self, Read as _, Write as _},
    net::TcpListener,
    process::exit,
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::Duration,
};

use crosswire::role::Role;
use mutants::{mutant::Mutant, planted::planted};
use nix::sys::signal::{SigSet, Signal};
use serde_json::json;

use crate::http2::Connection;

/// How long the frames that say goodbye may take to leave.
const FAREWELL: Duration = Duration::from_millis(50);

type Connections = Arc<Mutex<Vec<Weak<Connection>>>>;

/// Serves until SIGTERM or the end of stdin.
///
/// # Errors
/// It cannot listen.
pub(crate) fn run(listen: &str) -> io::Result<()> {
    // Before any other thread is there, so that none of them takes the signal.
    let sigterm = SigSet::from(Signal::SIGTERM);
    sigterm.thread_block()?;
    let listener = TcpListener::bind(listen)?;
    let address = listener.local_addr()?.to_string();
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", json!({ "ready": { "address": address } }))?;
    stdout.flush()?;
    let connections = Connections::default();
    let serving = Arc::clone(&connections);
    thread::spawn(move || serve(&listener, &serving));
    let ending = Arc::clone(&connections);
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        stop(&ending);
    });
    sigterm.wait()?;
    stop(&connections)
}

fn serve(listener: &TcpListener, connections: &Connections) {
    for socket in listener.incoming() {
        let socket = match socket {
            Ok(socket) if planted(Mutant::SpeaksHttp1) && unusual::answers_http1(&socket) => {
                continue;
            }
            socket => socket,
        };
        let connection = socket.and_then(|socket| {
            Connection::start(socket, Role::Server, |connection, stream, fields| {
                call::start(connection, stream, fields);
            })
        });
        match connection {
            Ok(connection) => {
                let mut all = connections.lock().unwrap_or_else(PoisonError::into_inner);
                all.retain(|connection| connection.strong_count() > 0);
                all.push(Arc::downgrade(&connection));
            }
            Err(error) => eprintln!("server: a connection was not taken: {error}"),
        }
    }
}

fn stop(connections: &Connections) -> ! {
    let all = connections.lock().unwrap_or_else(PoisonError::into_inner);
    for connection in all.iter().filter_map(Weak::upgrade) {
        connection.close();
    }
    thread::sleep(FAREWELL);
    exit(0)
}
