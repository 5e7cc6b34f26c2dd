//! What the rules of the wire make of a trial.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Judgement, Strictness, compare, script::stall, witness};
use crate::{
    finding::{Effect, Finding, Kind, Side},
    observe::{Answer, Observation, Outcome, Waited, Wire},
    role::Role,
    rules,
    suite::{Call, Case, Code, PING_DATA, Seen},
    wire::transcript::{Transcript, What, other},
};

/// How much earlier than asked a timer may go off: clocks tick, and a deadline may be
/// rounded down.
const TIMER_SLACK: Duration = Duration::from_millis(20);

/// Applies the rules to every call of the trial, whatever else came of it, and says
/// what should have been seen on the wire and was not.
pub(super) fn judge(
    judgement: &mut Judgement,
    case: &Case,
    observation: &Observation,
    wire: &Wire,
    strictness: Strictness,
) {
    // A script that stopped at a limit of ours shows nothing of its client.
    if let Some(Waited::ForLess(limit)) = wire.stalled.as_ref().map(|stalled| &stalled.waited) {
        judgement.findings =
            vec![Finding::new(Kind::Unsupported, Value::Null, json!({ "beyond": limit }))];
        return;
    }
    let outcome = &observation.outcome;
    let answers = match outcome {
        Outcome::Answered(answers) => &answers[..],
        _ => &[],
    };
    for (index, (call, transcripts)) in case.calls.iter().zip(&wire.calls).enumerate() {
        let is_read = is_read(transcripts, wire);
        judgement.unread_calls += usize::from(!is_read);
        judgement.read_calls += usize::from(is_read && !transcripts.is_empty());
        // What was reported may have come of an attempt that passed unread.
        let answer = answers.get(index).filter(|_| !wire.has_gaps);
        let mut violations = rules::check(transcripts, call, answer);
        // What a script sends wrongly is what it is for.
        violations.retain(|violation| {
            let is_scripts = case.scripted() == Some(violation.breach.side);
            // What it may make of them, the case itself says.
            let is_allowed = case.scripted() == Some(Role::Server)
                && answers.get(index).is_some_and(|a| call.expect.codes.contains(&a.code))
                && OF_REPORTS.contains(&violation.rule);
            !is_scripts && !is_allowed
        });
        let findings = violations.into_iter().map(|one| strictness.finding(index, one));
        judgement.findings.extend(findings);
    }
    if !answers.is_empty() {
        let is_as_planned = judgement.findings.iter().all(|finding| !finding.counts());
        let findings = &mut judgement.findings;
        findings.extend(never_passed(case, answers, wire));
        findings.extend(gave_up_early(case, answers, observation.duration, wire));
        let fault = fault_that_never_struck(case, wire);
        // What did not pass may be missing because the call went wrong before, or was
        // never tried as the case wants it: then it says nothing of whose failure it is.
        let is_as_planned = is_as_planned && fault.is_none();
        let unseen = unseen(case, answers, wire).into_iter();
        findings.extend(
            unseen.map(|unseen| Finding { side: unseen.side.filter(|_| is_as_planned), ..unseen }),
        );
        findings.extend(fault);
    }
    judgement.findings.extend(strays(case, wire));
    judgement.findings.extend(script_in_vain(case, answers, wire));
    let fails_the_case =
        |finding: &Finding| finding.effect == Effect::Fails && finding.kind != Kind::Rule;
    if judgement.findings.iter().any(fails_the_case)
        && let Some(parted) = parted(case, wire)
    {
        judgement.findings.retain(|finding| !fails_the_case(finding));
        let is_lawful = judgement.findings.iter().all(|finding| finding.effect != Effect::Fails);
        judgement.findings.extend(is_lawful.then_some(parted));
    }
    let fails = |finding: &&Finding| finding.effect == Effect::Fails;
    let mut failing = judgement.findings.iter().filter(fails);
    if failing.all(|finding| finding.side.is_none() && finding.kind != Kind::Rule) {
        judgement.testimony = testimony(case, answers, wire);
    }
}

