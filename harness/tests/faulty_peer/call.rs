//! A call as the harness wants it made, and how it is made.

use std::{
    collections::BTreeMap,
    io, thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crosswire::mark::CALL_ENTRY;
use crosswire_http2::{
    error,
    frame::{Frame, flag, kind},
    hpack::Field,
    message::MessageReader,
    write::{data, headers, message, reset},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    http2::{Connection, value},
    misdeed::WRONG,
    tls::ClientTls,
    wire::{BETWEEN_MESSAGES, ENDLESS_MESSAGES, Frames, Wire},
};

const OK: i32 = 0;
const CANCELLED: i32 = 1;
const UNKNOWN: i32 = 2;
const DEADLINE_EXCEEDED: i32 = 4;
const UNAVAILABLE: i32 = 14;

/// From one call's stream to the next's. Ids may be left out, and a call that needs
/// more than one stream finds them here.
const NEXT_STREAM: u32 = 4;

/// A call.
#[derive(Deserialize)]
pub(crate) struct Call {
    pub(crate) id: u64,
    pub(crate) case: String,
    target: String,
    method: String,
    /// In base64.
    pub(crate) request: String,
    pub(crate) timeout_ms: u64,
    #[serde(default)]
    metadata: Vec<(String, String)>,
    cancel_after_messages: Option<usize>,
    tls: Option<ClientTls>,
    /// What is done wrong in it.
    #[serde(skip)]
    pub(crate) wire: Wire,
    /// Its end is waited for, however long that takes.
    #[serde(skip)]
    pub(crate) has_no_end: bool,
}

/// What came of a call.
#[derive(Clone)]
pub(crate) struct Answer {
    /// In base64.
    messages: Vec<String>,
    code: i32,
    message: String,
}

/// One connection for each target, as long as it lasts.
#[derive(Default)]
pub(crate) struct Connections {
    open: BTreeMap<String, Channel>,
    /// What is done wrong on all of them.
    wire: Wire,
}

struct Channel {
    connection: Connection,
    next_stream: u32,
}

impl Connections {
    pub(crate) fn new(wire: Wire) -> Self {
        Self { wire, ..Self::default() }
    }

    /// Makes the call and reports it.
    pub(crate) fn answer(&mut self, call: &Call) -> Value {
        let mut answer = self.ask(call).unwrap_or_else(|error| Answer::lost(&error));
        answer.code = call.wire.report.unwrap_or(answer.code);
        match call.wire.frames {
            Some(Frames::MessageTwice) => answer.messages.extend_from_within(..),
            Some(Frames::MessageLeftOut) => answer.messages.truncate(0),
            Some(Frames::AnotherMessage) => answer.messages = vec![WRONG.to_owned()],
            _ => {}
        }
        answer.report(call.id)
    }

    /// Makes the call.
    ///
    /// # Errors
    /// The connection does not come about, or is lost.
    pub(crate) fn ask(&mut self, call: &Call) -> io::Result<Answer> {
        let mut channel = self.channel(call)?;
        let answer = channel.ask(call)?;
        self.keep(call, channel);
        Ok(answer)
    }

    /// Makes calls side by side on one connection, and reports them.
    pub(crate) fn answer_together(&mut self, calls: &[&Call]) -> Vec<Value> {
        let Some(first) = calls.first() else { return Vec::new() };
        let asked = self.channel(first).and_then(|mut channel| {
            let answers = channel.ask_together(calls)?;
            if answers.iter().all(|answer| answer.code != UNAVAILABLE) {
                self.keep(first, channel);
            }
            Ok(answers)
        });
        let lost = |error| calls.iter().map(|_| Answer::lost(&error)).collect();
        let answers: Vec<Answer> = asked.unwrap_or_else(lost);
        calls.iter().zip(answers).map(|(call, answer)| answer.report(call.id)).collect()
    }

    fn channel(&mut self, call: &Call) -> io::Result<Channel> {
        match self.open.remove(&call.target) {
            Some(channel) => Ok(channel),
            None => Ok(Channel {
                connection: Connection::to_server(&call.target, call.tls.as_ref(), &self.wire)?,
                next_stream: 1,
            }),
        }
    }

    fn keep(&mut self, call: &Call, channel: Channel) {
        if !channel.connection.is_ending || self.wire.has(Frames::StreamAfterGoaway) {
            self.open.insert(call.target.clone(), channel);
        }
    }

    /// No more calls come for a target.
    pub(crate) fn close(&mut self, target: &str) {
        self.open.remove(target);
    }
}

impl Channel {
    fn ask(&mut self, call: &Call) -> io::Result<Answer> {
        let stream = self.next_stream;
        self.next_stream += NEXT_STREAM;
        let fields = call.fields();
        match call.wire.frames {
            Some(Frames::StreamTooMany) => {
                self.connection.send(&headers(stream, 0, &unmarked(&fields)))?;
                let answer = self.exchange(stream + 2, call, &fields);
                self.connection.send(&reset(stream, error::CANCEL))?;
                answer
            }
            Some(Frames::EvenStream) => self.exchange(stream + 1, call, &fields),
            Some(Frames::StreamAgain) => self.exchange(stream - NEXT_STREAM, call, &fields),
            Some(Frames::LowerStream) => {
                self.exchange(stream + 2, call, &unmarked(&fields))?;
                self.exchange(stream, call, &fields)
            }
            Some(Frames::CallAgain) => {
                self.exchange(stream, call, &fields)?;
                self.exchange(stream + 2, call, &fields)
            }
            _ => self.exchange(stream, call, &fields),
        }
    }

    fn exchange(
        &mut self,
        stream: u32,
        call: &Call,
        fields: &[(String, String)],
    ) -> io::Result<Answer> {
        let limit = Duration::from_millis(call.timeout_ms);
        let until = (!call.has_no_end).then(|| Instant::now() + limit);
        self.connection.go_on_silently()?;
        self.connection.send(&call.frames(stream, fields))?;
        match self.answer(stream, call, until) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let code = match call.wire.frames {
                    Some(Frames::NoReset) => None,
                    Some(Frames::ResetWithAnotherCode) => Some(error::INTERNAL_ERROR),
                    _ => Some(error::CANCEL),
                };
                if let Some(code) = code {
                    self.connection.send(&reset(stream, code))?;
                }
                Ok(Answer::failed(DEADLINE_EXCEEDED, "no answer in time"))
            }
            Err(error) if call.wire.has(Frames::DataAfterReset) => {
                for _ in 0..ENDLESS_MESSAGES {
                    thread::sleep(BETWEEN_MESSAGES);
                    self.connection.send(&data(stream, 0, &message(0, b"")))?;
                }
                Err(error)
            }
            answer => answer,
        }
    }

    fn answer(&mut self, stream: u32, call: &Call, until: Option<Instant>) -> io::Result<Answer> {
        let mut reading = Reading::of(stream);
        loop {
            let most = call.cancel_after_messages;
            if most.is_some_and(|most| reading.answer.messages.len() >= most) {
                self.connection.send(&reset(stream, error::CANCEL))?;
                return Ok(Answer { code: CANCELLED, ..reading.answer });
            }
            if self.read(until, &mut [&mut reading])? {
                return Ok(reading.answer);
            }
        }
    }

    /// Makes calls side by side. What has no answer when the connection ends is lost with it.
    fn ask_together(&mut self, calls: &[&Call]) -> io::Result<Vec<Answer>> {
        let mut readings = Vec::new();
        for call in calls {
            self.connection.send(&call.frames(self.next_stream, &call.fields()))?;
            readings.push(Reading::of(self.next_stream));
            self.next_stream += NEXT_STREAM;
        }
        let mut end = Ok(());
        while end.is_ok() && readings.iter().any(|reading| !reading.has_ended) {
            let mut all: Vec<&mut Reading> = readings.iter_mut().collect();
            end = self.read(None, &mut all).map(|_| ());
        }
        let lost = end.err().map(|error| Answer::lost(&error));
        let answer = |reading: Reading| match &lost {
            Some(lost) if !reading.has_ended => lost.clone(),
            _ => reading.answer,
        };
        Ok(readings.into_iter().map(answer).collect())
    }

    /// Reads a frame for whoever it is for; whether it ends a stream of theirs.
    fn read(&mut self, until: Option<Instant>, readings: &mut [&mut Reading]) -> io::Result<bool> {
        let frame = self.connection.next(until)?;
        let fields = match frame.kind {
            kind::HEADERS => self.connection.fields(&frame)?,
            _ => Vec::new(),
        };
        match readings.iter_mut().find(|reading| reading.stream == frame.stream) {
            Some(reading) => reading.take(&frame, &fields),
            None => Ok(false),
        }
    }
}

