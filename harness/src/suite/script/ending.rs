//! What may come of a scripted client's stream.

use std::fmt;

use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value;

use crate::{
    suite::{
        Code, ErrorCode,
        json::{message_value, read_message},
    },
    text::count,
};

/// One allowed outcome.
#[derive(Debug, Clone)]
pub struct Ending {
    /// How it ends.
    pub kind: EndingKind,
    /// The response messages, exactly.
    pub messages: Option<Vec<DynamicMessage>>,
    /// How many response messages there are.
    pub message_count: Option<usize>,
    /// How many header blocks there are, interim ones not counted.
    pub blocks: Option<usize>,
    /// Fields that must be in the response's header blocks; those of one name in this
    /// order.
    pub fields: Vec<(String, String)>,
    /// Names of fields that must be there, whatever their values.
    pub has: Vec<String>,
    /// Names of fields that must not be there.
    pub lacks: Vec<String>,
    /// On which stream; the last that the script opened, without it.
    pub stream: Option<u32>,
    /// Only of a server whose SETTINGS take frames of this size.
    pub max_frame_size: Option<u32>,
    /// Outcomes that must be there, too.
    pub also: Vec<Ending>,
}

/// How a stream, or its connection, ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndingKind {
    /// With `:status` 200 and one of these in `grpc-status`.
    Status(Vec<Code>),
    /// With one of these HTTP statuses, whatever its `grpc-status`.
    Http(Vec<u16>),
    /// With RST_STREAM.
    Reset(Codes),
    /// With GOAWAY for the whole connection.
    GoAway(Codes),
    /// The connection is closed, whatever is said before.
    Closed,
    /// Nothing comes until the time is over, and the connection stays.
    Silence,
}

/// Error codes of HTTP/2 that are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codes {
    /// Whatever it is.
    Any,
    /// One of these.
    These(Vec<ErrorCode>),
}

impl Codes {
    /// Whether this one is allowed.
    #[must_use]
    pub fn allow(&self, code: u32) -> bool {
        match self {
            Self::Any => true,
            Self::These(codes) => codes.contains(&ErrorCode(code)),
        }
    }
}

impl Ending {
    /// Only how it ends.
    #[must_use]
    pub const fn of(kind: EndingKind) -> Self {
        Self {
            kind,
            messages: None,
            message_count: None,
            blocks: None,
            fields: Vec::new(),
            has: Vec::new(),
            lacks: Vec::new(),
            stream: None,
            max_frame_size: None,
            also: Vec::new(),
        }
    }

    /// Whether it is about the connection, not about streams of it alone.
    #[must_use]
    pub fn is_of_the_connection(&self) -> bool {
        let is_itself =
            matches!(self.kind, EndingKind::GoAway(_) | EndingKind::Closed | EndingKind::Silence);
        is_itself || self.also.iter().any(Self::is_of_the_connection)
    }

    /// The streams that it is about, if the script opened this one last.
    #[must_use]
    pub fn streams(&self, last: u32) -> Vec<u32> {
        let of_others = self.also.iter().flat_map(|ending| ending.streams(last));
        [self.stream.unwrap_or(last)].into_iter().chain(of_others).collect()
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            EndingKind::Status(codes) => write!(formatter, "status {}", any_of(codes))?,
            EndingKind::Http(statuses) => write!(formatter, "HTTP {}", any_of(statuses))?,
            EndingKind::Reset(codes) => write!(formatter, "RST_STREAM{codes}")?,
            EndingKind::GoAway(codes) => write!(formatter, "GOAWAY{codes}")?,
            EndingKind::Closed => write!(formatter, "a closed connection")?,
            EndingKind::Silence => write!(formatter, "nothing")?,
        }
        if let Some(messages) = &self.messages {
            let shown: Vec<String> =
                messages.iter().map(|message| message_value(message).to_string()).collect();
            write!(formatter, ", messages [{}]", shown.join(", "))?;
        }
        if let Some(messages) = self.message_count {
            write!(formatter, ", {}", count(messages, "message"))?;
        }
        if let Some(blocks) = self.blocks {
            write!(formatter, ", {}", count(blocks, "header block"))?;
        }
        for (name, value) in &self.fields {
            write!(formatter, ", {name}: {value}")?;
        }
        for name in &self.has {
            write!(formatter, ", some {name}")?;
        }
        for name in &self.lacks {
            write!(formatter, ", no {name}")?;
        }
        if let Some(stream) = self.stream {
            write!(formatter, ", on stream {stream}")?;
        }
        if let Some(size) = self.max_frame_size {
            write!(formatter, " if it takes frames of {size} bytes")?;
        }
        for ending in &self.also {
            write!(formatter, " and {ending}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Codes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::These(codes) => write!(formatter, " {}", any_of(codes)),
        }
    }
}

