//! Writes the bytes of connections, right and wrong ones, for tests.

use std::time::Duration;

use crosswire_http2::frame::{PREFACE, flag};

use super::{
    connection::Connection,
    transcript::{Aside, Transcript},
};
use crate::role::Role;

pub(crate) use crosswire_http2::{
    hpack::encode as block,
    write::{
        data, frame, goaway, headers, message, ping, reset, settings, settings_ack, window_update,
    },
};

/// The fields of an ordinary request.
pub(crate) const REQUEST: &[(&str, &str)] = &[
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/FibonacciService/GetSequence"),
    (":authority", "127.0.0.1:1"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
    ("grpc-timeout", "5S"),
];

/// The fields of an ordinary response.
pub(crate) const RESPONSE: &[(&str, &str)] =
    &[(":status", "200"), ("content-type", "application/grpc")];

/// The fields that end a good response.
pub(crate) const TRAILERS: &[(&str, &str)] = &[("grpc-status", "0")];

/// A connection that is watched while a test writes it.
pub(crate) struct Wire {
    pub(crate) connection: Connection,
    /// The time of the next bytes.
    pub(crate) now: Duration,
    piece: usize,
}

impl Wire {
    /// A connection of which nothing was sent.
    pub(crate) fn silent() -> Self {
        Self { connection: Connection::new(0), now: Duration::ZERO, piece: usize::MAX }
    }

    /// A connection whose sides have greeted each other.
    pub(crate) fn new() -> Self {
        Self::in_pieces(usize::MAX)
    }

    /// Likewise; all bytes come in pieces of this size.
    pub(crate) fn in_pieces(piece: usize) -> Self {
        let mut wire = Self { piece, ..Self::silent() };
        wire.client(PREFACE).client(&settings(&[]));
        wire.server(&settings(&[])).server(&settings_ack()).client(&settings_ack());
        wire
    }

    pub(crate) fn client(&mut self, bytes: &[u8]) -> &mut Self {
        self.send(Role::Client, bytes)
    }

    pub(crate) fn server(&mut self, bytes: &[u8]) -> &mut Self {
        self.send(Role::Server, bytes)
    }

    pub(crate) fn send(&mut self, from: Role, bytes: &[u8]) -> &mut Self {
        for piece in bytes.chunks(self.piece) {
            self.connection.bytes(from, piece, self.now);
        }
        self.now += Duration::from_millis(1);
        self
    }

    /// An ordinary request on a stream, but for its fields.
    pub(crate) fn request(&mut self, stream: u32, fields: &[(&str, &str)]) -> &mut Self {
        self.client(&headers(stream, 0, fields));
        self.client(&data(stream, flag::END_STREAM, &message(0, b"\x08\x02")))
    }

    /// An ordinary response.
    pub(crate) fn response(&mut self, stream: u32) -> &mut Self {
        self.server(&headers(stream, 0, RESPONSE));
        self.server(&data(stream, 0, &message(0, b"\x0a\x02\0\x01")));
        self.server(&headers(stream, flag::END_STREAM, TRAILERS))
    }

    /// The one call that has ended.
    pub(crate) fn call(&mut self) -> Transcript {
        let mut finished = self.connection.take_finished();
        assert_eq!(finished.len(), 1, "calls that have ended");
        finished.remove(0)
    }

    /// All calls, those that have ended first, with what came late for them.
    pub(crate) fn calls(&mut self) -> Vec<Transcript> {
        let mut calls = self.connection.take_finished();
        calls.extend(self.connection.take_open(None));
        for (stream, event) in self.connection.take_late() {
            let call = calls.iter_mut().find(|call| call.stream == stream);
            call.expect("a frame comes late for a call that was there").late(event);
        }
        calls
    }

    /// What has passed since the last call ended.
    pub(crate) fn asides(&self) -> Vec<Aside> {
        vec![self.connection.aside()]
    }

    /// The text of every note.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.connection.notes().iter().map(|note| note.text.clone()).collect()
    }
}
