//! The clauses of an allowed outcome that do not hold.

use std::iter;

use crosswire_http2::{
    error::{self, error_name},
    message::Message,
};
use prost_reflect::{DynamicMessage, prost::Message as _};
use serde_json::{Value, json};

use super::{
    decoded,
    extent::{is_beyond, lies_within},
    field, http_status, is_interim, status,
};
use crate::{
    observe::{Played, StreamSeen},
    suite::{Code, Codes, Ending, EndingKind, Method, message_value},
};

/// A clause of an allowed outcome that does not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Unmet {
    /// On which stream; `None` for a clause about the connection.
    pub stream: Option<u32>,
    /// Whether it is how the outcome itself ends: then it was another outcome, and what
    /// belongs to this one says little.
    pub is_how_it_ends: bool,
    /// What it is about: the name of a header field or of a frame, or the key that the
    /// clause has in a case.
    pub field: String,
    /// What must be there: a value, several in their order, `{"any_of": […]}` where one of
    /// several may be; null for nothing.
    pub expected: Value,
    /// What is there: a value or several; null for nothing.
    pub got: Value,
}

/// The key of a list of which one is enough.
const ANY_OF: &str = "any_of";

/// Whether this is what came.
#[must_use]
pub fn allows(ending: &Ending, method: &Method, played: &Played) -> bool {
    unmet(ending, method, played).next().is_none()
}

/// Whether this can still come of a connection whose streams are over.
#[must_use]
pub fn may_still_come(ending: &Ending, played: &Played) -> bool {
    let stream = ending.stream.unwrap_or(played.last_stream);
    let extent = ending.kind.extent();
    let is_beyond = played.streams.get(&stream).is_some_and(|seen| is_beyond(seen, &extent));
    ending.is_of_the_connection() && !is_beyond
}

/// The clauses of an outcome that do not hold of what came, in the order of their weight:
/// how it ended, what belongs to that, and the same of the outcomes that must be there, too.
pub fn unmet<'a>(
    ending: &'a Ending,
    method: &'a Method,
    played: &'a Played,
) -> Box<dyn Iterator<Item = Unmet> + 'a> {
    let stream = ending.stream.unwrap_or(played.last_stream);
    let seen = played.streams.get(&stream);
    let unmet_clause = move |is_how_it_ends| {
        move |Clause { field, expected, got }: Clause| Unmet {
            stream: (!is_of_connection(&field)).then_some(stream),
            is_how_it_ends,
            field,
            expected,
            got,
        }
    };
    let kind = iter::once_with(move || of_kind(&ending.kind, seen, played)).flatten();
    let details = iter::once_with(move || of_frame_size(ending, played).into_iter().collect())
        .chain(iter::once_with(move || of_counts(ending, seen)))
        .chain(iter::once_with(move || of_fields(ending, seen)))
        .chain(iter::once_with(move || of_messages(ending, method, seen).into_iter().collect()));
    let of_others = ending.also.iter().flat_map(move |also| unmet(also, method, played));
    let of_others = of_others.map(|unmet| Unmet { is_how_it_ends: false, ..unmet });
    let own = kind.map(unmet_clause(true)).chain(details.flatten().map(unmet_clause(false)));
    Box::new(own.chain(of_others))
}

/// A clause, without its stream.
struct Clause {
    field: String,
    expected: Value,
    got: Value,
}

impl Clause {
    fn new(field: &str, expected: impl Into<Value>, got: impl Into<Value>) -> Self {
        Self { field: field.to_owned(), expected: expected.into(), got: got.into() }
    }
}

const OUTCOME: &str = "outcome";
const CONNECTION: &str = "connection";
const GOAWAY: &str = "GOAWAY";
const MAX_FRAME_SIZE: &str = "SETTINGS_MAX_FRAME_SIZE";

fn is_of_connection(field: &str) -> bool {
    [CONNECTION, GOAWAY, MAX_FRAME_SIZE].contains(&field)
}

