//! Rules of requests.

use std::time::Duration;

use crosswire_http2::{
    error::{self, error_name},
    hpack::Field,
};

use super::{
    Breach, Exchange, malformed::is_malformed_http2, metadata::field_breach, micros, text,
};
use crate::{
    role::Role,
    suite::Code,
    wire::transcript::{Block, Event, Transcript, What},
};

/// How many times as long as the caller's deadline a `grpc-timeout` may be and still
/// be that deadline. Who takes one unit for another is off by 60 or more.
const MOST_TIMES: u32 = 2;

/// How much longer it may be all the same: whoever writes whole seconds rounds up.
const MOST_ROUNDED: Duration = Duration::from_secs(1);

/// What a call has that a policy makes again: how often it was made before.
const PREVIOUS_ATTEMPTS: &str = "grpc-previous-rpc-attempts";

/// How many times shorter it may be, if the client has waited for `MOST_WAITED` and
/// more before it sent the request.
const LEAST_PART: u32 = 10;

/// The longest that a client, or the tap, is held up without a reason that is to be
/// seen, on a machine that has too much to do.
pub(super) const MOST_WAITED: Duration = Duration::from_secs(5);

/// `:method` POST, `:scheme` http or https, `:path` /Service/Method.
pub(super) fn names_a_method(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Some(request) = exchange.request() else { return Vec::new() };
    let is_path = |value: &[u8]| {
        let path = value.strip_prefix(b"/").unwrap_or_default();
        let slash = path.iter().rposition(|byte| *byte == b'/');
        slash.is_some_and(|slash| slash > 0 && slash + 1 < path.len())
    };
    let mut breaches = Vec::new();
    let mut demand = |clause: &'static str, name: &str, is_right: &dyn Fn(&[u8]) -> bool| {
        let value = request.value(name);
        if !value.is_some_and(is_right) {
            let bytes = value.map_or_else(|| request.event.quote.to_vec(), <[u8]>::to_vec);
            breaches.push(Breach::quoting(request.event, &bytes, clause));
        }
    };
    demand("method", ":method", &|value| value == b"POST");
    demand("scheme", ":scheme", &|value| value == b"http" || value == b"https");
    demand("path", ":path", &is_path);
    breaches
}

/// `te: trailers`, once. Literals of the grammar are without regard to case (RFC 5234,
/// section 2.3).
pub(super) fn te_is_trailers(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Some(request) = exchange.request() else { return Vec::new() };
    let values: Vec<&[u8]> = request.values("te").collect();
    if matches!(values[..], [value] if value.eq_ignore_ascii_case(b"trailers")) {
        return Vec::new();
    }
    let bytes = values.join(&b", "[..]);
    vec![Breach::quoting(request.event, &bytes, "te")]
}

/// One gRPC content-type.
pub(super) fn content_type_is_grpc(exchange: &Exchange<'_>) -> Vec<Breach> {
    exchange.request().and_then(bad_content_type).into_iter().collect()
}

/// What is wrong with a block's content-type. Like any media type, it may have parameters,
/// and its case means nothing (RFC 9110, section 8.3.1).
pub(super) fn bad_content_type(block: Block<'_>) -> Option<Breach> {
    const GRPC: &[u8] = b"application/grpc";
    let is_grpc = |value: &[u8]| {
        let media = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let is_named = media.get(..GRPC.len()).is_some_and(|name| name.eq_ignore_ascii_case(GRPC));
        is_named
            && match &media[GRPC.len()..] {
                [] => true,
                [b'+', codec @ ..] => !codec.is_empty() && codec.iter().all(u8::is_ascii_graphic),
                _ => false,
            }
    };
    let values: Vec<&[u8]> = block.values("content-type").collect();
    let what = match values[..] {
        [value] if is_grpc(value) => return None,
        [] => "content-type-missing",
        [_] => "content-type-other",
        _ => "content-type-repeated",
    };
    Some(Breach::quoting(block.event, &values.join(&b", "[..]), what))
}

/// `grpc-timeout` at most once: 1 to 8 digits and a unit.
pub(super) fn timeout_is_well_formed(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Some(request) = exchange.request() else { return Vec::new() };
    let fields = request.fields.iter().filter(|field| *field.name == *b"grpc-timeout");
    let what = |(index, field): (usize, &Field)| {
        let what = if index > 0 {
            "timeout-repeated"
        } else if parse_timeout(&field.value).is_none() {
            "timeout-malformed"
        } else {
            return None;
        };
        Some(field_breach(request.event, field, what))
    };
    fields.enumerate().filter_map(what).collect()
}

/// `grpc-timeout` is there when the caller asked for a deadline, and is one like it.
pub(super) fn timeout_is_the_callers(exchange: &Exchange<'_>) -> Vec<Breach> {
    if exchange.call.is_own {
        return Vec::new();
    }
    let Some(request) = exchange.request() else { return Vec::new() };
    let asked = exchange.call.timeout;
    let Some(value) = request.value("grpc-timeout") else {
        return vec![Breach::of(request.event, "timeout-missing").expecting(micros(asked))];
    };
    // A deadline that was set earlier is nearer by what has passed since.
    let is_like_it = |sent: Duration| {
        let is_short = sent <= asked / LEAST_PART && asked.saturating_sub(sent) > MOST_WAITED;
        sent <= (asked * MOST_TIMES).max(asked + MOST_ROUNDED) && !is_short
    };
    if parse_timeout(value).is_none_or(is_like_it) {
        return Vec::new();
    }
    let breach = Breach::quoting(request.event, value, "timeout-of-another-order");
    vec![breach.expecting(micros(asked))]
}

