//! Judges observations: what came of a trial against what should have. Pure.

mod blame;
mod compare;
mod script;
mod wire;
mod witness;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

pub use blame::{Blame, CaseMatrix, Side, blame};

use crate::{
    contract::Level,
    known::Known,
    observe::{Answer, Observation, Outcome},
    rules::Violation,
    suite::{Call, Case, message_value},
    text::{printable, shorten},
};

/// The longest status message that is quoted in a reason.
const QUOTED_CHARACTERS: usize = 300;

/// How many of the messages that came are reported. More say nothing new, and a
/// peer may send millions.
const SHOWN_MESSAGES: usize = 1_000;

/// What a trial came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// The wrong answer, or none that can be read.
    Fail,
    /// Failed as the known list says.
    Known,
    /// Passed, although the known list says that it fails.
    Fixed,
    /// Not tried: a peer does not have what the case needs.
    Unsupported,
    /// Not tried: a peer could not be started, or died too often before.
    Blocked,
    /// No answer in time.
    Hung,
    /// A process died with the call in flight.
    Crashed,
}

impl Verdict {
    /// Every verdict, in the order of summaries.
    pub const ALL: [Self; 8] = [
        Self::Pass,
        Self::Fail,
        Self::Hung,
        Self::Crashed,
        Self::Fixed,
        Self::Known,
        Self::Unsupported,
        Self::Blocked,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Known => "known",
            Self::Fixed => "fixed",
            Self::Unsupported => "unsupported",
            Self::Blocked => "blocked",
            Self::Hung => "hung",
            Self::Crashed => "crashed",
        }
    }

    /// Whether it makes the run fail.
    #[must_use]
    pub const fn is_unexpected(self) -> bool {
        matches!(self, Self::Fail | Self::Fixed | Self::Hung | Self::Crashed)
    }
}

/// A trial's verdict with its grounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What it came to.
    pub verdict: Verdict,
    /// Why; empty for a pass.
    pub reason: String,
    /// How much of the reason a known failure must name, in bytes: up to what was got, and
    /// into the last of several findings. Broken rules of the wire it names apart.
    essential: usize,
    /// What should have come of the call that decided, where one did.
    pub expected: Option<Value>,
    /// What came of it.
    pub actual: Option<Value>,
    /// The side that the trial itself names.
    pub side: Option<Side>,
    /// What the bytes of the trial say of that side, where they are the evidence.
    pub testimony: Option<&'static str>,
    /// Whether the case was answered when it ran again alone.
    pub is_answered_alone: bool,
    /// The rules of the wire that its calls broke, each with the call's position.
    pub violations: Vec<(usize, Violation)>,
    /// How many calls the rules of the wire were applied to.
    pub read_calls: usize,
    /// How many they were not applied to, because not all of what passed was read.
    pub unread_calls: usize,
}

impl Judgement {
    fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            reason: reason.into(),
            essential: 0,
            expected: None,
            actual: None,
            side: None,
            testimony: None,
            is_answered_alone: false,
            violations: Vec::new(),
            read_calls: 0,
            unread_calls: 0,
        }
    }

    fn of_side(self, side: Side) -> Self {
        Self { side: Some(side), ..self }
    }

    /// For a trial that the manifest excludes.
    #[must_use]
    pub fn unsupported(why: &str) -> Self {
        Self::new(Verdict::Unsupported, why)
    }

    /// The broken rules of one of the case's calls.
    #[must_use]
    pub fn violations_of(&self, call: usize) -> Vec<Violation> {
        let of_call = self.violations.iter().filter(|(index, _)| *index == call);
        of_call.map(|(_, violation)| violation.clone()).collect()
    }
}

/// How binding a rule must be for its breach to fail a trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strictness {
    /// A broken MUST fails it; a broken SHOULD is only listed.
    #[default]
    Must,
    /// Either fails it.
    Should,
}

