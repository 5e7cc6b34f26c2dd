//! A call: what is asked, how, and what must come of it.
//!
//! A new option of a client is a field of [`CallOptions`] and the feature that it needs in
//! [`Call::client_features`]: loading, the peer protocol, `crosswire show` and the schema
//! follow from the definition.

use std::{sync::OnceLock, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crosswire_http2::codec::Codec;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Value, json};

use super::{Code, expect::Expect, json::message_value};
use crate::{
    feature::{ClientFeature, ServerFeature},
    input::duration,
    text,
};

/// The deadline of a call that names none; a scripted client has as long. Long beside any
/// answer, so that only a peer that hangs reaches it, even on a loaded machine.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// One call and what must come of it.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is called.
    pub method: Method,
    /// The serialized request.
    pub request: Vec<u8>,
    /// Whether the client sends the bytes as they are, because no generated
    /// type or stub would: a malformed message, a method that does not exist.
    pub raw: bool,
    /// The call's deadline.
    pub timeout: Duration,
    /// How long it is left alone after the answer before, in a sequential case.
    pub pause: Duration,
    /// What the client is told beside.
    pub options: CallOptions,
    /// What must come of it.
    pub expect: Expect,
    /// The request in base64, made when the first client is handed it; cases are shared by all
    /// cells.
    pub(crate) encoded: OnceLock<String>,
}

/// What a client is told of a call beside what it asks. A field has two names, where units
/// differ: a suite's, and that of the line `call` of the peer protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CallOptions {
    /// Metadata to send, in order; the value of a `-bin` name is base64.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
    /// How the request is compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// After how many response messages the client cancels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_after_messages: Option<u32>,
    /// How long the client waits before it reads each response message.
    #[serde(
        rename(serialize = "read_delay_ms"),
        deserialize_with = "duration::if_given",
        serialize_with = "duration::milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub read_delay: Option<Duration>,
}

/// A call as it is written, but for its [`CallOptions`], which stand beside.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenCall {
    /// `Service/Method` of the suite's proto, unary or server-streaming.
    pub(super) method: String,
    /// The method is called because the proto does not have it.
    #[serde(default)]
    pub(super) unknown_method: bool,
    /// The request in protobuf's JSON mapping.
    pub(super) request: Option<Value>,
    /// Instead: its bytes in hexadecimal, sent as they are.
    pub(super) request_hex: Option<String>,
    /// The deadline; of a scripted client, how long its script may take.
    #[serde(default = "default_timeout", deserialize_with = "duration::deserialize")]
    #[schemars(with = "String")]
    pub(super) timeout: Duration,
    /// How long it is left alone after the answer before, in a sequential case.
    #[serde(default, deserialize_with = "duration::deserialize")]
    #[schemars(with = "String")]
    pub(super) pause: Duration,
    /// What must come of it.
    pub(super) expect: Value,
}

const fn default_timeout() -> Duration {
    DEFAULT_TIMEOUT
}

/// A method, by its path and, when the `.proto` has it, its descriptor.
#[derive(Debug, Clone)]
pub struct Method {
    /// `Service/Method`
    pub path: String,
    /// `None` for a method that is called because it does not exist.
    pub descriptor: Option<MethodDescriptor>,
}

/// How a message is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// gzip, RFC 1952.
    Gzip,
}

impl Compression {
    /// What does it.
    #[must_use]
    pub const fn codec(self) -> Codec {
        match self {
            Self::Gzip => Codec::Gzip,
        }
    }
}

impl Call {
    /// A call with nothing out of the ordinary.
    #[must_use]
    pub fn new(method: Method, request: Vec<u8>, timeout: Duration, expect: Expect) -> Self {
        let (raw, pause, options) = (false, Duration::ZERO, CallOptions::default());
        let encoded = OnceLock::new();
        Self { method, request, raw, timeout, pause, options, expect, encoded }
    }

    /// The request in base64.
    pub fn request_base64(&self) -> &str {
        self.encoded.get_or_init(|| STANDARD.encode(&self.request))
    }

    /// How long it waits at least: until a deadline that must pass, or between the messages
    /// that it reads slowly.
    pub(super) fn least_wait(&self) -> Duration {
        let must_pass = self.expect.codes == [Code::DEADLINE_EXCEEDED];
        let deadline = if must_pass { self.timeout } else { Duration::ZERO };
        let messages = u32::try_from(self.expect.message_count.unwrap_or(1)).unwrap_or(u32::MAX);
        let reading = self.options.read_delay.unwrap_or_default().saturating_mul(messages);
        self.pause + deadline.max(reading.min(self.timeout))
    }

    /// The features that the client must have announced for this call.
    pub fn client_features(&self) -> impl Iterator<Item = ClientFeature> {
        let options = &self.options;
        let of_compression = |compression| match compression {
            Compression::Gzip => ClientFeature::Gzip,
        };
        [
            self.raw.then_some(ClientFeature::Raw),
            options.cancel_after_messages.map(|_| ClientFeature::Cancel),
            options.read_delay.map(|_| ClientFeature::Slow),
            options.compression.map(of_compression),
        ]
        .into_iter()
        .flatten()
    }

    /// The features that the manifest must list for the server.
    pub fn server_features(&self) -> impl Iterator<Item = ServerFeature> {
        let of_compression = |compression| match compression {
            Compression::Gzip => ServerFeature::Gzip,
        };
        self.options.compression.map(of_compression).into_iter()
    }

    /// The request as it is shown: decoded, if it is a message of its type.
    fn shown_request(&self) -> Value {
        let input = self.method.descriptor.as_ref().map(MethodDescriptor::input);
        let decoded = input
            .filter(|_| !self.raw)
            .and_then(|input| DynamicMessage::decode(input, self.request.as_slice()).ok());
        match decoded {
            Some(message) => message_value(&message),
            None => {
                let bytes: Vec<String> =
                    self.request.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("raw bytes {}", bytes.join(" ")).into()
            }
        }
    }
}

/// As it is shown: everything that decides it.
impl Serialize for Call {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Taken apart, so that no field is forgotten. `raw` is seen in the request.
        let Self { method, request: _, raw: _, timeout, pause, options, expect, encoded: _ } = self;
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("method", &method.path)?;
        if method.descriptor.is_none() {
            fields.serialize_entry("unknown_method", &true)?;
        }
        fields.serialize_entry("request", &self.shown_request())?;
        fields.serialize_entry("timeout", &text::duration(*timeout))?;
        if let Value::Object(options) = json!(options) {
            for (name, value) in options {
                fields.serialize_entry(&name, &value)?;
            }
        }
        if !pause.is_zero() {
            fields.serialize_entry("pause", &text::duration(*pause))?;
        }
        fields.serialize_entry("expect", expect)?;
        fields.end()
    }
}
