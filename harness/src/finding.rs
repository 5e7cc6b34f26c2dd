//! What is wrong with a trial, as data. Verdicts, blame, known failures, causes and reports
//! read findings; none reads the words that a report makes of them.

use std::{fmt, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    input::Place,
    role::Role,
    rules::{Breach, Violation},
};

/// A side of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The server.
    Server,
    /// The client.
    Client,
    /// The evidence does not tell.
    Unclear,
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Unclear => "unclear",
        })
    }
}

impl From<Role> for Side {
    fn from(role: Role) -> Self {
        match role {
            Role::Server => Self::Server,
            Role::Client => Self::Client,
        }
    }
}

/// What kind of thing is wrong.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Another status code than the case allows.
    Status,
    /// Another status message.
    StatusMessage,
    /// Another `grpc-status-details-bin`.
    Details,
    /// A message, or a field of one, is another.
    Message,
    /// Another number of messages.
    Count,
    /// An entry of the initial metadata is another.
    Headers,
    /// An entry of the trailing metadata is another.
    Trailers,
    /// What came of a scripted client's stream is none of the allowed outcomes.
    Outcome,
    /// A script did not come to its end.
    ScriptStalled,
    /// A rule of the wire is broken.
    Rule,
    /// The client would not make the call, although it announced all that it needs.
    RefusedFeature,
    /// A peer broke the peer protocol.
    Breach,
    /// There was no answer in time.
    Hang,
    /// A process died with the call in flight.
    Crash,
    /// A program in the place of a client did not end with exit status 0.
    ExitStatus,
    /// The server's process grew too much.
    Memory,
    /// An answer to a call of which nothing passed.
    NeverPassed,
    /// DEADLINE_EXCEEDED before the deadline.
    GaveUpEarly,
    /// The case's fault never came to its place.
    FaultMissed,
    /// Something that the case wants to see on the wire was not there.
    Unseen,
    /// Calls that no case asked for.
    StrayCall,
    /// Not tried: a peer does not have what the case needs.
    Unsupported,
    /// Not tried: a peer could not be started.
    Blocked,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 23] = [
        Self::Status,
        Self::StatusMessage,
        Self::Details,
        Self::Message,
        Self::Count,
        Self::Headers,
        Self::Trailers,
        Self::Outcome,
        Self::ScriptStalled,
        Self::Rule,
        Self::RefusedFeature,
        Self::Breach,
        Self::Hang,
        Self::Crash,
        Self::ExitStatus,
        Self::Memory,
        Self::NeverPassed,
        Self::GaveUpEarly,
        Self::FaultMissed,
        Self::Unseen,
        Self::StrayCall,
        Self::Unsupported,
        Self::Blocked,
    ];

    /// Its name in reports and known lists.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::StatusMessage => "status-message",
            Self::Details => "details",
            Self::Message => "message",
            Self::Count => "count",
            Self::Headers => "headers",
            Self::Trailers => "trailers",
            Self::Outcome => "outcome",
            Self::ScriptStalled => "script-stalled",
            Self::Rule => "rule",
            Self::RefusedFeature => "refused-feature",
            Self::Breach => "breach",
            Self::Hang => "hang",
            Self::Crash => "crash",
            Self::ExitStatus => "exit-status",
            Self::Memory => "memory",
            Self::NeverPassed => "never-passed",
            Self::GaveUpEarly => "gave-up-early",
            Self::FaultMissed => "fault-missed",
            Self::Unseen => "unseen",
            Self::StrayCall => "stray-call",
            Self::Unsupported => "unsupported",
            Self::Blocked => "blocked",
        }
    }

    /// Whether it is seen in what passed, so that the side that it names is beyond doubt.
    #[must_use]
    pub const fn is_of_the_wire(self) -> bool {
        matches!(
            self,
            Self::Rule | Self::NeverPassed | Self::GaveUpEarly | Self::Unseen | Self::StrayCall
        )
    }
}

/// One thing that is wrong with a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What kind of thing.
    pub kind: Kind,
    /// The broken rule of the wire, of [`Kind::Rule`] alone, with the bytes that show it.
    pub violation: Option<Violation>,
    /// Whose it is, if the evidence of this trial alone tells.
    pub side: Option<Side>,
    /// Where: `messages[0].items[2].id`, a header's name, a rule's clause.
    pub field: Option<String>,
    /// What should have come; null if no value says it.
    pub expected: Value,
    /// What came; null for nothing. May be hostile.
    pub got: Value,
    /// Which of the case's calls, counted from 0.
    pub call: Option<usize>,
    /// What it means for the verdict.
    pub effect: Effect,
}

/// What a finding means for the verdict.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// It fails the trial.
    Fails,
    /// It would, and the known list explains it.
    Known(Arc<Explanation>),
    /// The peer waives the rule, for this reason.
    Waived(String),
    /// It is only listed.
    Listed,
}

/// Why a known failure fails, as its entry in the list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Why it fails, and why that is not mended.
    pub reason: String,
    /// Where it is tracked: a link, or the version that has it.
    pub link: String,
    /// Where the entry stands.
    pub place: Place,
}

