//! A finding in words: a sentence for each kind.

use serde_json::Value;

use super::{
    any_of, bare, breach, field_value, of,
    outcome::{clauses, outcome, stalled},
    process, shown,
};
use crate::{
    finding::{Finding, Kind, without_positions},
    suite::{Code, allowed_in_words},
    text::{count, duration, printable},
};

/// What is wrong, in a sentence without its end.
#[must_use]
pub fn finding(finding: &Finding) -> String {
    let Finding { kind, expected, got, .. } = finding;
    let field = printable(finding.field.as_deref().unwrap_or_default());
    match kind {
        Kind::Status => {
            let message = got.get("message").map(|message| format!(" ({})", shown(message)));
            let code = of(got, "code");
            format!("expected {}, got {code}{}", codes(expected), message.unwrap_or_default())
        }
        Kind::StatusMessage => {
            let wanted = match (expected.get("has"), expected.get("lacks")) {
                (Some(text), _) => format!("`{}` in it", shown(text)),
                (_, Some(text)) => format!("no `{}` in it", shown(text)),
                _ => format!("`{}`", shown(expected)),
            };
            format!("status message: expected {wanted}, got `{}`", shown(got))
        }
        Kind::Details => {
            format!("status details: expected `{}`, got `{}`", shown(expected), shown(got))
        }
        Kind::Message => message(&field, expected, got),
        Kind::Count => format!("expected {}, got {}", number(expected, "message"), shown(got)),
        Kind::Headers | Kind::Trailers => {
            let got = if got.is_null() { "none".to_owned() } else { format!("`{}`", shown(got)) };
            format!("{}: expected {field} `{}`, got {got}", kind.name(), shown(expected))
        }
        Kind::Outcome => {
            let clauses = clauses(got).unwrap_or_default();
            let beside = beside(&field);
            format!("{beside}expected {}, got {}{clauses}", any_of(expected), outcome(got))
        }
        Kind::ScriptStalled => format!("{}the script {}", beside(&field), stalled(got)),
        Kind::Rule => rule(finding),
        Kind::RefusedFeature => format!(
            "the client says that it does not support this, and announced all that the case needs: {}",
            why(got)
        ),
        Kind::Breach => format!("{}{}", process::misstep(got), process::beside(got)),
        Kind::Hang => format!("{}{}", process::hang(got), process::beside(got)),
        Kind::Crash => {
            let side = finding.side.map_or_else(String::new, |side| format!("the {side} "));
            format!("{side}{}{}", process::gone(got), process::beside(got))
        }
        Kind::ExitStatus => {
            format!("the client's program {}{}", process::gone(got), process::beside(got))
        }
        Kind::Blocked => why(got),
        Kind::Unsupported if field == "memory" => {
            "nothing here tells how much memory the server holds".to_owned()
        }
        Kind::Unsupported => match (got.get("beyond"), got.get("connections")) {
            (Some(limit), _) => format!("more came than the harness reads: {}", shown(limit)),
            (_, Some(connections)) => format!(
                "the script is for one connection, and the client took {}",
                shown(connections)
            ),
            _ => why(got),
        },
        Kind::Memory => format!(
            "expected the server to grow by {} bytes at most, it grew by {}",
            shown(expected),
            shown(got)
        ),
        Kind::NeverPassed if got.get("program").is_some() => {
            "the client's program ended well, and had not even connected".to_owned()
        }
        Kind::NeverPassed => {
            let code = of(got, "code");
            format!("the client reports {code}, and the call never passed on the wire")
        }
        Kind::GaveUpEarly => {
            let (took, asked) = (millis(got), millis(expected));
            format!(
                "the client reports DEADLINE_EXCEEDED, which no server sent, after {took}; the deadline was {asked}"
            )
        }
        Kind::FaultMissed => {
            format!("the case's fault never came to its place: {}", shown(expected))
        }
        Kind::Unseen => {
            format!("expected on the wire: {}, which was not seen", unseen(expected))
        }
        Kind::StrayCall => format!(
            "the client made {} beside the case's own, on stream {}",
            number(&got["calls"], "call"),
            of(got, "stream")
        ),
    }
}

