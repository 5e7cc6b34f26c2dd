//! How the outcomes of a script are written.

use prost_reflect::MessageDescriptor;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::{
    input::OneOrMore,
    suite::{Code, Codes, Ending, EndingKind, ErrorCode, json::read_message},
};

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
    pub(super) fn read(self, output: Option<&MessageDescriptor>) -> Result<Ending, String> {
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
