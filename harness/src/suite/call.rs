//! A call: what is asked, how, and what must come of it.
//!
//! A new option of a client is a field of [`CallOptions`] and the feature that it needs in
//! [`Call::client_features`]: loading, the peer protocol, `crosswire show` and the schema
//! follow from the definition.

use std::time::Duration;

use crosswire_http2::codec::Codec;
use prost_reflect::MethodDescriptor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Value, json};

use super::{
    Code,
    expect::Expect,
    send::{CallStep, RequestMessage, WrittenCallStep},
};
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
    /// What the client does, step by step: it ends with a half-close, or with a cancel.
    pub send: Vec<CallStep>,
    /// Whether the client sends the bytes as they are, because no generated
    /// type or stub would: a malformed message, a method that does not exist.
    pub raw: bool,
    /// Whether the client makes it by its own mind: what it was to ask is not known.
    pub is_own: bool,
    /// Whether its channel has a retry policy, by which it may be made again after an answer.
    pub is_retried: bool,
    /// The call's deadline.
    pub timeout: Duration,
    /// How long it is left alone after the answer before, in a sequential case.
    pub pause: Duration,
    /// What the client is told beside.
    pub options: CallOptions,
    /// What must come of it.
    pub expect: Expect,
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
    /// `Service/Method` of the suite's proto.
    pub(super) method: String,
    /// The method is called because the proto does not have it.
    #[serde(default)]
    pub(super) unknown_method: bool,
    /// The request in protobuf's JSON mapping.
    pub(super) request: Option<Value>,
    /// Instead: its bytes in hexadecimal, sent as they are.
    pub(super) request_hex: Option<String>,
    /// Instead: what the client does, step by step.
    pub(super) send: Option<Vec<WrittenCallStep>>,
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
    /// A call of one request, with nothing out of the ordinary.
    #[must_use]
    pub fn new(method: Method, request: Vec<u8>, timeout: Duration, expect: Expect) -> Self {
        let (raw, is_own, is_retried) = (false, false, false);
        let (pause, options) = (Duration::ZERO, CallOptions::default());
        let send = vec![CallStep::Message(RequestMessage::new(request)), CallStep::HalfClose];
        Self { method, send, raw, is_own, is_retried, timeout, pause, options, expect }
    }

    /// Its request, if all that the client does is to send one and end with it.
    #[must_use]
    pub fn one_request(&self) -> Option<&RequestMessage> {
        match &self.send[..] {
            [CallStep::Message(message), CallStep::HalfClose] => {
                (message.times == 1 && message.compressed.is_none()).then_some(message)
            }
            _ => None,
        }
    }

    /// The messages that the client sends, in order, each as often as it does.
    pub fn requests(&self) -> impl Iterator<Item = &RequestMessage> {
        let messages = self.send.iter().filter_map(|step| match step {
            CallStep::Message(message) => Some(message),
            _ => None,
        });
        messages.flat_map(|message| std::iter::repeat_n(message, message.times))
    }

    /// Whether the client ends its half of the call, if the call lasts so long.
    #[must_use]
    pub fn half_closes(&self) -> bool {
        self.send.contains(&CallStep::HalfClose)
    }

    /// Whether the client is to cancel it, at whatever place.
    #[must_use]
    pub fn cancels(&self) -> bool {
        self.options.cancel_after_messages.is_some() || self.send.contains(&CallStep::Cancel)
    }

    /// Whether it may be cancelled before anything of it has passed: at once, or by a step that
    /// waits for nothing of the server's.
    #[must_use]
    pub fn may_be_cancelled_unseen(&self) -> bool {
        let waits = |step: &CallStep| {
            matches!(step, CallStep::WaitForHeaders | CallStep::WaitForMessages(_))
        };
        self.options.cancel_after_messages == Some(0)
            || (self.send.contains(&CallStep::Cancel) && !self.send.iter().any(waits))
    }

    /// Whether a client that has come so far was to cancel it by then.
    #[must_use]
    pub fn was_to_cancel(&self, messages: usize, steps: Option<usize>) -> bool {
        let by_messages = self.options.cancel_after_messages;
        let by_step = self.send.iter().position(|step| *step == CallStep::Cancel);
        by_messages.is_some_and(|count| messages >= count as usize)
            || by_step.is_some_and(|step| steps.is_none_or(|done| done > step))
    }

    /// How long it waits at least: until a deadline that must pass, or between the messages
    /// that it reads slowly.
    pub(super) fn least_wait(&self) -> Duration {
        let must_pass = self.expect.codes == [Code::DEADLINE_EXCEEDED];
        let deadline = if must_pass { self.timeout } else { Duration::ZERO };
        let messages = u32::try_from(self.expect.message_count.unwrap_or(1)).unwrap_or(u32::MAX);
        let reading = self.options.read_delay.unwrap_or_default().saturating_mul(messages);
        let pauses = self.send.iter().map(|step| match step {
            CallStep::Pause(pause) => *pause,
            _ => Duration::ZERO,
        });
        let sending: Duration = pauses.sum();
        self.pause + deadline.max(reading.max(sending).min(self.timeout))
    }

    /// The features that the client must have announced for this call.
    pub fn client_features(&self) -> impl Iterator<Item = ClientFeature> {
        let options = &self.options;
        let of_compression = |compression| match compression {
            Compression::Gzip => ClientFeature::Gzip,
        };
        let is_mixed = self
            .send
            .iter()
            .any(|step| matches!(step, CallStep::Message(message) if message.compressed.is_some()));
        [
            self.kind_feature(),
            self.raw.then_some(ClientFeature::Raw),
            self.cancels().then_some(ClientFeature::Cancel),
            is_mixed.then_some(ClientFeature::MixedCompression),
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

    /// What a client must have announced for a call of this kind. One that sends bytes as they
    /// are knows no method's kind: what is more than one request, it makes a stream.
    fn kind_feature(&self) -> Option<ClientFeature> {
        let method = self.method.descriptor.as_ref().filter(|_| !self.raw);
        match method {
            Some(method) if !method.is_client_streaming() => None,
            Some(method) if !method.is_server_streaming() => Some(ClientFeature::ClientStreaming),
            Some(_) => Some(ClientFeature::Bidi),
            None => self.one_request().is_none().then_some(ClientFeature::Bidi),
        }
    }
}

/// As it is shown: everything that decides it.
impl Serialize for Call {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Taken apart, so that no field is forgotten. `raw` is seen in the request.
        let Self { method, send, raw, is_own, timeout, pause, options, expect, .. } = self;
        if *is_own {
            return json!({ "timeout": text::duration(*timeout) }).serialize(serializer);
        }
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("method", &method.path)?;
        if method.descriptor.is_none() {
            fields.serialize_entry("unknown_method", &true)?;
        }
        let input = method.descriptor.as_ref().filter(|_| !raw).map(MethodDescriptor::input);
        match self.one_request() {
            Some(request) => fields.serialize_entry("request", &request.shown(input.as_ref()))?,
            None => {
                let steps: Vec<Value> =
                    send.iter().map(|step| step.shown(input.as_ref())).collect();
                fields.serialize_entry("send", &steps)?;
            }
        }
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
