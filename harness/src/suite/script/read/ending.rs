//! How the outcomes of a script are written.

use std::borrow::Cow;

use prost_reflect::MessageDescriptor;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Value, json};

use crate::{
    input::OneOrMore,
    suite::{
        Code, Codes, Ending, EndingKind, ErrorCode,
        class::Classes,
        json::{from_json, read_message},
        problem::{Problem, Within as _, each_item},
    },
};

/// An outcome as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct WrittenEnding {
    class: Option<String>,
    error: Option<OneOrMore<ErrorCode>>,
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
    also: Vec<WrittenEnding>,
}

/// What the outcomes of a case are read with.
pub(super) struct EndingReader<'a> {
    /// The type of the response messages, of a method that is known.
    pub(super) output: Option<&'a MessageDescriptor>,
    /// What the names of classes mean.
    pub(super) classes: &'a Classes,
    /// The case's rule.
    pub(super) rule: &'a str,
}

impl WrittenEnding {
    /// An outcome as it is written: a table, or the name of a class.
    pub(super) fn from_value(value: Value) -> Result<Self, Problem> {
        from_json(if value.is_string() { json!({ "class": value }) } else { value })
    }

    /// The outcome.
    pub(super) fn read(self, reader: &EndingReader<'_>) -> Result<Ending, Problem> {
        let class = self.class.map(|name| {
            let mut extent = reader.classes.extent(&name, reader.rule)?;
            if let Some(errors) = &self.error {
                extent.narrow_errors(&errors.0);
            }
            Ok::<EndingKind, String>(EndingKind::Class { name, extent })
        });
        let class = class.transpose()?;
        if self.error.is_some() && class.is_none() {
            return Err(Problem::of_field("error", "`error` belongs to a `class`"));
        }
        let output = reader.output;
        let kinds = [
            class,
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
                "an outcome is a class's name, or one of `class`, `status`, `http`, `rst_stream`, `goaway`, `closed`, `silence`"
                    .into(),
            );
        };
        if self.stream == Some(0) {
            return Err(Problem::of_field("stream", "`stream` 0 is the connection; leave it out"));
        }
        let also = each_item(self.also, |ending| ending.read(reader)).within("also")?;
        let messages = match (self.messages, output) {
            (None, _) => None,
            (Some(_), None) => return Err("an unknown method has no type").within("messages"),
            (Some(values), Some(output)) => {
                let read = |value: Value| read_message(output, &value);
                Some(each_item(values, read).within("messages")?)
            }
        };
        if kind.extent().is_served && messages.is_none() && self.message_count.is_none() {
            return Err("OK with nothing checked; give `messages` or `message_count`".into());
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

impl Serialize for Codes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => serializer.serialize_str("any"),
            Self::These(codes) => serializer.collect_seq(codes),
        }
    }
}

impl JsonSchema for Codes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Codes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let codes = generator.subschema_for::<OneOrMore<ErrorCode>>();
        json_schema!({ "anyOf": [{ "const": "any" }, codes] })
    }
}
