//! What came of a scripted client's streams, against the outcomes that a case allows: which
//! clauses of each did not hold, as values. Pure.

mod extent;
mod unmet;

use crosswire_http2::{error::error_name, message::Message};
use prost_reflect::{DynamicMessage, MethodDescriptor};

pub use unmet::{Unmet, allows, unmet};

use crate::{
    observe::{Answered, Played, Stalled, StreamSeen, Waited},
    suite::{Code, Method, Step, message_value},
    text::{count, printable, shorten},
};

/// How much of a text is shown.
const SHOWN_CHARACTERS: usize = 200;

/// How many messages are shown.
const SHOWN_MESSAGES: usize = 3;

/// Where a script stopped, in words that follow "the script".
#[must_use]
pub fn stalled_in_words(stalled: &Stalled, steps: &[Step]) -> String {
    let step = stalled.step.map(|step| format!(" (step {step})")).unwrap_or_default();
    let mut what: Vec<String> = stalled.instead.iter().map(ToString::to_string).collect();
    if stalled.is_late {
        what.push("the time was over".to_owned());
    }
    let how = if what.is_empty() { String::new() } else { format!(": {}", what.join(", ")) };
    match &stalled.waited {
        Waited::Connection(None) => "waited in vain for a connection".to_owned(),
        Waited::Connection(Some(why)) => format!("could not connect: {why}"),
        Waited::ForOne(awaited) => format!("waited in vain for {awaited}{step}{how}"),
        Waited::ForRoom(windows) => {
            let windows: Vec<String> = windows.iter().map(ToString::to_string).collect();
            let of = stalled.step.map(|step| format!(" of step {step}")).unwrap_or_default();
            format!("waited in vain for room for the DATA{of}: {}", windows.join(", "))
        }
        Waited::ForLess(limit) => {
            format!("did not come to its end: there was {limit}, more than is read")
        }
        Waited::ForNothing => match stalled.step.and_then(|index| steps.get(index)) {
            Some(its_step) => format!("did not come to its end: {its_step}{step}"),
            None => "did not come to its end".to_owned(),
        },
    }
}

/// What came on these streams and of the connection, in words. A stream is named if there
/// are several.
#[must_use]
pub fn describe(streams: &[u32], method: &Method, played: &Played) -> String {
    let mut parts = Vec::new();
    for stream in streams {
        let Some(seen) = played.streams.get(stream) else { continue };
        let described = described_stream(method, seen);
        if streams.len() > 1 && !described.is_empty() {
            parts.push(format!("on stream {stream}: {}", described.join(", ")));
        } else {
            parts.extend(described);
        }
    }
    parts.extend(played.goaways.iter().map(|code| format!("GOAWAY {}", error_name(*code))));
    if played.is_closed {
        parts.push("a closed connection".to_owned());
    }
    if let Some(protocol) = played.other_protocol {
        parts.push(format!("an answer in {protocol}"));
    } else if let Some(why) = &played.unreadable {
        parts.push(format!("bytes that cannot be read ({why})"));
    }
    if parts.is_empty() {
        parts.push(nothing_but_answers(played));
    }
    parts.join(", ")
}

/// Of a server that says nothing else, how much of what it was asked it has answered.
fn nothing_but_answers(played: &Played) -> String {
    let some = [(&played.settings, "SETTINGS acknowledged"), (&played.pings, "PING answered")];
    let some: Vec<String> = some
        .into_iter()
        .filter(|(answers, _)| answers.came > 0 && !answers.are_all())
        .map(|(Answered { sent, came }, what)| format!("{came} of {sent} {what}"))
        .collect();
    match &some[..] {
        [] => "nothing".to_owned(),
        some => format!("nothing but {}", some.join(" and ")),
    }
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

/// The status of the first header block that is no interim one.
fn http_status(seen: &StreamSeen) -> Option<&str> {
    let blocks = seen.blocks.iter().filter(|block| !is_interim(block));
    let mut statuses = blocks.flatten().filter(|field| field.0 == ":status");
    statuses.next().map(|field| field.1.as_str())
}

/// Whether a header block is an interim response (1xx), which HTTP allows before the other.
fn is_interim(block: &[(String, String)]) -> bool {
    block.iter().any(|field| field.0 == ":status" && field.1.starts_with('1'))
}

fn field<'a>(seen: &'a StreamSeen, name: &str) -> Option<&'a str> {
    let last = seen.blocks.last()?;
    last.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
}

fn status(seen: &StreamSeen) -> Option<Code> {
    field(seen, "grpc-status")?.parse().ok().map(Code)
}

fn decoded(method: &Method, seen: &StreamSeen, message: &Message) -> Option<DynamicMessage> {
    let output = method.descriptor.as_ref().map(MethodDescriptor::output)?;
    let encodings = seen.blocks.iter().flatten().find(|field| field.0 == "grpc-encoding");
    let encoding = encodings.map(|field| field.1.as_bytes());
    let plain = message.plain(encoding)?.ok()?;
    DynamicMessage::decode(output, plain).ok()
}
