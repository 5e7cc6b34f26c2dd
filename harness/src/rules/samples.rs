//! Calls and header fields for tests.

use std::{path::Path, time::Duration};

use crate::{
    observe::Answer,
    suite::{Call, CallStep, Code, Expect, Method, RequestMessage, load_protos},
};

pub(crate) type Fields = Vec<(&'static str, &'static str)>;

/// A call of a method of this repository's own services.
pub(crate) fn call(service: &str, method: &str) -> Call {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    let protos = load_protos(&folder).unwrap();
    let service = protos.get_service_by_name(service).unwrap();
    let descriptor = service.methods().find(|known| known.name() == method).unwrap();
    let path = format!("{}/{method}", service.full_name());
    let method = Method { path, descriptor: Some(descriptor) };
    // The request that `Wire::request` sends.
    Call::new(method, b"\x08\x02".to_vec(), Duration::from_secs(5), Expect::default())
}

pub(crate) fn get_sequence() -> Call {
    call("FibonacciService", "GetSequence")
}

pub(crate) fn stream_sequence() -> Call {
    call("FibonacciService", "StreamSequence")
}

/// The call with these bytes as its one request.
pub(crate) fn asking(call: Call, request: &[u8]) -> Call {
    let send = vec![CallStep::Message(RequestMessage::new(request.to_vec())), CallStep::HalfClose];
    Call { send, ..call }
}

/// The fields with one replaced, or added at the end.
pub(crate) fn with(
    fields: &[(&'static str, &'static str)],
    name: &'static str,
    value: &'static str,
) -> Fields {
    let mut fields = fields.to_vec();
    match fields.iter_mut().find(|field| field.0 == name) {
        Some(field) => field.1 = value,
        None => fields.push((name, value)),
    }
    fields
}

/// The fields with one more at the end.
pub(crate) fn and(
    fields: &[(&'static str, &'static str)],
    name: &'static str,
    value: &'static str,
) -> Fields {
    [fields, &[(name, value)]].concat()
}

/// An answer with so many of the messages that an ordinary response has.
pub(crate) fn answer(code: i32, messages: usize) -> Answer {
    answered(code, &vec![&b"\x0a\x02\0\x01"[..]; messages])
}

/// Likewise of a stream.
pub(crate) fn streamed(code: i32, messages: usize) -> Answer {
    answered(code, &vec![&b"\x08\x02\x10\x01"[..]; messages])
}

/// An answer with these messages.
pub(crate) fn answered(code: i32, messages: &[&[u8]]) -> Answer {
    let messages = messages.iter().map(|message| message.to_vec()).collect();
    Answer { code: Code(code), messages, ..Answer::default() }
}
