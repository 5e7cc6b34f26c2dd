//! The steps of a script as they are written: a struct for each, so that what may be said
//! of a step follows from its type. The first field of a struct is the step's own name.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    input::{OneOrMore, nearest, unknown_field},
    suite::{
        Codes, Compression, Cut, ErrorCode, Settings, fault::Set, json::from_json,
        problem::Problem, table::fields_of,
    },
};

/// One kind of step for each type; the rest follows.
macro_rules! steps {
    ($($kind:ident($step:ty),)*) => {
        /// A step as it is written.
        pub(super) enum WrittenStep {
            $($kind($step),)*
        }

        type Read = fn(Map<String, Value>) -> Result<WrittenStep, Problem>;

        impl WrittenStep {
            /// The fields of every kind of step, and how it is read.
            fn kinds() -> Vec<(&'static [&'static str], Read)> {
                vec![$((fields_of::<$step>(), |table| {
                    from_json(Value::Object(table)).map(Self::$kind)
                }),)*]
            }
        }

        impl JsonSchema for WrittenStep {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                "Step".into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let kinds: Vec<Schema> = vec![$(generator.subschema_for::<$step>(),)*];
                json_schema!({ "description": "One step of a script.", "anyOf": kinds })
            }
        }
    };
}

steps! {
    Headers(HeadersStep),
    Message(MessageStep),
    MessageHex(MessageHexStep),
    DataHex(DataHexStep),
    Request(RequestStep),
    Answer(AnswerStep),
    RstStream(RstStreamStep),
    GoAway(GoAwayStep),
    Settings(SettingsStep),
    WindowUpdate(WindowUpdateStep),
    Ping(PingStep),
    Priority(PriorityStep),
    Frame(FrameStep),
    Preface(PrefaceStep),
    Bytes(BytesStep),
    BytesHex(BytesHexStep),
    Hold(HoldStep),
    WaitFor(WaitForStep),
    Pause(PauseStep),
    Close(CloseStep),
}

impl WrittenStep {
    /// Reads a step.
    ///
    /// # Errors
    /// It does nothing or several things, or has what its kind does not take.
    pub(super) fn read(value: Value) -> Result<Self, Problem> {
        let Value::Object(table) = value else {
            return Err("a step is a table, such as `{ ping = \"x\" }`".into());
        };
        let kinds = Self::kinds();
        let is_given = |(fields, _): &&(&[&str], Read)| table.contains_key(fields[0]);
        let given: Vec<_> = kinds.iter().filter(is_given).collect();
        match given[..] {
            [(fields, read)] => {
                if let Some(field) = table.keys().find(|field| !fields.contains(&field.as_str())) {
                    return Err(misplaced(field, fields, &kinds));
                }
                read(table)
            }
            [] => {
                let names: Vec<&str> = kinds.iter().map(|(fields, _)| fields[0]).collect();
                let is_known =
                    |field: &str| kinds.iter().any(|(fields, _)| fields.contains(&field));
                match table.keys().find(|field| !is_known(field)) {
                    Some(field) => Err(Problem::of_field(field, unknown_field(field, &names))),
                    None => {
                        let names = quoted(&names);
                        Err(format!("nothing is done; give one of {names}").into())
                    }
                }
            }
            _ => {
                let names: Vec<&str> = given.iter().map(|(fields, _)| fields[0]).collect();
                let names = names.join(" and ");
                Err(format!("a step does one thing; here are {names}").into())
            }
        }
    }
}

