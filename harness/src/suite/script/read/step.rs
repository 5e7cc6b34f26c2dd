//! What the steps of a script send, once they are read.

use crosswire_http2::{
    frame::{PREFACE, flag, kind},
    hpack,
    write::prefixed,
};
use prost_reflect::{MessageDescriptor, prost::Message as _};
use serde_json::Value;

use super::written::{
    DataHexStep, Fields, FrameStep, GoAwayStep, HeadersStep, MessageHexStep, MessageStep,
    PauseStep, Pieces, PingStep, Sending, WaitForStep, What, WrittenStep,
};
use crate::{
    mark::CALL_ENTRY,
    role::Role,
    suite::{
        AnyOf, Awaited, Call, Codes, Compression, Step, StreamRef,
        json::{read_hex, read_message},
        problem::{Problem, Within as _, each_item},
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

impl StepReader<'_> {
    /// The steps, each with the index of what it is written as: a short one stands for
    /// several.
    pub(super) fn read_all(&self, steps: Vec<Value>) -> Result<Vec<(usize, Step)>, Problem> {
        let steps = each_item(steps, |step| self.read(WrittenStep::read(step)?))?;
        let numbered = steps.into_iter().enumerate();
        Ok(numbered
            .flat_map(|(index, steps)| steps.into_iter().map(move |step| (index, step)))
            .collect())
    }

    /// What an ordinary client sends for this call, if it waits for nothing.
    pub(super) fn ordinary_request(&self, call: &Call) -> Vec<Step> {
        let mut fields = self.fields(Fields::Request);
        // Marked, so that what passes for it is not taken for the script's.
        fields.push((CALL_ENTRY.to_owned(), "0".to_owned()));
        let mut steps = vec![block_of(&fields, true, 0)];
        steps.extend(call.requests().map(|request| message_of(&request.bytes, false)));
        match steps.last_mut() {
            Some(Step::Data { ends_stream, .. }) => *ends_stream = true,
            _ => steps.push(data_of(Vec::new(), true)),
        }
        steps
    }

    fn read(&self, step: WrittenStep) -> Result<Vec<Step>, Problem> {
        let of_stream = |stream: Option<u32>| stream.map_or(StreamRef::Current, StreamRef::Number);
        let of_connection = |stream: Option<u32>| StreamRef::Number(stream.unwrap_or(0));
        let frame = |kind, stream, payload| Step::Frame { kind, flags: 0, stream, payload };
        let step = match step {
            WrittenStep::Headers(step) => self.headers(step)?,
            WrittenStep::Message(step) => self.message(&step)?,
            WrittenStep::MessageHex(step) => message_hex(&step)?,
            WrittenStep::DataHex(step) => data_hex(&step)?,
            WrittenStep::Request(step) => return self.request(&step.request).within("request"),
            WrittenStep::Answer(step) => return self.answer(step.answer).within("answer"),
            WrittenStep::RstStream(step) => {
                let payload = step.rst_stream.0.to_be_bytes().to_vec();
                frame(kind::RST_STREAM, of_stream(step.stream), payload)
            }
            WrittenStep::GoAway(step) => self.goaway(step),
            WrittenStep::Settings(step) => Step::Settings(step.settings),
            WrittenStep::WindowUpdate(step) => {
                let payload = step.window_update.to_be_bytes().to_vec();
                frame(kind::WINDOW_UPDATE, of_connection(step.stream), payload)
            }
            WrittenStep::Ping(step) => {
                let stream = of_connection(step.stream);
                frame(kind::PING, stream, ping(step)?)
            }
            WrittenStep::Priority(step) => {
                let payload = [&step.priority.to_be_bytes()[..], &[15]].concat();
                frame(kind::PRIORITY, of_stream(step.stream), payload)
            }
            WrittenStep::Frame(FrameStep { frame, stream }) => {
                let payload = read_hex("payload_hex", &frame.payload_hex).within("frame")?;
                if payload.len() > MAX_PAYLOAD_BYTES {
                    let problem = "more than a frame's length can say";
                    return Err(problem).within("payload_hex").within("frame");
                }
                let (kind, flags, stream) = (frame.kind, frame.flags, of_connection(stream));
                Step::Frame { kind, flags, stream, payload }
            }
            WrittenStep::Preface(_) => Step::Bytes(PREFACE.to_vec()),
            WrittenStep::Bytes(step) => Step::Bytes(step.bytes.into_bytes()),
            WrittenStep::BytesHex(step) => Step::Bytes(read_hex("bytes_hex", &step.bytes_hex)?),
            WrittenStep::Hold(step) => Step::Hold(step.hold),
            WrittenStep::WaitFor(step) => return wait_for(&step),
            WrittenStep::Pause(PauseStep { pause }) => Step::Pause(pause),
            WrittenStep::Close(step) => Step::Close(step.close),
        };
        Ok(vec![step])
    }

    fn goaway(&self, step: GoAwayStep) -> Step {
        let GoAwayStep { goaway, stream, last_stream, debug } = step;
        let last = last_stream.unwrap_or(if self.role == Role::Server { 1 } else { 0 });
        let stream = StreamRef::Number(stream.unwrap_or(0));
        Step::GoAway { stream, last, code: goaway.0, debug }
    }

    fn headers(&self, step: HeadersStep) -> Result<Step, Problem> {
        let mut list = self.fields(step.headers);
        for (name, value) in &step.set {
            let Value::String(value) = value else {
                return Err(
                    Problem::from(format!("`{name}`: a field's value is a text")).within("set")
                );
            };
            match list.iter_mut().find(|field| field.0 == *name) {
                Some(field) => field.1.clone_from(value),
                None => list.push((name.clone(), value.clone())),
            }
        }
        for name in &step.drop {
            let before = list.len();
            list.retain(|field| field.0 != *name);
            if list.len() == before {
                return Err(Problem::from(format!("there is no field `{name}`")).within("drop"));
            }
        }
        list.splice(0..0, step.first);
        list.extend(step.add);
        let mut block = step.table_size.map(hpack::table_size).unwrap_or_default();
        block.extend(hpack::encode(&list));
        if let Some(hex) = &step.block_hex {
            block.extend(read_hex("block_hex", hex)?);
        }
        let ends_stream = step.end.unwrap_or(step.headers == Fields::Trailers);
        Ok(Step::Headers {
            opens: step.headers == Fields::Request && step.stream.is_none(),
            stream: step.stream.map_or(StreamRef::Current, StreamRef::Number),
            block,
            flags: if ends_stream { flag::END_STREAM } else { 0 },
            ends_block: !step.open_block,
            pieces: sizes(step.pieces.as_ref())?,
            padding: step.padding,
            has_priority: step.with_priority,
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

    fn message(&self, step: &MessageStep) -> Result<Step, Problem> {
        let payload = self.encoded(&step.message).within("message")?;
        let content = with_prefix(payload, step.flag, step.length, step.compression);
        data(content, &step.sending())
    }

    /// A message of the type that this side sends.
    fn encoded(&self, message: &Value) -> Result<Vec<u8>, Problem> {
        let Some(descriptor) = &self.message else {
            return Err("an unknown method has no type; give `message_hex`".into());
        };
        Ok(read_message(descriptor, message)?.encode_to_vec())
    }

    fn request(&self, message: &Value) -> Result<Vec<Step>, Problem> {
        if self.role == Role::Server {
            return Err("a server sends no request; give `answer`".into());
        }
        Ok(request_of(&self.fields(Fields::Request), &self.encoded(message)?))
    }

    fn answer(&self, messages: Value) -> Result<Vec<Step>, Problem> {
        if self.role == Role::Client {
            return Err("a client sends no answer; give `request`".into());
        }
        let messages = match messages {
            Value::Array(messages) => each_item(&messages, |message| self.encoded(message))?,
            message => vec![self.encoded(&message)?],
        };
        let mut steps = vec![block_of(&self.fields(Fields::Response), false, 0)];
        steps.extend(messages.iter().map(|message| message_of(message, false)));
        steps.push(block_of(&self.fields(Fields::Trailers), false, flag::END_STREAM));
        Ok(steps)
    }
}

/// A request with these fields, whole.
fn request_of(fields: &[(String, String)], message: &[u8]) -> Vec<Step> {
    vec![block_of(fields, true, 0), message_of(message, true)]
}

fn block_of(fields: &[(String, String)], opens: bool, flags: u8) -> Step {
    Step::Headers {
        opens,
        stream: StreamRef::Current,
        block: hpack::encode(fields),
        flags,
        ends_block: true,
        pieces: Vec::new(),
        padding: None,
        has_priority: false,
    }
}

fn message_of(message: &[u8], ends_stream: bool) -> Step {
    data_of(with_prefix(message.to_vec(), None, None, None), ends_stream)
}

fn data_of(content: Vec<u8>, ends_stream: bool) -> Step {
    Step::Data {
        stream: StreamRef::Current,
        content,
        ends_stream,
        pieces: Vec::new(),
        padding: None,
        heeds_windows: true,
    }
}

fn message_hex(step: &MessageHexStep) -> Result<Step, Problem> {
    let payload = read_hex("message_hex", &step.message_hex)?;
    data(with_prefix(payload, step.flag, step.length, step.compression), &step.sending())
}

fn data_hex(step: &DataHexStep) -> Result<Step, Problem> {
    data(read_hex("data_hex", &step.data_hex)?, &step.sending())
}

fn data(content: Vec<u8>, how: &Sending<'_>) -> Result<Step, Problem> {
    if content.len() > MAX_STEP_BYTES {
        return Err(format!("more than {MAX_STEP_BYTES} bytes in one step").into());
    }
    Ok(Step::Data {
        stream: how.stream.map_or(StreamRef::Current, StreamRef::Number),
        content,
        ends_stream: how.end,
        pieces: sizes(how.pieces)?,
        padding: how.padding,
        heeds_windows: !how.overrun,
    })
}

fn with_prefix(
    payload: Vec<u8>,
    flag: Option<u8>,
    length: Option<u32>,
    compression: Option<Compression>,
) -> Vec<u8> {
    let payload = match compression {
        Some(compression) => compression.codec().compress(&payload),
        None => payload,
    };
    let own_length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    prefixed(
        flag.unwrap_or(u8::from(compression.is_some())),
        length.unwrap_or(own_length),
        &payload,
    )
}

fn ping(step: PingStep) -> Result<Vec<u8>, Problem> {
    let mut payload = step.ping.into_bytes();
    if payload.len() > PING_BYTES {
        return Err(
            Problem::from("more than 8 bytes; give `frame` for a wrong size").within("ping")
        );
    }
    payload.resize(PING_BYTES, 0);
    Ok(payload)
}

fn wait_for(step: &WaitForStep) -> Result<Vec<Step>, Problem> {
    let whats = &step.wait_for.0;
    let wait = |awaited| match step.optional {
        true => Step::MayWaitFor(awaited),
        false => Step::WaitFor(awaited),
    };
    if !whats.contains(&What::WholeRequest) {
        return Ok(vec![wait(AnyOf(awaited(whats, step.count, step.code.as_ref())?))]);
    }
    if whats.len() > 1 || step.count.is_some() || step.code.is_some() {
        return Err(Problem::of_field(
            "wait_for",
            "`whole-request` stands alone: it is `request`, and then `end`",
        ));
    }
    // One that has begun must end.
    Ok(vec![wait(Awaited::Request.into()), Step::WaitFor(Awaited::End.into())])
}

fn awaited(
    whats: &[What],
    count: Option<u64>,
    code: Option<&Codes>,
) -> Result<Vec<Awaited>, Problem> {
    let is_counted = |what: &What| matches!(what, What::Messages | What::DataBytes);
    if count.is_some() && !whats.iter().all(is_counted) {
        return Err(Problem::of_field(
            "count",
            "`count` belongs to `wait_for` of messages and data-bytes",
        ));
    }
    let has_code = |what: &What| matches!(what, What::RstStream | What::Goaway);
    if code.is_some() && !whats.iter().any(has_code) {
        return Err(Problem::of_field(
            "code",
            "`code` belongs to `wait_for` of rst-stream and goaway",
        ));
    }
    let count = count.unwrap_or(1);
    let codes = || code.cloned().unwrap_or(Codes::Any);
    let read = |what: &What| {
        Ok(match what {
            // Whole or not: that it ends is another step.
            What::Request | What::WholeRequest => Awaited::Request,
            What::Headers => Awaited::Headers,
            What::Messages => {
                let count = usize::try_from(count).map_err(|error| error.to_string());
                Awaited::Messages(count.within("count")?)
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

fn sizes(pieces: Option<&Pieces>) -> Result<Vec<usize>, Problem> {
    let sizes = match pieces {
        None => return Ok(Vec::new()),
        Some(Pieces::All(size)) => vec![*size],
        Some(Pieces::Each(sizes)) => sizes.clone(),
    };
    // A piece of no bytes is a frame like any other, but of nothing else there is no end.
    if sizes.last().is_none_or(|last| *last == 0) {
        let problem = "the last size is for all that follow; give 1 or more";
        return Err(problem).within("pieces");
    }
    if sizes.iter().any(|size| *size > MAX_PAYLOAD_BYTES - MAX_ADDED_BYTES) {
        return Err("more than a frame's length can say").within("pieces");
    }
    Ok(sizes)
}
