//! What a client does in a call, step by step: what it sends, and what it waits for.

use std::{sync::OnceLock, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost_reflect::{DynamicMessage, MessageDescriptor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value, json};

use super::{fault::Set, json::message_value};
use crate::{input::duration, text};

/// One thing that a client does in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallStep {
    /// It sends a message.
    Message(RequestMessage),
    /// It waits for the initial metadata of the response.
    WaitForHeaders,
    /// It waits until so many response messages have come, counted from the call's start.
    WaitForMessages(usize),
    /// It waits so long.
    Pause(Duration),
    /// It sends no more messages.
    HalfClose,
    /// It cancels the call.
    Cancel,
}

/// A message that a client sends.
#[derive(Debug, Clone)]
pub struct RequestMessage {
    /// Its bytes, serialized.
    pub bytes: Vec<u8>,
    /// How often it is sent, one after the other.
    pub times: usize,
    /// Whether it is compressed, in a call that compresses; as the call without it.
    pub compressed: Option<bool>,
    /// Its base64, made when the first client is handed it; cases are shared by all cells.
    encoded: OnceLock<String>,
}

impl RequestMessage {
    /// A message that is sent once.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, times: 1, compressed: None, encoded: OnceLock::new() }
    }

    /// Its bytes in base64.
    pub fn base64(&self) -> &str {
        self.encoded.get_or_init(|| STANDARD.encode(&self.bytes))
    }
}

impl PartialEq for RequestMessage {
    fn eq(&self, other: &Self) -> bool {
        (&self.bytes, self.times, self.compressed) == (&other.bytes, other.times, other.compressed)
    }
}

impl Eq for RequestMessage {}

/// As the peer protocol has it.
impl Serialize for CallStep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        match self {
            Self::Message(message) => {
                fields.serialize_entry("message", message.base64())?;
                if message.times != 1 {
                    fields.serialize_entry("times", &message.times)?;
                }
                if let Some(compressed) = message.compressed {
                    fields.serialize_entry("compressed", &compressed)?;
                }
            }
            Self::WaitForHeaders => fields.serialize_entry("wait_for_headers", &true)?,
            Self::WaitForMessages(count) => fields.serialize_entry("wait_for_messages", count)?,
            Self::Pause(pause) => {
                let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                fields.serialize_entry("pause_ms", &millis)?;
            }
            Self::HalfClose => fields.serialize_entry("half_close", &true)?,
            Self::Cancel => fields.serialize_entry("cancel", &true)?,
        }
        fields.end()
    }
}

impl CallStep {
    /// As it is shown: a message decoded, if it is one of this type.
    pub(super) fn shown(&self, input: Option<&MessageDescriptor>) -> Value {
        match self {
            Self::Message(message) => {
                let mut shown = Map::new();
                shown.insert("message".to_owned(), message.shown(input));
                if message.times != 1 {
                    shown.insert("times".to_owned(), message.times.into());
                }
                if let Some(compressed) = message.compressed {
                    shown.insert("compressed".to_owned(), compressed.into());
                }
                Value::Object(shown)
            }
            Self::Pause(pause) => json!({ "pause": text::duration(*pause) }),
            step => json!(step),
        }
    }
}

impl RequestMessage {
    /// As it is shown: decoded, if it is a message of this type.
    pub(super) fn shown(&self, input: Option<&MessageDescriptor>) -> Value {
        let decoded =
            input.and_then(|input| DynamicMessage::decode(input.clone(), &*self.bytes).ok());
        match decoded {
            Some(message) => message_value(&message),
            None => {
                let bytes: Vec<String> =
                    self.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("raw bytes {}", bytes.join(" ")).into()
            }
        }
    }
}

/// A step as it is written: one of what it does, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenCallStep {
    /// Sends a message, in protobuf's JSON mapping.
    pub(super) message: Option<Value>,
    /// Sends a message of these bytes, in hexadecimal, as they are.
    pub(super) message_hex: Option<String>,
    /// How often the message is sent; once without it.
    pub(super) times: Option<usize>,
    /// Whether the message is compressed, in a call with `compression`; it is without it.
    pub(super) compressed: Option<bool>,
    /// `true`: waits for the initial metadata of the response.
    pub(super) wait_for_headers: Option<Set>,
    /// Waits until so many response messages have come, counted from the call's start.
    pub(super) wait_for_messages: Option<usize>,
    /// Waits so long.
    #[serde(default, deserialize_with = "duration::if_given")]
    #[schemars(with = "Option<String>")]
    pub(super) pause: Option<Duration>,
    /// `true`: sends no more messages. The last step without one of these.
    pub(super) half_close: Option<Set>,
    /// `true`: cancels the call.
    pub(super) cancel: Option<Set>,
}