/// How it ended, if that is not allowed.
fn of_kind(kind: &EndingKind, seen: Option<&StreamSeen>, played: &Played) -> Vec<Clause> {
    let nothing = StreamSeen::default();
    let seen = seen.unwrap_or(&nothing);
    if lies_within(seen, played, &kind.extent()) {
        return Vec::new();
    }
    let end = || (!seen.has_ended).then(|| Clause::new("end", "END_STREAM", Value::Null));
    match kind {
        EndingKind::Class { name, .. } => {
            vec![Clause::new(OUTCOME, name.as_str(), how_it_ended(seen, played))]
        }
        EndingKind::Status(codes) => {
            let got = status(seen);
            let is_allowed = got.is_some_and(|code| codes.contains(&code));
            let grpc = (!is_allowed).then(|| {
                let raw = || field(seen, "grpc-status").map(ToOwned::to_owned);
                let got = got.map(|code| code.to_string()).or_else(raw);
                Clause::new("grpc-status", names(codes), got)
            });
            // A refusal is one, whatever HTTP status it comes with.
            let http = http_status(seen).filter(|http| is_allowed && *http != "200");
            let http = http.filter(|_| got == Some(Code::OK));
            let http = http.map(|http| Clause::new(":status", "200", http));
            [http, grpc, end()].into_iter().flatten().collect()
        }
        EndingKind::Http(statuses) => {
            let got = http_status(seen);
            let number = got.and_then(|status| status.parse().ok());
            let is_allowed = number.is_some_and(|status: u16| statuses.contains(&status));
            let http = (!is_allowed).then(|| Clause::new(":status", names(statuses), got));
            let end = end().filter(|_| seen.reset.is_none());
            [http, end].into_iter().flatten().collect()
        }
        EndingKind::Reset(codes) => {
            let got = seen.reset.map(|code| match seen.has_ended && code == error::NO_ERROR {
                true => format!("{} after END_STREAM", error_name(code)),
                false => error_name(code),
            });
            vec![Clause::new("RST_STREAM", codes_value(codes), got)]
        }
        EndingKind::GoAway(codes) => {
            let got: Vec<String> = played.goaways.iter().copied().map(error_name).collect();
            let got = if got.is_empty() { Value::Null } else { got.into() };
            vec![Clause::new(GOAWAY, codes_value(codes), got)]
        }
        EndingKind::Closed => vec![Clause::new(CONNECTION, "closed", "open")],
        EndingKind::Silence => {
            let end = (seen.has_ended).then_some("END_STREAM".to_owned());
            let reset = seen.reset.map(|code| format!("RST_STREAM {}", error_name(code)));
            let end = end.or(reset).map(|got| Clause::new("end", Value::Null, got));
            let goaway = played.goaways.first().copied().map(error_name);
            let goaway = goaway.map(|got| Clause::new(GOAWAY, Value::Null, got));
            let is_open = played.is_late && !played.is_closed;
            let open = (!is_open).then(|| Clause::new(CONNECTION, "open", "closed"));
            [end, goaway, open].into_iter().flatten().collect()
        }
    }
}

/// In which of the ways that classes tell apart it ended; null for nothing that came.
fn how_it_ended(seen: &StreamSeen, played: &Played) -> Value {
    let reset = || seen.reset.map(|code| format!("RST_STREAM {}", error_name(code)));
    let goaway = || played.goaways.first().map(|code| format!("GOAWAY {}", error_name(*code)));
    let status = || {
        let grpc = status(seen).map(|code| format!("status {code}"));
        let http = || Some(format!("HTTP {}", http_status(seen)?));
        grpc.or_else(http).filter(|_| seen.has_ended)
    };
    let protocol = played.other_protocol.map(|protocol| format!("an answer in {protocol}"));
    let closed = || played.is_closed.then(|| "a closed connection".to_owned());
    protocol.or_else(status).or_else(reset).or_else(goaway).or_else(closed).into()
}

fn of_frame_size(ending: &Ending, played: &Played) -> Option<Clause> {
    (played.max_frame_size < ending.max_frame_size)
        .then(|| Clause::new(MAX_FRAME_SIZE, ending.max_frame_size, played.max_frame_size))
}

fn of_counts(ending: &Ending, seen: Option<&StreamSeen>) -> Vec<Clause> {
    let messages = seen.map_or(0, |seen| seen.messages.len());
    let blocks = || seen.map_or(0, |seen| seen.blocks.iter().filter(|b| !is_interim(b)).count());
    let counted = |name, expected: Option<usize>, got: usize| {
        expected.filter(|count| *count != got).map(|count| Clause::new(name, count, got))
    };
    let messages = counted("message_count", ending.message_count, messages);
    let blocks = ending.blocks.and_then(|count| counted("blocks", Some(count), blocks()));
    messages.into_iter().chain(blocks).collect()
}

