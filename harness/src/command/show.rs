//! `crosswire show`: one case, explained.

use prost_reflect::DynamicMessage;

use super::{CommandError, print};
use crate::{
    command_line::ShowArgs,
    exit::Exit,
    input::BadInput,
    judge::expected_value,
    project::Project,
    role::Role,
    suite::{Call, Case, Script, Step, message_value},
    text::{self, count, printable, shorten},
};

/// How much of a request or an expectation is shown.
const SHOWN_CHARACTERS: usize = 2_000;

/// How many steps of a script are shown.
const SHOWN_STEPS: usize = 40;

/// How many calls of a case are shown whole.
const SHOWN_CALLS: usize = 3;

pub(super) fn show(project: &Project, arguments: &ShowArgs) -> Result<Exit, CommandError> {
    let name = &arguments.case;
    let cases = project.cases();
    let Some(case) = cases.iter().find(|case| case.name == *name) else {
        let problem = format!("no case `{name}`; `crosswire list cases` shows what there is");
        return Err(BadInput::new("show", problem).into());
    };
    let source = project
        .suites
        .iter()
        .find(|suite| suite.cases.iter().any(|other| other.name == *name))
        .and_then(|suite| suite.source.as_deref());
    print(&describe(project, case, source))?;
    Ok(Exit::Success)
}

fn describe(project: &Project, case: &Case, source: Option<&str>) -> String {
    let mut text = format!("{}\n", case.name);
    let mut line = |label: &str, value: &str| {
        text.push_str(&format!("  {label:9} {}\n", printable(value)));
    };
    line("stands at", &case.place.to_string());
    if let Some(rule) = project.contract.rule(&case.rule) {
        line("rule", &format!("{} ({}) {}", rule.id, rule.level, rule.text));
        line("source", &rule.source);
        if !rule.classes.is_empty() && case.script.is_some() {
            line("classes", &rule.classes);
        }
    }
    line("why", &case.why);
    if let Some(source) = case.source.as_deref().or(source) {
        line("expected", &format!("from {source}"));
    }
    for (label, words) in connection(case) {
        line(label, &words);
    }
    if let Some(script) = &case.script {
        for (label, words) in scripted(script) {
            line(label, &words);
        }
        let names = |name: &str| script.endings.iter().any(|ending| ending.class() == Some(name));
        for class in project.contract.classes.iter().filter(|class| names(&class.name)) {
            line("", &format!("{}: {}", class.name, class.meaning));
        }
    }
    let is_called = case.scripted() != Some(Role::Client);
    for (index, call) in case.calls.iter().take(SHOWN_CALLS).enumerate().filter(|_| is_called) {
        let number = if case.calls.len() == 1 { String::new() } else { format!(" {index}") };
        line(&format!("call{number}"), &options(call));
        line("request", &shorten(&request(call), SHOWN_CHARACTERS));
        line("expect", &shorten(&expected_value(call).to_string(), SHOWN_CHARACTERS));
    }
    if case.calls.len() > SHOWN_CALLS {
        let more = count(case.calls.len() - SHOWN_CALLS, "more call");
        let how = if case.is_sequential { "one after another" } else { "all at once" };
        line("", &format!("and {more}, {how}"));
    }
    for entry in project.known.entries.iter().chain(&project.built_in.entries) {
        if entry.is_about(&case.name) {
            let (whose, explanation) = (&entry.whose, &entry.explanation);
            let role = entry.role.map(|role| format!(" {role}")).unwrap_or_default();
            let (reason, link) = (&explanation.reason, &explanation.link);
            line("known", &format!("{whose}{role}: {reason} ({link})"));
        }
    }
    text
}

/// What is special about the connection, with its labels.
fn connection(case: &Case) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if !case.needs.is_empty() {
        lines.push(("needs", format!("of the server: {}", case.needs.join(", "))));
    }
    if let Some(fault) = &case.fault {
        lines.push(("fault", fault.to_string()));
    }
    if let Some(tls) = &case.tls {
        lines.push(("tls", tls.to_string()));
    }
    if !case.linger.is_zero() {
        let linger = text::duration(case.linger);
        lines.push(("linger", format!("the wire is watched for {linger} after the answer")));
    }
    if case.is_alone {
        lines.push(("alone", "nothing else runs beside it".to_owned()));
    }
    if let Some(limit) = case.server_memory_bytes {
        lines.push(("memory", format!("the server may grow by {limit} bytes")));
    }
    if case.is_pristine {
        lines.push(("pristine", "nothing is added to what the client sends".to_owned()));
    }
    lines
}

/// What the harness does in the place of a side, with its labels.
fn scripted(script: &Script) -> Vec<(&'static str, String)> {
    let mut lines = vec![("script", format!("the harness is the {}", script.role))];
    if !script.greets {
        lines.push(("", "no greeting".to_owned()));
    }
    lines.extend(steps(&script.steps));
    if script.steps_again != script.steps {
        lines.push(("", "on every later connection:".to_owned()));
        lines.extend(steps(&script.steps_again));
    }
    if let Some(beside) = &script.beside {
        let words = format!("an ordinary call meanwhile and afterwards: {}", beside.ending);
        lines.push(("beside", words));
    }
    for (index, ending) in script.endings.iter().enumerate() {
        lines.push((if index == 0 { "expect" } else { "or" }, ending.to_string()));
    }
    lines
}

/// The first steps; a flood has thousands.
fn steps(steps: &[Step]) -> Vec<(&'static str, String)> {
    let shown = steps.iter().take(SHOWN_STEPS).enumerate();
    let mut lines: Vec<(&'static str, String)> = shown
        .map(|(index, step)| ("", shorten(&format!("{index:3}  {step}"), SHOWN_CHARACTERS)))
        .collect();
    if steps.len() > SHOWN_STEPS {
        lines.push(("", format!("and {}", count(steps.len() - SHOWN_STEPS, "more step"))));
    }
    lines
}

fn options(call: &Call) -> String {
    let mut text = format!("{}, timeout {}", call.method.path, text::duration(call.timeout));
    if !call.metadata.is_empty() {
        text.push_str(&format!(", metadata {}", serde_json::json!(call.metadata)));
    }
    if let Some(compression) = call.compression {
        text.push_str(&format!(", compressed with {}", compression.name()));
    }
    if let Some(messages) = call.cancel_after_messages {
        text.push_str(&format!(", cancelled after {}", count(messages as usize, "message")));
    }
    if let Some(delay) = call.read_delay {
        text.push_str(&format!(", reading each message after {}", text::duration(delay)));
    }
    if !call.pause.is_zero() {
        text.push_str(&format!(", {} after the call before", text::duration(call.pause)));
    }
    text
}

fn request(call: &Call) -> String {
    let decoded =
        call.method.descriptor.as_ref().filter(|_| !call.raw).and_then(|method| {
            DynamicMessage::decode(method.input(), call.request.as_slice()).ok()
        });
    match decoded {
        Some(message) => message_value(&message).to_string(),
        None => {
            let bytes: Vec<String> =
                call.request.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("raw bytes {}", bytes.join(" "))
        }
    }
}
