//! A call as the harness wants it made, and how it is made.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crosswire::wire::{
    frame::{error, flag, kind},
    message::MessageReader,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http2::{Connection, data, headers, message, reset, value};

const OK: i32 = 0;
const UNKNOWN: i32 = 2;
const DEADLINE_EXCEEDED: i32 = 4;
const UNAVAILABLE: i32 = 14;

/// As much of a call as this client knows.
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
}

/// What came of a call.
pub(crate) struct Answer {
    /// In base64.
    pub(crate) messages: Vec<String>,
    pub(crate) code: i32,
    pub(crate) message: String,
}

/// One connection for each target, as long as it lasts.
#[derive(Default)]
pub(crate) struct Connections(BTreeMap<String, Channel>);

struct Channel {
    connection: Connection,
    next_stream: u32,
}

impl Connections {
    /// Makes the call and reports it.
    pub(crate) fn answer(&mut self, call: &Call) -> Value {
        self.ask(call).unwrap_or_else(|error| Answer::lost(&error)).report(call.id)
    }

    /// Makes the call.
    ///
    /// # Errors
    /// The connection does not come about, or is lost.
    pub(crate) fn ask(&mut self, call: &Call) -> io::Result<Answer> {
        let channel = match self.0.entry(call.target.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let connection = Connection::to_server(&call.target)?;
                entry.insert(Channel { connection, next_stream: 1 })
            }
        };
        let answer = channel.ask(call);
        if answer.is_err() {
            self.0.remove(&call.target);
        }
        answer
    }
}

impl Channel {
    fn ask(&mut self, call: &Call) -> io::Result<Answer> {
        let until = Instant::now() + Duration::from_millis(call.timeout_ms);
        let stream = self.next_stream;
        self.next_stream += 2;
        let path = format!("/{}", call.method);
        let timeout = format!("{}m", call.timeout_ms);
        let own = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", &path),
            (":authority", &call.target),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("grpc-timeout", &timeout),
        ];
        let metadata = call.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let fields: Vec<(&str, &str)> = own.into_iter().chain(metadata).collect();
        let request = message(&STANDARD.decode(&call.request).unwrap());
        let request = data(stream, flag::END_STREAM, &request);
        self.connection.send(&[headers(stream, 0, &fields), request].concat())?;
        match self.answer(stream, until) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.connection.send(&reset(stream, error::CANCEL))?;
                Ok(Answer::failed(DEADLINE_EXCEEDED, "no answer in time"))
            }
            answer => answer,
        }
    }

    fn answer(&mut self, stream: u32, until: Instant) -> io::Result<Answer> {
        let mut answer = Answer::failed(UNKNOWN, "no grpc-status");
        let mut reader = MessageReader::default();
        loop {
            let frame = self.connection.next(Some(until))?;
            let is_ours = frame.stream == stream;
            match frame.kind {
                kind::HEADERS => {
                    let fields = self.connection.fields(&frame)?;
                    if is_ours && let Some(status) = value(&fields, "grpc-status") {
                        answer.code = status.parse().unwrap_or(UNKNOWN);
                        answer.message =
                            value(&fields, "grpc-message").unwrap_or_default().to_owned();
                    }
                }
                kind::DATA if is_ours => reader.push(0, &frame.payload, |_, message| {
                    let payload = message.payload.unwrap_or_default();
                    answer.messages.push(STANDARD.encode(payload));
                }),
                kind::RST_STREAM if is_ours => return Err(io::ErrorKind::ConnectionReset.into()),
                _ => continue,
            }
            if is_ours && frame.has(flag::END_STREAM) {
                return Ok(answer);
            }
        }
    }
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
