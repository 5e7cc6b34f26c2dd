//! What a server that speaks more than gRPC, or refuses in a way of its own, makes of a
//! request.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crosswire_http2::{frame::PREFACE, hpack::Field, write};
use mutants::{mutant::Mutant, planted::planted};

use super::refusal::{OtherAnswer, Refusal};
use crate::{
    grpc::status::{Status, code},
    http2::value,
};

/// How long a client may be silent before it is taken for one of HTTP/2, and how long the
/// rest of a preface may take.
const SILENCE: Duration = Duration::from_millis(200);

/// How long to wait for more of a preface.
const PAUSE: Duration = Duration::from_millis(2);

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
        () if planted(Mutant::AnswersWithNothing)
            && matches!(text(":method"), b"GET" | b"HEAD") =>
        {
            Some(Refusal::Http(200))
        }
        () if planted(Mutant::AnswersWithNothing) && text(":method") == b"OPTIONS" => {
            Some(Refusal::Http(204))
        }
        () if planted(Mutant::Redirects)
            && segments.clone().skip(1).any(|one| matches!(one, b"" | b"." | b"..")) =>
        {
            Some(Refusal::Http(307))
        }
        () if planted(Mutant::RefusesOddOffers) && has_odd_offers(fields) => {
            Some(Status::new(code::INTERNAL, "no such offer").into())
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

/// Whether the encodings that are offered are not names with commas between them.
fn has_odd_offers(fields: &[Field]) -> bool {
    let is_name = |name: &[u8]| {
        let is_of_names = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        !name.is_empty() && name.iter().all(is_of_names)
    };
    value(fields, "grpc-accept-encoding")
        .is_some_and(|offers| !offers.split(|byte| *byte == b',').all(is_name))
}

/// Whether a client that says something else than the preface was answered in HTTP/1.
pub(super) fn answers_http1(socket: &TcpStream) -> bool {
    let mut first = [0; PREFACE.len()];
    let until = Instant::now() + SILENCE;
    let mut length = 0;
    // Whoever goes away within the preface does not come to its end.
    while PREFACE.starts_with(&first[..length]) && length < PREFACE.len() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let _ = socket.set_read_timeout(Some(left));
        match socket.peek(&mut first) {
            Ok(more) if more > length => length = more,
            // What is there is there at once, and of more nobody tells.
            Ok(_) if length > 0 => thread::sleep(PAUSE),
            _ => break,
        }
    }
    let _ = socket.set_read_timeout(None);
    if length == 0 || length == PREFACE.len() && first == *PREFACE {
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
