//! What the rules of the wire make of a trial.

use super::{Judgement, Side, Strictness, Verdict};
use crate::{
    contract::Level,
    observe::{Answer, Outcome, Wire},
    role::Role,
    rules::{self, Violation},
    suite::{Case, Code, Seen},
    text::{count, printable},
    wire::transcript::Transcript,
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
            && wire.opaque.is_empty()
            && must_have_passed(answer)
        {
            let why = "the client reports an answer, and the call never passed on the wire";
            fail(judgement, why.to_owned());
            judgement.side.get_or_insert(Side::Client);
        }
    }
    if let Some((side, what)) = first_unseen(case, outcome, wire) {
        fail(judgement, what);
        judgement.side.get_or_insert(side);
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

/// The first thing that the case wants to see on the wire and that was not there, if
/// the calls were answered at all.
fn first_unseen(case: &Case, outcome: &Outcome, wire: &Wire) -> Option<(Side, String)> {
    if !matches!(outcome, Outcome::Answered(_)) {
        return None;
    }
    let calls = case.calls.iter().zip(&wire.calls).enumerate();
    let mut missing = calls.flat_map(|(index, (call, transcripts))| {
        let before = index.checked_sub(1).and_then(|before| wire.calls.get(before)?.last());
        let last = transcripts.last();
        let wanted = call.expect.seen.iter();
        wanted.filter(move |seen| !is_seen(**seen, last, before)).map(move |seen| (index, *seen))
    });
    let (index, seen) = missing.next()?;
    let (side, what) = match seen {
        Seen::RequestCompressed => (Side::Client, "a compressed request message"),
        Seen::ResponseCompressed => (Side::Server, "a compressed response message"),
        Seen::ClientResets => (Side::Client, "RST_STREAM from the client"),
        Seen::ServerEnds => (Side::Server, "the server ending the stream"),
        Seen::SameConnection => (Side::Client, "the connection of the call before"),
        Seen::NewConnection => (Side::Client, "a new connection"),
    };
    let call = if case.calls.len() == 1 { String::new() } else { format!("call {index}: ") };
    Some((side, format!("{call}expected on the wire: {what}, which was not seen")))
}

fn is_seen(seen: Seen, last: Option<&Transcript>, before: Option<&Transcript>) -> bool {
    let Some(last) = last else { return false };
    let is_compressed = |role| last.messages(role).any(|(_, message)| message.flag == 1);
    let is_same = || before.is_some_and(|b| b.connection.number == last.connection.number);
    match seen {
        Seen::RequestCompressed => is_compressed(Role::Client),
        Seen::ResponseCompressed => is_compressed(Role::Server),
        Seen::ClientResets => last.reset(Role::Client).is_some(),
        Seen::ServerEnds => last.end(Role::Server).is_some() || last.reset(Role::Server).is_some(),
        Seen::SameConnection => is_same(),
        Seen::NewConnection => before.is_some() && !is_same(),
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

#[cfg(test)]
mod tests;
