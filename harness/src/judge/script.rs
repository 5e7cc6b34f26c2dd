//! What a scripted client's outcome comes to.

use serde_json::json;

use super::{Judgement, Side, Verdict};
use crate::{
    observe::{Played, Stalled, Waited},
    outcome::{Unmet, allows, describe, stalled_in_words, unmet},
    suite::{Case, Ending, Method, Script, Step},
};

/// How many clauses that do not hold are told.
const SHOWN_CLAUSES: usize = 3;

/// What stands in a reason before why the script did not come to its end.
const THE_SCRIPT: &str = "; the script ";

/// The server did what one of the allowed outcomes says, or failed.
pub(super) fn judge(case: &Case, played: &Played) -> Judgement {
    let (Some(script), Some(call)) = (&case.script, case.calls.first()) else {
        return Judgement::new(Verdict::Fail, "a script was played, and the case has none");
    };
    if let Some(why) = beyond(played) {
        let why = format!("more came than the harness reads: {why}");
        return Judgement::new(Verdict::Unsupported, why);
    }
    let endings: Vec<&Ending> = script.endings.iter().collect();
    let problem = mismatch(&endings, &call.method, played, &script.steps)
        .or_else(|| beside_mismatch(script, &call.method, played));
    let Some(reason) = problem else { return Judgement::new(Verdict::Pass, "") };
    Judgement {
        essential: reason.rfind(THE_SCRIPT).map_or(0, |position| position + THE_SCRIPT.len()),
        expected: Some(json!({ "outcome": expected(&endings) })),
        actual: Some(json!({ "outcome": got(&endings, &call.method, played) })),
        ..Judgement::new(Verdict::Fail, reason).of_side(Side::Server)
    }
}

/// The limit of ours beyond which nothing was read. Whatever is there may be right.
fn beyond(played: &Played) -> Option<&str> {
    let all = [played].into_iter().chain(&played.beside);
    all.into_iter().find_map(|played| played.beyond.as_deref())
}

fn mismatch(
    endings: &[&Ending],
    method: &Method,
    played: &Played,
    steps: &[Step],
) -> Option<String> {
    // Whatever came before: what cannot be read is no HTTP/2. Another protocol is judged as
    // an outcome.
    let is_readable = played.unreadable.is_none() || played.other_protocol.is_some();
    let is_allowed = is_readable && endings.iter().any(|ending| allows(ending, method, played));
    let stalled = played.stalled.as_ref().filter(|stalled| !is_allowed || !may_stall(stalled));
    if is_allowed && stalled.is_none() {
        return None;
    }
    let got = got(endings, method, played);
    let stalled =
        stalled.map(|stalled| format!("{THE_SCRIPT}{}", stalled_in_words(stalled, steps)));
    let clauses = match is_allowed {
        true => String::new(),
        false => clauses(&nearest(endings, method, played)),
    };
    let stalled = stalled.unwrap_or_default();
    Some(format!("expected {}, got {got}{stalled}{clauses}", expected(endings)))
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

/// The clauses in words, where what came reads like the allowed outcome otherwise.
fn clauses(unmet: &[Unmet]) -> String {
    if is_another(unmet) {
        return String::new();
    }
    let shown = unmet.iter().take(SHOWN_CLAUSES).map(|clause| format!("; {clause}"));
    let more = match unmet.len().saturating_sub(SHOWN_CLAUSES) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    shown.collect::<String>() + &more
}

fn beside_mismatch(script: &Script, method: &Method, played: &Played) -> Option<String> {
    let beside = script.beside.as_ref()?;
    let when = ["beside the script", "after the script"];
    when.iter().zip(&played.beside).find_map(|(when, played)| {
        let problem = mismatch(&[&beside.ending], method, played, &beside.steps)?;
        Some(format!("an ordinary call {when}: {problem}"))
    })
}

/// What came on the streams that the outcomes are about.
fn got(endings: &[&Ending], method: &Method, played: &Played) -> String {
    let mut streams: Vec<u32> =
        endings.iter().flat_map(|ending| ending.streams(played.last_stream)).collect();
    streams.sort_unstable();
    streams.dedup();
    describe(&streams, method, played)
}

fn expected(endings: &[&Ending]) -> String {
    endings.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        observe::{Instead, StreamSeen},
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

    fn words(endings: &[Ending], played: &Played) -> Option<String> {
        let endings: Vec<&Ending> = endings.iter().collect();
        mismatch(&endings, &get_sequence().method, played, &[])
    }

    #[test]
    fn the_clause_that_failed_is_told_where_the_rest_is_as_allowed() {
        let marked = Ending { has: vec!["grpc-accept-encoding".to_owned()], ..ok() };
        let reset = Ending::of(EndingKind::Reset(Codes::Any));
        let endings = [reset, marked];
        let expected = "expected RST_STREAM or status OK, some grpc-accept-encoding, got status OK; grpc-accept-encoding: expected some value, got none";
        assert_eq!(words(&endings, &answered("0")).as_deref(), Some(expected));
        let other = words(&endings, &answered("13")).unwrap();
        assert!(other.ends_with(", got status INTERNAL"), "{other}");
        let many = Ending { has: ["a", "b", "c", "d", "e"].map(String::from).to_vec(), ..ok() };
        let many = words(&[many], &answered("0")).unwrap();
        assert!(many.ends_with("; c: expected some value, got none; and 2 more"), "{many}");
    }

    #[test]
    fn an_allowed_outcome_excuses_a_script_that_was_ended_and_none_that_was_left_waiting() {
        let awaited: AnyOf = Awaited::WindowUpdate.into();
        let instead = vec![Instead::ConnectionEnded];
        let stalled = |waited, is_late| {
            let stalled = Stalled { step: Some(2), waited, instead: instead.clone(), is_late };
            words(&[ok()], &Played { stalled: Some(stalled), ..answered("0") })
        };
        assert_eq!(stalled(Waited::ForOne(awaited.clone()), false), None);
        let late = stalled(Waited::ForOne(awaited), true).unwrap();
        let expected = "expected status OK, got status OK; the script waited in vain for WINDOW_UPDATE (step 2): the connection ended, the time was over";
        assert_eq!(late, expected);
        let why = Waited::Connection(Some("refused".to_owned()));
        let unreached = stalled(why, false).unwrap();
        assert!(unreached.ends_with("; the script could not connect: refused"), "{unreached}");
    }

    #[test]
    fn a_server_that_answers_some_of_what_it_is_asked_has_not_said_nothing() {
        let mut played = Played { is_late: true, ..Played::default() };
        played.settings = crate::observe::Answered { sent: 3, came: 1 };
        let words = words(&[ok()], &played).unwrap();
        assert!(words.ends_with("got nothing but 1 of 3 SETTINGS acknowledged"), "{words}");
    }
}
