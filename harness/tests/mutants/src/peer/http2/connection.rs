//! A connection: how it ends, and how its threads wait for each other.

use std::{
    net::{Shutdown, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crosswire::role::Role;
use crosswire_http2::{
    error,
    settings::GREATEST_WINDOW_BYTES,
    write::{goaway, reset},
};
use mutants::{mutant::Mutant, planted::planted};

use super::state::{Ended, State};

/// How long a request may be under way.
const UNDER_WAY: Duration = Duration::from_millis(500);

/// One side of a connection.
pub(crate) struct Connection {
    pub(super) role: Role,
    pub(super) state: Mutex<State>,
    /// Woken when anything about the whole connection changes.
    pub(super) changed: Condvar,
    pub(super) socket: TcpStream,
}

impl Connection {
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

    /// Whether there is no call on it, and none was since this stream was opened.
    pub(crate) fn is_idle_since(&self, stream: u32) -> bool {
        let state = self.lock();
        state.streams.is_empty() && state.highest == stream
    }

    /// Ends it if there was no call on it for so long, and waits until it is gone.
    pub(crate) fn end_if_idle(&self, idle: Duration) -> bool {
        let has_been_idle = |state: &State| {
            let is_long = |since: Instant| since.elapsed() >= idle;
            state.streams.is_empty() && state.idle_since.is_some_and(is_long)
        };
        if !has_been_idle(&self.lock()) {
            return false;
        }
        self.close();
        let until = Some(Instant::now() + UNDER_WAY);
        let mut state = self.lock();
        while !state.is_lost {
            match self.wait(state, &self.changed, until) {
                Ok(changed) => state = changed,
                Err(_) => break,
            }
        }
        true
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
        state.is_broken = code != error::NO_ERROR;
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
    pub(super) fn lose(&self) {
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

    /// With what code the other side has reset a stream, if it has.
    pub(crate) fn reset_code(&self, id: u32) -> Option<u32> {
        self.lock().streams.get(&id)?.reset
    }

    /// Whoever sends or reads on a stream is to wait no longer.
    pub(crate) fn give_up(&self, id: u32) {
        let mut state = self.lock();
        if let Some(stream) = state.streams.get_mut(&id) {
            stream.failed.get_or_insert(Ended::GivenUp);
            stream.changed.notify_all();
        }
    }

    /// Nobody reads a stream any more.
    pub(crate) fn forget(&self, id: u32) {
        let mut state = self.lock();
        state.streams.remove(&id);
        state.idle_since = Some(Instant::now());
        drop(state);
        self.changed.notify_all();
    }

    /// A GOAWAY that takes all streams, and, when no more can be under way, one that
    /// names the last: the graceful end that RFC 9113, section 6.8, describes.
    pub(crate) fn end_gracefully(self: Arc<Self>) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.is_ending, true) {
            return;
        }
        state.send(goaway(GREATEST_WINDOW_BYTES, error::NO_ERROR));
        drop(state);
        thread::spawn(move || {
            thread::sleep(UNDER_WAY);
            let mut state = self.lock();
            let last = state.highest;
            state.send(goaway(last, error::NO_ERROR));
        });
    }
}