/// What has come for a call so far.
struct Reading {
    stream: u32,
    answer: Answer,
    reader: MessageReader,
    has_ended: bool,
}

impl Reading {
    fn of(stream: u32) -> Self {
        let answer = Answer::failed(UNKNOWN, "no grpc-status");
        Self { stream, answer, reader: MessageReader::default(), has_ended: false }
    }

    fn take(&mut self, frame: &Frame, fields: &[Field]) -> io::Result<bool> {
        match frame.kind {
            kind::HEADERS => {
                let status = value(fields, "grpc-status").and_then(|code| code.parse().ok());
                if let Some(code) = status.filter(|code| (0..=16).contains(code)) {
                    self.answer.code = code;
                    value(fields, "grpc-message")
                        .unwrap_or_default()
                        .clone_into(&mut self.answer.message);
                }
            }
            kind::DATA => {
                let content = frame.content().map_err(io::Error::other)?;
                self.reader.push(0, &content, |_, message| {
                    let payload = message.payload.unwrap_or_default();
                    self.answer.messages.push(STANDARD.encode(payload));
                });
            }
            kind::RST_STREAM => return Err(io::ErrorKind::ConnectionReset.into()),
            _ => return Ok(false),
        }
        self.has_ended |= frame.has(flag::END_STREAM);
        Ok(self.has_ended)
    }
}