/// Whose failure the first wrong answer is, where the bytes tell: those of two real sides,
/// between which nothing is altered.
fn testimony(case: &Case, answers: &[Answer], wire: &Wire) -> Option<witness::Testimony> {
    if case.scripted().is_some() || case.fault.is_some() || wire.has_gaps {
        return None;
    }
    let mut calls = case.calls.iter().zip(answers).zip(&wire.calls);
    let wrong = calls.find(|((call, answer), _)| !compare::differences(call, answer).is_empty());
    wrong.and_then(|((call, answer), seen)| witness::testimony(call, answer, seen))
}

/// The rules of what a client reports for which a case may allow something else.
const OF_REPORTS: [&str; 3] = ["WIRE-38", "WIRE-39", "WIRE-44"];

/// Whether all that passed for a call was read. What was not may be anything.
fn is_read(transcripts: &[Transcript], wire: &Wire) -> bool {
    !wire.has_gaps && transcripts.iter().all(|seen| seen.is_whole)
}

/// An answer to a call of which nothing passed, and that a client cannot give alone.
fn never_passed(case: &Case, answers: &[Answer], wire: &Wire) -> Vec<Finding> {
    let calls = case.calls.iter().zip(answers).zip(&wire.calls).enumerate();
    let unseen = calls.filter(|(_, ((call, answer), transcripts))| {
        let is_unseen = transcripts.is_empty() && wire.opaque.is_empty() && !wire.has_gaps;
        is_unseen && !may_end_unseen(case, call, answer)
    });
    unseen
        .map(|(index, ((_, answer), _))| {
            let got = json!({ "code": answer.code.to_string() });
            let finding = Finding::new(Kind::NeverPassed, Value::Null, got).in_call(index);
            // A connection that the server has ended is no place for a call either.
            match answer.code {
                Code::UNAVAILABLE => finding,
                _ => finding.of_side(Side::Client),
            }
        })
        .collect()
}

/// Whether the client takes compressed responses. A server must not send others.
fn offers_gzip(transcript: &Transcript) -> bool {
    let request = transcript.blocks(Role::Client).next();
    let mut offers = request.into_iter().flat_map(|block| block.values("grpc-accept-encoding"));
    offers.any(|offer| offer.split(|byte| *byte == b',').any(|one| one.trim_ascii() == b"gzip"))
}

/// Whether a client can end a call so before anything of it has passed: where
/// connecting may fail or take too long, the call is cancelled at once, or the case itself
/// allows the code. Clients may refuse a call for limits and states of their own.
fn may_end_unseen(case: &Case, call: &Call, answer: &Answer) -> bool {
    let is_script = case.scripted() == Some(Role::Server);
    let is_hindered =
        case.tls.is_some() || case.fault.is_some() || case.channel.may_fail() || is_script;
    match answer.code {
        Code::OK => false,
        _ if !answer.messages.is_empty() => false,
        code if call.expect.codes.contains(&code) => true,
        Code::CANCELLED => is_hindered || call.may_be_cancelled_unseen(),
        Code::DEADLINE_EXCEEDED | Code::UNAVAILABLE => is_hindered,
        _ => false,
    }
}

/// A client that says that the deadline has passed, when it has not, and the server
/// has not said so.
fn gave_up_early(
    case: &Case,
    answers: &[Answer],
    duration: Duration,
    wire: &Wire,
) -> Option<Finding> {
    let mut calls = case.calls.iter().zip(answers).zip(&wire.calls).enumerate();
    let (index, ((call, _), _)) = calls.find(|(_, ((call, answer), transcripts))| {
        let server_ended = transcripts
            .iter()
            .any(|seen| seen.end(Role::Server).is_some() || seen.reset(Role::Server).is_some());
        answer.code == Code::DEADLINE_EXCEEDED
            && !server_ended
            && wire.opaque.is_empty()
            && is_read(transcripts, wire)
            && duration + TIMER_SLACK < call.timeout
    })?;
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let expected = json!({ "after_ms": millis(call.timeout) });
    let got = json!({ "after_ms": millis(duration) });
    let finding = Finding::new(Kind::GaveUpEarly, expected, got).in_call(index);
    Some(finding.of_side(Side::Client))
}