/// What a step of these fields does not take.
fn misplaced(field: &str, fields: &[&str], kinds: &[(&[&str], Read)]) -> Problem {
    let (name, takes) = (fields[0], quoted(&fields[1..]));
    let takes = if takes.is_empty() { "nothing else".to_owned() } else { takes };
    let others: Vec<&str> = kinds
        .iter()
        .filter(|(other, _)| other.contains(&field))
        .map(|(other, _)| other[0])
        .collect();
    let others = match (nearest(field, &fields[1..]), others.is_empty()) {
        (Some(near), true) => format!(" (did you mean `{near}`?)"),
        (None, true) => String::new(),
        (_, false) => format!("; it belongs to {}", quoted(&others)),
    };
    Problem::of_field(
        field,
        format!("`{field}` does not go with `{name}`, which takes {takes}{others}"),
    )
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The fields that a header block begins with, before they are changed.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fields {
    /// Those of an ordinary request of the method.
    Request,
    /// Those of an ordinary response.
    Response,
    /// A server's have `grpc-status: 0`.
    Trailers,
    /// None.
    None,
}

/// Sizes of pieces; the last is for all that follow.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a size in bytes, or a list of them")]
pub(super) enum Pieces {
    All(usize),
    Each(Vec<usize>),
}

/// A header block.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeadersStep {
    /// What it begins with: `request` opens the next stream, `trailers` end it.
    pub(super) headers: Fields,
    /// On this stream; without it, on the one opened last, or that the last request came on.
    pub(super) stream: Option<u32>,
    /// Changes a field, or adds it at the end.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) set: Map<String, Value>,
    /// Removes all fields of a name.
    #[serde(default)]
    pub(super) drop: Vec<String>,
    /// Adds fields at the end, whatever is there.
    #[serde(default)]
    pub(super) add: Vec<(String, String)>,
    /// Adds fields at the front.
    #[serde(default)]
    pub(super) first: Vec<(String, String)>,
    /// Raw HPACK after the fields.
    pub(super) block_hex: Option<String>,
    /// A size update before the fields.
    pub(super) table_size: Option<u32>,
    /// The last frame has no END_HEADERS.
    #[serde(default)]
    pub(super) open_block: bool,
    /// The first frame has five bytes of priority.
    #[serde(default)]
    pub(super) with_priority: bool,
    /// With END_STREAM.
    pub(super) end: Option<bool>,
    /// Cut into frames of these sizes.
    pub(super) pieces: Option<Pieces>,
    /// So many bytes of padding.
    pub(super) padding: Option<u8>,
}

/// DATA, of whatever content: what is said of each kind is the same.
macro_rules! data_step {
    ($(#[$about:meta])* $name:ident { $($(#[$of_field:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[$of_field])* pub(super) $field: $type,)*
            /// On this stream; without it, on the one opened last, or that the last request
            /// came on.
            stream: Option<u32>,
            /// With END_STREAM.
            #[serde(default)]
            end: bool,
            /// Cut into frames of these sizes.
            pieces: Option<Pieces>,
            /// So many bytes of padding in each frame.
            padding: Option<u8>,
            /// Without regard to the windows.
            #[serde(default)]
            overrun: bool,
        }

        impl $name {
            /// How its content is sent.
            pub(super) fn sending(&self) -> Sending<'_> {
                Sending {
                    stream: self.stream,
                    end: self.end,
                    pieces: self.pieces.as_ref(),
                    padding: self.padding,
                    overrun: self.overrun,
                }
            }
        }
    };
}

/// How DATA is sent.
pub(super) struct Sending<'a> {
    pub(super) stream: Option<u32>,
    pub(super) end: bool,
    pub(super) pieces: Option<&'a Pieces>,
    pub(super) padding: Option<u8>,
    pub(super) overrun: bool,
}

data_step! {
    /// DATA with a message of the method's type.
    MessageStep {
        /// The message, in protobuf's JSON mapping.
        message: Value,
        /// The flag of its prefix.
        flag: Option<u8>,
        /// The length in its prefix, true or not.
        length: Option<u32>,
        /// How it is compressed, with flag 1.
        compression: Option<Compression>,
    }
}

data_step! {
    /// DATA with a message of these bytes.
    MessageHexStep {
        /// The bytes, in hexadecimal.
        message_hex: String,
        /// The flag of its prefix.
        flag: Option<u8>,
        /// The length in its prefix, true or not.
        length: Option<u32>,
        /// How it is compressed, with flag 1.
        compression: Option<Compression>,
    }
}

data_step! {
    /// DATA with these bytes, without a prefix.
    DataHexStep {
        /// The bytes, in hexadecimal.
        data_hex: String,
    }
}