/// Status codes that are allowed.
fn codes(expected: &Value) -> String {
    let names = expected.as_array().into_iter().flatten();
    let codes: Option<Vec<Code>> = names.map(|name| Code::from_name(name.as_str()?)).collect();
    codes.map_or_else(|| any_of(expected), |codes| allowed_in_words(&codes))
}

/// What many failures have in common, in a few words: no text of a peer's is in it.
#[must_use]
pub fn headline(found: &Finding) -> String {
    let Finding { kind, expected, got, .. } = found;
    let field = printable(&without_positions(found.field.as_deref().unwrap_or_default()));
    match kind {
        Kind::Status => format!("answers {} instead of {}", of(got, "code"), codes(expected)),
        Kind::Outcome => {
            let clauses = clauses(got).unwrap_or_default();
            format!("{}answers {}{clauses}", beside(&field), outcome(&without_texts(got)))
        }
        Kind::StatusMessage => "another status message".to_owned(),
        Kind::Details => "other status details".to_owned(),
        Kind::Message => format!("{field} is another"),
        Kind::Count => "another number of messages".to_owned(),
        Kind::Headers | Kind::Trailers => format!("{}: {field} is another", kind.name()),
        Kind::Hang => "hangs".to_owned(),
        Kind::Crash => "dies".to_owned(),
        Kind::ExitStatus => format!("its program {}", process::gone(got)),
        _ => finding(found),
    }
}

/// What came of a stream without what differs from case to case.
fn without_texts(got: &Value) -> Value {
    let Value::Object(table) = got else { return got.clone() };
    let kept =
        table.iter().filter(|(key, _)| !["message", "messages", "count"].contains(&key.as_str()));
    Value::Object(kept.map(|(key, value)| (key.clone(), without_texts(value))).collect())
}

fn message(field: &str, expected: &Value, got: &Value) -> String {
    if let Some(error) = got.get("undecodable") {
        return format!("{field} is no {}: {}", of(expected, "type"), shown(error));
    }
    if let Some(number) = got.get("unknown_field") {
        return format!("{field}: field {number} is not in the proto");
    }
    if let (Some(_), Some(items)) = (expected.get("items"), got.get("items")) {
        return format!("{field}: expected {}, got {items}", number(&expected["items"], "item"));
    }
    format!("{field}: expected {}, got {}", field_value(expected), field_value(got))
}

fn rule(finding: &Finding) -> String {
    match &finding.violation {
        Some(violation) => {
            let (rule, level, side) = (violation.rule, violation.level, violation.breach.side);
            // The bytes differ from cell to cell, and stand in the transcript.
            format!("{rule} ({level}): the {side}: {}", printable(&breach(&violation.breach)))
        }
        None => bare(&finding.got),
    }
}

/// Which of the calls around a script it is about.
fn beside(field: &str) -> String {
    match field.split('.').next().unwrap_or_default() {
        "beside" => "an ordinary call beside the script: ".to_owned(),
        "after" => "an ordinary call after the script: ".to_owned(),
        _ => String::new(),
    }
}

fn unseen(expected: &Value) -> &str {
    match expected.as_str().unwrap_or_default() {
        "call" => "the call",
        "offer-of-gzip" => "gzip in the request's grpc-accept-encoding",
        "request-compressed" => "a compressed request message",
        "response-compressed" => "a compressed response message",
        "client-resets" => "RST_STREAM from the client",
        "server-ends" => "the server ending the stream",
        "same-connection" => "the connection of the call before",
        "new-connection" => "a new connection",
        "another-address" => "another address than the call before",
        "same-address" => "the address of the call before",
        "ping-answered" => "the answer to the tap's PING",
        other => other,
    }
}

/// What a process, or the harness of it, says itself.
fn why(got: &Value) -> String {
    let text = got.get("why").unwrap_or(got);
    printable(&bare(text))
}

fn number(value: &Value, noun: &str) -> String {
    count(value.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or_default(), noun)
}

fn millis(value: &Value) -> String {
    duration(std::time::Duration::from_millis(value["after_ms"].as_u64().unwrap_or_default()))
}
