//! What the rules of the wire make of a trial.

use super::{Judgement, Strictness, Verdict};
use crate::{
    contract::Level,
    observe::{Answer, Outcome, Wire},
    rules::{self, Violation},
    suite::{Case, Code},
    text::{count, printable},
};

/// Applies the rules to every call of the trial, whatever else came of it.
pub(super) fn judge(
    judgement: &mut Judgement,
    case: &Case,
    outcome: &Outcome,
    wire: &Wire,
    strictness: Strictness,
) {
    let answers = match outcome {
        Outcome::Answered(answers) => &answers[..],
        _ => &[],
    };
    for (index, (call, transcripts)) in case.calls.iter().zip(&wire.calls).enumerate() {
        let answer = answers.get(index);
        let is_read = transcripts.iter().all(|seen| seen.is_whole);
        judgement.unread_calls += usize::from(!is_read);
        judgement.read_calls += usize::from(is_read && !transcripts.is_empty());
        let violations = rules::check(transcripts, call, answer);
        judgement.violations.extend(violations.into_iter().map(|found| (index, found)));
        if let Some(answer) = answer
            && transcripts.is_empty()
            && must_have_passed(answer)
        {
            let why = "the client reports an answer, and the call never passed on the wire";
            fail(judgement, why.to_owned());
            judgement.side.get_or_insert(super::Side::Client);
        }
    }
    let is_grave = |level| level == Level::Must || strictness == Strictness::Should;
    let grave: Vec<&Violation> =
        judgement.violations.iter().map(|(_, v)| v).filter(|v| is_grave(v.level)).collect();
    let Some(first) = grave.first() else { return };
    let more = match grave.len() {
        1 => String::new(),
        number => format!("; and {} more", count(number - 1, "violation")),
    };
    let reason = format!("{}{more}", printable(&first.to_string()));
    let side = first.breach.side;
    let one_side = grave.iter().all(|violation| violation.breach.side == side);
    fail(judgement, reason);
    if one_side {
        judgement.side.get_or_insert(side.into());
    }
}

/// Whether an answer cannot have come from the client alone.
fn must_have_passed(answer: &Answer) -> bool {
    Code(answer.code) == Code::OK || !answer.messages.is_empty()
}

/// Adds a reason to fail, after what there is.
fn fail(judgement: &mut Judgement, reason: String) {
    if judgement.verdict == Verdict::Pass {
        judgement.verdict = Verdict::Fail;
    }
    if !judgement.reason.is_empty() {
        judgement.reason.push_str("; ");
    }
    judgement.reason.push_str(&reason);
}