impl Strictness {
    fn fails(self, level: Level) -> bool {
        level == Level::Must || self == Self::Should
    }
}

/// Judges a trial.
#[must_use]
pub fn judge(
    case: &Case,
    observation: &Observation,
    known: Option<&Arc<Known>>,
    strictness: Strictness,
) -> Judgement {
    let mut judgement = judge_outcome(case, &observation.outcome);
    let got = judgement.reason.find(GOT).map_or(0, |position| position + GOT.len());
    judgement.essential = judgement.essential.max(got);
    judge_memory(&mut judgement, case, observation);
    if let Some(wire) = &observation.wire {
        wire::judge(&mut judgement, case, observation, wire, strictness);
    }
    match known {
        Some(known) => excuse(judgement, known, strictness),
        None => judgement,
    }
}

/// Holds the server to the memory that the case allows it.
fn judge_memory(judgement: &mut Judgement, case: &Case, observation: &Observation) {
    let Some(limit) = case.server_memory_bytes.filter(|_| judgement.verdict == Verdict::Pass)
    else {
        return;
    };
    *judgement = match observation.server_growth_bytes {
        Some(growth) if growth <= limit => return,
        Some(growth) => {
            let reason = format!(
                "expected the server to grow by {limit} bytes at most, it grew by {growth}"
            );
            Judgement::new(Verdict::Fail, reason).of_side(Side::Server)
        }
        None => Judgement::unsupported("nothing here tells how much memory the server holds"),
    };
}

fn judge_outcome(case: &Case, outcome: &Outcome) -> Judgement {
    let judgement = match outcome {
        Outcome::Answered(answers) => judge_answers(case, answers),
        Outcome::Played(played) => script::judge(case, played),
        Outcome::FeatureMissing { why } => Judgement::new(Verdict::Unsupported, why),
        Outcome::Refused { why } => {
            let why = shorten(&printable(why), QUOTED_CHARACTERS);
            let reason = format!(
                "the client says that it does not support this, and announced all that the case needs: {why}"
            );
            Judgement::new(Verdict::Fail, reason).of_side(Side::Client)
        }
        Outcome::Malformed { why, .. } => Judgement::new(Verdict::Fail, why).of_side(Side::Client),
        Outcome::Hung { why, words, .. } => {
            let said = words.iter().map(|(role, words)| words.of(&format!("the {role}'s")));
            Judgement::new(Verdict::Hung, format!("{why}{}", said.collect::<String>()))
        }
        Outcome::Crashed { role, death, .. } => {
            let reason = format!("the {role} {death}");
            Judgement::new(Verdict::Crashed, reason).of_side((*role).into())
        }
        Outcome::Blocked { why } => Judgement::new(Verdict::Blocked, why),
    };
    let remarks = outcome.remarks();
    let said: String = remarks.iter().map(|remark| format!("; {remark}")).collect();
    Judgement {
        reason: judgement.reason + &said,
        is_answered_alone: remarks.iter().any(|remark| remark.is_not_alone()),
        ..judgement
    }
}

/// The first call that is not answered as it should be decides.
fn judge_answers(case: &Case, answers: &[Answer]) -> Judgement {
    let wrong = case.calls.iter().zip(answers).enumerate().find_map(|(index, (call, answer))| {
        Some((index, call, answer, compare::mismatch(call, answer)?))
    });
    let Some((index, call, answer, mismatch)) = wrong else {
        return Judgement::new(Verdict::Pass, "");
    };
    let reason = if case.calls.len() == 1 { mismatch } else { format!("call {index}: {mismatch}") };
    Judgement {
        expected: Some(expected_value(call)),
        actual: Some(actual_value(call, answer)),
        ..Judgement::new(Verdict::Fail, reason)
    }
}

/// What stands in a reason between what was expected and what came.
const GOT: &str = ", got ";

