//! Reads calls and what must come of them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde_json::{Map, Value};

use super::send::read_send;
use crate::{
    input::unknown_field,
    suite::{
        call::{Call, CallOptions, Method, WrittenCall},
        code::Code,
        expect::Expect,
        json::{from_json, read_message},
        problem::{Problem, Within as _, each_item},
        table::{fields_of, take},
    },
};

/// A call of one of these methods.
pub(super) fn read_call(
    methods: &[MethodDescriptor],
    mut table: Map<String, Value>,
) -> Result<Call, Problem> {
    if table.contains_key("each") {
        return Err(Problem::of_field("each", "`each` belongs to the case, not to a call of it"));
    }
    if let Some(field) = table.keys().find(|field| !is_of_a_call(field)) {
        let known = [fields_of::<WrittenCall>(), fields_of::<CallOptions>()].concat();
        return Err(Problem::of_field(field, unknown_field(field, &known)));
    }
    let options: CallOptions = take(&mut table)?;
    let written: WrittenCall = take(&mut table)?;
    let method = find_method(methods, &written.method, written.unknown_method)?;
    let output = method.descriptor.as_ref().map(MethodDescriptor::output);
    let (timeout, pause) = (written.timeout, written.pause);
    let expect = from_json(written.expect.clone()).and_then(|expect| read_expect(expect, output));
    let (send, raw) = read_send(written, &method)?;
    check_metadata(&options.metadata).within("metadata")?;
    let expect = expect.within("expect")?;
    let (is_own, is_retried) = (false, false);
    Ok(Call { method, send, raw, is_own, is_retried, timeout, pause, options, expect })
}

/// Whether a call has such a field.
pub(super) fn is_of_a_call(field: &str) -> bool {
    fields_of::<WrittenCall>().contains(&field) || fields_of::<CallOptions>().contains(&field)
}

fn find_method(methods: &[MethodDescriptor], path: &str, unknown: bool) -> Result<Method, Problem> {
    let path_of = |method: &MethodDescriptor| {
        format!("{}/{}", method.parent_service().full_name(), method.name())
    };
    let descriptor = methods.iter().find(|method| path_of(method) == path).cloned();
    match (&descriptor, unknown) {
        (Some(_), true) => Err(Problem::of_field(
            "unknown_method",
            format!("`unknown_method`, but the proto has `{path}`"),
        )),
        (None, false) => {
            let known: Vec<String> = methods.iter().map(path_of).collect();
            let known = known.join(", ");
            Err(Problem::of_field(
                "method",
                format!(
                    "no method `{path}` in the proto; it has {known} (`unknown_method = true` if that is the point)"
                ),
            ))
        }
        _ => Ok(Method { path: path.to_owned(), descriptor }),
    }
}

/// What is sent: `grpc-` names are the library's own to set.
fn check_metadata(metadata: &[(String, String)]) -> Result<(), String> {
    check_names_of(metadata)?;
    for (name, value) in metadata {
        if name.starts_with("grpc-") {
            return Err(format!("`{name}`: names that start with grpc- are reserved"));
        }
        if name.ends_with("-bin") && STANDARD.decode(value).is_err() {
            return Err(format!(
                "`{name}`: the value of a `-bin` name is base64, with its padding"
            ));
        }
    }
    Ok(())
}

fn check_names_of(metadata: &[(String, String)]) -> Result<(), String> {
    let is_legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    match metadata.iter().find(|(name, _)| name.is_empty() || !name.chars().all(is_legal)) {
        None => Ok(()),
        Some((name, _)) => {
            Err(format!("`{name}`: names are lower-case letters, digits, `_`, `-` and `.`"))
        }
    }
}

/// What is expected, with messages of this type.
fn read_expect(
    mut expect: Expect<Value>,
    output: Option<MessageDescriptor>,
) -> Result<Expect, Problem> {
    if expect.approx.is_some_and(|approx| !(approx.relative >= 0.0 && approx.absolute >= 0.0)) {
        return Err(Problem::from("a tolerance is 0 or more").within("approx"));
    }
    check_names_of(&expect.headers).within("headers")?;
    check_names_of(&expect.trailers).within("trailers")?;
    let messages = match (expect.messages.take(), output) {
        (None, _) => None,
        (Some(_), None) => {
            return Err(Problem::from("an unknown method has no response type").within("messages"));
        }
        (Some(values), Some(output)) => {
            let read = |value: Value| read_message(&output, &value);
            Some(each_item(values, read).within("messages")?)
        }
    };
    let mut expect: Expect<DynamicMessage> = expect.with_messages(messages);
    let problem = match (&expect.messages, expect.message_count) {
        (None, None) if expect.is_partial => {
            Some(("partial", "`partial` without `messages` or `message_count`"))
        }
        (Some(_), Some(_)) => {
            Some(("message_count", "both `messages` and `message_count`; give one"))
        }
        (None, None) if expect.takes_any_messages => None,
        _ if expect.takes_any_messages => {
            Some(("any_messages", "`any_messages` with `messages` or `message_count`"))
        }
        (None, None) if expect.codes.contains(&Code::OK) => {
            return Err("nothing is checked; give `messages` or `message_count`".into());
        }
        (None, None) => {
            // An error without a word on messages comes alone.
            expect.message_count = Some(0);
            None
        }
        _ => None,
    };
    match problem {
        None => Ok(expect),
        Some((field, problem)) => Err(Problem::of_field(field, problem)),
    }
}
