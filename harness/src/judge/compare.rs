//! Compares an answer with what was expected, down to the field that differs.

use approx::relative_eq;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost_reflect::{DynamicMessage, MapKey, ReflectMessage as _, Value as Field};
use serde_json::{Value, json};

use super::{MOST_QUOTED, kept::MOST_KEPT_BYTES};
use crate::{
    finding::{Finding, Kind},
    observe::Answer,
    protobuf,
    suite::{Approx, Call, Code, message_value},
    text::shorten,
};

/// Every way in which an answer is not what it should be. With another status, what
/// belongs to the right one is not missed: only what came is compared.
pub(super) fn differences(call: &Call, answer: &Answer) -> Vec<Finding> {
    let expect = &call.expect;
    let mut findings = Vec::new();
    let is_status = expect.codes.contains(&answer.code);
    if !is_status {
        let allowed: Vec<String> = expect.codes.iter().map(ToString::to_string).collect();
        let mut got = json!({ "code": answer.code.to_string() });
        if !answer.message.is_empty() {
            got["message"] = shorten(&answer.message, MOST_QUOTED).into();
        }
        findings.push(Finding::new(Kind::Status, allowed, got));
    }
    if is_status {
        findings.extend(of_status(call, answer));
    }
    if let Some(expected) = &expect.messages {
        findings.extend(of_messages(call, expected, answer));
    }
    let wanted = expect.message_count.or(expect.messages.as_ref().map(Vec::len));
    if let Some(wanted) = wanted.filter(|_| is_status) {
        let came = answer.messages.len();
        let is_enough = expect.is_partial && answer.code != Code::OK && came < wanted;
        if came != wanted && !is_enough {
            findings.push(wrong_count(wanted, answer));
        }
    }
    if is_status {
        findings.extend(of_pairs(Kind::Headers, &expect.headers, &answer.headers));
        // An API may show a unary call's trailers among its headers, as tonic's does.
        let is_streaming = call.method.descriptor.as_ref().is_some_and(|m| m.is_server_streaming());
        let merged = (!is_streaming).then(|| [&answer.headers[..], &answer.trailers].concat());
        let shown = merged.as_deref().unwrap_or(&answer.trailers);
        findings.extend(of_pairs(Kind::Trailers, &expect.trailers, shown));
    }
    findings
}

/// The status beside its code.
fn of_status(call: &Call, answer: &Answer) -> Vec<Finding> {
    let expect = &call.expect;
    let mut findings = Vec::new();
    let got = || shorten(&answer.message, MOST_QUOTED);
    let message = |expected: Value| Finding::new(Kind::StatusMessage, expected, got());
    if let Some(text) = expect.status_message.as_ref().filter(|text| **text != answer.message) {
        findings.push(message(text.as_str().into()));
    }
    if let Some(text) = &expect.status_message_has
        && !answer.message.contains(text)
    {
        findings.push(message(json!({ "has": text })));
    }
    if let Some(text) = &expect.status_message_lacks
        && answer.message.contains(text)
    {
        findings.push(message(json!({ "lacks": text })));
    }
    if let Some(expected) = expect.status_details.as_ref().filter(|one| **one != answer.details) {
        let got = shorten(&STANDARD.encode(&answer.details), MOST_QUOTED);
        findings.push(Finding::new(Kind::Details, STANDARD.encode(expected), got));
    }
    findings
}

fn wrong_count(expected: usize, answer: &Answer) -> Finding {
    Finding::new(Kind::Count, expected, answer.messages.len())
}

/// For each name that is expected, all its values in their order. Several entries and
/// one whose values are joined by commas mean the same (gRPC's `PROTOCOL-HTTP2.md`,
/// Custom-Metadata), with blanks beside the commas or without (RFC 9110, section 5.3).
fn of_pairs(kind: Kind, expected: &[Pair], actual: &[Pair]) -> Vec<Finding> {
    let values = |pairs: &[Pair], name: &str| -> Vec<String> {
        pairs.iter().filter(|(other, _)| other == name).map(|(_, v)| v.clone()).collect()
    };
    let mut findings: Vec<Finding> = Vec::new();
    for (name, _) in expected {
        let (want, got) = (values(expected, name), values(actual, name));
        let is_right = !got.is_empty() && are_joined(&want, &got.join(","));
        let is_told = findings.iter().any(|finding| finding.field.as_ref() == Some(name));
        if !is_right && !is_told {
            let got = (!got.is_empty()).then(|| shorten(&got.join(","), MOST_QUOTED));
            findings.push(Finding::new(kind, want.join(","), got).at(name));
        }
    }
    findings
}

type Pair = (String, String);

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