/// A fault whose place was never reached: the case did not try what it is for.
fn fault_that_never_struck(case: &Case, wire: &Wire) -> Option<Finding> {
    let fault = case.fault.as_ref().filter(|_| !wire.has_struck)?;
    Some(Finding::new(Kind::FaultMissed, fault.to_string(), Value::Null))
}

/// A script for one connection, of a client that took several for its calls, as it may (RFC
/// 9113, section 9.1): what the case is about was not tried. A script that says what comes on
/// the others (`script_again`) is for such clients, too.
fn parted(case: &Case, wire: &Wire) -> Option<Finding> {
    let script = case.script.as_ref().filter(|script| script.role == Role::Server)?;
    let mut connections: Vec<u64> =
        wire.calls.iter().flatten().map(|seen| seen.connection.number).collect();
    connections.sort_unstable();
    connections.dedup();
    let is_for_one = case.calls.len() > 1 && script.steps_again == script.steps;
    (is_for_one && connections.len() > 1).then(|| {
        let got = json!({ "connections": connections.len() });
        Finding::new(Kind::Unsupported, Value::Null, got)
    })
}

/// A scripted server that waited for what its client never did. A step of its own that takes
/// too long is nobody's, and a client that need not send a call need not connect.
fn script_in_vain(case: &Case, answers: &[Answer], wire: &Wire) -> Option<Finding> {
    let stalled = wire.stalled.as_ref()?;
    let mut calls = case.calls.iter().zip(answers);
    if matches!(stalled.waited, Waited::Connection(_))
        && !answers.is_empty()
        && calls.all(|(call, answer)| may_end_unseen(case, call, answer))
    {
        return None;
    }
    let side = match &stalled.waited {
        Waited::ForNothing | Waited::ForLess(_) => Side::Unclear,
        Waited::Connection(_) | Waited::ForOne(_) | Waited::ForRoom(_) => Side::Client,
    };
    let steps = case.script.as_ref().map_or(&[][..], |script| &script.steps);
    Some(stall(stalled, steps).of_side(side))
}

/// Calls on the trial's own connection that the case does not explain. Those of other
/// methods are the client's own affair: it may ask for a server's health, or reflection.
fn strays(case: &Case, wire: &Wire) -> Option<Finding> {
    let path = |stray: &Transcript| {
        let request = stray.blocks(Role::Client).next()?;
        Some(request.value(":path")?.strip_prefix(b"/")?.to_vec())
    };
    let is_of_case = |stray: &&Transcript| {
        path(stray)
            .is_none_or(|path| case.calls.iter().any(|call| call.method.path.as_bytes() == path))
    };
    let strays: Vec<&Transcript> = wire.strays.iter().filter(is_of_case).collect();
    let first = strays.first()?;
    let got = json!({ "calls": strays.len(), "stream": first.stream });
    Some(Finding::new(Kind::StrayCall, Value::Null, got).of_side(Side::Client))
}

/// All that the case wants to see on the wire and that was not there. Of a call that was
/// lawfully never made, nothing can be wanted, nor of what was not read.
fn unseen(case: &Case, answers: &[Answer], wire: &Wire) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, (call, transcripts)) in case.calls.iter().zip(&wire.calls).enumerate() {
        let may_be_unseen =
            || answers.get(index).is_some_and(|answer| may_end_unseen(case, call, answer));
        if !is_read(transcripts, wire) || (transcripts.is_empty() && may_be_unseen()) {
            continue;
        }
        let before = index.checked_sub(1).and_then(|before| wire.calls.get(before)?.last());
        let last = transcripts.last();
        let is_ended = before.zip(last).is_some_and(|(before, last)| had_ended(before, last, wire));
        for seen in call.expect.seen.iter().filter(|seen| !is_seen(**seen, last, before, wire)) {
            let (side, what) = debtor(*seen, case, call, last, is_ended);
            let mut finding = Finding::new(Kind::Unseen, what, Value::Null).in_call(index);
            finding.side = side;
            findings.push(finding);
            if last.is_none() {
                break;
            }
        }
    }
    findings
}

