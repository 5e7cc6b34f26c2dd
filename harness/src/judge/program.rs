//! What came of a program in the place of a client: its exit status, and the rules of the wire
//! for whatever it has called.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Judgement, Strictness, gone_value, words_value};
use crate::{
    finding::{Finding, Kind, Side},
    observe::{Death, Gone, Wire},
    role::Role,
    rules,
    suite::ProgramRun,
    wire::transcript::Transcript,
};

/// By its exit status.
pub(super) fn outcome(death: &Death) -> Judgement {
    if death.how == Gone::Exited(0) {
        return Judgement::of(Vec::new());
    }
    let mut got = gone_value(&death.how);
    if !death.words.is_empty() {
        got["words"] = words_value(&death.words);
    }
    Judgement::of(vec![Finding::new(Kind::ExitStatus, 0, got)])
}

/// By the rules of the wire: each call by itself, for nobody knows which is another's retry.
pub(super) fn wire(
    judgement: &mut Judgement,
    run: &ProgramRun,
    wire: &Wire,
    strictness: Strictness,
) {
    let calls = wire.calls.iter().flatten();
    for (index, transcript) in calls.enumerate() {
        let is_read = transcript.is_whole && !wire.has_gaps;
        judgement.read_calls += usize::from(is_read);
        judgement.unread_calls += usize::from(!is_read);
        let call = run.call(&path(transcript), Duration::ZERO);
        let violations = rules::check(std::slice::from_ref(transcript), &call, None).into_iter();
        let violations = violations.map(|one| rules::Violation { transcript: index, ..one });
        judgement.findings.extend(violations.map(|one| strictness.finding(0, one)));
    }
    // A program that calls nobody may end as well as it likes; one whose deadline is over at
    // once has connected, and called nobody.
    let is_seen = wire.calls.iter().any(|calls| !calls.is_empty()) || !wire.asides.is_empty();
    if !is_seen && !wire.has_gaps && wire.opaque.is_empty() {
        let finding = Finding::new(Kind::NeverPassed, Value::Null, json!({ "program": run.case }));
        judgement.findings.push(finding.of_side(Side::Client));
    }
}

fn path(transcript: &Transcript) -> String {
    let request = transcript.blocks(Role::Client).next();
    let path = request.and_then(|request| request.value(":path")).unwrap_or_default();
    String::from_utf8_lossy(path).trim_start_matches('/').to_owned()
}