fn of_fields(ending: &Ending, seen: Option<&StreamSeen>) -> Vec<Clause> {
    let all = || seen.into_iter().flat_map(|seen| seen.blocks.iter().flatten());
    let values = |name: &str| -> Value {
        let values: Vec<&str> =
            all().filter(|field| field.0 == name).map(|field| field.1.as_str()).collect();
        if values.is_empty() { Value::Null } else { json!(values) }
    };
    let mut clauses = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in &ending.fields {
        if names.contains(&name.as_str()) {
            continue;
        }
        names.push(name);
        let of_name = ending.fields.iter().filter(|field| field.0 == *name);
        let wanted: Vec<&str> = of_name.map(|field| field.1.as_str()).collect();
        let all_values = all().filter(|field| field.0 == *name).map(|field| field.1.as_str());
        if !has_in_order(name, &wanted, all_values) {
            let wanted = if let [one] = wanted[..] { json!(one) } else { json!(wanted) };
            clauses.push(Clause::new(name, wanted, values(name)));
        }
    }
    let lacks = |name: &&String| all().all(|field| field.0 != **name);
    let missing = ending.has.iter().filter(lacks);
    clauses.extend(missing.map(|name| Clause::new(name, "some value", Value::Null)));
    let surplus = ending.lacks.iter().filter(|name| !lacks(name));
    clauses.extend(surplus.map(|name| Clause::new(name, Value::Null, values(name))));
    clauses
}

/// Whether these values of a name are among the others, in this order.
fn has_in_order<'a>(name: &str, wanted: &[&'a str], values: impl Iterator<Item = &'a str>) -> bool {
    let mut values = values.flat_map(|value| parts(name, value));
    let mut wanted = wanted.iter().flat_map(|value| parts(name, value));
    wanted.all(|wanted| values.any(|value| value == wanted))
}

/// The values that one text stands for: they may be joined by commas, with or without blanks
/// around them (RFC 9110, section 5.3), and base64 may be padded.
fn parts<'a>(name: &str, value: &'a str) -> impl Iterator<Item = &'a str> {
    let padding: &[char] = if name.ends_with("-bin") { &['='] } else { &[] };
    value.split(',').map(move |part| part.trim_matches([' ', '\t']).trim_end_matches(padding))
}

fn of_messages(ending: &Ending, method: &Method, seen: Option<&StreamSeen>) -> Option<Clause> {
    let expected = ending.messages.as_ref()?;
    let nothing = StreamSeen::default();
    let seen = seen.unwrap_or(&nothing);
    let read = |message: &Message| decoded(method, message);
    let got: Vec<Option<DynamicMessage>> = seen.messages.iter().map(read).collect();
    let is_same = got.len() == expected.len()
        && got
            .iter()
            .zip(expected)
            .all(|(got, expected)| got.as_ref().is_some_and(|got| are_same(got, expected)));
    (!is_same).then(|| {
        let value = |message: &Option<DynamicMessage>| match message {
            Some(message) => message_value(message),
            None => json!("bytes that do not parse"),
        };
        let expected: Vec<Value> = expected.iter().map(message_value).collect();
        let got: Vec<Value> =
            got.iter().take(SHOWN_MESSAGES.max(expected.len())).map(value).collect();
        Clause::new("messages", json!(expected), json!(got))
    })
}

/// How many of the messages that came are kept, if there are more than expected.
const SHOWN_MESSAGES: usize = 16;

/// Whether messages say the same. A field that was sent with its default is one that was
/// left out, which `==` does not know; the length tells of fields that nobody knows.
fn are_same(one: &DynamicMessage, other: &DynamicMessage) -> bool {
    let says = |message: &DynamicMessage| (message_value(message), message.encoded_len());
    says(one) == says(other)
}

/// The names of which one must come; one as itself.
fn names<T: ToString>(items: &[T]) -> Value {
    match items {
        [one] => one.to_string().into(),
        items => json!({ ANY_OF: items.iter().map(ToString::to_string).collect::<Vec<_>>() }),
    }
}

