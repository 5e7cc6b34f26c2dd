//! A connection: how it begins, how it ends, and how its threads wait for each other.

use std::{
    io::{self, Write as _},
    net::{Shutdown, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use crosswire::{
    role::Role,
    wire::{
        frame::{PREFACE, error, flag},
        headers::Field,
        write::{frame, goaway, ping, reset, settings, settings_ack, window_update},
    },
};
use mutants::{mutant::Mutant, planted::planted};

use super::{
    reading,
    state::{Ended, State},
};

/// Settings of HTTP/2 (RFC 9113, section 6.5.2).
pub(super) const ENABLE_PUSH: u16 = 2;
pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(super) const MAX_FRAME_SIZE: u16 = 5;
pub(super) const MAX_HEADER_LIST_SIZE: u16 = 6;

/// A setting and a type of frame that nobody knows, and a frame that tells nobody anything.
const UNKNOWN_SETTING: u16 = 0x7a7a;
const UNKNOWN_KIND: u8 = 0xfa;

/// As large as a window can be, and what it lacks at the start (section 6.9.1).
const LARGE_WINDOW: u32 = 8 << 20;
const SMALL_WINDOW: u32 = 4000;
/// How long a request may be under way.
const UNDER_WAY: Duration = Duration::from_millis(500);
const GREATEST_WINDOW: u32 = (1 << 31) - 1;

/// One side of a connection.
pub(crate) struct Connection {
    pub(super) role: Role,
    pub(super) state: Mutex<State>,
    /// Woken when anything about the whole connection changes.
    pub(super) changed: Condvar,
    socket: TcpStream,
}

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

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody says that something has changed.
    ///
    /// # Errors
    /// The time is up.
    pub(super) fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        changed: &Condvar,
        until: Option<Instant>,
    ) -> Result<MutexGuard<'a, State>, Ended> {
        let Some(until) = until else {
            return Ok(changed.wait(state).unwrap_or_else(PoisonError::into_inner));
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Ended::Late);
        }
        Ok(changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Whether another stream may be opened on it.
    pub(crate) fn takes_streams(&self) -> bool {
        let state = self.lock();
        let is_ending = state.goaway.is_some() && !planted(Mutant::StreamAfterGoaway);
        !state.is_lost && state.output.is_some() && !is_ending
    }

    /// Ends it: what was handed to the writer is still sent.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        let last = state.highest;
        if self.role == Role::Server {
            state.send(goaway(last, error::NO_ERROR));
        }
        state.output = None;
    }

    /// Tells the other side why nothing more comes, and ends it.
    pub(super) fn abort(&self, code: u32) {
        let mut state = self.lock();
        let last = state.highest;
        if !planted(Mutant::ClosesWithoutGoaway) {
            state.send(goaway(last, code));
        }
        state.output = None;
    }

    /// Whether the other side has broken the protocol.
    pub(crate) fn is_broken(&self) -> bool {
        self.lock().is_broken
    }

    /// Whether it has as many streams as the other side takes.
    pub(crate) fn is_full(&self) -> bool {
        let state = self.lock();
        state.partner.has_settings && state.streams.len() >= state.partner.max_streams
    }

    /// Nothing more comes, and nobody waits any longer.
    fn lose(&self) {
        let mut state = self.lock();
        state.is_lost = true;
        state.output = None;
        state.wake_all();
        self.changed.notify_all();
        drop(state);
        let _ = self.socket.shutdown(Shutdown::Read);
    }

    /// Resets a stream.
    pub(crate) fn reset(&self, id: u32, code: u32) {
        self.lock().send(reset(id, code));
    }

    /// Nobody reads a stream any more.
    pub(crate) fn forget(&self, id: u32) {
        self.lock().streams.remove(&id);
        self.changed.notify_all();
    }

    /// A GOAWAY that takes all streams, and, when no more can be under way, one that
    /// names the last: the graceful end that RFC 9113, section 6.8, describes.
    pub(crate) fn end_gracefully(self: Arc<Self>) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.is_ending, true) {
            return;
        }
        state.send(goaway(GREATEST_WINDOW, error::NO_ERROR));
        drop(state);
        thread::spawn(move || {
            thread::sleep(UNDER_WAY);
            let mut state = self.lock();
            let last = state.highest;
            state.send(goaway(last, error::NO_ERROR));
        });
    }
}

/// What a side sends before anything else.
fn greeting(role: Role) -> Vec<u8> {
    let mut list = Vec::new();
    if role == Role::Client {
        list.push((ENABLE_PUSH, 0));
    }
    if role == Role::Server && planted(Mutant::OneStreamAtATime) {
        list.push((MAX_CONCURRENT_STREAMS, 1));
    }
    if planted(Mutant::UnknownSetting) {
        list.push((UNKNOWN_SETTING, 42));
    }
    if planted(Mutant::LargeWindows) {
        list.push((INITIAL_WINDOW_SIZE, LARGE_WINDOW));
    }
    if planted(Mutant::SmallWindows) {
        list.push((INITIAL_WINDOW_SIZE, SMALL_WINDOW));
    }
    if planted(Mutant::TakesLongFrames) {
        list.push((MAX_FRAME_SIZE, (1 << 24) - 1));
    }
    let mut bytes = if role == Role::Client { PREFACE.to_vec() } else { Vec::new() };
    if planted(Mutant::BeginsWithoutSettings) {
        bytes.extend(window_update(0, 1));
    }
    bytes.extend(settings(&list));
    if planted(Mutant::LargeWindows) {
        bytes.extend(window_update(0, LARGE_WINDOW));
    }
    if planted(Mutant::SettingsAgain) {
        bytes.extend(settings(&[]));
    }
    if planted(Mutant::AcknowledgesTwice) {
        bytes.extend(settings_ack());
    }
    if planted(Mutant::PingsOften) {
        bytes.extend(ping(0, b"greeting"));
    }
    if planted(Mutant::UnknownFrames) {
        bytes.extend(frame(UNKNOWN_KIND, 0xff, 0, b"what nobody knows"));
    }
    bytes
}

/// What some equivalents put between a stream's own frames.
pub(super) fn disturbance(role: Role, stream: u32) -> Vec<u8> {
    let mut frames = Vec::new();
    if planted(Mutant::UnknownFrames) {
        frames.extend(frame(UNKNOWN_KIND, flag::END_STREAM, stream, b"what nobody knows"));
    }
    // A server may hang up on a client that pings more (gRFC A8).
    if planted(Mutant::PingsOften) && (role == Role::Server || stream == 1) {
        frames.extend(ping(0, stream.to_be_bytes().repeat(2)));
    }
    if planted(Mutant::PriorityFrames) {
        frames.extend(frame(crosswire::wire::frame::kind::PRIORITY, 0, stream, &[0, 0, 0, 0, 99]));
    }
    frames
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
