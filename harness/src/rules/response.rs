//! Rules of responses.

use crosswire_http2::{error, frame::kind_name};
use serde_json::json;

use super::{
    Breach, Exchange,
    metadata::{decode, field_breach},
    request::bad_content_type,
    text,
};
use crate::{
    protobuf::status_code,
    role::Role,
    wire::transcript::{Event, What},
};

/// The first block has one gRPC content-type. (A status other than 200 makes the response
/// HTTP's own.)
pub(super) fn begins_as_grpc(exchange: &Exchange<'_>) -> Vec<Breach> {
    let is_first = |event: &&Event| matches!(event.what, What::Headers { .. } | What::Data { .. });
    let first = exchange.transcript.sent_by(Role::Server).find(is_first);
    let early = first.filter(|event| matches!(event.what, What::Data { .. }));
    let early = early.map(|event| Breach::of(event, "data-before-headers"));
    let bad_block = exchange.response().into_iter().flat_map(|response| {
        let no_status = response.value(":status").is_none();
        let no_status = no_status.then(|| Breach::of(response.event, "http-status-missing"));
        no_status.into_iter().chain(bad_content_type(response))
    });
    early.into_iter().chain(bad_block).collect()
}

/// `grpc-status` once, in the block that ends the response, decimal 0 to 16.
pub(super) fn has_one_status(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Some(trailers) = exchange.trailers() else { return Vec::new() };
    let values: Vec<&[u8]> = trailers.values("grpc-status").collect();
    let what = match values[..] {
        [value] if status_of(value).is_some() => return Vec::new(),
        [] => "status-missing",
        [_] => "status-malformed",
        _ => "status-repeated",
    };
    vec![Breach::quoting(trailers.event, &values.join(&b", "[..]), what)]
}

/// The code that a `grpc-status` is, if it is one.
pub(super) fn status_of(value: &[u8]) -> Option<i32> {
    let code: i32 = std::str::from_utf8(value).ok()?.parse().ok()?;
    ((0..=16).contains(&code) && code.to_string().as_bytes() == value).then_some(code)
}

/// END_STREAM is on the trailers' HEADERS, and nothing follows.
pub(super) fn ends_with_its_trailers(exchange: &Exchange<'_>) -> Vec<Breach> {
    let transcript = exchange.transcript;
    let blocks = transcript.blocks(Role::Server).skip(1).filter(|block| !block.ends_stream);
    let unended = blocks.map(|block| Breach::of(block.event, "trailers-without-end"));
    let late = transcript.events().filter_map(|event| match event.what {
        What::AfterEnd { kind, stream } => {
            let got = json!({ "frame": kind_name(kind), "stream": stream });
            Some(Breach::of(event, "after-end").but_got(got))
        }
        _ => None,
    });
    unended.chain(late).collect()
}

/// A response with DATA ends with trailers, and has no status before them.
pub(super) fn has_trailers_after_data(exchange: &Exchange<'_>) -> Vec<Breach> {
    let is_end = |event: &&Event| matches!(event.what, What::Data { ends_stream: true, .. });
    let ends = exchange.transcript.sent_by(Role::Server).filter(is_end);
    let ends = ends.map(|event| Breach::of(event, "end-on-data"));
    let early = exchange.response().filter(|response| !response.ends_stream);
    let early = early.into_iter().flat_map(|response| {
        let fields = response.fields.iter().filter(|field| *field.name == *b"grpc-status");
        fields.map(move |field| field_breach(response.event, field, "status-too-early"))
    });
    ends.chain(early).collect()
}

/// `grpc-message` at most once, percent-encoded.
pub(super) fn message_is_percent_encoded(exchange: &Exchange<'_>) -> Vec<Breach> {
    let values = exchange.values(Role::Server, "grpc-message").enumerate();
    values
        .filter_map(|(index, (event, value))| {
            let what = if index > 0 {
                "text-repeated"
            } else if !is_percent_encoded(value) {
                "text-not-encoded"
            } else {
                return None;
            };
            Some(Breach::quoting(event, value, what))
        })
        .collect()
}