fn codes_value(codes: &Codes) -> Value {
    match codes {
        Codes::Any => "any code".into(),
        Codes::These(codes) => names(codes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{rules::samples::stream_sequence, suite::ErrorCode};

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn fields_of_one_name_are_in_order() {
        let blocks = [pairs(&[("a", "1"), ("b", "1"), ("a", "2")]), pairs(&[("a", "1")])];
        let seen = StreamSeen { blocks: blocks.to_vec(), ..StreamSeen::default() };
        let table: [(&[(&str, &str)], bool); 8] = [
            (&[], true),
            (&[("b", "1"), ("a", "1")], true),
            (&[("a", "1"), ("a", "2"), ("a", "1")], true),
            (&[("a", "2"), ("a", "1")], true),
            (&[("a", "1, 2\t,1")], true),
            (&[("a", "2"), ("a", "1"), ("a", "1")], false),
            (&[("a", "1"), ("a", "1"), ("a", "1")], false),
            (&[("c", "")], false),
        ];
        for (wanted, expected) in table {
            let ending =
                Ending { fields: pairs(wanted), ..Ending::of(EndingKind::Status(vec![Code::OK])) };
            assert_eq!(of_fields(&ending, Some(&seen)).is_empty(), expected, "{wanted:?}");
        }
    }

    #[test]
    fn a_default_that_was_sent_is_one_that_was_left_out() {
        let method = stream_sequence().method;
        let element = method.descriptor.unwrap().output();
        let read = |bytes: &[u8]| DynamicMessage::decode(element.clone(), bytes).unwrap();
        for (sent, expected, is_same) in [
            (&b"\x08\0\x10\x01"[..], &b"\x10\x01"[..], true),
            (b"\x10\x01\x08\0", b"\x10\x01", true),
            (b"\x10\x02", b"\x10\x01", false),
            (b"\x10\x01\x38\0", b"\x10\x01", false),
        ] {
            assert_eq!(are_same(&read(sent), &read(expected)), is_same, "{sent:?}");
        }
    }

    /// All that is wrong is told, and where, not only that something is.
    #[test]
    fn every_clause_that_does_not_hold_is_told() {
        let call = stream_sequence();
        let element = call.method.descriptor.as_ref().unwrap().output();
        let message = |payload: &'static [u8]| Message::of(payload.into());
        let seen = StreamSeen {
            blocks: vec![pairs(&[(":status", "200"), ("a", "1"), ("a", "2"), ("c", "")])],
            messages: vec![message(b"\x10\x02")],
            ..StreamSeen::default()
        };
        let streams = [(3, seen)].into();
        let played = Played { last_stream: 3, streams, goaways: vec![1], ..Played::default() };
        let ending = Ending {
            messages: Some(vec![DynamicMessage::decode(element, &b"\x10\x01"[..]).unwrap()]),
            message_count: Some(2),
            fields: pairs(&[("a", "2"), ("b", "1"), ("b", "2")]),
            has: vec!["a".to_owned(), "d".to_owned()],
            lacks: vec!["c".to_owned(), "e".to_owned()],
            also: vec![
                Ending { stream: Some(1), ..Ending::of(EndingKind::Reset(Codes::Any)) },
                Ending::of(EndingKind::GoAway(Codes::These(vec![ErrorCode(0)]))),
                Ending::of(EndingKind::Closed),
            ],
            ..Ending::of(EndingKind::Status(vec![Code::OK, Code(3)]))
        };
        let told: Vec<Value> = unmet(&ending, &call.method, &played)
            .map(|Unmet { stream, field, expected, got, .. }| json!([stream, field, expected, got]))
            .collect();
        let expected = [
            json!([3, "grpc-status", { "any_of": ["OK", "INVALID_ARGUMENT"] }, null]),
            json!([3, "end", "END_STREAM", null]),
            json!([3, "message_count", 2, 1]),
            json!([3, "b", ["1", "2"], null]),
            json!([3, "d", "some value", null]),
            json!([3, "c", null, [""]]),
            json!([3, "messages", [{ "count": 1 }], [{ "count": 2 }]]),
            json!([1, "RST_STREAM", "any code", null]),
            json!([null, "GOAWAY", "NO_ERROR", ["PROTOCOL_ERROR"]]),
            json!([null, "connection", "closed", "open"]),
        ];
        assert_eq!(told, expected);
    }
}
