//! The lines of the peer protocol.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{observed::Observed, steps::Asked};
use crate::grpc::{
    metadata::{Entry, is_binary},
    status::Status,
};

/// A line from the harness.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    Hello(serde::de::IgnoredAny),
    Call(Box<Call>),
    Close(Close),
}

/// No more calls come for a target.
#[derive(Deserialize)]
pub(super) struct Close {
    pub(super) target: String,
}

/// A call to be made.
#[derive(Deserialize)]
pub(super) struct Call {
    pub(super) id: u64,
    pub(super) target: String,
    pub(super) method: String,
    pub(super) send: Vec<Asked>,
    pub(super) timeout_ms: Option<u64>,
    #[serde(default)]
    metadata: Vec<(String, String)>,
    pub(super) compression: Option<String>,
    pub(super) cancel_after_messages: Option<usize>,
    #[serde(default)]
    pub(super) read_delay_ms: u64,
    #[serde(default)]
    pub(super) raw: bool,
}

impl Call {
    /// The metadata to be sent.
    pub(super) fn metadata(&self) -> Result<Vec<Entry>, base64::DecodeError> {
        let entry = |(name, value): &(String, String)| {
            let value = match is_binary(name) {
                true => STANDARD.decode(value)?,
                false => value.clone().into_bytes(),
            };
            Ok(Entry { name: name.clone(), value })
        };
        self.metadata.iter().map(entry).collect()
    }
}

/// The line that reports what came of a call.
pub(super) fn result(id: u64, observed: &Observed, status: &Status) -> Value {
    let messages: Vec<String> = observed.messages.iter().map(|one| STANDARD.encode(one)).collect();
    json!({ "result": {
        "id": id,
        "steps": observed.steps,
        "messages": messages,
        "status": {
            "code": status.code,
            "message": status.message,
            "details": STANDARD.encode(&status.details),
        },
        "headers": shown(&observed.headers),
        "trailers": shown(&observed.trailers),
    } })
}

/// The line that says that a call cannot be made.
pub(super) fn unsupported(id: u64, why: &str) -> Value {
    json!({ "unsupported": { "id": id, "why": why } })
}

fn shown(entries: &[Entry]) -> Vec<(&str, String)> {
    let text = |entry: &Entry| match is_binary(&entry.name) {
        true => STANDARD.encode(&entry.value),
        false => String::from_utf8_lossy(&entry.value).into_owned(),
    };
    entries.iter().map(|entry| (entry.name.as_str(), text(entry))).collect()
}
