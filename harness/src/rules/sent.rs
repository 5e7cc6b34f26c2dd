//! Rules of what a client sends, beside what it was asked to send.

use crosswire_http2::message::Message;
use serde_json::{Value, json};

use super::{Breach, Exchange};
use crate::{
    protobuf,
    role::Role,
    suite::{Call, CallStep, Code, RequestMessage},
    wire::transcript::{Block, Event, What},
};

/// The messages are those that were asked for, in order, none before its turn, and the
/// request ends where it was to end: an END_STREAM says that it is complete.
pub(super) fn requests_are_those_asked(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Exchange { transcript, call, .. } = exchange;
    if call.is_own {
        return Vec::new();
    }
    let mut turns = Turns::of(call);
    let mut seen = Seen::default();
    let mut number = 0;
    let mut end = None;
    for event in transcript.events() {
        match &event.what {
            _ if event.from == Role::Server => seen.take(event, transcript.stream),
            What::Message(message) => {
                number += 1;
                let turn = turns.message(&seen);
                if let Some(breach) = turn.check(exchange, event, message, number) {
                    return vec![breach];
                }
            }
            // The messages of the frame that ends the request follow it.
            _ if event.ends_stream() => end = Some((event, seen)),
            What::Reset { .. } if !seen.has_ended && cancels_by_a_step(exchange) => {
                return match turns.next(&seen) {
                    Turn::TooSoon => vec![Breach::of(event, "cancelled-too-soon")],
                    // What waited to be sent goes with the call.
                    _ => Vec::new(),
                };
            }
            _ => {}
        }
    }
    // Whoever knows that the call is over need not say more.
    let end = end.filter(|(_, seen)| !seen.has_ended);
    end.and_then(|(event, seen)| turns.next(&seen).check_end(exchange, event, number))
        .into_iter()
        .collect()
}

/// Whether the client was told to cancel the call at a place of its own, and did.
fn cancels_by_a_step(exchange: &Exchange<'_>) -> bool {
    let is_cancelled = exchange.answer.is_some_and(|answer| answer.code == Code::CANCELLED);
    is_cancelled && exchange.call.send.contains(&CallStep::Cancel)
}

/// What the client waits for, of all that it was asked to do, once it has sent these messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// Something of the server's, which has not come.
    Server,
    /// A pause to be over.
    Clock,
    /// Nothing: it is its turn.
    Nothing,
}

/// What it waits for behind what has passed.
pub(crate) fn waits_for(exchange: &Exchange<'_>) -> WaitsFor {
    let mut turns = Turns::of(exchange.call);
    let mut seen = Seen::default();
    for event in exchange.transcript.events() {
        match event.what {
            _ if event.from == Role::Server => seen.take(event, exchange.transcript.stream),
            What::Message(_) => {
                turns.message(&seen);
            }
            _ => {}
        }
    }
    turns.waits_for(&seen)
}

/// Whether a message says what was asked for; `None` if it cannot be told.
pub(crate) fn is_as_asked(call: &Call, sent: &Message, asked: &RequestMessage) -> Option<bool> {
    let sent = sent.plain.as_ref().ok()?;
    if **sent == *asked.bytes {
        return Some(true);
    }
    if call.raw {
        return Some(false);
    }
    // A client that knows the type may write the same message in another way.
    match (meaning(call, sent)?, meaning(call, &asked.bytes)?) {
        (sent, asked @ Some(_)) => Some(sent == asked),
        (_, None) => None,
    }
}

/// What a request says, as JSON: in it, a NaN is equal to itself. The outer `None` is one that
/// is too large to be decoded, the inner one that is none of its type.
fn meaning(call: &Call, bytes: &[u8]) -> Option<Option<Value>> {
    let input = call.method.descriptor.as_ref()?.input();
    let message = protobuf::decode(input, bytes)?;
    Some(message.ok().and_then(|message| serde_json::to_value(message).ok()))
}

/// What has come of the server.
#[derive(Clone, Copy, Default)]
struct Seen {
    has_headers: bool,
    messages: usize,
    has_ended: bool,
}

impl Seen {
    fn take(&mut self, event: &Event, stream: u32) {
        match &event.what {
            What::Headers { .. } => {
                let is_interim = Block::of(event).is_some_and(Block::is_interim);
                self.has_headers |= !is_interim;
            }
            What::Message(_) => self.messages += 1,
            What::Reset { .. } | What::Closed(_) => self.has_ended = true,
            // Calls up to its last stream go on.
            What::GoAway { last, .. } => self.has_ended |= stream > *last,
            _ => {}
        }
        self.has_ended |= event.ends_stream();
    }

