//! What came of a scripted client's stream, and whether that is allowed.

use crosswire_http2::error::{self, error_name};
use prost_reflect::{DynamicMessage, MethodDescriptor, prost::Message as _};

use crate::{
    observe::{Played, StreamSeen},
    suite::{Allowed, Code, Ending, ErrorCode, Extent, Method, message_value},
    text::{count, printable, shorten},
};

/// How much of a text is shown.
const SHOWN_CHARACTERS: usize = 200;

/// How many messages are shown.
const SHOWN_MESSAGES: usize = 3;

/// Whether this is what came.
#[must_use]
pub fn allows(ending: &Ending, method: &Method, played: &Played) -> bool {
    let stream = ending.stream.unwrap_or(played.last_stream);
    let nothing = StreamSeen::default();
    let seen = played.streams.get(&stream).unwrap_or(&nothing);
    lies_within(seen, played, &ending.kind.extent())
        && played.max_frame_size >= ending.max_frame_size
        && has_details(ending, method, seen)
        && ending.also.iter().all(|ending| allows(ending, method, played))
}

/// Whether what came of a stream, or of its connection, is one of these outcomes.
fn lies_within(seen: &StreamSeen, played: &Played, extent: &Extent) -> bool {
    let is_served =
        || seen.has_ended && http_status(seen) == Some("200") && status(seen) == Some(Code::OK);
    // A refusal is one, whatever HTTP status it comes with.
    let has_status = || {
        let error = status(seen).filter(|code| *code != Code::OK);
        seen.has_ended && error.is_some_and(|code| extent.statuses.allows(&code))
    };
    let has_http_status = || {
        let status = http_status(seen).and_then(|status| status.parse().ok());
        let is_over = seen.has_ended || seen.reset.is_some();
        let is_meant = |status: u16| status >= 400 || extent.http != Allowed::Any;
        is_over && status.is_some_and(|status| is_meant(status) && extent.http.allows(&status))
    };
    // After a response that is whole, NO_ERROR only says that the rest of the request
    // is not needed (RFC 9113, section 8.1): the response is what came of it.
    let is_reset = || {
        let code = seen.reset.filter(|code| !(seen.has_ended && *code == error::NO_ERROR));
        code.is_some_and(|code| extent.resets.allows(&ErrorCode(code)))
    };
    let goes_away = || played.goaways.iter().any(|code| extent.goaways.allows(&ErrorCode(*code)));
    let is_silent = || {
        let is_over = seen.has_ended || seen.reset.is_some() || !played.goaways.is_empty();
        played.is_late && !is_over && !played.is_closed
    };
    extent.is_served && is_served()
        || has_status()
        || has_http_status()
        || is_reset()
        || goes_away()
        || extent.is_closed && played.is_closed
        || extent.is_foreign && is_foreign(seen, played)
        || extent.is_silent && is_silent()
}

/// Whether it is the answer of another protocol than gRPC, and whole. Of gRPC's content type
/// are `application/grpc` and what follows it after `+` or `;`.
fn is_foreign(seen: &StreamSeen, played: &Played) -> bool {
    let blocks = seen.blocks.iter().filter(|block| !is_interim(block));
    let mut types = blocks.flatten().filter(|field| field.0 == "content-type");
    let is_grpc = |content_type: &str| {
        let rest = content_type.strip_prefix("application/grpc");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
    };
    let is_other = types.next().is_some_and(|(_, value)| !value.is_empty() && !is_grpc(value));
    played.other_protocol.is_some() || seen.has_ended && is_other
}

fn has_details(ending: &Ending, method: &Method, seen: &StreamSeen) -> bool {
    let fields = || seen.blocks.iter().flatten();
    let lacks = |name: &String| fields().all(|field| field.0 != *name);
    let blocks = || seen.blocks.iter().filter(|block| !is_interim(block)).count();
    ending.message_count.is_none_or(|count| seen.messages.len() == count)
        && ending.blocks.is_none_or(|count| blocks() == count)
        && has_fields(&ending.fields, seen)
        && !ending.has.iter().any(lacks)
        && ending.lacks.iter().all(lacks)
        && ending.messages.as_ref().is_none_or(|expected| {
            let messages: Option<Vec<DynamicMessage>> =
                seen.messages.iter().map(|message| decoded(method, seen, message)).collect();
            messages.is_some_and(|messages| are_same(&messages, expected))
        })
}

/// Whether messages say the same. A field that was sent with its default is one that was
/// left out, which `==` does not know; the length tells of fields that nobody knows.
fn are_same(some: &[DynamicMessage], others: &[DynamicMessage]) -> bool {
    let says = |message: &DynamicMessage| (message_value(message), message.encoded_len());
    some.iter().map(says).eq(others.iter().map(says))
}

/// Whether these fields are there, those of one name in this order: the order of
/// different names means nothing.
fn has_fields(wanted: &[(String, String)], seen: &StreamSeen) -> bool {
    let mut left: Vec<&(String, String)> = wanted.iter().collect();
    for field in seen.blocks.iter().flatten() {
        let next = left.iter().position(|wanted| wanted.0 == field.0);
        if let Some(next) = next.filter(|next| left[*next].1 == field.1) {
            left.remove(next);
        }
    }
    left.is_empty()
}

