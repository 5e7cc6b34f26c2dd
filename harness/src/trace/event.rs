//! One event as lines.

use std::time::Duration;

use crosswire_http2::{
    error::error_name,
    frame::kind_name,
    hpack::Field,
    message::{Fragment, Message, PREFIX_BYTES},
    settings::setting_name,
};

use super::{Line, Part};
use crate::{
    protobuf,
    role::Role,
    rules::SHOWN_BYTES,
    suite::{Call, Code, message_value},
    text::{count, percent_decoded, percent_encoded, printable, shorten},
    wire::transcript::{Closing, Event, Pair, Transcript, What, other},
};

/// Where the words of an event begin, behind its time, place and direction.
pub(super) const INDENT: usize = 32;

/// How much of a header field's value and of a message is shown.
const SHOWN_VALUE: usize = 200;

/// A longer message is not decoded: a few hundred characters of it would be shown.
const MAX_DECODED_BYTES: usize = 64 << 10;

/// Tells the events of one transcript, or of a connection without one, in order.
pub(super) struct Narrator<'a> {
    call: &'a Call,
    encodings: Pair<Option<&'a [u8]>>,
    messages: Pair<usize>,
    start: Duration,
}

impl<'a> Narrator<'a> {
    pub(super) fn new(call: &'a Call, transcript: &'a Transcript, start: Duration) -> Self {
        let [client, server] = [Role::Client, Role::Server].map(|side| transcript.encoding(side));
        Self { call, encodings: Pair { client, server }, messages: Pair::default(), start }
    }

    /// Tells what passed while no stream was open.
    pub(super) fn of_connection(call: &'a Call, start: Duration) -> Self {
        Self { call, encodings: Pair::default(), messages: Pair::default(), start }
    }

    /// An event's lines: none, if another event at the same place says it all.
    pub(super) fn tell(&mut self, event: &Event) -> Vec<Line> {
        let words = match &event.what {
            What::Opened(_) => return Vec::new(),
            What::Headers { fields, ends_stream } => {
                let cut = if fields.is_cut { ", more fields than are kept" } else { "" };
                format!("HEADERS{}{cut}", end(*ends_stream))
            }
            What::Data { length, ends_stream, stream_window, connection_window } => format!(
                "DATA {}{}; windows left: stream {stream_window}, connection {connection_window}",
                count(*length as usize, "byte"),
                end(*ends_stream)
            ),
            What::Message(message) => self.message(event.from, message),
            What::Fragment(Fragment { prefix, payload_bytes }) => format!(
                "no whole MESSAGE: {} of {PREFIX_BYTES} bytes of its prefix, {payload_bytes} of its payload",
                prefix.len()
            ),
            What::Reset { code } => format!("RST_STREAM {}", error_name(*code)),
            What::WindowUpdate { increment } => format!("WINDOW_UPDATE stream +{increment}"),
            What::ConnectionWindowUpdate { increment } => {
                format!("WINDOW_UPDATE connection +{increment}")
            }
            What::Other { kind } => format!("{}, {} bytes", kind_name(*kind), event.size_bytes),
            What::AfterEnd { kind, stream } => {
                format!("{} on stream {stream}, after its end", kind_name(*kind))
            }
            What::AfterReset { kind, since, has_read, .. } => format!(
                "{}, {since:.1?} after the {}'s RST_STREAM{}",
                kind_name(*kind),
                other(event.from),
                if *has_read { ", which it had read" } else { "" }
            ),
            What::TooLong { kind, length, limit } => {
                format!("{} of {length} bytes; at most {limit} are taken", kind_name(*kind))
            }
            What::Settings(settings) => settings_in_words(settings),
            What::SettingsAck { is_due } => format!("SETTINGS ACK{}", undue(*is_due)),
            What::Ping(data) => format!("PING {}", data.escape_ascii()),
            What::Pong { data, is_due } => {
                format!("PING ACK {}{}", data.escape_ascii(), undue(*is_due))
            }
            What::GoAway { last, code, debug } => {
                let debug = if debug.is_empty() { String::new() } else { quoted(debug) };
                format!("GOAWAY {}, last stream {last} {debug}", error_name(*code))
            }
            What::Closed(Closing::End) => "closes its direction (FIN)".to_owned(),
            What::Closed(Closing::Abort) => "the connection breaks (RST)".to_owned(),
        };
        let time = millis(event.at, self.start);
        let text = format!("{time:>10} {:>8}  {:<9} {words}", event.offset, direction(event));
        let mut lines = vec![Line { text: text.trim_end().to_owned(), part: Part::Event }];
        if let What::Headers { fields, .. } = &event.what {
            lines.extend(fields.list.iter().map(|field| Line {
                text: format!("{:INDENT$}  {}", "", in_words(field)),
                part: Part::Detail,
            }));
        }
        lines
    }

