//! Rules of the status that a client reports, where the server gave none.

use bytes::Bytes;
use crosswire_http2::error::{self, error_name};
use serde_json::{Value, json};

use super::{Breach, Exchange, malformed::is_malformed_http2, text};
use crate::{
    observe::Answer,
    role::Role,
    suite::Code,
    wire::transcript::{Event, What},
};

/// The part of a deadline that may have passed before its request was seen.
const UNSEEN_PART: u32 = 10;

/// No message is reported that came after the client had reset the stream, nor one
/// that never came.
pub(super) fn nothing_is_reported_after_a_reset(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Some(answer) = exchange.answer else { return Vec::new() };
    let is_reset =
        |event: &&Event| event.from == Role::Client && matches!(event.what, What::Reset { .. });
    let before = exchange.transcript.events().take_while(|event| !is_reset(event));
    let is_message =
        |event: &&Event| event.from == Role::Server && matches!(event.what, What::Message(_));
    let passed = before.filter(is_message).count();
    let reported = answer.messages.len();
    if reported <= passed {
        return Vec::new();
    }
    client(exchange, "messages-after-reset", passed.into(), reported.into())
}

/// An HTTP status without a gRPC status is reported as the specification says.
pub(super) fn http_status_is_translated(exchange: &Exchange<'_>) -> Vec<Breach> {
    let status = exchange.response().and_then(|response| response.value(":status"));
    let Some(expected) = of_http(exchange) else { return Vec::new() };
    let got = json!({ "http": text(status.unwrap_or_default()) });
    translated(exchange, "http-status-translated", expected, got)
}

/// A server's RST_STREAM is reported as the specification says.
pub(super) fn reset_is_translated(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Some((code, expected)) = of_reset(exchange) else { return Vec::new() };
    translated(exchange, "reset-translated", expected, json!({ "reset": error_name(code) }))
}

/// What an HTTP status stands for, in a response that says no other.
fn of_http(exchange: &Exchange<'_>) -> Option<Code> {
    let status = exchange.response()?.value(":status").filter(|status| *status != b"200")?;
    if exchange.has_status() {
        return None;
    }
    Some(match status {
        // The table had no row for 431 at first.
        b"431" if exchange.answer.is_some_and(|answer| answer.code == Code::UNKNOWN) => {
            Code::UNKNOWN
        }
        b"400" | b"431" => Code::INTERNAL,
        b"401" => Code::UNAUTHENTICATED,
        b"403" => Code::PERMISSION_DENIED,
        b"404" => Code::UNIMPLEMENTED,
        b"429" | b"502" | b"503" | b"504" => Code::UNAVAILABLE,
        _ => Code::UNKNOWN,
    })
}

/// The code of the reset that ended a call, and what it stands for.
fn of_reset(exchange: &Exchange<'_>) -> Option<(u32, Code)> {
    let ends_call = |event: &&Event| match event.what {
        What::Reset { .. } => true,
        _ => event.from == Role::Server && event.ends_stream(),
    };
    // What comes after an end, or after a reset of the client's own, decides nothing.
    let Some(Event { what: What::Reset { code }, from: Role::Server, .. }) =
        exchange.transcript.events().find(ends_call)
    else {
        return None;
    };
    let expected = match *code {
        error::NO_ERROR
        | error::PROTOCOL_ERROR
        | error::INTERNAL_ERROR
        | error::FLOW_CONTROL_ERROR
        | error::SETTINGS_TIMEOUT
        | error::FRAME_SIZE_ERROR
        | error::COMPRESSION_ERROR
        | error::CONNECT_ERROR => Code::INTERNAL,
        error::REFUSED_STREAM => Code::UNAVAILABLE,
        error::CANCEL => Code::CANCELLED,
        error::ENHANCE_YOUR_CALM => Code::RESOURCE_EXHAUSTED,
        error::INADEQUATE_SECURITY => Code::PERMISSION_DENIED,
        // STREAM_CLOSED and the rest have no translation.
        _ => return None,
    };
    Some((*code, expected))
}

/// A call without any status never succeeded.
pub(super) fn no_status_is_no_success(exchange: &Exchange<'_>) -> Vec<Breach> {
    match exchange.answer {
        Some(Answer { code: Code::OK, .. }) if !exchange.has_status() => {
            client(exchange, "ok-without-status", Value::Null, Value::Null)
        }
        _ => Vec::new(),
    }
}

/// A deadline that has passed may always be reported as what it is, and so may a call
/// that its client was to cancel by then, and a connection that is lost. Of an HTTP status
/// and a reset behind it, either may be translated.
fn translated(
    exchange: &Exchange<'_>,
    clause: &'static str,
    expected: Code,
    mut got: Value,
) -> Vec<Breach> {
    let Some(answer) = exchange.answer else { return Vec::new() };
    if is_malformed_http2(exchange) {
        // It may be refused for that, whatever came of it.
        return Vec::new();
    }
    let is_late = answer.code == Code::DEADLINE_EXCEEDED && has_timed_out(exchange);
    let is_cancelled = answer.code == Code::CANCELLED
        && exchange.call.was_to_cancel(answer.messages.len(), answer.steps);
    // A connection may break behind what has passed, before the client has read it.
    let is_lost = answer.code == Code::UNAVAILABLE;
    let others = [of_http(exchange), of_reset(exchange).map(|(_, code)| code)];
    if others.contains(&Some(answer.code)) || is_late || is_cancelled || is_lost {
        return Vec::new();
    }
    got["code"] = answer.code.to_string().into();
    client(exchange, clause, expected.to_string().into(), got)
}

/// Whether the deadline may have passed when the server's last frame came. It counts
/// from when the client wrote the request's `grpc-timeout`, which is a little before it
/// was seen.
fn has_timed_out(exchange: &Exchange<'_>) -> bool {
    let last = exchange.transcript.sent_by(Role::Server).next_back();
    let (Some(request), Some(last)) = (exchange.request(), last) else { return false };
    let timeout = exchange.timeout();
    last.at.saturating_sub(request.event.at) >= timeout - timeout / UNSEEN_PART
}

/// Shown is the last that the client read, or nothing.
fn client(
    exchange: &Exchange<'_>,
    clause: &'static str,
    expected: Value,
    got: Value,
) -> Vec<Breach> {
    let breach = match exchange.transcript.sent_by(Role::Server).next_back() {
        Some(event) => Breach::report_of(event, clause),
        None => {
            let nothing = Breach::at(Role::Client, 0, Bytes::new(), clause);
            Breach { bytes_of: Role::Server, ..nothing }
        }
    };
    vec![breach.expecting(expected).but_got(got)]
}
