//! What came of a scripted client's streams, against the outcomes that a case allows: which
//! clauses of each did not hold, as values. Pure.

mod extent;
mod unmet;

use crosswire_http2::{error::error_name, message::Message};
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::{Map, Value, json};

pub use unmet::{Unmet, allows, may_still_come, unmet};

use crate::{
    observe::{Answered, Instead, Played, ShutWindow, Stalled, StreamSeen, Waited},
    protobuf,
    suite::{Code, Method, Step, message_value},
    text::{percent_decoded, shorten},
};

/// How much of a text is kept.
const MOST_CHARACTERS: usize = 1_000;

/// How many messages are kept.
const MOST_MESSAGES: usize = 3;

/// Where a script stopped, and on what, as a value.
#[must_use]
pub fn stalled_value(stalled: &Stalled, steps: &[Step]) -> Value {
    let mut value = match &stalled.waited {
        Waited::Connection(why) => json!({ "awaited": "connection", "why": why }),
        Waited::ForOne(awaited) => json!({ "awaited": awaited }),
        Waited::ForRoom(windows) => {
            let windows: Value = windows.iter().map(window_value).collect();
            json!({ "awaited": "room", "windows": windows })
        }
        Waited::ForLess(limit) => json!({ "awaited": "less", "limit": limit }),
        Waited::ForNothing => {
            let step = stalled.step.and_then(|index| steps.get(index)).map(ToString::to_string);
            json!({ "awaited": null, "doing": step })
        }
    };
    if let Some(step) = stalled.step {
        value["step"] = step.into();
    }
    if !stalled.instead.is_empty() {
        value["instead"] = stalled.instead.iter().map(instead_value).collect();
    }
    if stalled.is_late {
        value["late"] = true.into();
    }
    value
}

fn window_value(window: &ShutWindow) -> Value {
    let ShutWindow { stream, left_bytes, sent_bytes, since } = window;
    json!({
        "stream": stream,
        "left_bytes": left_bytes,
        "sent_bytes": sent_bytes,
        "since_ms": u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
    })
}

fn instead_value(instead: &Instead) -> Value {
    let answered = |Answered { sent, came }: &Answered| json!({ "sent": sent, "came": came });
    match instead {
        Instead::Reset(code) => json!({ "reset": error_name(*code) }),
        Instead::GoAway(code) => json!({ "goaway": error_name(*code) }),
        Instead::SettingsAcks(answers) => json!({ "settings": answered(answers) }),
        Instead::PingAcks(answers) => json!({ "pings": answered(answers) }),
        Instead::StreamEnded => "stream-ended".into(),
        Instead::ConnectionEnded => "connection-ended".into(),
        Instead::Unreadable => "unreadable".into(),
    }
}

/// What came on these streams and of the connection, as a value: `"nothing"`, or a table.
/// Of several streams, each has a table of its own.
#[must_use]
pub fn describe(streams: &[u32], method: &Method, played: &Played) -> Value {
    let nothing = StreamSeen::default();
    let of = |stream: &u32| stream_value(method, played.streams.get(stream).unwrap_or(&nothing));
    let mut value = match streams {
        [stream] => of(stream),
        several => {
            let told = several.iter().map(|stream| (stream.to_string(), of(stream)));
            let told = told.filter(|(_, seen)| !seen.is_empty());
            let told: Map<String, Value> =
                told.map(|(stream, seen)| (stream, seen.into())).collect();
            let streams = (!told.is_empty()).then(|| ("streams".to_owned(), told.into()));
            streams.into_iter().collect()
        }
    };
    let mut add = |key: &str, one: Value| value.insert(key.to_owned(), one);
    if !played.goaways.is_empty() {
        add("goaway", played.goaways.iter().map(|code| error_name(*code)).collect());
    }
    if played.is_closed {
        add("closed", true.into());
    }
    if let Some(protocol) = played.other_protocol {
        add("protocol", protocol.into());
    } else if let Some(why) = &played.unreadable {
        add("unreadable", why.as_str().into());
    }
    if value.is_empty() {
        value = some_answers(played);
    }
    if value.is_empty() { "nothing".into() } else { value.into() }
}

/// Of a server that says nothing else, how much of what it was asked it has answered.
fn some_answers(played: &Played) -> Map<String, Value> {
    let some = [("settings", &played.settings), ("pings", &played.pings)].into_iter();
    some.filter(|(_, answers)| answers.came > 0 && !answers.are_all())
        .map(|(key, Answered { sent, came })| {
            (key.to_owned(), json!({ "sent": sent, "came": came }))
        })
        .collect()
}

fn stream_value(method: &Method, seen: &StreamSeen) -> Map<String, Value> {
    let mut value = Map::new();
    let mut add = |key: &str, one: Value| value.insert(key.to_owned(), one);
    if let Some(status) = http_status(seen).filter(|status| *status != "200") {
        add("http", status.into());
    }
    let short = |text: &str| shorten(text, MOST_CHARACTERS);
    if let Some(text) = field(seen, "grpc-status") {
        match status(seen) {
            Some(code) => add("code", code.to_string().into()),
            None => add("grpc_status", short(text).into()),
        };
        if let Some(message) = field(seen, "grpc-message").filter(|message| !message.is_empty()) {
            let decoded = percent_decoded(message.as_bytes());
            add("message", short(&String::from_utf8_lossy(&decoded)).into());
        }
    } else if seen.has_ended {
        add("end", "without-status".into());
    } else if !seen.blocks.is_empty() && seen.reset.is_none() {
        add("end", "none".into());
    }
    if !seen.messages.is_empty() {
        add("count", seen.messages.len().into());
        let shown = seen.messages.iter().take(MOST_MESSAGES).map(|message| {
            match decoded(method, message) {
                Some(message) => message_value(&message),
                None => json!({ "undecodable_bytes": message.length }),
            }
        });
        add("messages", shown.collect());
    }
    if let Some(code) = seen.reset {
        add("reset", error_name(code).into());
    }
    value
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

fn decoded(method: &Method, message: &Message) -> Option<DynamicMessage> {
    let output = method.descriptor.as_ref().map(MethodDescriptor::output)?;
    let plain = message.plain.as_ref().ok()?;
    protobuf::decode(output, plain)?.ok()
}
