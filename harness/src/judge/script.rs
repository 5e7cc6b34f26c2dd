//! What a scripted client's outcome comes to.

use serde_json::{Value, json};

use super::Judgement;
use crate::{
    finding::{Finding, Kind, Side},
    observe::{Played, Stalled, Waited},
    outcome::{Unmet, allows, describe, stalled_value, unmet},
    suite::{Case, Ending, Method, Script, Step},
};

/// How many clauses that do not hold are kept.
const MOST_CLAUSES: usize = 20;

/// Where a finding is that is about an ordinary call made while the script was played, and
/// about the one after it.
const BESIDE: [&str; 2] = ["beside", "after"];

/// The server did what one of the allowed outcomes says, or failed.
pub(super) fn judge(case: &Case, played: &Played) -> Judgement {
    let (Some(script), Some(call)) = (&case.script, case.calls.first()) else {
        let finding = Finding::new(Kind::Outcome, Value::Null, json!({ "played": true }));
        return Judgement::of(vec![finding]);
    };
    if let Some(limit) = beyond(played) {
        let finding = Finding::new(Kind::Unsupported, Value::Null, json!({ "beyond": limit }));
        return Judgement::of(vec![finding]);
    }
    let endings: Vec<&Ending> = script.endings.iter().collect();
    let mut findings = mismatches(&endings, &call.method, played, &script.steps);
    findings.extend(beside(script, &call.method, played));
    if findings.is_empty() {
        return Judgement::of(findings);
    }
    Judgement {
        expected: Some(json!({ "outcome": expected(&endings) })),
        actual: Some(json!({ "outcome": got(&endings, &call.method, played) })),
        ..Judgement::of(findings)
    }
}

/// The limit of ours beyond which nothing was read. Whatever is there may be right.
fn beyond(played: &Played) -> Option<&str> {
    let all = [played].into_iter().chain(&played.beside);
    all.into_iter().find_map(|played| played.beyond.as_deref())
}

fn mismatches(
    endings: &[&Ending],
    method: &Method,
    played: &Played,
    steps: &[Step],
) -> Vec<Finding> {
    // Whatever came before: what cannot be read is no HTTP/2. Another protocol is judged as
    // an outcome.
    let is_readable = played.unreadable.is_none() || played.other_protocol.is_some();
    let is_allowed = is_readable && endings.iter().any(|ending| allows(ending, method, played));
    let stalled = played.stalled.as_ref().filter(|stalled| !is_allowed || !may_stall(stalled));
    let stalled = stalled.map(|stalled| stall(stalled, steps).of_side(Side::Server));
    let outcome = (!is_allowed).then(|| outcome(endings, method, played));
    outcome.into_iter().chain(stalled).collect()
}

/// What came is none of the allowed outcomes. Where it ends as one of them, the field names
/// the first clause of it that does not hold.
fn outcome(endings: &[&Ending], method: &Method, played: &Played) -> Finding {
    let mut came = got(endings, method, played);
    let unmet = nearest(endings, method, played);
    let is_near = !unmet.is_empty() && !is_another(&unmet);
    if let Value::Object(table) = &mut came
        && is_near
    {
        let clauses = unmet.iter().take(MOST_CLAUSES).map(|clause| {
            let Unmet { stream, field, expected, got, .. } = clause;
            json!({ "stream": stream, "field": field, "expected": expected, "got": got })
        });
        table.insert("unmet".to_owned(), clauses.collect());
    }
    let finding = Finding::new(Kind::Outcome, expected(endings), came).of_side(Side::Server);
    match unmet.first().filter(|_| is_near) {
        Some(first) => finding.at(first.field.as_str()),
        None => finding,
    }
}

/// A script that stopped before its end.
pub(super) fn stall(stalled: &Stalled, steps: &[Step]) -> Finding {
    Finding::new(Kind::ScriptStalled, Value::Null, stalled_value(stalled, steps))
}

/// Whether an allowed outcome excuses it that the script stopped: the server has ended what
/// the script was about. It may have reason to; to leave the script waiting is another matter.
fn may_stall(stalled: &Stalled) -> bool {
    !stalled.is_late && !matches!(stalled.waited, Waited::Connection(_))
}

/// What does not hold of the outcome that what came is nearest to.
fn nearest(endings: &[&Ending], method: &Method, played: &Played) -> Vec<Unmet> {
    let all = endings.iter().map(|ending| unmet(ending, method, played).collect::<Vec<_>>());
    all.min_by_key(|unmet| (is_another(unmet), unmet.len())).unwrap_or_default()
}

