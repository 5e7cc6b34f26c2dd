//! How the steps of a script are written.

use std::io::Write as _;

use crosswire_http2::{
    frame::{PREFACE, flag, kind},
    hpack,
    write::prefixed,
};
use flate2::{Compression, write::GzEncoder};
use prost_reflect::{MessageDescriptor, prost::Message as _};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    input::{OneOrMore, parse_duration},
    mark::CALL_ENTRY,
    role::Role,
    suite::{
        AnyOf, Awaited, Codes, Cut, ErrorCode, Settings, Step, StreamRef,
        json::{from_json, read_hex, read_message},
    },
};

/// The most that a script sends in one step, in bytes.
const MAX_STEP_BYTES: usize = 64 << 20;

/// What a PING carries.
const PING_BYTES: usize = 8;

/// The longest payload: a frame's length has 24 bits.
const MAX_PAYLOAD_BYTES: usize = (1 << 24) - 1;

/// What padding and priority add to a payload at most.
const MAX_ADDED_BYTES: usize = 1 + 255 + 5;

/// Reads the steps of one case.
pub(super) struct StepReader<'a> {
    /// Whose steps they are.
    pub(super) role: Role,
    /// `Service/Method`
    pub(super) path: &'a str,
    /// The type of the messages that this side sends, if the method is known.
    pub(super) message: Option<MessageDescriptor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    // What is done; one of these.
    headers: Option<Fields>,
    message: Option<Value>,
    message_hex: Option<String>,
    data_hex: Option<String>,
    rst_stream: Option<ErrorCode>,
    goaway: Option<ErrorCode>,
    settings: Option<Settings>,
    window_update: Option<u32>,
    ping: Option<String>,
    priority: Option<u32>,
    frame: Option<RawFrame>,
    preface: Option<bool>,
    bytes: Option<String>,
    bytes_hex: Option<String>,
    hold: Option<bool>,
    wait_for: Option<OneOrMore<What>>,
    pause: Option<String>,
    close: Option<Cut>,

    // How it is done.
    stream: Option<u32>,
    end: Option<bool>,
    #[serde(default)]
    set: Map<String, Value>,
    #[serde(default)]
    drop: Vec<String>,
    #[serde(default)]
    add: Vec<(String, String)>,
    #[serde(default)]
    first: Vec<(String, String)>,
    block_hex: Option<String>,
    table_size: Option<u32>,
    #[serde(default)]
    open_block: bool,
    #[serde(default)]
    with_priority: bool,
    pieces: Option<Pieces>,
    padding: Option<u8>,
    flag: Option<u8>,
    length: Option<u32>,
    #[serde(default)]
    gzip: bool,
    #[serde(default)]
    overrun: bool,
    #[serde(default)]
    optional: bool,
    count: Option<u64>,
    code: Option<Codes>,
    last_stream: Option<u32>,
    debug: Option<String>,
}

