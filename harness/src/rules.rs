//! The rules of the wire: what each side must send, judged from transcripts. Pure.
//!
//! One small function a rule, named in [`RULES`] with its id in `docs/contract.md`,
//! where its level, text and source stand. All rules judge every call; whoever sent
//! the bytes is the one who broke the rule.

mod canonical;
mod connection;
mod exchange;
mod malformed;
mod messages;
mod metadata;
mod reported;
mod request;
mod reset;
mod response;
#[cfg(test)]
pub(crate) mod samples;
mod sent;
mod status;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

pub use exchange::Exchange;
pub(crate) use sent::{WaitsFor, is_as_asked, waits_for};

use crate::{
    contract::Level,
    observe::Answer,
    role::Role,
    suite::Call,
    wire::transcript::{ConnectionFacts, Event, Transcript},
};

/// How much of the offending bytes is shown.
pub(crate) const SHOWN_BYTES: usize = 48;

/// How many breaches of a rule are kept of a transcript. A stream of many messages may break
/// it with each of them, and more say nothing new.
const MOST_BREACHES: usize = 10_000;

/// Judges one rule by one call.
type Check = fn(&Exchange<'_>) -> Vec<Breach>;

/// A rule of the contract with the function that judges it.
#[derive(Debug, Clone, Copy)]
pub struct WireRule {
    /// Its id in the contract, where its text and source stand.
    pub id: &'static str,
    /// How binding it is; the contract says the same.
    pub level: Level,
    check: Check,
    /// Whether it is about what gRPC puts into a response, of which one that is HTTP's
    /// own has nothing.
    is_of_grpc_responses: bool,
}

/// Every rule that is judged from a transcript.
pub const RULES: &[WireRule] = &[
    must("WIRE-1", request::names_a_method),
    must("WIRE-2", metadata::pseudo_headers_stand_first),
    must("WIRE-3", request::te_is_trailers),
    must("WIRE-4", request::content_type_is_grpc),
    must("WIRE-5", request::timeout_is_well_formed),
    must("WIRE-6", request::timeout_is_the_callers),
    must("WIRE-7", messages::encoding_is_named).of_grpc_responses(),
    must("WIRE-8", request::ends_with_data),
    must("WIRE-9", request::has_one_message),
    must("WIRE-10", request::is_not_repeated),
    must("WIRE-11", metadata::names_are_legal),
    must("WIRE-12", metadata::binary_values_are_base64).of_grpc_responses(),
    should("WIRE-13", metadata::binary_values_are_unpadded).of_grpc_responses(),
    must("WIRE-14", response::begins_as_grpc).of_grpc_responses(),
    must("WIRE-15", response::has_one_status).of_grpc_responses(),
    must("WIRE-16", response::ends_with_its_trailers),
    must("WIRE-17", response::has_trailers_after_data).of_grpc_responses(),
    must("WIRE-18", response::message_is_percent_encoded).of_grpc_responses(),
    should("WIRE-19", response::success_has_no_message).of_grpc_responses(),
    must("WIRE-20", response::details_agree_with_the_status).of_grpc_responses(),
    must("WIRE-21", response::encoding_was_offered).of_grpc_responses(),
    must("WIRE-22", messages::compressed_messages_decompress).of_grpc_responses(),
    must("WIRE-23", messages::flag_is_zero_or_one).of_grpc_responses(),
    must("WIRE-24", messages::are_whole).of_grpc_responses(),
    must("WIRE-25", messages::parse_as_their_type).of_grpc_responses(),
    should("WIRE-26", messages::are_canonical).of_grpc_responses(),
    must("WIRE-27", connection::begins_with_settings),
    must("WIRE-28", connection::settings_are_acknowledged),
    must("WIRE-29", connection::pings_are_answered),
    must("WIRE-30", connection::windows_are_not_overrun),
    must("WIRE-31", connection::frames_are_not_too_long),
    must("WIRE-32", connection::streams_are_not_too_many),
    must("WIRE-33", connection::stream_ids_are_odd_and_rise),
    must("WIRE-34", connection::goaway_is_heeded),
    must("WIRE-35", request::giving_up_is_a_reset),
    must("WIRE-36", status::nothing_is_reported_after_a_reset),
    should("WIRE-37", response::early_status_is_followed_by_a_reset).of_grpc_responses(),
    must("WIRE-38", status::http_status_is_translated),
    must("WIRE-39", status::reset_is_translated),
    must("WIRE-40", status::no_status_is_no_success),
    must("WIRE-41", reset::server_stops),
    must("WIRE-42", connection::tls_agrees_on_http2),
    should("WIRE-43", request::timeout_is_not_longer),
    must("WIRE-44", reported::is_what_came),
    must("WIRE-45", sent::requests_are_those_asked),
    must("WIRE-46", reset::client_stops),
    must("WIRE-47", request::attempts_are_counted),
];

const fn must(id: &'static str, check: Check) -> WireRule {
    WireRule { id, level: Level::Must, check, is_of_grpc_responses: false }
}

const fn should(id: &'static str, check: Check) -> WireRule {
    WireRule { level: Level::Should, ..must(id, check) }
}

impl WireRule {
    const fn of_grpc_responses(self) -> Self {
        Self { is_of_grpc_responses: true, ..self }
    }

    /// Who breaks it, and how. A response that is HTTP's own may carry what HTTP allows.
    fn breaches(&self, exchange: &Exchange<'_>) -> Vec<Breach> {
        let mut breaches = (self.check)(exchange);
        if self.is_of_grpc_responses && exchange.is_plain_http() {
            breaches.retain(|breach| breach.side != Role::Server);
        }
        breaches
    }
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// In which of the call's transcripts, counted from 0.
    pub transcript: usize,
    /// The rule's id.
    pub rule: &'static str,
    /// How binding it is.
    pub level: Level,
    /// Who broke it, and how.
    pub breach: Breach,
}

/// What was wrong, without the rule that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Who broke the rule.
    pub side: Role,
    /// What is wrong, by a key that is this rule's own: `timeout-longer`. The words for
    /// it stand in the reports.
    pub clause: &'static str,
    /// What would have been right, if a value says it; else null.
    pub expected: Value,
    /// What came in its place, likewise. May be hostile.
    pub got: Value,
    /// The offending bytes, or the first of them.
    pub bytes: Bytes,
    /// Who sent them: the other side, where what is wrong is the answer to them.
    pub bytes_of: Role,
    /// Where their event begins, counted from the start of that side's direction.
    pub offset: u64,
    /// Whether what is wrong is that something did not come. Then the bytes are those
    /// that it should have followed.
    pub is_lack: bool,
}