fn is_percent_encoded(value: &[u8]) -> bool {
    let mut rest = value;
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [a, b, after @ ..]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => after,
            (b'%', _) => return false,
            (b' '..=b'~', after) => after,
            _ => return false,
        };
    }
    true
}

/// No text beside status 0.
pub(super) fn success_has_no_message(exchange: &Exchange<'_>) -> Vec<Breach> {
    let trailers = exchange.trailers().filter(|block| block.value("grpc-status") == Some(b"0"));
    let Some(trailers) = trailers else { return Vec::new() };
    let texts = trailers.values("grpc-message").filter(|text| !text.is_empty());
    let breach = |text| Breach::quoting(trailers.event, text, "text-beside-ok");
    texts.map(breach).collect()
}

/// `grpc-status-details-bin` at most once, a google.rpc.Status of the same code.
pub(super) fn details_agree_with_the_status(exchange: &Exchange<'_>) -> Vec<Breach> {
    let values = exchange.values(Role::Server, "grpc-status-details-bin").enumerate();
    let status = exchange.trailers().and_then(|block| status_of(block.value("grpc-status")?));
    values
        .filter_map(|(index, (event, value))| {
            let breach = |clause| Breach::quoting(event, value, clause);
            match decode(value).map(|bytes| status_code(&bytes)) {
                _ if index > 0 => Some(breach("details-repeated")),
                None => Some(breach("details-not-base64")),
                Some(None) => Some(breach("details-no-status")),
                // Without a code of its own, it contradicts none.
                Some(Some(None)) => None,
                Some(Some(Some(code))) => {
                    let other = status.filter(|status| *status != code)?;
                    Some(breach("details-of-another-code").expecting(other).but_got(code))
                }
            }
        })
        .collect()
}

/// A response's message is compressed with what the request offered. Of a client that
/// offers nothing, nobody knows what it lacks; and to name an encoding compresses nothing.
pub(super) fn encoding_was_offered(exchange: &Exchange<'_>) -> Vec<Breach> {
    if offers(exchange).next().is_none() {
        return Vec::new();
    }
    let Some((event, encoding)) = message_not_offered(exchange) else { return Vec::new() };
    vec![Breach::of(event, "encoding-not-offered").but_got(text(encoding))]
}

/// The first message of a response that is compressed with what the request did not offer.
pub(super) fn message_not_offered<'a>(exchange: &Exchange<'a>) -> Option<(&'a Event, &'a [u8])> {
    let encoding = exchange.transcript.encoding(Role::Server)?;
    let is_offered = encoding.eq_ignore_ascii_case(b"identity")
        || offers(exchange).any(|offer| offer.eq_ignore_ascii_case(encoding));
    let mut messages = exchange.transcript.messages(Role::Server);
    let (event, _) = messages.find(|(_, message)| message.flag == 1)?;
    (!is_offered).then_some((event, encoding))
}

/// What a request offers to read.
fn offers<'a>(exchange: &Exchange<'a>) -> impl Iterator<Item = &'a [u8]> {
    exchange
        .values(Role::Client, "grpc-accept-encoding")
        .flat_map(|(_, value)| value.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// A status that comes while the request goes on is followed by
/// RST_STREAM(NO_ERROR). A request that ends or is reset by itself right then needs
/// none.
pub(super) fn early_status_is_followed_by_a_reset(exchange: &Exchange<'_>) -> Vec<Breach> {
    let events: Vec<&Event> = exchange.transcript.events().collect();
    let is_end = |event: &&Event| event.from == Role::Server && event.ends_stream();
    let Some(position) = events.iter().position(is_end) else { return Vec::new() };
    let (before, after) = events.split_at(position);
    let has_ended = |event: &&Event| {
        let is_over = event.ends_stream() || matches!(event.what, What::Reset { .. });
        event.from == Role::Client && is_over
    };
    if before.iter().any(has_ended) || after.iter().any(has_ended) {
        return Vec::new();
    }
    let has_reset = |event: &&Event| {
        event.from == Role::Server && event.what == What::Reset { code: error::NO_ERROR }
    };
    if after.iter().any(has_reset) {
        return Vec::new();
    }
    vec![Breach::lack_after(events[position], "early-status-without-reset")]
}