/// The messages that came, each with the one that is expected in its place.
fn of_messages(call: &Call, expected: &[DynamicMessage], answer: &Answer) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, (expected, bytes)) in expected.iter().zip(&answer.messages).enumerate() {
        let path = format!("messages[{index}]");
        let mut actual = match protobuf::decode(expected.descriptor(), bytes) {
            Some(Ok(actual)) => actual,
            // No case expects so much.
            None => {
                let got = json!({ "bytes": bytes.len() });
                findings.push(Finding::new(Kind::Message, message_value(expected), got).at(path));
                continue;
            }
            Some(Err(error)) => {
                let name = json!({ "type": expected.descriptor().full_name() });
                let got = json!({ "undecodable": error.to_string() });
                findings.push(Finding::new(Kind::Message, name, got).at(path));
                continue;
            }
        };
        if call.expect.takes_unknown_fields {
            actual.take_unknown_fields().for_each(drop);
        }
        of_message(&path, expected, &actual, call.expect.approx, &mut findings);
    }
    findings
}

fn of_message(
    path: &str,
    expected: &DynamicMessage,
    actual: &DynamicMessage,
    approx: Option<Approx>,
    findings: &mut Vec<Finding>,
) {
    for field in expected.descriptor().fields() {
        let path = format!("{path}.{}", field.name());
        let (want, got) = (expected.get_field(&field), actual.get_field(&field));
        let (is_wanted, is_there) = (expected.has_field(&field), actual.has_field(&field));
        if field.supports_presence() && is_wanted != is_there {
            let value = |is_there, value| if is_there { field_value(value) } else { Value::Null };
            let (want, got) = (value(is_wanted, &want), value(is_there, &got));
            findings.push(Finding::new(Kind::Message, want, got).at(path));
        } else {
            of_field(&path, &want, &got, approx, findings);
        }
    }
    if let Some(unknown) = actual.unknown_fields().next() {
        let got = json!({ "unknown_field": unknown.number() });
        findings.push(Finding::new(Kind::Message, Value::Null, got).at(path));
    }
}

fn of_field(
    path: &str,
    want: &Field,
    got: &Field,
    approx: Option<Approx>,
    findings: &mut Vec<Finding>,
) {
    if let (Field::Message(want), Field::Message(got)) = (want, got) {
        of_message(path, want, got, approx, findings);
        return;
    }
    if let (Field::List(want), Field::List(got)) = (want, got)
        && want.iter().any(|item| matches!(item, Field::Message(_)))
    {
        if want.len() != got.len() {
            let items = |number: usize| json!({ "items": number });
            let finding = Finding::new(Kind::Message, items(want.len()), items(got.len()));
            findings.push(finding.at(path));
        }
        for (index, (want, got)) in want.iter().zip(got).enumerate() {
            of_field(&format!("{path}[{index}]"), want, got, approx, findings);
        }
        return;
    }
    if !is_same(want, got, approx) {
        let finding = Finding::new(Kind::Message, field_value(want), field_value(got));
        findings.push(finding.at(path));
    }
}

/// Equality to the bit, or within the tolerance where there is one. NaN is NaN.
fn is_same(want: &Field, got: &Field, approx: Option<Approx>) -> bool {
    match (want, got) {
        (Field::F64(want), Field::F64(got)) => is_close(*want, *got, approx),
        (Field::F32(want), Field::F32(got)) => is_close((*want).into(), (*got).into(), approx),
        (Field::Message(want), Field::Message(got)) => {
            let mut findings = Vec::new();
            of_message("", want, got, approx, &mut findings);
            findings.is_empty()
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

/// A field as a value. What JSON has no number for is text.
fn field_value(value: &Field) -> Value {
    let number = |value: f64| match value.is_finite() {
        true => json!(value),
        false => format!("{value}").into(),
    };
    match value {
        Field::Bool(value) => json!(value),
        Field::I32(value) => json!(value),
        Field::I64(value) => json!(value),
        Field::U32(value) => json!(value),
        Field::U64(value) => json!(value),
        // As short as it is written for 32 bits.
        Field::F32(value) => number(value.to_string().parse().unwrap_or(f64::from(*value))),
        Field::F64(value) => number(*value),
        Field::String(value) => shorten(value, MOST_QUOTED).into(),
        Field::Bytes(value) => shorten(&STANDARD.encode(value), MOST_QUOTED).into(),
        Field::EnumNumber(value) => json!(value),
        Field::Message(value) => message_value(value),
        Field::List(items) => items.iter().map(field_value).collect(),
        Field::Map(entries) => entries
            .iter()
            .map(|(key, value)| (key_text(key), field_value(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

/// A message that came, decoded where that is possible; of a long one, its beginning.
pub(super) fn bytes_value(call: &Call, bytes: &[u8]) -> Value {
    if bytes.len() > MOST_KEPT_BYTES {
        let start = &bytes[..MOST_QUOTED];
        return json!({ "bytes": bytes.len(), "begins_in_base64": STANDARD.encode(start) });
    }
    let decoded = call
        .method
        .descriptor
        .as_ref()
        .and_then(|method| protobuf::decode(method.output(), bytes)?.ok());
    match decoded {
        Some(message) => message_value(&message),
        None => json!({ "base64": STANDARD.encode(bytes) }),
    }
}
