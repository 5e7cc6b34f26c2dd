//! What came of a scripted client's stream, and whether that is allowed.

use prost_reflect::{DynamicMessage, MethodDescriptor};

use crate::{
    observe::{Played, StreamSeen},
    suite::{Code, Ending, EndingKind, Method, message_value},
    text::{count, printable, shorten},
    wire::frame::error_name,
};

/// How much of a text is shown.
const SHOWN_CHARACTERS: usize = 200;

/// How many messages are shown.
const SHOWN_MESSAGES: usize = 3;

/// Whether this is what came.
#[must_use]
pub fn allows(ending: &Ending, method: &Method, played: &Played) -> bool {
    let stream = ending.stream.unwrap_or(played.last_stream);
    let nothing = StreamSeen::default();
    let seen = played.streams.get(&stream).unwrap_or(&nothing);
    let is_kind = match &ending.kind {
        EndingKind::Status(codes) => {
            let is_ok = http_status(seen) == Some("200");
            seen.has_ended && is_ok && status(seen).is_some_and(|code| codes.contains(&code))
        }
        EndingKind::Http(statuses) => {
            let status = http_status(seen).and_then(|status| status.parse().ok());
            let is_over = seen.has_ended || seen.reset.is_some();
            is_over && status.is_some_and(|status: u16| statuses.contains(&status))
        }
        EndingKind::Reset(codes) => seen.reset.is_some_and(|code| codes.allow(code)),
        EndingKind::GoAway(codes) => played.goaway.is_some_and(|code| codes.allow(code)),
        EndingKind::Closed => played.is_closed,
        EndingKind::Silence => {
            let is_over = seen.has_ended || seen.reset.is_some() || played.goaway.is_some();
            played.is_late && !is_over && !played.is_closed
        }
    };
    is_kind && has_details(ending, method, seen)
}

fn has_details(ending: &Ending, method: &Method, seen: &StreamSeen) -> bool {
    let fields = || seen.blocks.iter().flatten();
    let has_field = |wanted: &(String, String)| fields().any(|field| field == wanted);
    let lacks = |name: &String| fields().all(|field| field.0 != *name);
    ending.message_count.is_none_or(|count| seen.messages.len() == count)
        && ending.fields.iter().all(has_field)
        && ending.lacks.iter().all(lacks)
        && ending.messages.as_ref().is_none_or(|expected| {
            let messages: Option<Vec<DynamicMessage>> =
                seen.messages.iter().map(|message| decoded(method, seen, message)).collect();
            messages.is_some_and(|messages| messages == *expected)
        })
}

/// What came, in words.
#[must_use]
pub fn describe(stream: Option<u32>, method: &Method, played: &Played) -> String {
    let mut parts = Vec::new();
    let stream = stream.unwrap_or(played.last_stream);
    if let Some(seen) = played.streams.get(&stream) {
        parts.extend(described_stream(method, seen));
    }
    if let Some(code) = played.goaway {
        parts.push(format!("GOAWAY {}", error_name(code)));
    }
    if played.is_closed {
        parts.push("a closed connection".to_owned());
    }
    if let Some(why) = &played.unreadable {
        parts.push(format!("bytes that cannot be read ({why})"));
    }
    if parts.is_empty() {
        parts.push("nothing".to_owned());
    }
    parts.join(", ")
}

fn described_stream(method: &Method, seen: &StreamSeen) -> Vec<String> {
    let mut parts = Vec::new();
    match http_status(seen) {
        None | Some("200") => {}
        Some(status) => parts.push(format!("HTTP {}", printable(status))),
    }
    if let Some(text) = field(seen, "grpc-status") {
        let mut part = match status(seen) {
            Some(code) => format!("status {code}"),
            None => format!("grpc-status `{}`", shorten(&printable(text), SHOWN_CHARACTERS)),
        };
        if let Some(message) = field(seen, "grpc-message").filter(|message| !message.is_empty()) {
            part.push_str(&format!(" ({})", shorten(&printable(message), SHOWN_CHARACTERS)));
        }
        parts.push(part);
    } else if seen.has_ended {
        parts.push("an end without a status".to_owned());
    } else if !seen.blocks.is_empty() && seen.reset.is_none() {
        parts.push("a response without an end".to_owned());
    }
    if !seen.messages.is_empty() {
        let shown: Vec<String> = seen
            .messages
            .iter()
            .take(SHOWN_MESSAGES)
            .map(|message| match decoded(method, seen, message) {
                Some(message) => {
                    shorten(&printable(&message_value(&message).to_string()), SHOWN_CHARACTERS)
                }
                None => format!("{} bytes that do not parse", message.length),
            })
            .collect();
        let dots = if seen.messages.len() > SHOWN_MESSAGES { ", …" } else { "" };
        let number = count(seen.messages.len(), "message");
        parts.push(format!("{number} [{}{dots}]", shown.join(", ")));
    }
    if let Some(code) = seen.reset {
        parts.push(format!("RST_STREAM {}", error_name(code)));
    }
    parts
}

/// The status of the last header block that is a final one: HTTP allows others before.
fn http_status(seen: &StreamSeen) -> Option<&str> {
    let statuses = seen.blocks.iter().flatten().filter(|field| field.0 == ":status");
    statuses.map(|field| field.1.as_str()).find(|status| !status.starts_with('1'))
}

fn field<'a>(seen: &'a StreamSeen, name: &str) -> Option<&'a str> {
    let last = seen.blocks.last()?;
    last.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
}

fn status(seen: &StreamSeen) -> Option<Code> {
    field(seen, "grpc-status")?.parse().ok().map(Code)
}

fn decoded(
    method: &Method,
    seen: &StreamSeen,
    message: &crate::wire::message::Message,
) -> Option<DynamicMessage> {
    let output = method.descriptor.as_ref().map(MethodDescriptor::output)?;
    let encodings = seen.blocks.iter().flatten().find(|field| field.0 == "grpc-encoding");
    let encoding = encodings.map(|field| field.1.as_bytes());
    let plain = message.plain(encoding)?.ok()?;
    DynamicMessage::decode(output, plain).ok()
}