/// The fields that a header block begins with, before they are changed.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fields {
    Request,
    Response,
    Trailers,
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFrame {
    kind: u8,
    #[serde(default)]
    flags: u8,
    #[serde(default)]
    payload_hex: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    Request,
    Headers,
    Messages,
    DataBytes,
    End,
    RstStream,
    Settings,
    SettingsAck,
    PingAck,
    WindowUpdate,
    Goaway,
    Close,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a size in bytes, or a list of them")]
enum Pieces {
    All(usize),
    Each(Vec<usize>),
}

impl StepReader<'_> {
    pub(super) fn read_all(&self, steps: Vec<Value>) -> Result<Vec<Step>, String> {
        let read = |(index, value)| {
            self.read(value).map_err(|why| format!("step {index} of the script: {why}"))
        };
        steps.into_iter().enumerate().map(read).collect()
    }

    /// What an ordinary client sends for this request.
    pub(super) fn ordinary_request(&self, request: &[u8]) -> Vec<Step> {
        let mut fields = self.fields(Fields::Request);
        // Marked, so that what passes for it is not taken for the script's.
        fields.push((CALL_ENTRY.to_owned(), "0".to_owned()));
        let block = hpack::encode(&fields);
        vec![
            Step::Headers {
                opens: true,
                stream: StreamRef::Current,
                block,
                flags: 0,
                ends_block: true,
                pieces: Vec::new(),
                padding: None,
                has_priority: false,
            },
            Step::Data {
                stream: StreamRef::Current,
                content: prefixed(0, u32::try_from(request.len()).unwrap_or(u32::MAX), request),
                ends_stream: true,
                pieces: Vec::new(),
                padding: None,
                heeds_windows: true,
            },
        ]
    }

    fn read(&self, value: Value) -> Result<Step, String> {
        let raw: RawStep = from_json(value)?;
        let stream = raw.stream.map_or(StreamRef::Current, StreamRef::Number);
        let frame = |kind, flags, stream, payload| Step::Frame { kind, flags, stream, payload };
        let of_connection = raw.stream.map_or(StreamRef::Number(0), StreamRef::Number);
        let mut given: Vec<(&str, Step)> = Vec::new();
        if let Some(fields) = raw.headers {
            given.push(("headers", self.headers(&raw, fields, stream)?));
        }
        if let Some(content) = self.content(&raw)? {
            if content.len() > MAX_STEP_BYTES {
                return Err(format!("more than {MAX_STEP_BYTES} bytes in one step"));
            }
            let step = Step::Data {
                stream,
                content,
                ends_stream: raw.end.unwrap_or(false),
                pieces: sizes(raw.pieces.as_ref())?,
                padding: raw.padding,
                heeds_windows: !raw.overrun,
            };
            given.push(("DATA", step));
        }
        if let Some(code) = raw.rst_stream {
            let payload = code.0.to_be_bytes().to_vec();
            given.push(("rst_stream", frame(kind::RST_STREAM, 0, stream, payload)));
        }
        if let Some(code) = raw.goaway {
            let last = raw.last_stream.unwrap_or(if self.role == Role::Server { 1 } else { 0 });
            let debug = raw.debug.clone().unwrap_or_default();
            let step = Step::GoAway { stream: of_connection, last, code: code.0, debug };
            given.push(("goaway", step));
        }
        if let Some(settings) = &raw.settings {
            given.push(("settings", Step::Settings(settings.clone())));
        }
        if let Some(increment) = raw.window_update {
            let payload = increment.to_be_bytes().to_vec();
            given.push(("window_update", frame(kind::WINDOW_UPDATE, 0, of_connection, payload)));
        }
        if let Some(data) = &raw.ping {
            let mut payload = data.clone().into_bytes();
            if payload.len() > PING_BYTES {
                return Err("ping: more than 8 bytes; give `frame` for a wrong size".to_owned());
            }
            payload.resize(PING_BYTES, 0);
            given.push(("ping", frame(kind::PING, 0, of_connection, payload)));
        }
        if let Some(depends_on) = raw.priority {
            let payload = [&depends_on.to_be_bytes()[..], &[15]].concat();
            given.push(("priority", frame(kind::PRIORITY, 0, stream, payload)));
        }
        if let Some(raw_frame) = &raw.frame {
            let payload = read_hex("payload_hex", &raw_frame.payload_hex)?;
            if payload.len() > MAX_PAYLOAD_BYTES {
                return Err("payload_hex: more than a frame's length can say".to_owned());
            }
            given.push(("frame", frame(raw_frame.kind, raw_frame.flags, of_connection, payload)));
        }
        if raw.preface == Some(true) {
            given.push(("preface", Step::Bytes(PREFACE.to_vec())));
        }
        if let Some(text) = &raw.bytes {
            given.push(("bytes", Step::Bytes(text.clone().into_bytes())));
        }
        if let Some(hex) = &raw.bytes_hex {
            given.push(("bytes_hex", Step::Bytes(read_hex("bytes_hex", hex)?)));
        }
        if let Some(holds) = raw.hold {
            given.push(("hold", Step::Hold(holds)));
        }
        if let Some(OneOrMore(whats)) = &raw.wait_for {
            let awaited = AnyOf(awaited(whats, raw.count, raw.code.as_ref())?);
            let step =
                if raw.optional { Step::MayWaitFor(awaited) } else { Step::WaitFor(awaited) };
            given.push(("wait_for", step));
        }
        if let Some(text) = &raw.pause {
            let pause = parse_duration(text).map_err(|why| format!("pause: {why}"))?;
            given.push(("pause", Step::Pause(pause)));
        }
        if let Some(cut) = raw.close {
            given.push(("close", Step::Close(cut)));
        }
        let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
        match (given.len(), names) {
            (1, _) => {}
            (0, _) => {
                return Err(
                    "nothing is done; give `headers`, `message`, `data_hex`, `rst_stream`, \
                            `goaway`, `settings`, `window_update`, `ping`, `priority`, `frame`, \
                            `preface`, `bytes`, `hold`, `wait_for`, `pause` or `close`"
                        .to_owned(),
                );
            }
            (_, names) => {
                return Err(format!("a step does one thing; here are {}", names.join(" and ")));
            }
        }
        let (name, step) = given.remove(0);
        check_modifiers(&raw, name)?;
        Ok(step)
    }

    fn headers(&self, raw: &RawStep, fields: Fields, stream: StreamRef) -> Result<Step, String> {
        let mut list = self.fields(fields);
        for (name, value) in &raw.set {
            let Value::String(value) = value else {
                return Err(format!("set: `{name}`: a field's value is a text"));
            };
            match list.iter_mut().find(|field| field.0 == *name) {
                Some(field) => field.1.clone_from(value),
                None => list.push((name.clone(), value.clone())),
            }
        }
        for name in &raw.drop {
            let before = list.len();
            list.retain(|field| field.0 != *name);
            if list.len() == before {
                return Err(format!("drop: there is no field `{name}`"));
            }
        }
        list.splice(0..0, raw.first.iter().cloned());
        list.extend(raw.add.iter().cloned());
        let mut block = raw.table_size.map(hpack::table_size).unwrap_or_default();
        block.extend(hpack::encode(&list));
        if let Some(hex) = &raw.block_hex {
            block.extend(read_hex("block_hex", hex)?);
        }
        let ends_stream = raw.end.unwrap_or(fields == Fields::Trailers);
        Ok(Step::Headers {
            opens: fields == Fields::Request && raw.stream.is_none(),
            stream,
            block,
            flags: if ends_stream { flag::END_STREAM } else { 0 },
            ends_block: !raw.open_block,
            pieces: sizes(raw.pieces.as_ref())?,
            padding: raw.padding,
            has_priority: raw.with_priority,
        })
    }

    fn fields(&self, fields: Fields) -> Vec<(String, String)> {
        let path = format!("/{}", self.path);
        let list: &[(&str, &str)] = match fields {
            Fields::Request => &[
                (":method", "POST"),
                (":scheme", "http"),
                (":path", &path),
                (":authority", "localhost"),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
            ],
            Fields::Response => &[(":status", "200"), ("content-type", "application/grpc")],
            Fields::Trailers if self.role == Role::Server => &[("grpc-status", "0")],
            Fields::Trailers | Fields::None => &[],
        };
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// What DATA carries, if the step is DATA.
    fn content(&self, raw: &RawStep) -> Result<Option<Vec<u8>>, String> {
        let mut given = Vec::new();
        if let Some(value) = &raw.message {
            let Some(descriptor) = &self.message else {
                return Err("message: an unknown method has no type; give `message_hex`".to_owned());
            };
            let message = read_message(descriptor, value).map_err(|why| format!("message{why}"))?;
            given.push(self.prefixed(raw, message.encode_to_vec()));
        }
        if let Some(hex) = &raw.message_hex {
            given.push(self.prefixed(raw, read_hex("message_hex", hex)?));
        }
        if let Some(hex) = &raw.data_hex {
            given.push(read_hex("data_hex", hex)?);
        }
        match given.len() {
            0 | 1 => Ok(given.pop()),
            _ => Err("a step has one of `message`, `message_hex` and `data_hex`".to_owned()),
        }
    }

    fn prefixed(&self, raw: &RawStep, payload: Vec<u8>) -> Vec<u8> {
        let payload = if raw.gzip { gzip(&payload) } else { payload };
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        prefixed(raw.flag.unwrap_or(u8::from(raw.gzip)), raw.length.unwrap_or(length), &payload)
    }
}

/// What says how something is done, where nothing is done so.
fn check_modifiers(raw: &RawStep, name: &str) -> Result<(), String> {
    let is_message = raw.message.is_some() || raw.message_hex.is_some();
    let changes = !raw.set.is_empty() || !raw.drop.is_empty() || !raw.add.is_empty();
    let of_headers = changes
        || !raw.first.is_empty()
        || raw.block_hex.is_some()
        || raw.table_size.is_some()
        || raw.open_block
        || raw.with_priority;
    let has_no_stream =
        ["settings", "preface", "bytes", "bytes_hex", "hold", "wait_for", "pause", "close"];
    let of_frames = raw.end.is_some() || raw.pieces.is_some() || raw.padding.is_some();
    let misplaced = [
        (
            of_headers && name != "headers",
            "`set`, `drop`, `add`, `first`, `block_hex`, `table_size`, `open_block` and `with_priority` belong to `headers`",
        ),
        (
            of_frames && name != "headers" && name != "DATA",
            "`end`, `pieces` and `padding` belong to `headers` and DATA",
        ),
        (
            (raw.flag.is_some() || raw.length.is_some() || raw.gzip) && !is_message,
            "`flag`, `length` and `gzip` belong to `message`",
        ),
        (raw.overrun && name != "DATA", "`overrun` belongs to DATA"),
        (
            (raw.count.is_some() || raw.code.is_some() || raw.optional) && name != "wait_for",
            "`count`, `code` and `optional` belong to `wait_for`",
        ),
        (
            (raw.last_stream.is_some() || raw.debug.is_some()) && name != "goaway",
            "`last_stream` and `debug` belong to `goaway`",
        ),
        (
            raw.stream.is_some() && has_no_stream.contains(&name),
            "`stream` belongs to frames of a stream; give `frame` for SETTINGS on one",
        ),
    ];
    match misplaced.iter().find(|(is_misplaced, _)| *is_misplaced) {
        Some((_, problem)) => Err((*problem).to_owned()),
        None => Ok(()),
    }
}

fn awaited(
    whats: &[What],
    count: Option<u64>,
    code: Option<&Codes>,
) -> Result<Vec<Awaited>, String> {
    let is_counted = |what: &What| matches!(what, What::Messages | What::DataBytes);
    if count.is_some() && !whats.iter().all(is_counted) {
        return Err("`count` belongs to `wait_for` of messages and data-bytes".to_owned());
    }
    let has_code = |what: &What| matches!(what, What::RstStream | What::Goaway);
    if code.is_some() && !whats.iter().any(has_code) {
        return Err("`code` belongs to `wait_for` of rst-stream and goaway".to_owned());
    }
    let count = count.unwrap_or(1);
    let codes = || code.cloned().unwrap_or(Codes::Any);
    let read = |what: &What| {
        Ok(match what {
            What::Request => Awaited::Request,
            What::Headers => Awaited::Headers,
            What::Messages => {
                let count = usize::try_from(count).map_err(|error| format!("count: {error}"))?;
                Awaited::Messages(count)
            }
            What::DataBytes => Awaited::DataBytes(count),
            What::End => Awaited::End,
            What::RstStream => Awaited::Reset(codes()),
            What::Settings => Awaited::Settings,
            What::SettingsAck => Awaited::SettingsAck,
            What::PingAck => Awaited::PingAck,
            What::WindowUpdate => Awaited::WindowUpdate,
            What::Goaway => Awaited::GoAway(codes()),
            What::Close => Awaited::Close,
        })
    };
    whats.iter().map(read).collect()
}

fn sizes(pieces: Option<&Pieces>) -> Result<Vec<usize>, String> {
    let sizes = match pieces {
        None => return Ok(Vec::new()),
        Some(Pieces::All(size)) => vec![*size],
        Some(Pieces::Each(sizes)) => sizes.clone(),
    };
    // A piece of no bytes is a frame like any other, but of nothing else there is no end.
    if sizes.last().is_none_or(|last| *last == 0) {
        return Err("pieces: the last size is for all that follow; give 1 or more".to_owned());
    }
    if sizes.iter().any(|size| *size > MAX_PAYLOAD_BYTES - MAX_ADDED_BYTES) {
        return Err("pieces: more than a frame's length can say".to_owned());
    }
    Ok(sizes)
}

fn gzip(payload: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    encoder.write_all(payload).and_then(|()| encoder.finish()).unwrap_or_default()
}