impl Call {
    fn fields(&self) -> Vec<(String, String)> {
        let path = format!("/{}", self.method);
        let timeout = format!("{}m", self.timeout_ms);
        let own = [
            (":method", "POST"),
            (":scheme", if self.tls.is_some() { "https" } else { "http" }),
            (":path", &path),
            (":authority", &self.target),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("grpc-timeout", &timeout),
            ("grpc-accept-encoding", "gzip"),
        ];
        let metadata = self.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.wire.header(&own.into_iter().chain(metadata).collect::<Vec<_>>())
    }

    fn frames(&self, stream: u32, fields: &[(String, String)]) -> Vec<u8> {
        let content = self.wire.content(message(0, &STANDARD.decode(&self.request).unwrap()));
        let ended = data(stream, flag::END_STREAM, &content);
        let rest = match self.wire.frames {
            Some(Frames::RequestTrailers) => {
                let trailers = self.wire.trailer(&[("x-trailer", "1")]);
                [data(stream, 0, &content), headers(stream, flag::END_STREAM, &trailers)].concat()
            }
            Some(Frames::DataAfterEnd) => [ended, data(stream, 0, b"")].concat(),
            Some(Frames::DataAfterReset) => data(stream, 0, &content),
            _ => ended,
        };
        [headers(stream, 0, fields), self.wire.disturbance(stream), rest].concat()
    }
}

/// A request that no trial is known by.
fn unmarked(fields: &[(String, String)]) -> Vec<(String, String)> {
    fields.iter().filter(|(name, _)| name != CALL_ENTRY).cloned().collect()
}

impl Answer {
    pub(crate) fn of(message: &str) -> Self {
        Self { messages: vec![message.to_owned()], code: OK, message: String::new() }
    }

    pub(crate) fn failed(code: i32, message: &str) -> Self {
        Self { messages: Vec::new(), code, message: message.to_owned() }
    }

    fn lost(error: &io::Error) -> Self {
        Self::failed(UNAVAILABLE, &format!("connection lost: {error}"))
    }

    pub(crate) fn report(&self, id: u64) -> Value {
        let Self { messages, code, message } = self;
        let status = json!({ "code": code, "message": message, "details": "" });
        json!({ "result": {
            "id": id, "messages": messages, "status": status, "headers": [], "trailers": [],
        } })
    }
}
