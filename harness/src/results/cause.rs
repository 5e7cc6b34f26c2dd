//! Failures that are one thing: they share whose they are, what kind of thing is wrong, and
//! what came instead.

use std::collections::{HashMap, hash_map::Entry};

use serde_json::{Map, Value, json};

use super::Record;
use crate::{
    finding::{Finding, Kind, Side, without_positions},
    identity::Identity,
};

/// What one side does wrong in many trials.
#[derive(Debug)]
pub struct Cause<'a> {
    /// The same in every run: eight hexadecimal digits.
    pub id: String,
    /// Whose it is: a library, or peers where nobody says which it is; empty where the
    /// evidence tells of nobody.
    pub whose: String,
    /// On which side.
    pub side: Side,
    /// The finding that decides its first trial.
    pub finding: &'a Finding,
    /// Its trials, in the plan's order, as positions among the records; at least one.
    pub trials: Vec<usize>,
}

/// The causes of all unexpected failures, the most frequent first; of the same number, in
/// the plan's order.
#[must_use]
pub fn causes<'a>(records: &'a [Record<'a>]) -> Vec<Cause<'a>> {
    let mut causes: Vec<Cause<'a>> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    for (position, record) in records.iter().enumerate() {
        if !record.judgement.verdict.is_unexpected() {
            continue;
        }
        let Some(finding) = record.judgement.deciding().next() else { continue };
        let side = record.blame.as_ref().map_or(Side::Unclear, |blame| blame.side);
        let whose = whose(record, side);
        let id = id(&whose, side, finding);
        match positions.entry(id.clone()) {
            Entry::Occupied(known) => causes[*known.get()].trials.push(position),
            Entry::Vacant(new) => {
                new.insert(causes.len());
                causes.push(Cause { id, whose, side, finding, trials: vec![position] });
            }
        }
    }
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.trials.len()));
    causes
}

fn whose(record: &Record<'_>, side: Side) -> String {
    let name = |identity: Option<&Identity>, peer: &str| {
        identity.map_or_else(|| peer.to_owned(), |identity| identity.implementation.clone())
    };
    match side {
        Side::Server => name(record.server_identity, record.server),
        Side::Client => name(record.client_identity, record.client),
        Side::Unclear => String::new(),
    }
}

fn id(whose: &str, side: Side, finding: &Finding) -> String {
    let field = finding.field.as_deref().map(without_positions);
    let rule = finding.rule();
    let key = json!([whose, side.to_string(), finding.kind.name(), rule, field, essence(finding)]);
    format!("{:08x}", fnv1a(key.to_string().as_bytes()))
}

/// What came, without what differs from trial to trial of one cause: texts, numbers, and
/// the contents of messages.
fn essence(finding: &Finding) -> Value {
    match finding.kind {
        Kind::Message => match &finding.got {
            Value::Object(table) => table.keys().map(|key| Value::from(key.as_str())).collect(),
            Value::Number(_) => "number".into(),
            Value::String(_) => "text".into(),
            Value::Array(_) => "list".into(),
            other => other.clone(),
        },
        Kind::StatusMessage | Kind::Details | Kind::Count => Value::Null,
        Kind::Headers | Kind::Trailers => finding.got.is_null().into(),
        _ => lasting(&finding.got),
    }
}

/// The parts of a value that are words of the protocol or of the harness.
fn lasting(value: &Value) -> Value {
    match value {
        Value::Object(table) => {
            let kept = table.iter().filter(|(key, _)| {
                !matches!(
                    key.as_str(),
                    "call"
                        | "count"
                        | "doing"
                        | "grpc_status"
                        | "line"
                        | "message"
                        | "messages"
                        | "problem"
                        | "remarks"
                        | "stray"
                        | "why"
                        | "words"
                )
            });
            Value::Object(
                kept.map(|(key, value)| (key.clone(), lasting(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => items.iter().map(lasting).collect(),
        Value::Number(_) => Value::Null,
        other => other.clone(),
    }
}

/// The hash of Fowler, Noll and Vo, of 32 bits: short, and the same everywhere.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_say_the_same_are_one_cause() {
        let status = |code: &str, message: &str| {
            let got = json!({ "code": code, "message": message });
            Finding::new(Kind::Status, json!(["OK"]), got)
        };
        let field = |path: &str, got: Value| Finding::new(Kind::Message, json!(1), got).at(path);
        let breach = |got: Value| Finding::new(Kind::Breach, Value::Null, got);
        let twice = |call: u64| breach(json!({ "breach": "answered-twice", "call": call }));
        let unknown = || breach(json!({ "breach": "unknown-call", "call": 3 }));
        for (name, one, other, is_same) in [
            ("another text", status("OK", "a"), status("OK", "b"), true),
            ("another code", status("OK", "a"), status("INTERNAL", "a"), false),
            (
                "another place",
                field("messages[1].x", json!(1)),
                field("messages[2].x", json!(5)),
                true,
            ),
            (
                "another field",
                field("messages[1].x", json!(1)),
                field("messages[1].y", json!(1)),
                false,
            ),
            (
                "absent",
                field("messages[1].x", json!(1)),
                field("messages[1].x", Value::Null),
                false,
            ),
            ("another number", twice(3), twice(14), true),
            ("another breach", twice(3), unknown(), false),
        ] {
            let ids = [id("x", Side::Server, &one), id("x", Side::Server, &other)];
            assert_eq!(ids[0] == ids[1], is_same, "{name}");
        }
        let one = status("OK", "");
        assert_ne!(id("x", Side::Server, &one), id("x", Side::Client, &one));
        assert_ne!(id("x", Side::Server, &one), id("y", Side::Server, &one));
        assert_eq!(id("x", Side::Server, &one).len(), 8);
    }
}