/// An ordinary request, whole: its headers, and its message with END_STREAM.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestStep {
    /// The message, in protobuf's JSON mapping.
    pub(super) request: Value,
}

/// An ordinary answer, whole: its headers, its message, and trailers that say OK.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerStep {
    /// The message, or a list of them, in protobuf's JSON mapping.
    pub(super) answer: Value,
}

/// RST_STREAM.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RstStreamStep {
    /// Its error code.
    pub(super) rst_stream: ErrorCode,
    /// On this stream; without it, on the one opened last, or that the last request came on.
    pub(super) stream: Option<u32>,
}

/// GOAWAY.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GoAwayStep {
    /// Its error code.
    pub(super) goaway: ErrorCode,
    /// On this stream, which is wrong.
    pub(super) stream: Option<u32>,
    /// Its last stream; 1 from a server and 0 from a client without it.
    pub(super) last_stream: Option<u32>,
    /// Its debug data.
    #[serde(default)]
    pub(super) debug: String,
}

/// SETTINGS.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsStep {
    /// Its entries.
    pub(super) settings: Settings,
}

/// WINDOW_UPDATE.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowUpdateStep {
    /// By so much.
    pub(super) window_update: u32,
    /// Of this stream; of the connection without it.
    pub(super) stream: Option<u32>,
}

/// PING.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PingStep {
    /// What it carries, filled up to 8 bytes.
    pub(super) ping: String,
    /// On this stream, which is wrong.
    pub(super) stream: Option<u32>,
}

/// PRIORITY.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PriorityStep {
    /// The stream that it makes it depend on.
    pub(super) priority: u32,
    /// Of this stream; without it, of the one opened last, or that the last request came on.
    pub(super) stream: Option<u32>,
}

/// Any frame.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FrameStep {
    /// The frame.
    pub(super) frame: WrittenFrame,
    /// On this stream; on that of the connection without it.
    pub(super) stream: Option<u32>,
}

/// A frame as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenFrame {
    /// Its type.
    pub(super) kind: u8,
    /// Its flags.
    #[serde(default)]
    pub(super) flags: u8,
    /// What it carries, in hexadecimal.
    #[serde(default)]
    pub(super) payload_hex: String,
}

/// The client's preface.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PrefaceStep {
    /// `true`.
    #[serde(rename = "preface")]
    _preface: Set,
}

/// Bytes as they are.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BytesStep {
    /// The bytes.
    pub(super) bytes: String,
}

/// Bytes as they are.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BytesHexStep {
    /// The bytes, in hexadecimal.
    pub(super) bytes_hex: String,
}

/// Keeps back what follows, or lets it go in one write.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldStep {
    /// Whether it is kept back.
    pub(super) hold: bool,
}

/// Waits until the other side has done something.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitForStep {
    /// What, or a list of which one must come.
    pub(super) wait_for: OneOrMore<What>,
    /// How many messages or bytes, in all.
    pub(super) count: Option<u64>,
    /// With one of these error codes.
    pub(super) code: Option<Codes>,
    /// It need not come; then the script is over.
    #[serde(default)]
    pub(super) optional: bool,
}

/// What the other side is to do.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum What {
    /// One more request begins.
    Request,
    /// One more request begins, and ends.
    WholeRequest,
    /// Its header block.
    Headers,
    /// So many messages.
    Messages,
    /// So many bytes of DATA.
    DataBytes,
    /// END_STREAM.
    End,
    /// RST_STREAM.
    RstStream,
    /// SETTINGS.
    Settings,
    /// The acknowledgement of every SETTINGS.
    SettingsAck,
    /// The answer to every PING.
    PingAck,
    /// WINDOW_UPDATE.
    WindowUpdate,
    /// GOAWAY.
    Goaway,
    /// The end of the connection.
    Close,
}

/// Nothing, for so long.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseStep {
    /// How long.
    #[serde(deserialize_with = "crate::input::duration::deserialize")]
    #[schemars(with = "String")]
    pub(super) pause: std::time::Duration,
}

/// The end of the connection.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CloseStep {
    /// How it ends.
    pub(super) close: Cut,
}