fn excuse(judgement: Judgement, known: &Known, strictness: Strictness) -> Judgement {
    let place = &known.place;
    match judgement.verdict {
        Verdict::Pass => Judgement {
            verdict: Verdict::Fixed,
            reason: format!(
                "passes, and {place} lists it as a known failure; `crosswire known prune` removes the entry if all that it covers passes"
            ),
            ..judgement
        },
        Verdict::Fail | Verdict::Hung | Verdict::Crashed => {
            let other =
                judgement.violations.iter().map(|(_, violation)| violation).find(|violation| {
                    strictness.fails(violation.level)
                        && !known.rules.iter().any(|rule| rule == violation.rule)
                });
            if let Some(other) = other {
                let reason = format!(
                    "{}; {place} does not list {} among the rules that its trials break",
                    judgement.reason, other.rule
                );
                return Judgement { reason, ..judgement };
            }
            let mut problem =
                format!("knows another failure of it: {}", known.message.0.join(", or "));
            for message in &known.message.0 {
                let Some(rest) = judgement.reason.strip_prefix(message.as_str()) else { continue };
                if message.len() <= judgement.essential {
                    problem = format!(
                        "says not all of it, so that other failures would be known, too: extend its `message` into `{rest}`"
                    );
                } else if ends_within_a_word(message, rest) {
                    problem = format!("ends within a word: extend its `message` into `{rest}`");
                } else {
                    return Judgement { verdict: Verdict::Known, ..judgement };
                }
            }
            Judgement { reason: format!("{}; {place} {problem}", judgement.reason), ..judgement }
        }
        _ => judgement,
    }
}

/// Whether there is no end of a word between a text and the rest of it.
fn ends_within_a_word(start: &str, rest: &str) -> bool {
    let is_of_word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    is_of_word(start.chars().next_back()) && is_of_word(rest.chars().next())
}

/// What a case asks of a call, for the report.
#[must_use]
pub fn expected_value(call: &Call) -> Value {
    let expect = &call.expect;
    let codes: Vec<String> = expect.codes.iter().map(ToString::to_string).collect();
    let mut value =
        json!({ "code": if codes.len() == 1 { json!(codes[0]) } else { json!(codes) } });
    if let Some(messages) = &expect.messages {
        value["messages"] = messages.iter().map(message_value).collect();
    }
    if let Some(count) = expect.message_count {
        value["message_count"] = count.into();
    }
    if let Some(message) = &expect.status_message {
        value["status_message"] = message.as_str().into();
    }
    if let Some(text) = &expect.status_message_has {
        value["status_message_has"] = text.as_str().into();
    }
    if let Some(text) = &expect.status_message_lacks {
        value["status_message_lacks"] = text.as_str().into();
    }
    if let Some(details) = &expect.status_details {
        value["status_details"] = STANDARD.encode(details).into();
    }
    if expect.is_partial {
        value["partial"] = true.into();
    }
    if !expect.seen.is_empty() {
        value["wire"] = expect.seen.iter().map(|seen| seen.name()).collect();
    }
    for (name, pairs) in [("headers", &expect.headers), ("trailers", &expect.trailers)] {
        if !pairs.is_empty() {
            value[name] = json!(pairs);
        }
    }
    value
}

fn actual_value(call: &Call, answer: &Answer) -> Value {
    let shown = answer.messages.iter().take(SHOWN_MESSAGES);
    let mut value = json!({
        "code": answer.code.to_string(),
        "messages": shown.map(|bytes| compare::bytes_value(call, bytes)).collect::<Value>(),
    });
    if answer.messages.len() > SHOWN_MESSAGES {
        value["message_count"] = answer.messages.len().into();
    }
    if !answer.message.is_empty() {
        value["status_message"] = answer.message.as_str().into();
    }
    if !call.expect.headers.is_empty() {
        value["headers"] = json!(answer.headers);
    }
    if !call.expect.trailers.is_empty() {
        value["trailers"] = json!(answer.trailers);
    }
    value
}

#[cfg(test)]
mod tests;
