//! How a connection is taken into service: a thread reads it, and one writes it.

use std::{
    io::{self, Write as _},
    net::{Shutdown, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{self, Receiver},
    },
    thread,
};

use crosswire::role::Role;
use crosswire_http2::hpack::Field;

use super::{connection::Connection, greeting::greeting, reading, state::State};

impl Connection {
    /// Takes a connection into service. `accept` is called with each request that a
    /// client makes.
    ///
    /// # Errors
    /// The socket cannot be used.
    pub(crate) fn start(
        socket: TcpStream,
        role: Role,
        accept: impl Fn(&Arc<Self>, u32, Vec<Field>) + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        socket.set_nodelay(true)?;
        let (output, frames) = mpsc::channel();
        let connection = Arc::new(Self {
            role,
            state: Mutex::new(State::new(output)),
            changed: Condvar::new(),
            socket: socket.try_clone()?,
        });
        connection.lock().send(greeting(role));
        let writing = socket.try_clone()?;
        thread::spawn(move || write(writing, &frames));
        let reader = Arc::clone(&connection);
        thread::spawn(move || {
            reading::read(&reader, socket, accept);
            reader.lose();
        });
        Ok(connection)
    }
}

/// Writes what it is handed, until there is nothing more.
fn write(mut socket: TcpStream, frames: &Receiver<Vec<u8>>) {
    while let Ok(mut next) = frames.recv() {
        // What waits goes out in one write.
        while next.len() < 1 << 16
            && let Ok(more) = frames.try_recv()
        {
            next.extend(more);
        }
        if socket.write_all(&next).is_err() {
            break;
        }
    }
    let _ = socket.shutdown(Shutdown::Both);
}
