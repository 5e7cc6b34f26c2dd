//! What must come of a call.

use std::ops::Not;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost_reflect::DynamicMessage;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use super::{code::Code, json::message_value};
use crate::input::OneOrMore;

/// What must come of a call. By default status OK, and whatever comes with it. The messages
/// are values as they are written, until their type is known.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(bound(serialize = "M: Shown"))]
pub struct Expect<M = DynamicMessage> {
    /// The allowed status codes; at least one.
    #[serde(
        rename = "code",
        default = "ok",
        deserialize_with = "one_or_more",
        serialize_with = "as_one_or_more"
    )]
    #[schemars(with = "OneOrMore<Code>")]
    pub codes: Vec<Code>,
    /// The response messages, exactly.
    #[serde(serialize_with = "as_shown", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Value>>")]
    pub messages: Option<Vec<M>>,
    /// Whether the first of the messages are enough, of a call that fails.
    #[serde(rename = "partial", default, skip_serializing_if = "Not::not")]
    pub is_partial: bool,
    /// Whether fields that the proto lacks may be in the messages.
    #[serde(rename = "unknown_fields", default, skip_serializing_if = "Not::not")]
    pub takes_unknown_fields: bool,
    /// How many response messages there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_count: Option<usize>,
    /// Whether any messages are right.
    #[serde(rename = "any_messages", default, skip_serializing_if = "Not::not")]
    pub takes_any_messages: bool,
    /// The status message, exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// What the status message must contain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message_has: Option<String>,
    /// What the status message must not contain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message_lacks: Option<String>,
    /// The bytes of `grpc-status-details-bin`; base64 in a suite.
    #[serde(with = "base64_text", default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub status_details: Option<Vec<u8>>,
    /// How far floating-point fields may be off; bit equality without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approx: Option<Approx>,
    /// What must be among the initial metadata: for each name all its values, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Likewise of the trailing metadata.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trailers: Vec<(String, String)>,
    /// What must have been seen on the wire.
    #[serde(rename = "wire", default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Seen>,
}

impl<M> Default for Expect<M> {
    fn default() -> Self {
        Self {
            codes: ok(),
            messages: None,
            is_partial: false,
            takes_unknown_fields: false,
            message_count: None,
            takes_any_messages: false,
            status_message: None,
            status_message_has: None,
            status_message_lacks: None,
            status_details: None,
            approx: None,
            headers: Vec::new(),
            trailers: Vec::new(),
            seen: Vec::new(),
        }
    }
}

fn ok() -> Vec<Code> {
    vec![Code::OK]
}

impl<M> Expect<M> {
    /// The same, with messages of another kind.
    pub(super) fn with_messages<N>(self, messages: Option<Vec<N>>) -> Expect<N> {
        Expect {
            messages,
            codes: self.codes,
            is_partial: self.is_partial,
            takes_unknown_fields: self.takes_unknown_fields,
            message_count: self.message_count,
            takes_any_messages: self.takes_any_messages,
            status_message: self.status_message,
            status_message_has: self.status_message_has,
            status_message_lacks: self.status_message_lacks,
            status_details: self.status_details,
            approx: self.approx,
            headers: self.headers,
            trailers: self.trailers,
            seen: self.seen,
        }
    }
}

/// Something that must have been seen on the wire of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// A request message with the compressed flag.
    RequestCompressed,
    /// A request message without the compressed flag.
    RequestUncompressed,
    /// A response message with the compressed flag.
    ResponseCompressed,
    /// A response message without the compressed flag.
    ResponseUncompressed,
    /// The client's RST_STREAM.
    ClientResets,
    /// The server's END_STREAM or RST_STREAM.
    ServerEnds,
    /// The same connection as the call before.
    SameConnection,
    /// Another connection than the call before.
    NewConnection,
    /// Another address of the target than the call before.
    AnotherAddress,
    /// The same address of the target as the call before.
    SameAddress,
    /// The answer to the PING of the case's fault.
    PingAnswered,
}

impl Seen {
    /// Its name in a case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestCompressed => "request-compressed",
            Self::RequestUncompressed => "request-uncompressed",
            Self::ResponseCompressed => "response-compressed",
            Self::ResponseUncompressed => "response-uncompressed",
            Self::ClientResets => "client-resets",
            Self::ServerEnds => "server-ends",
            Self::SameConnection => "same-connection",
            Self::NewConnection => "new-connection",
            Self::AnotherAddress => "another-address",
            Self::SameAddress => "same-address",
            Self::PingAnswered => "ping-answered",
        }
    }
}

/// A tolerance: a value passes if it is within either bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Approx {
    /// As a share of the magnitude of the larger of the two values.
    pub relative: f64,
    /// In the value's own unit.
    pub absolute: f64,
}

/// A message that can be shown.
pub trait Shown {
    /// As reports show it.
    fn value(&self) -> Value;
}

impl Shown for DynamicMessage {
    fn value(&self) -> Value {
        message_value(self)
    }
}

fn as_shown<M: Shown, S: Serializer>(
    messages: &Option<Vec<M>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(messages.iter().flatten().map(Shown::value))
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Code>, D::Error> {
    OneOrMore::deserialize(deserializer).map(|codes| codes.0)
}

fn as_one_or_more<S: Serializer>(codes: &[Code], serializer: S) -> Result<S::Ok, S::Error> {
    OneOrMore(codes.to_vec()).serialize(serializer)
}

/// Bytes as base64.
mod base64_text {
    use super::*;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Some).map_err(D::Error::custom)
    }

    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(serializer)
    }
}
