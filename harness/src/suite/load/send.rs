//! Reads what a client does in a call.

use prost_reflect::{MessageDescriptor, MethodDescriptor, prost::Message as _};
use serde_json::Value;

use crate::suite::{
    call::{Method, WrittenCall},
    json::{read_hex, read_message},
    problem::{Problem, Within as _, each_item},
    send::{CallStep, RequestMessage, WrittenCallStep},
};

/// How many messages a step sends at most: a slip of a digit must not run for hours.
const MAX_MESSAGES: usize = 1_000_000;

/// The steps of a call of this method, and whether its messages must be sent as they are.
pub(super) fn read_send(
    written: WrittenCall,
    method: &Method,
) -> Result<(Vec<CallStep>, bool), Problem> {
    let WrittenCall { request, request_hex, send, .. } = written;
    let input = method.descriptor.as_ref().map(MethodDescriptor::input);
    let given = [
        ("request", request.is_some()),
        ("request_hex", request_hex.is_some()),
        ("send", send.is_some()),
    ];
    let given: Vec<&str> = given.into_iter().filter_map(|(name, is)| is.then_some(name)).collect();
    if let [one, other, ..] = given[..] {
        return Err(Problem::of_field(other, format!("both `{one}` and `{other}`; give one")));
    }
    let Some(steps) = send else {
        let (request, raw) = read_request(request, request_hex, input.as_ref())?;
        let message = CallStep::Message(RequestMessage::new(request));
        return Ok((vec![message, CallStep::HalfClose], raw));
    };
    let raw = input.is_none() || steps.iter().any(|step| step.message_hex.is_some());
    let read = |step: WrittenCallStep| read_step(step, input.as_ref());
    let mut steps = each_item(steps, read).within("send")?;
    if !steps.iter().any(|step| matches!(step, CallStep::HalfClose | CallStep::Cancel)) {
        steps.push(CallStep::HalfClose);
    }
    check_order(&steps).within("send")?;
    let takes_one = method.descriptor.as_ref().is_some_and(|method| !method.is_client_streaming());
    if takes_one && !raw {
        check_one_request(&steps, &method.path).within("send")?;
    }
    Ok((steps, raw))
}

/// The request's bytes, and whether they must be sent as they are.
fn read_request(
    request: Option<Value>,
    request_hex: Option<String>,
    input: Option<&MessageDescriptor>,
) -> Result<(Vec<u8>, bool), Problem> {
    match (request, request_hex, input) {
        (_, Some(hex), _) => Ok((read_hex("request_hex", &hex)?, true)),
        (Some(value), None, Some(input)) => {
            let message = read_message(input, &value).within("request")?;
            Ok((message.encode_to_vec(), false))
        }
        (Some(_), None, None) => Err(Problem::of_field(
            "request",
            "an unknown method has no request type; give `request_hex` or nothing",
        )),
        (None, None, None) => Ok((Vec::new(), true)),
        (None, None, Some(_)) => {
            Err("no `request`; give one, `{}` for an empty message, or the steps of `send`".into())
        }
    }
}

fn read_step(
    step: WrittenCallStep,
    input: Option<&MessageDescriptor>,
) -> Result<CallStep, Problem> {
    let WrittenCallStep { message, message_hex, times, compressed, .. } = step;
    let is_message = message.is_some() || message_hex.is_some();
    let done = [
        ("message", message.is_some()),
        ("message_hex", message_hex.is_some()),
        ("wait_for_headers", step.wait_for_headers.is_some()),
        ("wait_for_messages", step.wait_for_messages.is_some()),
        ("pause", step.pause.is_some()),
        ("half_close", step.half_close.is_some()),
        ("cancel", step.cancel.is_some()),
    ];
    let names: Vec<&str> = done.iter().filter_map(|(name, is)| is.then_some(*name)).collect();
    match names[..] {
        [_] => {}
        [] => {
            let all: Vec<String> = done.iter().map(|(name, _)| format!("`{name}`")).collect();
            return Err(format!("nothing is done; give one of {}", all.join(", ")).into());
        }
        _ => return Err(format!("a step does one thing; here are {}", names.join(" and ")).into()),
    }
    let of_messages = [("times", times.is_some()), ("compressed", compressed.is_some())];
    if let Some((field, _)) = of_messages.iter().find(|(_, is_given)| *is_given && !is_message) {
        return Err(Problem::of_field(field, format!("`{field}` belongs to a message")));
    }
    let bytes = match (message, message_hex, input) {
        (_, Some(hex), _) => Some(read_hex("message_hex", &hex)?),
        (Some(value), None, Some(input)) => {
            Some(read_message(input, &value).within("message")?.encode_to_vec())
        }
        (Some(_), None, None) => {
            return Err(Problem::of_field(
                "message",
                "an unknown method has no request type; give `message_hex`",
            ));
        }
        (None, None, _) => None,
    };
    if let Some(bytes) = bytes {
        let times = times.unwrap_or(1);
        if !(1..=MAX_MESSAGES).contains(&times) {
            return Err(format!("1 to {MAX_MESSAGES} times")).within("times");
        }
        let mut message = RequestMessage::new(bytes);
        (message.times, message.compressed) = (times, compressed);
        return Ok(CallStep::Message(message));
    }
    Ok(match (step.wait_for_messages, step.pause) {
        (Some(count), _) => CallStep::WaitForMessages(count),
        (_, Some(pause)) => CallStep::Pause(pause),
        _ if step.wait_for_headers.is_some() => CallStep::WaitForHeaders,
        _ if step.half_close.is_some() => CallStep::HalfClose,
        _ => CallStep::Cancel,
    })
}

/// A half-close and a cancel are there once at most, no message follows the one, and nothing
/// the other.
fn check_order(steps: &[CallStep]) -> Result<(), Problem> {
    let mut has_closed = false;
    for (index, step) in steps.iter().enumerate() {
        let problem = match step {
            CallStep::Message(_) if has_closed => "a message after the half-close",
            CallStep::HalfClose if has_closed => "a second half-close",
            CallStep::Cancel if index + 1 < steps.len() => "something after the cancel",
            _ => {
                has_closed |= *step == CallStep::HalfClose;
                continue;
            }
        };
        return Err(problem).within(index);
    }
    let ends_with_waits = steps.last().is_some_and(|last| {
        !matches!(last, CallStep::Message(_) | CallStep::HalfClose | CallStep::Cancel)
    });
    match ends_with_waits {
        true => Err("nothing follows what is waited for; end with `half_close` or `cancel`".into()),
        false => Ok(()),
    }
}

/// A method that takes one request is called with it: stubs take nothing else.
fn check_one_request(steps: &[CallStep], path: &str) -> Result<(), String> {
    let is_one = |message: &RequestMessage| message.times == 1 && message.compressed.is_none();
    match steps {
        [CallStep::Message(message), CallStep::HalfClose] if is_one(message) => Ok(()),
        _ => Err(format!(
            "`{path}` takes one request; give `request`, and `cancel_after_messages` to cancel it"
        )),
    }
}
