//! What is more than anybody should take, or comes more slowly than anybody should wait for.

use std::{
    fs,
    io::{self, Write as _},
    net::TcpStream,
    sync::OnceLock,
    thread,
    time::Duration,
};

use crosswire_http2::{
    codec::Codec,
    frame::flag,
    write::{data, headers, message},
};

use crate::{http2::Connection, misdeed::hang};

/// A message of 64 KiB that inflates to 63 MiB, and how many of them are an answer.
const BOMB_BYTES: usize = 63 << 20;
const BOMBS: usize = 1_400;

/// How many empty members a message has that comes to nothing, and how many of these.
const MEMBERS: usize = 700_000;
const MESSAGES_OF_MEMBERS: usize = 3;

/// As long as a server's status message, and a client's, may well be if nobody bounds it.
const TEXT_BYTES: usize = 1 << 20;

/// How many values, of two bytes each, are in a line that is no answer.
const VALUES: usize = 10 << 20;

/// How many empty messages, of three bytes each, are in a line that is an answer.
const MESSAGES: usize = 7 << 20;

/// How many entries of metadata are in an answer: as many as are read.
const ENTRIES: usize = 1 << 14;

/// A line that is longer than any that is read.
const LINE_BYTES: usize = 64 << 20;

/// The longest frame that anybody takes who does not say otherwise.
const FRAME_BYTES: usize = 16_384;

const COMPRESSED: &[(&str, &str)] =
    &[(":status", "200"), ("content-type", "application/grpc"), ("grpc-encoding", "gzip")];

/// Tells in a file that it has begun.
pub(crate) fn begin() {
    let _ = fs::write("glut", "");
}

pub(crate) fn send_bombs(connection: &mut Connection, stream: u32) -> io::Result<()> {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    let bomb = BOMB.get_or_init(|| message(1, &Codec::Gzip.compress(&vec![0; BOMB_BYTES])));
    send(connection, stream, bomb, BOMBS)
}

pub(crate) fn send_empty_members(connection: &mut Connection, stream: u32) -> io::Result<()> {
    let members = message(1, &Codec::Gzip.compress(b"").repeat(MEMBERS));
    send(connection, stream, &members, MESSAGES_OF_MEMBERS)
}

/// A compressed message, many times.
fn send(connection: &mut Connection, stream: u32, one: &[u8], times: usize) -> io::Result<()> {
    begin();
    connection.send(&headers(stream, 0, COMPRESSED))?;
    for _ in 0..times {
        for piece in one.chunks(FRAME_BYTES) {
            connection.send(&data(stream, 0, piece))?;
        }
    }
    connection.send(&headers(stream, flag::END_STREAM, &[("grpc-status", "0")]))
}

pub(crate) fn long_text() -> String {
    begin();
    "t".repeat(TEXT_BYTES)
}

/// JSON, and no answer.
pub(crate) fn line_of_values(id: u64) -> String {
    begin();
    format!(r#"{{"answer":{{"id":{id},"values":[{}0]}}}}"#, "0,".repeat(VALUES))
}

/// An answer of far more messages than anybody keeps.
pub(crate) fn line_of_messages(id: u64) -> String {
    begin();
    let messages = r#""","#.repeat(MESSAGES);
    format!(r#"{{"result":{{"id":{id},"messages":[{messages}""],"status":{{"code":0}}}}}}"#)
}

/// Metadata in which all entries have one name.
pub(crate) fn line_of_entries(id: u64) -> String {
    begin();
    let entries = r#"["h",""],"#.repeat(ENTRIES - 1);
    format!(
        r#"{{"result":{{"id":{id},"messages":[],"status":{{"code":0}},"headers":[{entries}["h",""]]}}}}"#
    )
}

pub(crate) fn line_without_end(id: u64) -> String {
    begin();
    format!(r#"{{"result":{{"id":{id},"messages":["{}"]}}}}"#, "A".repeat(LINE_BYTES))
}

pub(crate) fn send_byte_by_byte(connection: &mut Connection, bytes: &[u8]) -> io::Result<()> {
    begin();
    for byte in bytes {
        connection.send(&[*byte])?;
        thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}

/// Takes a connection and nothing of what comes on it; says this.
pub(crate) fn never_read(mut socket: &TcpStream, greeting: &[u8]) -> ! {
    begin();
    let _ = socket.write_all(greeting);
    hang();
}
