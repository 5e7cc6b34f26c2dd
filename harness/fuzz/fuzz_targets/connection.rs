//! Any bytes of both sides of a connection, as the tap sees them pass: each call is handed
//! out once, with a bound to what is kept of it.
//!
//! The watcher is compiled from its files, without the rest of the harness: a hundred
//! crates would be built anew for it, and none of them reads these bytes.

#![no_main]
#![expect(dead_code, reason = "the harness uses the rest")]

#[path = "../../src/mark.rs"]
mod mark;
#[path = "../../src/role.rs"]
mod role;
mod wire;

use std::time::Duration;

use crate::{
    role::Role,
    wire::{
        connection::Connection,
        transcript::{Closing, Transcript},
    },
};
use crosswire_http2::{frame::PREFACE, write};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};

/// The most that is kept of one call.
const MAX_CALL_BYTES: usize = 96 << 20;

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    /// Bytes as they are.
    Bytes(Side, &'a [u8]),
    /// A frame, so that more than the first is read.
    Frame(Side, u8, u8, u8, &'a [u8]),
    /// A header block that can be read.
    Headers(Side, u8, u8, Vec<(&'a [u8], &'a [u8])>),
    Added(Side, &'a [u8]),
    Alters(Side),
    Slows(Side),
    Closes(Side, bool),
    Cuts(bool),
    TakesOpen,
}

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Side {
    Client,
    Server,
}

impl From<Side> for Role {
    fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::Client,
            Side::Server => Self::Server,
        }
    }
}

fuzz_target!(|input: (bool, Vec<Step<'_>>)| {
    let (greets, steps) = input;
    let mut connection = Connection::new(0);
    let mut at = Duration::ZERO;
    if greets {
        connection.bytes(Role::Client, PREFACE, at);
        connection.bytes(Role::Client, &write::settings(&[]), at);
        connection.bytes(Role::Server, &write::settings(&[]), at);
    }
    for step in steps {
        at += Duration::from_millis(100);
        match step {
            Step::Bytes(from, bytes) => connection.bytes(from.into(), bytes, at),
            Step::Frame(from, kind, flags, stream, payload) => {
                let frame = write::frame(kind % 12, flags, stream.into(), payload);
                connection.bytes(from.into(), &frame, at);
            }
            Step::Headers(from, flags, stream, fields) => {
                let frame = write::headers(stream.into(), flags, &fields);
                connection.bytes(from.into(), &frame, at);
            }
            Step::Added(from, bytes) => connection.added(from.into(), bytes, at),
            Step::Alters(side) => connection.alters(side.into()),
            Step::Slows(side) => connection.slows(side.into()),
            Step::Closes(from, aborts) => connection.closed(from.into(), closing(aborts), at),
            Step::Cuts(aborts) => connection.cut(closing(aborts), at),
            Step::TakesOpen => check(&connection.take_open(None)),
        }
        check(&connection.take_finished());
        connection.take_late();
    }
    connection.gone();
    check(&connection.take_finished());
    assert!(!connection.has_open(None));
});

fn closing(aborts: bool) -> Closing {
    if aborts { Closing::Abort } else { Closing::End }
}

fn check(calls: &[Transcript]) {
    for call in calls {
        assert!(call.kept_bytes() <= MAX_CALL_BYTES);
        assert!(call.opened_at().is_some() || !call.is_whole);
        let _ = (call.blocks(Role::Client).count(), call.messages(Role::Server).count());
    }
}
