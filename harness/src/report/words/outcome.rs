//! What came of a scripted client's stream, in words.

use std::time::Duration;

use serde_json::Value;

use super::{any_of, of, shown};
use crate::{
    suite::AnyOf,
    text::{count, duration},
};

/// What came: `HTTP 415, status OK, 1 message [{}]`.
pub(super) fn outcome(got: &Value) -> String {
    let Value::Object(table) = got else { return shown(got) };
    let mut parts = Vec::new();
    match table.get("streams") {
        Some(Value::Object(streams)) => parts.extend(
            streams.iter().map(|(id, seen)| format!("on stream {id}: {}", stream(seen).join(", "))),
        ),
        _ => parts.extend(stream(got)),
    }
    if let Some(Value::Array(codes)) = table.get("goaway") {
        parts.extend(codes.iter().map(|code| format!("GOAWAY {}", shown(code))));
    }
    if table.contains_key("closed") {
        parts.push("a closed connection".to_owned());
    }
    let answered = [("settings", "SETTINGS acknowledged"), ("pings", "PING answered")];
    let answered: Vec<String> = answered
        .iter()
        .filter_map(|(key, what)| Some(format!("{} {what}", some_of(table.get(*key)?))))
        .collect();
    if !answered.is_empty() {
        parts.push(format!("nothing but {}", answered.join(" and ")));
    }
    if let Some(protocol) = table.get("protocol") {
        parts.push(format!("an answer in {}", shown(protocol)));
    }
    if let Some(why) = table.get("unreadable") {
        parts.push(format!("bytes that cannot be read ({})", shown(why)));
    }
    parts.join(", ")
}

fn stream(seen: &Value) -> Vec<String> {
    let mut parts = Vec::new();
    let text = |key: &str| seen.get(key).map(shown);
    if let Some(status) = text("http") {
        parts.push(format!("HTTP {status}"));
    }
    let status = text("code").map(|code| format!("status {code}"));
    let status = status.or_else(|| Some(format!("grpc-status `{}`", text("grpc_status")?)));
    if let Some(status) = status {
        let message = text("message").map(|message| format!(" ({message})"));
        parts.push(status + &message.unwrap_or_default());
    }
    match seen.get("end").and_then(Value::as_str) {
        Some("without-status") => parts.push("an end without a status".to_owned()),
        Some(_) => parts.push("a response without an end".to_owned()),
        None => {}
    }
    if let (Some(number), Some(Value::Array(messages))) =
        (seen.get("count").and_then(Value::as_u64), seen.get("messages"))
    {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let told: Vec<String> = messages.iter().map(message).collect();
        let dots = if number > messages.len() { ", …" } else { "" };
        parts.push(format!("{} [{}{dots}]", count(number, "message"), told.join(", ")));
    }
    if let Some(code) = text("reset") {
        parts.push(format!("RST_STREAM {code}"));
    }
    parts
}

fn message(message: &Value) -> String {
    match message.get("undecodable_bytes") {
        Some(_) => format!("{} bytes that do not parse", of(message, "undecodable_bytes")),
        None => shown(message),
    }
}

/// `1 of 3`
fn some_of(answers: &Value) -> String {
    format!("{} of {}", of(answers, "came"), of(answers, "sent"))
}

/// How many clauses that do not hold are told.
const SHOWN_CLAUSES: usize = 3;

/// The clauses of an allowed outcome that do not hold, where the rest of it does.
pub(super) fn clauses(got: &Value) -> Option<String> {
    let clauses = got.get("unmet")?.as_array()?;
    let shown = clauses.iter().take(SHOWN_CLAUSES).map(|clause| {
        let [expected, got] = ["expected", "got"].map(|key| clause_value(&clause[key]));
        format!("; {}: expected {expected}, got {got}", shown(&clause["field"]))
    });
    let more = match clauses.len().saturating_sub(SHOWN_CLAUSES) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Some(shown.collect::<String>() + &more)
}

fn clause_value(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if text.is_empty() => "an empty value".to_owned(),
        Value::Array(values) if values.iter().all(Value::is_string) => {
            values.iter().map(clause_value).collect::<Vec<_>>().join(", ")
        }
        Value::Object(fields) => match fields.get("any_of") {
            Some(values) => any_of(values),
            None => shown(value),
        },
        other => shown(other),
    }
}

/// Where a script stopped, in words that follow "the script".
#[must_use]
pub fn stalled(got: &Value) -> String {
    let step = got.get("step").map(|step| format!(" (step {step})")).unwrap_or_default();
    let mut what: Vec<String> = match got.get("instead").and_then(Value::as_array) {
        Some(instead) => instead.iter().map(came_instead).collect(),
        None => Vec::new(),
    };
    if got.get("late").is_some() {
        what.push("the time was over".to_owned());
    }
    let how = if what.is_empty() { String::new() } else { format!(": {}", what.join(", ")) };
    match got["awaited"].as_str() {
        Some("connection") => match &got["why"] {
            Value::Null => "waited in vain for a connection".to_owned(),
            why => format!("could not connect: {}", shown(why)),
        },
        Some("less") => {
            format!("did not come to its end: there was {}, more than is read", of(got, "limit"))
        }
        Some("room") => {
            let windows = got["windows"].as_array().into_iter().flatten().map(window);
            let of = got.get("step").map(|step| format!(" of step {step}")).unwrap_or_default();
            let windows = windows.collect::<Vec<_>>().join(", ");
            format!("waited in vain for room for the DATA{of}: {windows}")
        }
        _ => match (awaited(got), &got["doing"]) {
            (Some(awaited), _) => format!("waited in vain for {awaited}{step}{how}"),
            (None, Value::Null) => "did not come to its end".to_owned(),
            (None, doing) => format!("did not come to its end: {}{step}", shown(doing)),
        },
    }
}

fn awaited(got: &Value) -> Option<AnyOf> {
    serde_json::from_value(got.get("awaited")?.clone()).ok()
}

fn window(window: &Value) -> String {
    let whose = match &window["stream"] {
        Value::Null => "the connection's window".to_owned(),
        stream => format!("the window of stream {stream}"),
    };
    let sent = window["sent_bytes"].as_u64().unwrap_or_default();
    let sent = count(usize::try_from(sent).unwrap_or(usize::MAX), "byte");
    let since = window["since_ms"].as_u64().map(Duration::from_millis);
    let since = since.map(|since| format!(", {} after the connection's start", duration(since)));
    let (left, since) = (of(window, "left_bytes"), since.unwrap_or_default());
    format!("{whose} is shut at {left}, after {sent}{since}")
}

fn came_instead(instead: &Value) -> String {
    match instead {
        Value::String(what) => match what.as_str() {
            "stream-ended" => "the stream ended".to_owned(),
            "connection-ended" => "the connection ended".to_owned(),
            _ => "what came could not be read".to_owned(),
        },
        other => match (other.get("reset"), other.get("goaway")) {
            (Some(code), _) => format!("RST_STREAM {} came", shown(code)),
            (_, Some(code)) => format!("GOAWAY {} came", shown(code)),
            _ => {
                let answers = other.get("settings").or_else(|| other.get("pings"));
                format!("{} came", answers.map(some_of).unwrap_or_default())
            }
        },
    }
}
