//! Compares an answer with what was expected, down to the field that differs.

use approx::relative_eq;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost_reflect::{DynamicMessage, ReflectMessage as _, Value as Field};
use serde_json::{Value, json};

use super::QUOTED_CHARACTERS;
use crate::{
    observe::Answer,
    suite::{Approx, Call, Code, allowed_in_words, message_value},
    text::{count, printable, shorten},
};

/// How much of a list or text is quoted in a reason.
const QUOTED_VALUE: usize = 120;

/// The first way in which an answer is not what it should be.
pub(super) fn mismatch(call: &Call, answer: &Answer) -> Option<String> {
    let expect = &call.expect;
    if !expect.codes.contains(&answer.code) {
        let mut got = answer.code.to_string();
        if !answer.message.is_empty() {
            got.push_str(&format!(" ({})", quote(&answer.message, QUOTED_CHARACTERS)));
        }
        return Some(format!("expected {}, got {got}", allowed_in_words(&expect.codes)));
    }
    if let Some(message) = &expect.status_message
        && *message != answer.message
    {
        let got = quote(&answer.message, QUOTED_CHARACTERS);
        return Some(format!("status message: expected `{}`, got `{got}`", printable(message)));
    }
    if let Some(text) = &expect.status_message_has
        && !answer.message.contains(text)
    {
        let got = quote(&answer.message, QUOTED_CHARACTERS);
        return Some(format!("status message: expected `{}` in it, got `{got}`", printable(text)));
    }
    if let Some(text) = &expect.status_message_lacks
        && answer.message.contains(text)
    {
        let got = quote(&answer.message, QUOTED_CHARACTERS);
        return Some(format!(
            "status message: expected no `{}` in it, got `{got}`",
            printable(text)
        ));
    }
    if let Some(expected) = &expect.status_details
        && *expected != answer.details
    {
        let (want, got) = (STANDARD.encode(expected), STANDARD.encode(&answer.details));
        let got = shorten(&got, QUOTED_VALUE);
        return Some(format!("status details: expected `{want}`, got `{got}`"));
    }
    if let Some(expected) = expect.message_count
        && expected != answer.messages.len()
    {
        return Some(wrong_count(expected, answer));
    }
    if let Some(expected) = &expect.messages
        && let Some(difference) = messages_differ(call, expected, answer)
    {
        return Some(difference);
    }
    missing_pair("headers", &expect.headers, &answer.headers).or_else(|| {
        // An API may show a unary call's trailers among its headers, as tonic's does.
        let is_streaming = call.method.descriptor.as_ref().is_some_and(|m| m.is_server_streaming());
        let merged = (!is_streaming).then(|| [&answer.headers[..], &answer.trailers].concat());
        let shown = merged.as_deref().unwrap_or(&answer.trailers);
        missing_pair("trailers", &expect.trailers, shown)
    })
}

fn wrong_count(expected: usize, answer: &Answer) -> String {
    format!("expected {}, got {}", count(expected, "message"), answer.messages.len())
}

/// For each name that is expected, all its values in their order. Several entries and
/// one whose values are joined by commas mean the same (gRPC's `PROTOCOL-HTTP2.md`,
/// Custom-Metadata), with blanks beside the commas or without (RFC 9110, section 5.3).
fn missing_pair(
    place: &str,
    expected: &[(String, String)],
    actual: &[(String, String)],
) -> Option<String> {
    let values = |pairs: &[(String, String)], name: &str| -> Vec<String> {
        pairs.iter().filter(|(other, _)| other == name).map(|(_, v)| v.clone()).collect()
    };
    expected.iter().find_map(|(name, _)| {
        let (want, got) = (values(expected, name), values(actual, name));
        if !got.is_empty() && are_joined(&want, &got.join(",")) {
            return None;
        }
        let quoted = |values: &[String]| format!("`{}`", quote(&values.join(","), QUOTED_VALUE));
        let got = if got.is_empty() { "none".to_owned() } else { quoted(&got) };
        Some(format!("{place}: expected {name} {}, got {got}", quoted(&want)))
    })
}

/// Whether a text is these values with commas between them, and blanks beside the commas.
fn are_joined(values: &[String], text: &str) -> bool {
    let after_first = values.first().and_then(|first| text.strip_prefix(first.as_str()));
    let rest = values.iter().skip(1).try_fold(after_first, |rest, value| {
        let mut after = rest?.trim_start_matches(BLANKS).strip_prefix(',')?;
        // A value may begin with blanks of its own.
        loop {
            match after.strip_prefix(value.as_str()) {
                Some(rest) => return Some(Some(rest)),
                None => after = after.strip_prefix(BLANKS)?,
            }
        }
    });
    rest.flatten() == Some("")
}

/// What HTTP allows beside a comma.
const BLANKS: [char; 2] = [' ', '\t'];

