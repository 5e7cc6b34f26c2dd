//! What is known of a crash, a hang or a breach of the peer protocol beside it, in words.

use std::time::Duration;

use serde_json::Value;

use super::bare;
use crate::{
    observe::{Gone, Words},
    text::{count, duration},
};

/// How a process ended, in words that follow its name.
#[must_use]
pub(super) fn gone(got: &Value) -> String {
    let code = got["exit_status"].as_i64().and_then(|code| i32::try_from(code).ok());
    let how = if let Some(code) = code {
        Gone::Exited(code)
    } else if let Some(signal) = got.get("signal") {
        Gone::Killed(bare(signal))
    } else if let Some(address) = got.get("refuses_at") {
        Gone::Refuses { address: bare(address), why: bare(&got["why"]) }
    } else if got.get("closed").is_some() {
        Gone::ClosedStdout
    } else {
        Gone::Ended
    };
    how.to_string()
}

/// How a client broke the peer protocol.
#[must_use]
pub(super) fn misstep(got: &Value) -> String {
    let call = &got["call"];
    match got["breach"].as_str() {
        Some("bad-line") => format!(
            "the client's line is no valid answer: {}: {}",
            bare(&got["problem"]),
            bare(&got["line"])
        ),
        Some("unknown-call") => format!("the client answered a call {call} that it was not given"),
        Some("answered-twice") => format!("the client answered call {call} more than once"),
        _ => "the client said hello twice".to_owned(),
    }
}

/// How long an answer was waited for.
#[must_use]
pub(super) fn hang(got: &Value) -> String {
    let millis = |key: &str| Duration::from_millis(got[key].as_u64().unwrap_or_default());
    let (timeout, grace) = (millis("timeout_ms"), millis("grace_ms"));
    let stray = got.get("stray").map(|stray| format!("; {}", bare(stray))).unwrap_or_default();
    format!(
        "no answer within {} (the call's timeout of {} and {} of grace){stray}",
        duration(timeout + grace),
        duration(timeout),
        duration(grace),
    )
}

/// What the processes said, and what came of it when it was tried again; each after a
/// semicolon.
#[must_use]
pub(super) fn beside(got: &Value) -> String {
    let words = &got["words"];
    let said = if words.get("last").is_some() {
        said("its", words)
    } else {
        let of_sides = words.as_object().into_iter().flatten();
        of_sides.map(|(side, words)| said(&format!("the {side}'s"), words)).collect()
    };
    let remarks = got["remarks"].as_array().into_iter().flatten();
    said + &remarks.map(|one| format!("; {}", remark(one))).collect::<String>()
}

/// The first and the last words of a process.
fn said(whose: &str, words: &Value) -> String {
    let lines = |name: &str| words[name].as_array().into_iter().flatten().map(bare).collect();
    Words { first: lines("first"), last: lines("last") }.of(whose)
}

fn remark(remark: &Value) -> String {
    if let Some(alone) = remark.get("answered_alone") {
        let beside = alone["beside"].as_u64().and_then(|number| usize::try_from(number).ok());
        let others = match beside {
            None | Some(0) => String::new(),
            Some(more) => format!(", and so was each of the {} beside it", count(more, "trial")),
        };
        return format!("run again alone, the case was answered{others}");
    }
    match remark.as_str() {
        Some("after_its_answer") => "this came after its own answer".to_owned(),
        Some("after_its_answer_and_not_alone") => {
            "this came after the case was answered, and not again when it ran alone".to_owned()
        }
        _ => bare(remark),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_processes_said_is_quoted_first_and_last() {
        let words = json!({ "first": ["Error: x", "at y"], "last": ["\u{1b}[31mz"] });
        let remarks = json!(["after_its_answer", { "answered_alone": { "beside": 1 } }]);
        let got = json!({ "why": "exited", "words": words, "remarks": remarks });
        let expected = r"; its first words: Error: x | at y; its last words: \u{1b}[31mz; this came after its own answer; run again alone, the case was answered, and so was each of the 1 trial beside it";
        assert_eq!(beside(&got), expected);
        let got = json!({ "words": { "client": { "first": [], "last": ["w"] } } });
        assert_eq!(beside(&got), "; the client's last words: w");
        assert_eq!(beside(&json!({ "why": "no answer" })), "");
    }
}