/// What came on these streams and of the connection, in words. A stream is named if there
/// are several.
#[must_use]
pub fn describe(streams: &[u32], method: &Method, played: &Played) -> String {
    let mut parts = Vec::new();
    for stream in streams {
        let Some(seen) = played.streams.get(stream) else { continue };
        let described = described_stream(method, seen);
        if streams.len() > 1 && !described.is_empty() {
            parts.push(format!("on stream {stream}: {}", described.join(", ")));
        } else {
            parts.extend(described);
        }
    }
    parts.extend(played.goaways.iter().map(|code| format!("GOAWAY {}", error_name(*code))));
    if played.is_closed {
        parts.push("a closed connection".to_owned());
    }
    if let Some(protocol) = played.other_protocol {
        parts.push(format!("an answer in {protocol}"));
    } else if let Some(why) = &played.unreadable {
        parts.push(format!("bytes that cannot be read ({why})"));
    }
    if parts.is_empty() {
        parts.push("nothing".to_owned());
    }
    parts.join(", ")
}

fn described_stream(method: &Method, seen: &StreamSeen) -> Vec<String> {
    let mut parts = Vec::new();
    match http_status(seen) {
        None | Some("200") => {}
        Some(status) => parts.push(format!("HTTP {}", printable(status))),
    }
    if let Some(text) = field(seen, "grpc-status") {
        let mut part = match status(seen) {
            Some(code) => format!("status {code}"),
            None => format!("grpc-status `{}`", shorten(&printable(text), SHOWN_CHARACTERS)),
        };
        if let Some(message) = field(seen, "grpc-message").filter(|message| !message.is_empty()) {
            part.push_str(&format!(" ({})", shorten(&printable(message), SHOWN_CHARACTERS)));
        }
        parts.push(part);
    } else if seen.has_ended {
        parts.push("an end without a status".to_owned());
    } else if !seen.blocks.is_empty() && seen.reset.is_none() {
        parts.push("a response without an end".to_owned());
    }
    if !seen.messages.is_empty() {
        let shown: Vec<String> = seen
            .messages
            .iter()
            .take(SHOWN_MESSAGES)
            .map(|message| match decoded(method, seen, message) {
                Some(message) => {
                    shorten(&printable(&message_value(&message).to_string()), SHOWN_CHARACTERS)
                }
                None => format!("{} bytes that do not parse", message.length),
            })
            .collect();
        let dots = if seen.messages.len() > SHOWN_MESSAGES { ", …" } else { "" };
        let number = count(seen.messages.len(), "message");
        parts.push(format!("{number} [{}{dots}]", shown.join(", ")));
    }
    if let Some(code) = seen.reset {
        parts.push(format!("RST_STREAM {}", error_name(code)));
    }
    parts
}

/// The status of the first header block that is no interim one.
fn http_status(seen: &StreamSeen) -> Option<&str> {
    let blocks = seen.blocks.iter().filter(|block| !is_interim(block));
    let mut statuses = blocks.flatten().filter(|field| field.0 == ":status");
    statuses.next().map(|field| field.1.as_str())
}

/// Whether a header block is an interim response (1xx), which HTTP allows before the other.
fn is_interim(block: &[(String, String)]) -> bool {
    block.iter().any(|field| field.0 == ":status" && field.1.starts_with('1'))
}

fn field<'a>(seen: &'a StreamSeen, name: &str) -> Option<&'a str> {
    let last = seen.blocks.last()?;
    last.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
}

fn status(seen: &StreamSeen) -> Option<Code> {
    field(seen, "grpc-status")?.parse().ok().map(Code)
}

fn decoded(
    method: &Method,
    seen: &StreamSeen,
    message: &crosswire_http2::message::Message,
) -> Option<DynamicMessage> {
    let output = method.descriptor.as_ref().map(MethodDescriptor::output)?;
    let encodings = seen.blocks.iter().flatten().find(|field| field.0 == "grpc-encoding");
    let encoding = encodings.map(|field| field.1.as_bytes());
    let plain = message.plain(encoding)?.ok()?;
    DynamicMessage::decode(output, plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::stream_sequence;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn fields_of_one_name_are_in_order() {
        let blocks = [pairs(&[("a", "1"), ("b", "1"), ("a", "2")]), pairs(&[("a", "1")])];
        let seen = StreamSeen { blocks: blocks.to_vec(), ..StreamSeen::default() };
        let table: [(&[(&str, &str)], bool); 7] = [
            (&[], true),
            (&[("b", "1"), ("a", "1")], true),
            (&[("a", "1"), ("a", "2"), ("a", "1")], true),
            (&[("a", "2"), ("a", "1")], true),
            (&[("a", "2"), ("a", "1"), ("a", "1")], false),
            (&[("a", "1"), ("a", "1"), ("a", "1")], false),
            (&[("c", "")], false),
        ];
        for (wanted, expected) in table {
            assert_eq!(has_fields(&pairs(wanted), &seen), expected, "{wanted:?}");
        }
    }

    #[test]
    fn a_default_that_was_sent_is_one_that_was_left_out() {
        let method = stream_sequence().method;
        let element = method.descriptor.unwrap().output();
        let read = |bytes: &[u8]| vec![DynamicMessage::decode(element.clone(), bytes).unwrap()];
        for (sent, expected, is_same) in [
            (&b"\x08\0\x10\x01"[..], &b"\x10\x01"[..], true),
            (b"\x10\x01\x08\0", b"\x10\x01", true),
            (b"\x10\x02", b"\x10\x01", false),
            (b"\x10\x01\x38\0", b"\x10\x01", false),
        ] {
            assert_eq!(are_same(&read(sent), &read(expected)), is_same, "{sent:?}");
        }
        assert!(!are_same(&read(b""), &[]));
    }
}