/// The messages in their order; the first that differs tells, then the number.
fn messages_differ(call: &Call, expected: &[DynamicMessage], answer: &Answer) -> Option<String> {
    for (index, (expected, bytes)) in expected.iter().zip(&answer.messages).enumerate() {
        let path = format!("messages[{index}]");
        let mut actual = match DynamicMessage::decode(expected.descriptor(), bytes.as_slice()) {
            Ok(actual) => actual,
            Err(error) => {
                let name = expected.descriptor().full_name().to_owned();
                return Some(format!("{path} is no {name}: {error}"));
            }
        };
        if call.expect.takes_unknown_fields {
            actual.take_unknown_fields().for_each(drop);
        }
        let difference = message_differs(&path, expected, &actual, call.expect.approx);
        if difference.is_some() {
            return difference;
        }
    }
    let is_enough =
        call.expect.is_partial && answer.code != Code::OK && answer.messages.len() < expected.len();
    (expected.len() != answer.messages.len() && !is_enough)
        .then(|| wrong_count(expected.len(), answer))
}

fn message_differs(
    path: &str,
    expected: &DynamicMessage,
    actual: &DynamicMessage,
    approx: Option<Approx>,
) -> Option<String> {
    for field in expected.descriptor().fields() {
        let path = format!("{path}.{}", field.name());
        if field.supports_presence() && expected.has_field(&field) != actual.has_field(&field) {
            let word = |present: bool| if present { "present" } else { "absent" };
            let (want, got) = (expected.has_field(&field), actual.has_field(&field));
            return Some(format!("{path}: expected {}, got {}", word(want), word(got)));
        }
        let (want, got) = (expected.get_field(&field), actual.get_field(&field));
        let difference = field_differs(&path, &want, &got, approx);
        if difference.is_some() {
            return difference;
        }
    }
    let unknown = actual.unknown_fields().next()?;
    Some(format!("{path}: field {} is not in the proto", unknown.number()))
}

fn field_differs(path: &str, want: &Field, got: &Field, approx: Option<Approx>) -> Option<String> {
    if let (Field::Message(want), Field::Message(got)) = (want, got) {
        return message_differs(path, want, got, approx);
    }
    if let (Field::List(want), Field::List(got)) = (want, got)
        && want.iter().any(|item| matches!(item, Field::Message(_)))
    {
        if want.len() != got.len() {
            return Some(format!(
                "{path}: expected {}, got {}",
                count(want.len(), "item"),
                got.len()
            ));
        }
        let mut pairs = want.iter().zip(got).enumerate();
        return pairs.find_map(|(index, (want, got))| {
            field_differs(&format!("{path}[{index}]"), want, got, approx)
        });
    }
    if is_same(want, got, approx) {
        return None;
    }
    let quoted = |value: &Field| quote(&in_words(value), QUOTED_VALUE);
    Some(format!("{path}: expected {}, got {}", quoted(want), quoted(got)))
}

/// Equality to the bit, or within the tolerance where there is one. NaN is NaN.
fn is_same(want: &Field, got: &Field, approx: Option<Approx>) -> bool {
    match (want, got) {
        (Field::F64(want), Field::F64(got)) => is_close(*want, *got, approx),
        (Field::F32(want), Field::F32(got)) => is_close((*want).into(), (*got).into(), approx),
        (Field::Message(want), Field::Message(got)) => {
            message_differs("", want, got, approx).is_none()
        }
        (Field::List(want), Field::List(got)) => {
            want.len() == got.len()
                && want.iter().zip(got).all(|(want, got)| is_same(want, got, approx))
        }
        (Field::Map(want), Field::Map(got)) => {
            want.len() == got.len()
                && want
                    .iter()
                    .all(|(key, want)| got.get(key).is_some_and(|got| is_same(want, got, approx)))
        }
        _ => want == got,
    }
}

/// Of no tolerance: one bit pattern, or two of NaN. A tolerance measures a distance, and
/// there is none to infinity, nor to NaN.
fn is_close(want: f64, got: f64, approx: Option<Approx>) -> bool {
    if want.to_bits() == got.to_bits() || (want.is_nan() && got.is_nan()) {
        return true;
    }
    approx.is_some_and(|Approx { relative, absolute }| {
        relative_eq!(want, got, epsilon = absolute, max_relative = relative)
    })
}

fn in_words(value: &Field) -> String {
    match value {
        Field::Bool(value) => value.to_string(),
        Field::I32(value) => value.to_string(),
        Field::I64(value) => value.to_string(),
        Field::U32(value) => value.to_string(),
        Field::U64(value) => value.to_string(),
        Field::F32(value) => format!("{value:?}"),
        Field::F64(value) => format!("{value:?}"),
        Field::String(value) => format!("\"{value}\""),
        Field::Bytes(value) => format!("bytes {}", STANDARD.encode(value)),
        Field::EnumNumber(value) => format!("enum {value}"),
        Field::Message(value) => message_value(value).to_string(),
        Field::List(items) => {
            let items: Vec<String> = items.iter().map(in_words).collect();
            format!("[{}]", items.join(", "))
        }
        Field::Map(entries) => format!("a map of {}", count(entries.len(), "entry")),
    }
}

/// A message that came, decoded where that is possible.
pub(super) fn bytes_value(call: &Call, bytes: &[u8]) -> Value {
    let decoded = call
        .method
        .descriptor
        .as_ref()
        .and_then(|method| DynamicMessage::decode(method.output(), bytes).ok());
    match decoded {
        Some(message) => message_value(&message),
        None => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

fn quote(text: &str, limit: usize) -> String {
    shorten(&printable(text), limit)
}
