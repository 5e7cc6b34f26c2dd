//! Rules of what a client reports, where the server has said what came of the call.

use crosswire_http2::message::Unread;
use prost_reflect::MessageDescriptor;
use serde_json::{Value, json};

use super::{
    Breach, Exchange, RULES,
    malformed::is_malformed_http2,
    request::MOST_WAITED,
    response::{message_not_offered, status_of},
};
use crate::{
    contract::Level,
    observe::Answer,
    protobuf,
    role::Role,
    suite::Code,
    wire::transcript::{Block, Event},
};

/// How long a message may be that every client takes: gRPC's default.
const MAX_MESSAGE_BYTES: usize = 4 << 20;

/// How long header blocks may be that every client takes: gRPC's default.
const MAX_FIELD_BYTES: usize = 8 << 10;

/// What each field is counted with beside its text (RFC 9113, section 6.5.2).
const FIELD_OVERHEAD_BYTES: usize = 32;

/// Each message that is reported is the one that passed at its place, none is left out
/// of a success, and the code is the server's.
pub(super) fn is_what_came(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Some(answer) = exchange.answer else { return Vec::new() };
    let mut breaches = other_messages(exchange, answer);
    if let Some((trailers, code)) = status(exchange) {
        breaches.extend(left_out(exchange, answer, trailers, code));
        breaches.extend(other_code(exchange, answer, trailers, code));
    }
    // Whoever gets nonsense may make of it what it likes.
    if breaches.is_empty() || !is_lawful(exchange) { Vec::new() } else { breaches }
}

/// Whether the client reports the status and the messages that passed, in all that it reports
/// of them. `None` if the server has sent no status that counts, or what one of the messages
/// says was not read.
pub(super) fn is_faithful(exchange: &Exchange<'_>) -> Option<bool> {
    let answer = exchange.answer?;
    let (_, code) = status(exchange)?;
    let passed = exchange.transcript.messages(Role::Server).count();
    let reported = answer.messages.len();
    let mut told = exchange.transcript.messages(Role::Server).take(reported);
    if told.any(|(_, message)| message.plain.is_err()) {
        return None;
    }
    // Of a call that failed, a client may report less.
    let are_all = reported == passed || (code != Code::OK && reported < passed);
    Some(answer.code == code && are_all && other_messages(exchange, answer).is_empty())
}

/// Messages that are not those that passed.
fn other_messages(exchange: &Exchange<'_>, answer: &Answer) -> Vec<Breach> {
    if exchange.is_plain_http() {
        // Its content is HTTP's own.
        return Vec::new();
    }
    let transcript = exchange.transcript;
    let places = transcript.messages(Role::Server).zip(&answer.messages).enumerate();
    places
        .filter_map(|(index, ((event, message), reported))| {
            // What is too long to be kept, or is no such encoding, is not compared.
            let passed = message.plain.as_ref().ok()?;
            is_other(exchange, passed, reported)
                .then(|| Breach::report_of(event, "message-altered").but_got(index))
        })
        .collect()
}

/// Whether it says something else. A client may write a message anew, without the
/// fields that it does not know.
fn is_other(exchange: &Exchange<'_>, passed: &[u8], reported: &[u8]) -> bool {
    if passed == reported {
        return false;
    }
    if exchange.call.raw {
        return true;
    }
    let Some(descriptor) = exchange.message_type(Role::Server) else { return false };
    let Some(Some(passed)) = known_fields(&descriptor, passed) else { return false };
    known_fields(&descriptor, reported).is_some_and(|reported| reported != Some(passed))
}

/// As JSON, which has no unknown fields, and in which a NaN is equal to itself. The outer
/// `None` is a message that is too large to be decoded, and is not compared.
fn known_fields(descriptor: &MessageDescriptor, bytes: &[u8]) -> Option<Option<Value>> {
    let message = protobuf::decode(descriptor.clone(), bytes)?;
    Some(message.ok().and_then(|message| serde_json::to_value(message).ok()))
}