    /// Whether a step that waits is over.
    const fn is_enough(&self, step: &CallStep) -> bool {
        match step {
            CallStep::WaitForHeaders => self.has_headers || self.has_ended,
            CallStep::WaitForMessages(count) => self.messages >= *count || self.has_ended,
            _ => true,
        }
    }
}

/// The steps of a call, as far as what passed shows them done.
struct Turns<'a> {
    steps: &'a [CallStep],
    /// How often the message of the first of them has passed.
    passed: usize,
}

/// What was to come next.
enum Turn<'a> {
    /// This message.
    Message(&'a RequestMessage),
    /// The end of the request.
    HalfClose,
    /// The end of the call.
    Cancel,
    /// Nothing more.
    Nothing,
    /// What comes next was to wait for more of the server.
    TooSoon,
}

impl<'a> Turns<'a> {
    fn of(call: &'a Call) -> Self {
        Self { steps: &call.send, passed: 0 }
    }

    /// What comes next, behind what is waited for.
    fn next(&mut self, seen: &Seen) -> Turn<'a> {
        loop {
            let Some((first, rest)) = self.steps.split_first() else { return Turn::Nothing };
            match first {
                CallStep::Message(message) if self.passed < message.times => {
                    return Turn::Message(message);
                }
                CallStep::HalfClose => return Turn::HalfClose,
                CallStep::Cancel => return Turn::Cancel,
                waits if !seen.is_enough(waits) => return Turn::TooSoon,
                _ => (self.steps, self.passed) = (rest, 0),
            }
        }
    }

    /// What was to come, where a message comes.
    fn message(&mut self, seen: &Seen) -> Turn<'a> {
        let next = self.next(seen);
        self.passed += usize::from(matches!(next, Turn::Message(_)));
        next
    }

    fn waits_for(mut self, seen: &Seen) -> WaitsFor {
        loop {
            match self.steps.split_first() {
                Some((CallStep::Message(message), rest)) if self.passed >= message.times => {
                    (self.steps, self.passed) = (rest, 0);
                }
                Some((CallStep::Pause(_), _)) => return WaitsFor::Clock,
                Some((waits, _)) if !seen.is_enough(waits) => return WaitsFor::Server,
                Some((CallStep::WaitForHeaders | CallStep::WaitForMessages(_), rest)) => {
                    self.steps = rest;
                }
                _ => return WaitsFor::Nothing,
            }
        }
    }
}

impl Turn<'_> {
    /// What is wrong with a message in this turn, the first of which has the number 1.
    fn check(
        self,
        exchange: &Exchange<'_>,
        event: &Event,
        message: &Message,
        number: usize,
    ) -> Option<Breach> {
        match self {
            Turn::Message(asked) => {
                // What does not parse breaks another rule.
                let is_other = is_as_asked(exchange.call, message, asked) == Some(false)
                    && (exchange.call.raw || parses(exchange.call, message));
                is_other.then(|| Breach::of(event, "request-altered").but_got(number - 1))
            }
            // That there is one message is a rule of its own.
            _ if takes_one(exchange.call) => None,
            Turn::TooSoon => Some(Breach::of(event, "request-too-soon").but_got(number - 1)),
            _ => {
                let asked = exchange.call.requests().count();
                Some(Breach::of(event, "request-unasked").expecting(asked).but_got(number))
            }
        }
    }

    /// What is wrong with the end of the request in this turn, behind so many messages.
    fn check_end(self, exchange: &Exchange<'_>, event: &Event, number: usize) -> Option<Breach> {
        match self {
            Turn::HalfClose | Turn::Nothing => None,
            _ if takes_one(exchange.call) => None,
            Turn::Message(_) => {
                let asked = exchange.call.requests().count();
                Some(Breach::of(event, "requests-left-out").expecting(asked).but_got(number))
            }
            Turn::TooSoon => Some(Breach::of(event, "request-too-soon").but_got(json!("end"))),
            Turn::Cancel => Some(Breach::of(event, "request-ended")),
        }
    }
}

fn parses(call: &Call, message: &Message) -> bool {
    let Ok(bytes) = &message.plain else { return false };
    matches!(meaning(call, bytes), Some(Some(_)))
}

/// Whether the method takes one request, of which there are rules of its own.
fn takes_one(call: &Call) -> bool {
    let descriptor = call.method.descriptor.as_ref();
    descriptor.is_some_and(|method| !method.is_client_streaming()) && call.one_request().is_some()
}
