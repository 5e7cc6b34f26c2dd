//! What a scripted client's outcome comes to.

use serde_json::json;

use super::{Judgement, Side, Verdict};
use crate::{
    observe::Played,
    script::{allows, describe},
    suite::{Case, Ending, Method, Script},
};

/// What stands in a reason before why the script did not come to its end.
const THE_SCRIPT: &str = "; the script ";

/// The server did what one of the allowed outcomes says, or failed.
pub(super) fn judge(case: &Case, played: &Played) -> Judgement {
    let (Some(script), Some(call)) = (&case.script, case.calls.first()) else {
        return Judgement::new(Verdict::Fail, "a script was played, and the case has none");
    };
    let endings: Vec<&Ending> = script.endings.iter().collect();
    let problem = mismatch(&endings, &call.method, played)
        .or_else(|| beside_mismatch(script, &call.method, played));
    let Some(reason) = problem else { return Judgement::new(Verdict::Pass, "") };
    Judgement {
        essential: reason.rfind(THE_SCRIPT).map_or(0, |position| position + THE_SCRIPT.len()),
        expected: Some(json!({ "outcome": expected(&endings) })),
        actual: Some(json!({ "outcome": got(&endings, &call.method, played) })),
        ..Judgement::new(Verdict::Fail, reason).of_side(Side::Server)
    }
}

fn mismatch(endings: &[&Ending], method: &Method, played: &Played) -> Option<String> {
    // Whatever came before: what cannot be read is no HTTP/2. Another protocol is judged as
    // an outcome.
    let is_readable = played.unreadable.is_none() || played.other_protocol.is_some();
    let is_allowed = is_readable && endings.iter().any(|ending| allows(ending, method, played));
    let stalled = played.stalled.as_ref().filter(|stalled| !is_allowed || !stalled.was_ended);
    if is_allowed && stalled.is_none() {
        return None;
    }
    let got = got(endings, method, played);
    let stalled = stalled.map(|stalled| format!("{THE_SCRIPT}{}", stalled.why));
    Some(format!("expected {}, got {got}{}", expected(endings), stalled.unwrap_or_default()))
}

fn beside_mismatch(script: &Script, method: &Method, played: &Played) -> Option<String> {
    let beside = script.beside.as_ref()?;
    let when = ["beside the script", "after the script"];
    when.iter().zip(&played.beside).find_map(|(when, played)| {
        let problem = mismatch(&[&beside.ending], method, played)?;
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