/// The status that the server sent, with its block.
fn status<'a>(exchange: &Exchange<'a>) -> Option<(Block<'a>, Code)> {
    let trailers = exchange.trailers()?;
    let code = Code(status_of(trailers.value("grpc-status")?)?);
    // A method that answers once has failed if it does not, whatever its status.
    let descriptor = exchange.call.method.descriptor.as_ref();
    let is_once = !descriptor.is_some_and(prost_reflect::MethodDescriptor::is_server_streaming);
    let is_void =
        is_once && code == Code::OK && exchange.transcript.messages(Role::Server).count() != 1;
    (!is_void).then_some((trailers, code))
}

/// A success without all of its messages.
fn left_out(
    exchange: &Exchange<'_>,
    answer: &Answer,
    trailers: Block<'_>,
    code: Code,
) -> Option<Breach> {
    let (reported, passed) =
        (answer.messages.len(), exchange.transcript.messages(Role::Server).count());
    let is_success = code == Code::OK && answer.code == Code::OK;
    let breach = || Breach::report_of(trailers.event, "messages-left-out");
    (is_success && reported < passed).then(|| breach().expecting(passed).but_got(reported))
}

/// Another code than the server's, unless something else may have ended the call for
/// the client.
fn other_code(
    exchange: &Exchange<'_>,
    answer: &Answer,
    trailers: Block<'_>,
    code: Code,
) -> Option<Breach> {
    let may_be_the_clients = match answer.code {
        Code::CANCELLED => exchange.call.cancels(),
        Code::DEADLINE_EXCEEDED => may_be_late(exchange, trailers.event),
        // What has come of a message may announce one that is too long.
        Code::RESOURCE_EXHAUSTED => {
            has_large_fields(exchange)
                || has_large_messages(exchange)
                || exchange.ends_within_a_message()
        }
        Code::INTERNAL if has_large_fields(exchange) => true,
        // A client cannot read what it did not offer (gRPC, `compression.md`).
        Code::INTERNAL if message_not_offered(exchange).is_some() => true,
        // What is left of a message says nothing, and how to say that is nowhere written;
        // nor is what to make of a status in a response that is not gRPC's.
        Code::INTERNAL | Code::UNKNOWN => {
            exchange.ends_within_a_message() || exchange.is_plain_http()
        }
        // A connection may break behind what has passed, before the client has read it.
        Code::UNAVAILABLE => true,
        _ => false,
    };
    if answer.code == code || may_be_the_clients {
        return None;
    }
    let got = json!({ "code": answer.code.to_string() });
    let breach = Breach::report_of(trailers.event, "code-altered");
    Some(breach.expecting(code.to_string()).but_got(got))
}

/// Whether the deadline may have passed before the client had read its status.
fn may_be_late(exchange: &Exchange<'_>, end: &Event) -> bool {
    let Some(request) = exchange.request() else { return true };
    let messages = exchange.transcript.messages(Role::Server).count();
    let delay = exchange.call.options.read_delay.unwrap_or_default();
    let delays = delay.saturating_mul(u32::try_from(messages + 1).unwrap_or(u32::MAX));
    let passed = end.at.saturating_sub(request.event.at);
    passed.saturating_add(delays).saturating_add(MOST_WAITED) >= exchange.timeout()
}

/// Whether a block of the response is longer than a client need take.
fn has_large_fields(exchange: &Exchange<'_>) -> bool {
    let length = |fields: Block<'_>| -> usize {
        let sizes = fields.fields.iter().map(|field| field.name.len() + field.value.len());
        sizes.map(|size| size + FIELD_OVERHEAD_BYTES).sum()
    };
    exchange.transcript.blocks(Role::Server).any(|block| length(block) > MAX_FIELD_BYTES)
}

/// Whether a message of the response is.
fn has_large_messages(exchange: &Exchange<'_>) -> bool {
    let mut messages = exchange.transcript.messages(Role::Server);
    messages.any(|(_, message)| match &message.plain {
        Ok(plain) => plain.len() > MAX_MESSAGE_BYTES,
        Err(why) => *why == Unread::TooLong,
    })
}

/// Whether the server keeps to every other rule.
fn is_lawful(exchange: &Exchange<'_>) -> bool {
    if is_malformed_http2(exchange) {
        return false;
    }
    let others = RULES.iter().filter(|rule| rule.level == Level::Must && rule.id != "WIRE-44");
    let mut breaches = others.flat_map(|rule| rule.breaches(exchange));
    breaches.all(|breach| breach.side == Role::Client)
}