impl Breach {
    fn of(event: &Event, clause: &'static str) -> Self {
        Self::quoting(event, &event.quote, clause)
    }

    fn quoting(event: &Event, bytes: &[u8], clause: &'static str) -> Self {
        let bytes = Bytes::copy_from_slice(&bytes[..bytes.len().min(SHOWN_BYTES)]);
        Self::at(event.from, event.offset, bytes, clause)
    }

    /// By bytes of the side's own.
    fn at(side: Role, offset: u64, bytes: Bytes, clause: &'static str) -> Self {
        let (expected, got) = (Value::Null, Value::Null);
        Self { side, clause, expected, got, bytes, bytes_of: side, offset, is_lack: false }
    }

    /// Something should have followed an event.
    fn lack_after(event: &Event, clause: &'static str) -> Self {
        Self { is_lack: true, ..Self::of(event, clause) }
    }

    /// What the client reports is its own doing; what it read is shown.
    fn report_of(event: &Event, clause: &'static str) -> Self {
        Self { side: Role::Client, ..Self::of(event, clause) }
    }

    fn expecting(self, expected: impl Into<Value>) -> Self {
        Self { expected: expected.into(), ..self }
    }

    fn but_got(self, got: impl Into<Value>) -> Self {
        Self { got: got.into(), ..self }
    }

    /// Whether it may be the tap's doing. What passed before the tap altered anything is
    /// the side's own, and so is what it reports of the other side's bytes.
    fn may_be_the_taps(&self, facts: &ConnectionFacts) -> bool {
        let is_later =
            self.bytes_of == self.side && self.offset >= *facts.altered_from.of(self.side);
        *facts.altered.of(self.side) && (self.is_lack || is_later)
    }
}

/// Whether a client reports of a call the status and the messages that passed. `None` if the
/// server has sent no status that counts.
#[must_use]
pub fn is_faithful(transcript: &Transcript, call: &Call, answer: &Answer) -> Option<bool> {
    let exchange = Exchange { transcript, earlier: &[], call, answer: Some(answer) };
    reported::is_faithful(&exchange)
}

/// A duration as a value.
fn micros(duration: Duration) -> Value {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).into()
}

/// Bytes as a value: escaped, if they are no ASCII.
fn text(bytes: &[u8]) -> Value {
    bytes.escape_ascii().to_string().into()
}

/// Judges all rules by a call: its transcripts in order, the last being the one that
/// the answer came from. A transcript that is not whole breaks no rule, and no side is
/// blamed for what the tap has made of its bytes.
#[must_use]
pub fn check(transcripts: &[Transcript], call: &Call, answer: Option<&Answer>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (index, transcript) in transcripts.iter().enumerate().filter(|(_, t)| t.is_whole) {
        let is_last = index + 1 == transcripts.len();
        // What the tap has reset in the client's name goes on for the client, unseen.
        let is_seen = transcript.reset(Role::Client).is_none_or(|(reset, _)| !reset.by_tap);
        let answer = answer.filter(|_| is_last && is_seen);
        let exchange = Exchange { transcript, earlier: &transcripts[..index], call, answer };
        for rule in RULES {
            let breaches = rule.breaches(&exchange).into_iter();
            let breaches = breaches.filter(|b| !b.may_be_the_taps(&transcript.connection));
            let breaches = breaches.take(MOST_BREACHES);
            violations.extend(breaches.map(|breach| Violation {
                transcript: index,
                rule: rule.id,
                level: rule.level,
                breach,
            }));
        }
    }
    violations
}
