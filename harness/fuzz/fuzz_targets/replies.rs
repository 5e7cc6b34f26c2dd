//! Any line of a peer, of a client and of a server: read, refused, or not meant for the
//! harness; what is quoted of it is short and printable.
//!
//! The reader is compiled from its files: it is nobody else's to call.

#![no_main]
#![expect(dead_code, reason = "the harness uses the rest")]

#[path = "../../src/driver/hostile.rs"]
mod hostile;
#[path = "../../src/driver/loopback.rs"]
mod loopback;
#[path = "../../src/driver/protocol.rs"]
mod protocol;
mod written;

use std::{net::SocketAddr, path::Path};

use crosswire::{address, child, feature, identity, input, observe, suite, text};
use libfuzzer_sys::fuzz_target;
use protocol::{BadReply, ReadyLine, Reply, read_reply, too_long};
use written::{Edit, edited};

/// What is quoted of a line, or said to be wrong with it, and of how much more there is, in
/// characters.
const MOST_QUOTED: usize = 240;

const LINES: [&str; 5] = [
    r#"{"hello":{"protocol":1,"implementation":"tonic","version":"0.14.9","features":["gzip","size-limit"],"max_in_flight":256}}"#,
    r#"{"result":{"id":7,"messages":["CAE=",""],"status":{"code":11,"message":"m","details":"CAE="},"headers":[["k","v"]],"trailers":[["k-bin","AA"]]}}"#,
    r#"{"unsupported":{"id":7,"why":"no deadline"}}"#,
    r#"{"ready":{"address":"127.0.0.1:50051","implementation":"grpcio","version":"1.85.1"}}"#,
    r#"{"ready":{"address":"unix:///absent/server-0.sock"}}"#,
];

fuzz_target!(|input: (u8, Vec<Edit<'_>>, &[u8])| {
    let (which, edits, rest) = input;
    let mut line = edited(LINES[usize::from(which) % LINES.len()], &edits).into_bytes();
    line.extend_from_slice(rest);
    match read_reply(&line) {
        None => {}
        Some(Ok(Reply::Hello(hello))) => drop(hello.identity()),
        Some(Ok(Reply::Result { answer, .. })) => {
            let bytes: usize = answer.messages.iter().map(Vec::len).sum();
            assert!(bytes + answer.details.len() <= line.len());
        }
        Some(Ok(reply)) => drop(reply),
        Some(Err(bad)) => check(&bad),
    }
    too_long(&line).iter().for_each(check);
    if let Ok(ReadyLine { ready }) = serde_json::from_slice(&line) {
        let _ = ready.identity();
        // There are no sockets in this folder.
        if let Ok(found) = loopback::announced(&ready.address, Path::new("/absent")) {
            let found: SocketAddr = found.to_string().parse().unwrap();
            assert!(found.ip().is_loopback());
        }
    }
});

fn check(bad: &BadReply) {
    for text in [&bad.problem, &bad.line] {
        assert!(text.chars().count() <= MOST_QUOTED, "{text}");
        assert!(!text.contains(char::is_control), "{text}");
    }
}