/// Who owes what should have been seen, if somebody does, and what it is.
fn debtor(
    seen: Seen,
    case: &Case,
    call: &Call,
    request: Option<&Transcript>,
    is_ended: bool,
) -> (Option<Side>, &'static str) {
    let side = match seen {
        // Nobody can answer what was never asked.
        _ if request.is_none() => return (Some(Side::Client), "call"),
        Seen::ResponseCompressed if !request.is_some_and(offers_gzip) => {
            return (Some(Side::Client), "offer-of-gzip");
        }
        // Whose connections have an end of their own, it has to end them.
        Seen::NewConnection if !case.server_settings.is_empty() && !is_ended => Some(Side::Server),
        Seen::ClientResets if request.is_some_and(|seen| has_ended_too_soon(call, seen)) => None,
        Seen::ResponseCompressed | Seen::ResponseUncompressed | Seen::ServerEnds => {
            Some(Side::Server)
        }
        Seen::RequestCompressed
        | Seen::RequestUncompressed
        | Seen::ClientResets
        | Seen::SameConnection
        | Seen::NewConnection
        | Seen::AnotherAddress
        | Seen::SameAddress => Some(Side::Client),
        Seen::PingAnswered => {
            let asked = case.fault.as_ref().map(|fault| fault.of);
            asked.map(|of| other(of).into())
        }
    };
    (side, seen.name())
}

fn is_seen(
    seen: Seen,
    last: Option<&Transcript>,
    before: Option<&Transcript>,
    wire: &Wire,
) -> bool {
    let Some(last) = last else { return false };
    let has_flag = |role, flag| last.messages(role).any(|(_, message)| message.flag == flag);
    let is_same = || before.is_some_and(|b| b.connection.number == last.connection.number);
    let is_there = || before.is_some_and(|b| b.connection.address == last.connection.address);
    match seen {
        Seen::RequestCompressed => has_flag(Role::Client, 1),
        Seen::RequestUncompressed => has_flag(Role::Client, 0),
        Seen::ResponseCompressed => has_flag(Role::Server, 1),
        Seen::ResponseUncompressed => has_flag(Role::Server, 0),
        Seen::ClientResets => last.reset(Role::Client).is_some(),
        Seen::ServerEnds => server_has_ended(last),
        Seen::SameConnection => is_same() || before.is_some_and(|b| had_ended(b, last, wire)),
        Seen::NewConnection => before.is_some() && !is_same(),
        Seen::AnotherAddress => before.is_some() && !is_there(),
        Seen::SameAddress => is_there(),
        Seen::PingAnswered => last.events().any(|event| match event.what {
            What::Pong { data, is_due } => is_due && data == PING_DATA,
            _ => false,
        }),
    }
}

/// Whether the server has ended a call before its client was to cancel it.
fn has_ended_too_soon(call: &Call, seen: &Transcript) -> bool {
    let sent = seen.messages(Role::Server).count();
    let after = call.options.cancel_after_messages;
    let by_step = call.options.cancel_after_messages.is_none() && call.cancels();
    server_has_ended(seen) && (by_step || after.is_some_and(|after| sent < after as usize))
}

fn server_has_ended(call: &Transcript) -> bool {
    call.end(Role::Server).is_some() || call.reset(Role::Server).is_some()
}

/// Whether a side had ended a call's connection, as either may at any time, by when the
/// next call was made. (RFC 9113, sections 6.8 and 9.1; gRFC A9.)
fn had_ended(before: &Transcript, next: &Transcript, wire: &Wire) -> bool {
    let ended = wire.ended.iter().find(|ended| ended.connection == before.connection.number);
    let (Some(ended), Some(opened)) = (ended, next.opened_at()) else { return false };
    ended.at <= opened
}

#[cfg(test)]
mod tests;
