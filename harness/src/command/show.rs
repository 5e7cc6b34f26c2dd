//! `crosswire show`: one case, explained. What is shown is the case as it was loaded, field
//! by field, so that nothing which decides it is left out.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{CommandError, print};
use crate::{
    command_line::ShowArgs,
    exit::Exit,
    input::BadInput,
    project::{Project, Wanted},
    suite::Case,
    text::{count, printable, shorten},
};

/// How much of a request or an expectation is shown.
const SHOWN_CHARACTERS: usize = 2_000;

/// How many steps of a script are shown.
const SHOWN_STEPS: usize = 40;

/// How many calls of a case are shown whole.
const SHOWN_CALLS: usize = 3;

pub(super) fn show(manifest: Option<&Path>, arguments: &ShowArgs) -> Result<Exit, CommandError> {
    let name = &arguments.case;
    let project = &Project::load(manifest, Wanted::Case(name))?;
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
    let mut page = Page(format!("{}\n", case.name));
    let mut fields = fields(case);
    fields.shift_remove("name");
    if let Some(rule) = project.contract.rule(&case.rule) {
        fields["rule"] = format!("{} ({}) {}", rule.id, rule.level, rule.text).into();
        let at = fields.keys().position(|field| field == "why").unwrap_or_default();
        fields.shift_insert(at, "rule's source".to_owned(), rule.source.as_str().into());
        if !rule.classes.is_empty() && case.script.is_some() {
            fields.shift_insert(at + 1, "classes".to_owned(), rule.classes.as_str().into());
        }
    }
    if let (None, Some(source)) = (&case.source, source) {
        let at = fields.keys().position(|field| field == "why").map_or(0, |why| why + 1);
        fields.shift_insert(at, "source".to_owned(), source.into());
    }
    for (name, value) in fields {
        page.field(1, &name, value);
    }
    let names = |features: Vec<String>| features.join(", ");
    for (side, features) in [
        ("of server", names(case.server_features().map(|one| one.to_string()).collect())),
        ("of client", names(case.client_features().map(|one| one.to_string()).collect())),
    ] {
        if !features.is_empty() {
            page.line(1, side, &format!("needs {features}"));
        }
    }
    if let Some(script) = &case.script {
        let names = |name: &str| script.endings.iter().any(|ending| ending.class() == Some(name));
        for class in project.contract.classes.iter().filter(|class| names(&class.name)) {
            page.line(1, &class.name, &class.meaning);
        }
    }
    for entry in project.known.entries.iter().chain(&project.built_in.entries) {
        if entry.is_about(&case.name) {
            let (whose, explanation) = (&entry.whose, &entry.explanation);
            let role = entry.role.map(|role| format!(" {role}")).unwrap_or_default();
            let (reason, link) = (&explanation.reason, &explanation.link);
            page.line(1, "known", &format!("{whose}{role}: {reason} ({link})"));
        }
    }
    page.0
}

/// Every field of a case that is not as it is without a word.
fn fields(case: &Case) -> Map<String, Value> {
    let Value::Object(mut fields) = json!(case) else { return Map::new() };
    if let Some(Value::Object(script)) = fields.get_mut("script") {
        if script.get("script_again") == script.get("script") {
            script.shift_remove("script_again");
        }
        // Its one call is not made: it only says of which method the script is.
        if script.get("scripted") == Some(&json!("client"))
            && let Some(Value::Array(calls)) = fields.get_mut("calls")
        {
            calls.iter_mut().filter_map(Value::as_object_mut).for_each(|call| {
                call.shift_remove("expect");
            });
        }
    }
    fields
}

/// The lines that are shown.
struct Page(String);

impl Page {
    fn line(&mut self, depth: usize, label: &str, text: &str) {
        let text = shorten(&printable(text), SHOWN_CHARACTERS);
        let line = format!("{}{label:13} {text}", "  ".repeat(depth));
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// A field; tables and lists of tables of the case itself one below the other, with
    /// their fields.
    fn field(&mut self, depth: usize, label: &str, value: Value) {
        match value {
            Value::String(text) => self.line(depth, label, &text),
            Value::Object(fields) if depth == 1 => {
                self.line(depth, label, "");
                for (name, value) in fields {
                    self.field(depth + 1, &name, value);
                }
            }
            Value::Array(items) if depth == 1 && items.iter().all(Value::is_object) => {
                let more = items.len().saturating_sub(SHOWN_CALLS);
                for (index, item) in items.into_iter().take(SHOWN_CALLS).enumerate() {
                    self.field(depth, &format!("{label}[{index}]"), item);
                }
                if more > 0 {
                    self.line(depth, "", &format!("and {} of {label}", count(more, "more item")));
                }
            }
            // Steps and outcomes in words, one a line; a flood has thousands.
            Value::Array(items) if items.iter().any(is_sentence) => {
                let more = items.len().saturating_sub(SHOWN_STEPS);
                for (index, item) in items.iter().take(SHOWN_STEPS).enumerate() {
                    let label = if index == 0 { label } else { "" };
                    let text = item.as_str().unwrap_or_default();
                    self.line(depth, label, &format!("{index:3}  {text}"));
                }
                if more > 0 {
                    self.line(depth, "", &format!("and {}", count(more, "more step")));
                }
            }
            other => self.line(depth, label, &other.to_string()),
        }
    }
}

fn is_sentence(item: &Value) -> bool {
    item.as_str().is_some_and(|text| text.contains(' '))
}