fn is_another(unmet: &[Unmet]) -> bool {
    unmet.iter().any(|unmet| unmet.is_how_it_ends)
}

fn beside(script: &Script, method: &Method, played: &Played) -> Vec<Finding> {
    let Some(beside) = script.beside.as_ref() else { return Vec::new() };
    let calls = BESIDE.iter().zip(&played.beside);
    let found = calls.flat_map(|(when, played)| {
        let found = mismatches(&[&beside.ending], method, played, &beside.steps).into_iter();
        found.map(move |finding| match &finding.field {
            Some(clause) => finding.clone().at(format!("{when}.{clause}")),
            None => finding.at(*when),
        })
    });
    found.collect()
}

/// What came on the streams that the outcomes are about.
fn got(endings: &[&Ending], method: &Method, played: &Played) -> Value {
    let mut streams: Vec<u32> =
        endings.iter().flat_map(|ending| ending.streams(played.last_stream)).collect();
    streams.sort_unstable();
    streams.dedup();
    describe(&streams, method, played)
}

/// The allowed outcomes, each as the case says it.
fn expected(endings: &[&Ending]) -> Value {
    endings.iter().map(|ending| Value::from(ending.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        observe::{Answered, Instead, StreamSeen},
        rules::samples::get_sequence,
        suite::{AnyOf, Awaited, Code, Codes, EndingKind},
    };

    fn ok() -> Ending {
        Ending::of(EndingKind::Status(vec![Code::OK]))
    }

    fn answered(code: &str) -> Played {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let blocks = vec![vec![field(":status", "200"), field("grpc-status", code)]];
        let seen = StreamSeen { blocks, has_ended: true, ..StreamSeen::default() };
        Played { last_stream: 1, streams: [(1, seen)].into(), ..Played::default() }
    }

    fn found(endings: &[Ending], played: &Played) -> Vec<Finding> {
        let endings: Vec<&Ending> = endings.iter().collect();
        mismatches(&endings, &get_sequence().method, played, &[])
    }

    #[test]
    fn the_clause_that_failed_is_told_where_the_rest_is_as_allowed() {
        let marked = Ending { has: vec!["grpc-accept-encoding".to_owned()], ..ok() };
        let reset = Ending::of(EndingKind::Reset(Codes::Any));
        let endings = [reset, marked];
        let near = found(&endings, &answered("0"));
        assert_eq!(near[0].field.as_deref(), Some("grpc-accept-encoding"));
        assert_eq!(near[0].expected, json!(["RST_STREAM", "status OK, some grpc-accept-encoding"]));
        let clause = &near[0].got["unmet"][0];
        assert_eq!(clause["expected"], "some value");
        let other = found(&endings, &answered("13"));
        assert_eq!((&other[0].field, &other[0].got), (&None, &json!({ "code": "INTERNAL" })));
        let many = Ending { has: ["a", "b", "c", "d", "e"].map(String::from).to_vec(), ..ok() };
        let many = found(&[many], &answered("0"));
        assert_eq!(many[0].got["unmet"].as_array().unwrap().len(), 5);
    }

    #[test]
    fn an_allowed_outcome_excuses_a_script_that_was_ended_and_none_that_was_left_waiting() {
        let awaited: AnyOf = Awaited::WindowUpdate.into();
        let instead = vec![Instead::ConnectionEnded];
        let stalled = |waited, is_late| {
            let stalled = Stalled { step: Some(2), waited, instead: instead.clone(), is_late };
            let found = found(&[ok()], &Played { stalled: Some(stalled), ..answered("0") });
            found.into_iter().map(|finding| finding.got).collect::<Vec<_>>()
        };
        assert_eq!(stalled(Waited::ForOne(awaited.clone()), false), [Value::Null; 0]);
        let late = json!({
            "awaited": ["window-update"], "step": 2, "instead": ["connection-ended"], "late": true,
        });
        assert_eq!(stalled(Waited::ForOne(awaited), true), [late]);
        let unreached = stalled(Waited::Connection(Some("refused".to_owned())), false);
        assert_eq!(unreached[0]["why"], "refused");
    }

    #[test]
    fn a_server_that_answers_some_of_what_it_is_asked_has_not_said_nothing() {
        let mut played = Played { is_late: true, ..Played::default() };
        assert_eq!(found(&[ok()], &played)[0].got, "nothing");
        played.settings = Answered { sent: 3, came: 1 };
        let got = found(&[ok()], &played)[0].got.clone();
        assert_eq!(got, json!({ "settings": { "sent": 3, "came": 1 } }));
    }
}