    fn message(&mut self, from: Role, message: &Message) -> String {
        let number = self.messages.of_mut(from);
        *number += 1;
        let kind = match message.flag {
            0 => String::new(),
            1 => ", compressed".to_owned(),
            flag => format!(", flag {flag}"),
        };
        let content = self.content(from, message);
        let number = self.messages.of(from);
        let length = count(message.length as usize, "byte");
        format!("MESSAGE {number}: {length}{kind} {content}")
    }

    /// A message by its type's JSON; its bytes, where it is none of its type.
    fn content(&self, from: Role, message: &Message) -> String {
        if message.payload.as_ref().is_some_and(|payload| payload.len() > MAX_DECODED_BYTES) {
            return "(long; not shown)".to_owned();
        }
        let encoding = *self.encodings.of(from);
        if let (1.., None, Some(payload)) = (message.flag, encoding, &message.payload) {
            return quoted(payload);
        }
        let payload = match &message.plain {
            Err(why) => return format!("({})", printable(&why.to_string())),
            Ok(payload) if payload.len() > MAX_DECODED_BYTES => {
                return format!("({} bytes, inflated; not shown)", payload.len());
            }
            Ok(payload) => payload,
        };
        let descriptor = self.call.method.descriptor.as_ref().map(|method| match from {
            Role::Client => method.input(),
            Role::Server => method.output(),
        });
        let decoded = descriptor.and_then(|of| protobuf::decode(of, payload)?.ok());
        match decoded {
            Some(message) => shorten(&printable(&message_value(&message).to_string()), SHOWN_VALUE),
            None => quoted(payload),
        }
    }
}

/// A time in milliseconds, counted from the first event.
pub(super) fn millis(at: Duration, start: Duration) -> String {
    format!("{:.3}", at.saturating_sub(start).as_secs_f64() * 1e3)
}

/// Which field of a header block a violation quotes, by itself or with its name.
pub(super) fn quoted_field(event: &Event, quote: &[u8]) -> Option<usize> {
    let What::Headers { fields, .. } = &event.what else { return None };
    fields.list.iter().position(|Field { name, value }| {
        let is_quoted = |bytes: &[u8]| bytes[..bytes.len().min(SHOWN_BYTES)] == *quote;
        !quote.is_empty() && (is_quoted(value) || is_quoted(&[name, &b": "[..], value].concat()))
    })
}

/// Who sent it, and in which direction it passed.
fn direction(event: &Event) -> &'static str {
    match (event.from, event.by_tap) {
        (Role::Client, false) => "client →",
        (Role::Server, false) => "← server",
        (Role::Client, true) => "tap    →",
        (Role::Server, true) => "←    tap",
    }
}

fn end(ends_stream: bool) -> &'static str {
    if ends_stream { ", END_STREAM" } else { "" }
}

fn undue(is_due: bool) -> &'static str {
    if is_due { "" } else { ", of nothing" }
}

fn settings_in_words(settings: &[(u16, u32)]) -> String {
    let words = settings.iter().map(|(id, value)| format!("{} {value}", setting_name(*id)));
    let words: Vec<String> = words.collect();
    shorten(format!("SETTINGS {}", words.join(", ")).trim_end(), 2 * SHOWN_VALUE)
}

fn in_words(Field { name, value }: &Field) -> String {
    let status = match &name[..] {
        b"grpc-status" => std::str::from_utf8(value).ok().and_then(|value| value.parse().ok()),
        _ => None,
    };
    let known = status.filter(|code| (0..=16).contains(code));
    let meaning = known.map(|code| format!(" ({})", Code(code))).unwrap_or_default();
    if &name[..] == b"grpc-message" {
        return format!("{}: {}", text(name), message_text(value));
    }
    format!("{}: {}{meaning}", text(name), text(value))
}

/// A status message as it is meant, and as it was sent where nobody would send that so.
fn message_text(value: &[u8]) -> String {
    // What is not shown need not be decoded.
    let (start, rest) = value.split_at(value.len().min(MAX_DECODED_BYTES));
    let decoded = percent_decoded(start);
    let is_as_expected = percent_encoded(&decoded).as_bytes().eq_ignore_ascii_case(start);
    let cut = cut(rest);
    if is_as_expected {
        return text(&decoded) + &cut;
    }
    format!("{} (sent as `{}`){cut}", text(&decoded), text(start))
}

/// Text as it is, other bytes as escapes.
fn text(bytes: &[u8]) -> String {
    let (start, rest) = bytes.split_at(bytes.len().min(MAX_DECODED_BYTES));
    let shown = &start[..start.len().min(4 * SHOWN_VALUE)];
    match std::str::from_utf8(start) {
        Ok(text) => shorten(&printable(text), SHOWN_VALUE) + &cut(rest),
        Err(_) => shorten(&shown.escape_ascii().to_string(), SHOWN_VALUE) + &cut(rest),
    }
}

/// What is said of bytes that are not even looked at.
fn cut(rest: &[u8]) -> String {
    if rest.is_empty() { String::new() } else { format!("… and {}", count(rest.len(), "byte")) }
}

fn quoted(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(SHOWN_VALUE)];
    shorten(&format!("`{}`", shown.escape_ascii()), SHOWN_VALUE)
}