fn any_of<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

/// An outcome as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawEnding {
    status: Option<OneOrMore<Code>>,
    http: Option<OneOrMore<u16>>,
    rst_stream: Option<Codes>,
    goaway: Option<Codes>,
    #[serde(default)]
    closed: bool,
    #[serde(default)]
    silence: bool,
    messages: Option<Vec<Value>>,
    message_count: Option<usize>,
    blocks: Option<usize>,
    #[serde(default)]
    fields: Vec<(String, String)>,
    #[serde(default)]
    has: Vec<String>,
    #[serde(default)]
    lacks: Vec<String>,
    stream: Option<u32>,
    max_frame_size: Option<u32>,
    #[serde(default)]
    also: Vec<RawEnding>,
}

impl RawEnding {
    /// The outcome, with messages of this type.
    pub(in crate::suite) fn read(
        self,
        output: Option<&MessageDescriptor>,
    ) -> Result<Ending, String> {
        let kinds = [
            self.status.map(|codes| EndingKind::Status(codes.0)),
            self.http.map(|statuses| EndingKind::Http(statuses.0)),
            self.rst_stream.map(EndingKind::Reset),
            self.goaway.map(EndingKind::GoAway),
            self.closed.then_some(EndingKind::Closed),
            self.silence.then_some(EndingKind::Silence),
        ];
        let mut kinds = kinds.into_iter().flatten();
        let (Some(kind), None) = (kinds.next(), kinds.next()) else {
            return Err(
                "an outcome is one of `status`, `http`, `rst_stream`, `goaway`, `closed`, `silence`"
                    .to_owned(),
            );
        };
        if self.stream == Some(0) {
            return Err("`stream` 0 is the connection; leave it out".to_owned());
        }
        let read_also = |(index, ending): (usize, Self)| {
            ending.read(output).map_err(|why| format!("also[{index}]: {why}"))
        };
        let also = self.also.into_iter().enumerate().map(read_also).collect::<Result<_, _>>()?;
        let messages = match (self.messages, output) {
            (None, _) => None,
            (Some(_), None) => return Err("messages: an unknown method has no type".to_owned()),
            (Some(values), Some(output)) => Some(
                values
                    .iter()
                    .enumerate()
                    .map(|(index, value)| {
                        read_message(output, value).map_err(|why| format!("messages[{index}]{why}"))
                    })
                    .collect::<Result<Vec<_>, _>>()?,
            ),
        };
        let is_success = matches!(&kind, EndingKind::Status(codes) if codes.contains(&Code::OK));
        if is_success && messages.is_none() && self.message_count.is_none() {
            return Err("OK with nothing checked; give `messages` or `message_count`".to_owned());
        }
        Ok(Ending {
            kind,
            messages,
            message_count: self.message_count,
            blocks: self.blocks,
            fields: self.fields,
            has: self.has,
            lacks: self.lacks,
            stream: self.stream,
            max_frame_size: self.max_frame_size,
            also,
        })
    }
}

/// One value, or a list of them.
struct OneOrMore<T>(Vec<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let values = match value {
            Value::Array(values) if values.is_empty() => {
                return Err(D::Error::custom("an empty list"));
            }
            Value::Array(values) => values,
            value => vec![value],
        };
        let read = |value: Value| serde_json::from_value(value).map_err(D::Error::custom);
        values.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl<'de> Deserialize<'de> for Codes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value == "any" {
            return Ok(Self::Any);
        }
        let codes: OneOrMore<ErrorCode> =
            serde_json::from_value(value).map_err(D::Error::custom)?;
        Ok(Self::These(codes.0))
    }
}