/// Rules that ask what a side does until a time is over.
const RULES_BY_CLOCK: [&str; 3] = ["WIRE-6", "WIRE-35", "WIRE-43"];

/// Status codes that a clock, or a connection that was given up, makes of a slow answer.
const CODES_BY_CLOCK: [&str; 3] = ["CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE"];

impl Finding {
    /// Whether a clock may have decided it: something did not come in time, or a time was
    /// over that would not have been on a machine with nothing else to do.
    #[must_use]
    pub fn is_by_clock(&self) -> bool {
        let names_one = |value: &Value| {
            let text = value.to_string();
            CODES_BY_CLOCK.iter().any(|code| text.contains(code))
        };
        match self.kind {
            Kind::Hang
            | Kind::ScriptStalled
            | Kind::Memory
            | Kind::NeverPassed
            | Kind::GaveUpEarly
            | Kind::FaultMissed
            | Kind::Unseen => true,
            Kind::Rule => self.rule().is_some_and(|rule| RULES_BY_CLOCK.contains(&rule)),
            Kind::Outcome | Kind::Status => {
                self.got == "nothing" || names_one(&self.got) || names_one(&self.expected)
            }
            _ => false,
        }
    }

    /// A finding that fails its trial, with what was expected and what came.
    #[must_use]
    pub fn new(kind: Kind, expected: impl Into<Value>, got: impl Into<Value>) -> Self {
        Self {
            kind,
            violation: None,
            side: None,
            field: None,
            expected: expected.into(),
            got: got.into(),
            call: None,
            effect: Effect::Fails,
        }
    }

    /// A broken rule of the wire, in one of the case's calls.
    #[must_use]
    pub fn of_rule(call: usize, violation: Violation) -> Self {
        let Breach { side, clause, expected, got, .. } = violation.breach.clone();
        let finding = Self::new(Kind::Rule, expected, got).of_side(side).at(clause).in_call(call);
        Self { violation: Some(violation), ..finding }
    }

    /// Whose it is.
    #[must_use]
    pub fn of_side(self, side: impl Into<Side>) -> Self {
        Self { side: Some(side.into()), ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn at(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// In which of the case's calls.
    #[must_use]
    pub fn in_call(self, call: usize) -> Self {
        Self { call: Some(call), ..self }
    }

    /// The id of the rule of the wire that is broken.
    #[must_use]
    pub fn rule(&self) -> Option<&'static str> {
        self.violation.as_ref().map(|violation| violation.rule)
    }

    /// Whether it fails its trial, or would if it were not known.
    #[must_use]
    pub const fn counts(&self) -> bool {
        matches!(self.effect, Effect::Fails | Effect::Known(_))
    }

    /// What explains it, if the known list does.
    #[must_use]
    pub const fn known(&self) -> Option<&Arc<Explanation>> {
        match &self.effect {
            Effect::Known(known) => Some(known),
            _ => None,
        }
    }
}

/// Whether one value says all that another does. A table says it with each of its keys, a
/// list where one is wanted likewise, one place after another; a list where no list came
/// names alternatives.
#[must_use]
pub fn says(got: &Value, wanted: &Value) -> bool {
    match (got, wanted) {
        (Value::Object(got), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| got.get(key).is_some_and(|got| says(got, wanted)))
        }
        (Value::Array(got), Value::Array(wanted)) => {
            got.len() == wanted.len()
                && got.iter().zip(wanted).all(|(got, wanted)| says(got, wanted))
        }
        (got, Value::Array(wanted)) => wanted.iter().any(|wanted| says(got, wanted)),
        (got, wanted) => got == wanted,
    }
}

/// A field without its positions: `messages[3].items[2].id` is `messages[].items[].id`.
#[must_use]
pub fn without_positions(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut is_inside = false;
    for character in field.chars() {
        is_inside &= character != ']';
        if !is_inside {
            text.push(character);
        }
        is_inside |= character == '[';
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_says_what_is_wanted_of_it() {
        for (got, wanted, expected) in [
            (json!({"code": "OK", "message": "m"}), json!({"code": "OK"}), true),
            (json!({"code": "OK"}), json!({"code": "OK", "message": "m"}), false),
            (json!({"code": "OK"}), json!({"code": ["INTERNAL", "OK"]}), true),
            (json!({"code": "OK"}), json!({"code": ["INTERNAL"]}), false),
            (json!([{"a": 1}, 2]), json!([{}, 2]), true),
            (json!([1, 2]), json!([1]), false),
            (json!("1"), json!(1), false),
            (json!(null), json!({}), false),
        ] {
            assert_eq!(says(&got, &wanted), expected, "{got} {wanted}");
        }
    }

    #[test]
    fn positions_are_left_out() {
        assert_eq!(without_positions("messages[3].items[12].id"), "messages[].items[].id");
        assert_eq!(without_positions("x-header"), "x-header");
        assert_eq!(without_positions("a[1"), "a[");
    }

    #[test]
    fn every_kind_is_read_by_its_name() {
        for kind in Kind::ALL {
            let read: Kind = serde_json::from_value(kind.name().into()).unwrap();
            assert_eq!(read, kind);
        }
    }
}