/// `grpc-timeout` is not longer than what the caller asked for.
pub(super) fn timeout_is_not_longer(exchange: &Exchange<'_>) -> Vec<Breach> {
    if exchange.call.is_own {
        return Vec::new();
    }
    let Some(request) = exchange.request() else { return Vec::new() };
    let Some(value) = request.value("grpc-timeout") else { return Vec::new() };
    let asked = exchange.call.timeout;
    if parse_timeout(value).is_none_or(|sent| sent <= asked) {
        return Vec::new();
    }
    let breach = Breach::quoting(request.event, value, "timeout-longer");
    vec![breach.expecting(micros(asked))]
}

pub(super) fn parse_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// No trailers on a request; END_STREAM is on DATA.
pub(super) fn ends_with_data(exchange: &Exchange<'_>) -> Vec<Breach> {
    let blocks = exchange.transcript.blocks(Role::Client).enumerate();
    blocks
        .filter_map(|(index, block)| {
            let what = match (index, block.ends_stream) {
                (0, false) => return None,
                (0, true) => "end-on-headers",
                _ => "request-trailers",
            };
            Some(Breach::of(block.event, what))
        })
        .collect()
}

/// One message, if the method takes one.
pub(super) fn has_one_message(exchange: &Exchange<'_>) -> Vec<Breach> {
    let descriptor = exchange.call.method.descriptor.as_ref();
    if descriptor.is_none_or(prost_reflect::MethodDescriptor::is_client_streaming) {
        return Vec::new();
    }
    // What a case has sent as it is may be more or less.
    if exchange.call.raw && exchange.call.one_request().is_none() {
        return Vec::new();
    }
    let transcript = exchange.transcript;
    let mut breaches: Vec<Breach> = transcript
        .messages(Role::Client)
        .skip(1)
        .map(|(event, _)| Breach::of(event, "message-repeated"))
        .collect();
    if let Some(end) = transcript.end(Role::Client)
        && transcript.messages(Role::Client).next().is_none()
    {
        breaches.push(Breach::of(end, "message-missing"));
    }
    breaches
}

/// One request for a call, once a response to it has begun that was no refusal.
pub(super) fn is_not_repeated(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Some(request) = exchange.request() else { return Vec::new() };
    let has_begun = |block: Block<'_>| block.event.at < request.event.at;
    let is_refused = |earlier: &Transcript| {
        let code = earlier.reset(Role::Server).map(|(_, code)| code);
        code == Some(error::REFUSED_STREAM) && earlier.messages(Role::Server).next().is_none()
    };
    // To a policy, trailers alone are no response that has begun.
    let may_go_on = |earlier: &Transcript| {
        let mut blocks = earlier.blocks(Role::Server);
        exchange.call.is_retried && blocks.next().is_some_and(|first| first.ends_stream)
    };
    let has_response = |earlier: &Transcript| {
        let has_begun = earlier.is_whole && earlier.blocks(Role::Server).any(has_begun);
        has_begun && !is_refused(earlier) && !may_go_on(earlier)
    };
    if !exchange.earlier.iter().any(has_response) {
        return Vec::new();
    }
    vec![Breach::of(request.event, "call-repeated")]
}

/// A call that a policy makes again says how often it was made before, transparent retries
/// aside: those that no server has run.
pub(super) fn attempts_are_counted(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Some(request) = exchange.request().filter(|_| !exchange.call.is_own) else {
        return Vec::new();
    };
    let was_run = |earlier: &&Transcript| {
        let mut blocks = earlier.blocks(Role::Server);
        blocks.any(|block| block.value("grpc-status").is_some())
    };
    let before = exchange.earlier.iter().filter(was_run).count();
    let is_counted = exchange.call.is_retried && before > 0;
    let expected = is_counted.then(|| before.to_string());
    // What ended without a status may have been run, or not.
    let is_certain = exchange.earlier.iter().all(|earlier| earlier.is_whole && was_run(&earlier));
    let said = request.value(PREVIOUS_ATTEMPTS);
    if !is_certain || said == expected.as_deref().map(str::as_bytes) {
        return Vec::new();
    }
    let breach = Breach::quoting(request.event, said.unwrap_or_default(), "attempts-miscounted");
    vec![breach.expecting(expected).but_got(said.map(text))]
}

/// A client that cancels, or whose deadline passes, sends RST_STREAM(CANCEL),
/// unless the response is over by then.
pub(super) fn giving_up_is_a_reset(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Exchange { transcript, call, answer, .. } = exchange;
    let Some(answer) = answer else { return Vec::new() };
    if is_malformed_http2(exchange) {
        // It is given up for another reason, and RST_STREAM says so.
        return Vec::new();
    }
    let cancels = call.was_to_cancel(answer.messages.len(), answer.steps);
    let is_late = answer.code == Code::DEADLINE_EXCEEDED && !exchange.has_status();
    if !cancels && !is_late {
        return Vec::new();
    }
    let ends_call = |event: &Event| match event.what {
        What::Reset { .. } => event.from == Role::Server,
        // The call was not taken up, and may be waiting for another connection.
        What::GoAway { last, .. } => event.from == Role::Server && transcript.stream > last,
        // Whoever ends the connection ends all that is on it.
        What::Closed(_) => true,
        _ => event.from == Role::Server && event.ends_stream(),
    };
    let is_over = transcript.events().any(ends_call);
    match (transcript.reset(Role::Client), exchange.request()) {
        (Some((_, error::CANCEL)), _) => Vec::new(),
        (Some((event, code)), _) if !is_over => {
            vec![Breach::of(event, "given-up-otherwise").but_got(error_name(code))]
        }
        (None, Some(request)) if !is_over => {
            vec![Breach::lack_after(request.event, "given-up-in-silence")]
        }
        _ => Vec::new(),
    }
}
