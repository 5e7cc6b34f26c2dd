//! What a server that speaks more than gRPC, or refuses in a way of its own, makes of a
//! request.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use crosswire_http2::{hpack::Field, write};
use mutants::{mutant::Mutant, planted::planted};

use super::refusal::{OtherAnswer, Refusal};
use crate::http2::value;

/// How long a client may be silent before it is taken for one of HTTP/2.
const SILENCE: Duration = Duration::from_millis(200);

/// The refusal of a request that other servers may take, or refuse otherwise.
pub(super) fn refusal(fields: &[Field]) -> Option<Refusal> {
    let text = |name: &str| value(fields, name).unwrap_or_default();
    let other = |content_type, body: &[u8]| {
        Some(Refusal::Other(OtherAnswer { content_type, body: body.to_vec() }))
    };
    let codec = text("content-type").strip_prefix(b"application/grpc");
    let is_grpc = codec.is_some_and(|codec| matches!(codec.first(), None | Some(b'+' | b';')));
    let authority = text(":authority");
    let is_known = |name: &[u8]| authority.starts_with(name);
    let segments = text(":path").split(|byte| *byte == b'/');
    match () {
        () if planted(Mutant::ServesPages) && matches!(text(":method"), b"GET" | b"HEAD") => {
            other("text/html", b"<html><body>Welcome.</body></html>")
        }
        () if planted(Mutant::SpeaksJson) && !is_grpc => {
            other("application/json", br#"{"element":[]}"#)
        }
        () if planted(Mutant::SpeaksGrpcWeb)
            && codec.is_some_and(|codec| codec.starts_with(b"-web")) =>
        {
            let trailers = b"grpc-status: 12\r\n";
            let length = u32::try_from(trailers.len()).unwrap_or(u32::MAX);
            other("application/grpc-web+proto", &write::prefixed(0x80, length, trailers))
        }
        () if planted(Mutant::RefusesCodecs)
            && codec.is_some_and(|codec| !matches!(codec, b"" | b"+proto")) =>
        {
            Some(Refusal::Http(406))
        }
        () if planted(Mutant::RefusesWithoutTe) && value(fields, "te").is_none() => {
            Some(Refusal::Http(403))
        }
        () if planted(Mutant::RefusesOddPaths) && segments.clone().count() != 3 => {
            Some(Refusal::Http(403))
        }
        () if planted(Mutant::KnowsItsName)
            && !authority.is_empty()
            && !is_known(b"localhost")
            && !is_known(b"127.0.0.1") =>
        {
            Some(Refusal::Http(421))
        }
        () => None,
    }
}

/// Whether a client that does not begin as HTTP/2 does was answered in HTTP/1.
pub(super) fn answers_http1(socket: &TcpStream) -> bool {
    let mut first = [0; 4];
    let _ = socket.set_read_timeout(Some(SILENCE));
    let peeked = socket.peek(&mut first);
    let _ = socket.set_read_timeout(None);
    let Ok(length @ 1..) = peeked else { return false };
    if b"PRI ".starts_with(&first[..length]) {
        return false;
    }
    if let Ok(mut socket) = socket.try_clone() {
        // All that the client has to say is read, so that nothing but our own end ends it.
        thread::spawn(move || {
            let _ = socket.read(&mut [0; 4096]);
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            let _ = socket.shutdown(Shutdown::Write);
            let _ = socket.read_to_end(&mut Vec::new());
        });
    }
    true
}
