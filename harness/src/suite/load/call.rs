//! Reads calls and what must come of them.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost_reflect::{MessageDescriptor, MethodDescriptor, prost::Message as _};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    input::{OneOrMore, parse_duration},
    suite::{
        case::{Approx, Call, Compression, DEFAULT_TIMEOUT, Expect, Method, Seen},
        code::Code,
        json::{from_json, read_hex, read_message},
    },
};

/// The fields of a call.
pub(super) const CALL_FIELDS: [&str; 11] = [
    "method",
    "unknown_method",
    "request",
    "request_hex",
    "timeout",
    "metadata",
    "compression",
    "cancel_after_messages",
    "read_delay",
    "pause",
    "expect",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall {
    method: String,
    #[serde(default)]
    unknown_method: bool,
    request_hex: Option<String>,
    timeout: Option<String>,
    #[serde(default)]
    metadata: Vec<(String, String)>,
    compression: Option<Compression>,
    cancel_after_messages: Option<u32>,
    read_delay: Option<String>,
    pause: Option<String>,
    expect: RawExpect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpect {
    code: Option<OneOrMore<Code>>,
    messages: Option<Vec<Value>>,
    message_count: Option<usize>,
    status_message: Option<String>,
    status_message_has: Option<String>,
    status_message_lacks: Option<String>,
    status_details: Option<String>,
    #[serde(default)]
    wire: Vec<Seen>,
    #[serde(default)]
    partial: bool,
    #[serde(default)]
    unknown_fields: bool,
    #[serde(default)]
    any_messages: bool,
    approx: Option<Approx>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    trailers: Vec<(String, String)>,
}

/// A call of one of these methods.
pub(super) fn read_call(
    methods: &[MethodDescriptor],
    mut fields: Map<String, Value>,
) -> Result<Call, String> {
    if fields.contains_key("each") {
        return Err("`each` belongs to the case, not to a call of it".to_owned());
    }
    // Taken out first: it may be large, and is of another type than the rest.
    let request = fields.remove("request");
    let raw: RawCall = from_json(Value::Object(fields))?;
    let method = find_method(methods, &raw.method, raw.unknown_method)?;
    let input = method.descriptor.as_ref().map(MethodDescriptor::input);
    let output = method.descriptor.as_ref().map(MethodDescriptor::output);
    let (request, is_raw) = read_request(request, raw.request_hex, input)?;
    check_metadata(&raw.metadata)?;
    Ok(Call {
        method,
        request,
        raw: is_raw,
        timeout: read_duration("timeout", raw.timeout)?.unwrap_or(DEFAULT_TIMEOUT),
        metadata: raw.metadata,
        compression: raw.compression,
        cancel_after_messages: raw.cancel_after_messages,
        read_delay: read_duration("read_delay", raw.read_delay)?,
        pause: read_duration("pause", raw.pause)?.unwrap_or_default(),
        expect: read_expect(raw.expect, output)?,
    })
}

fn find_method(methods: &[MethodDescriptor], path: &str, unknown: bool) -> Result<Method, String> {
    let path_of = |method: &MethodDescriptor| {
        format!("{}/{}", method.parent_service().full_name(), method.name())
    };
    let descriptor = methods.iter().find(|method| path_of(method) == path).cloned();
    match (&descriptor, unknown) {
        (Some(_), true) => Err(format!("`unknown_method`, but the proto has `{path}`")),
        (Some(method), false) if method.is_client_streaming() => Err(format!(
            "`{path}` takes a stream of requests; a case calls unary and server-streaming methods"
        )),
        (None, false) => {
            let known: Vec<String> = methods.iter().map(path_of).collect();
            let known = known.join(", ");
            Err(format!(
                "no method `{path}` in the proto; it has {known} (`unknown_method = true` if that is the point)"
            ))
        }
        _ => Ok(Method { path: path.to_owned(), descriptor }),
    }
}

/// The request's bytes, and whether they must be sent raw.
fn read_request(
    request: Option<Value>,
    request_hex: Option<String>,
    input: Option<MessageDescriptor>,
) -> Result<(Vec<u8>, bool), String> {
    match (request, request_hex, input) {
        (Some(_), Some(_), _) => Err("both `request` and `request_hex`; give one".to_owned()),
        (None, Some(hex), _) => Ok((read_hex("request_hex", &hex)?, true)),
        (Some(value), None, Some(input)) => {
            let message = read_message(&input, &value).map_err(|why| format!("request{why}"))?;
            Ok((message.encode_to_vec(), false))
        }
        (Some(_), None, None) => {
            Err("an unknown method has no request type; give `request_hex` or nothing".to_owned())
        }
        (None, None, None) => Ok((Vec::new(), true)),
        (None, None, Some(_)) => {
            Err("no `request`; give one, `{}` for an empty message".to_owned())
        }
    }
}

pub(super) fn read_duration(field: &str, text: Option<String>) -> Result<Option<Duration>, String> {
    text.map(|text| parse_duration(&text).map_err(|why| format!("{field}: {why}"))).transpose()
}

/// What is sent: `grpc-` names are the library's own to set.
fn check_metadata(metadata: &[(String, String)]) -> Result<(), String> {
    check_names_of(metadata)?;
    for (name, value) in metadata {
        if name.starts_with("grpc-") {
            return Err(format!("metadata `{name}`: names that start with grpc- are reserved"));
        }
        if name.ends_with("-bin") && STANDARD.decode(value).is_err() {
            return Err(format!(
                "metadata `{name}`: the value of a `-bin` name is base64, with its padding"
            ));
        }
    }
    Ok(())
}

fn check_names_of(metadata: &[(String, String)]) -> Result<(), String> {
    let is_legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    match metadata.iter().find(|(name, _)| name.is_empty() || !name.chars().all(is_legal)) {
        None => Ok(()),
        Some((name, _)) => Err(format!(
            "metadata `{name}`: names are lower-case letters, digits, `_`, `-` and `.`"
        )),
    }
}

fn read_expect(raw: RawExpect, output: Option<MessageDescriptor>) -> Result<Expect, String> {
    let codes = raw.code.map_or_else(|| vec![Code::OK], |codes| codes.0);
    if raw.approx.is_some_and(|approx| !(approx.relative >= 0.0 && approx.absolute >= 0.0)) {
        return Err("expect.approx: a tolerance is 0 or more".to_owned());
    }
    let status_details = raw.status_details.map(|text| STANDARD.decode(text)).transpose();
    let status_details = status_details.map_err(|why| format!("expect.status_details: {why}"))?;
    check_names_of(&raw.headers).map_err(|why| format!("expect.headers: {why}"))?;
    check_names_of(&raw.trailers).map_err(|why| format!("expect.trailers: {why}"))?;
    let messages = match (raw.messages, output) {
        (None, _) => None,
        (Some(_), None) => {
            return Err("expect.messages: an unknown method has no response type".to_owned());
        }
        (Some(values), Some(output)) => Some(
            values
                .into_iter()
                .enumerate()
                .map(|(index, value)| {
                    read_message(&output, &value)
                        .map_err(|why| format!("expect.messages[{index}]{why}"))
                })
                .collect::<Result<Vec<_>, _>>()?,
        ),
    };
    if raw.partial && messages.is_none() {
        return Err("expect: `partial` without `messages`".to_owned());
    }
    let message_count = match (&messages, raw.message_count) {
        (Some(_), Some(_)) => {
            return Err("expect: both `messages` and `message_count`; give one".to_owned());
        }
        (None, None) if raw.any_messages => None,
        (_, _) if raw.any_messages => {
            return Err("expect: `any_messages` with `messages` or `message_count`".to_owned());
        }
        (None, None) if codes.contains(&Code::OK) => {
            return Err("expect: nothing is checked; give `messages` or `message_count`".to_owned());
        }
        // An error without a word on messages comes alone.
        (None, None) => Some(0),
        (_, given) => given,
    };
    Ok(Expect {
        codes,
        messages,
        is_partial: raw.partial,
        takes_unknown_fields: raw.unknown_fields,
        message_count,
        status_message: raw.status_message,
        status_message_has: raw.status_message_has,
        status_message_lacks: raw.status_message_lacks,
        status_details,
        seen: raw.wire,
        approx: raw.approx,
        headers: raw.headers,
        trailers: raw.trailers,
    })
}
