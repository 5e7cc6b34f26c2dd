//! The fields of a case that make it a scripted one.

mod check;
mod ending;
mod step;
mod written;

use prost_reflect::MethodDescriptor;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(in crate::suite) use self::ending::WrittenEnding;
use self::{check::check, ending::EndingReader, step::StepReader, written::WrittenStep};
use super::{Beside, Ending, EndingKind, Habit, Script, Step, TIME_AFTER_DEADLINE};
use crate::{
    role::Role,
    suite::{
        call::{Call, CallOptions, DEFAULT_TIMEOUT, Method},
        class::Classes,
        code::Code,
        json::read_message,
        problem::{Problem, Within as _, each_item},
        table::fields_of,
    },
};

/// A script as it is written, among the fields of its case.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct WrittenScript {
    /// Whose place the harness takes.
    scripted: Role,
    /// What it does, step by step.
    #[schemars(with = "Vec<WrittenStep>")]
    script: Vec<Value>,
    /// What a server does on every connection after the one that `script` is for; the same
    /// without it.
    #[schemars(with = "Option<Vec<WrittenStep>>")]
    script_again: Option<Vec<Value>>,
    /// Whether it begins with the preface and SETTINGS.
    greeting: Option<bool>,
    /// What it does not do by itself.
    #[serde(default)]
    omits: Vec<Habit>,
    /// An ordinary call of another client, meanwhile and once more afterwards.
    beside: Option<WrittenBeside>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenBeside {
    /// What must come of it each time, in protobuf's JSON mapping.
    messages: Vec<Value>,
}

impl WrittenScript {
    /// Whose place the harness takes.
    pub(in crate::suite) const fn role(&self) -> Role {
        self.scripted
    }

    /// Takes the outcomes of a scripted client out of the case's fields, and puts there
    /// what its one call has in their place.
    pub(in crate::suite) fn take_endings(
        &self,
        fields: &mut Map<String, Value>,
    ) -> Result<Vec<WrittenEnding>, Problem> {
        if self.scripted == Role::Server {
            return match fields.get("expect") {
                Some(Value::Array(_)) => Err("one table in a case of a scripted server; a list of outcomes belongs to a scripted client").within("expect"),
                Some(expect) if expect.get("status").is_some() => Err("`status` belongs to a scripted client; what a real client reports is `code`").within("expect"),
                _ => Ok(Vec::new()),
            };
        }
        if let Some(field) = fields.keys().find(|field| is_told_to_a_client(field)) {
            return Err(Problem::of_field(
                field,
                format!("`{field}` in a case of a scripted client, which makes no call"),
            ));
        }
        let endings = match fields.remove("expect") {
            None => return Err("no `expect`; give the allowed outcomes".into()),
            Some(Value::Array(endings)) => endings,
            Some(ending) => vec![ending],
        };
        if endings.is_empty() {
            return Err("no outcome is allowed; give at least one").within("expect");
        }
        fields.insert("expect".to_owned(), serde_json::json!({ "any_messages": true }));
        let is_known = fields.get("unknown_method") != Some(&Value::Bool(true));
        if is_known && !fields.contains_key("request") {
            fields.insert("request".to_owned(), Value::Object(Map::new()));
        }
        let read = |ending: Value| {
            if ending.get("code").is_some() {
                return Err(Problem::of_field(
                    "code",
                    "`code` belongs to a scripted server; the outcome of a scripted client is `status`",
                ));
            }
            WrittenEnding::from_value(ending)
        };
        each_item(endings, read).within("expect")
    }

    /// The script of a case with these calls, the first of which names the method.
    pub(in crate::suite) fn read(
        self,
        endings: Vec<WrittenEnding>,
        call: &Call,
        classes: &Classes,
        rule: &str,
    ) -> Result<Script, Problem> {
        let role = self.scripted;
        let Method { path, descriptor } = &call.method;
        let input = descriptor.as_ref().map(MethodDescriptor::input);
        let output = descriptor.as_ref().map(MethodDescriptor::output);
        let message = if role == Role::Client { input } else { output.clone() };
        let reader = StepReader { role, path, message };
        let steps = reader.read_all(self.script).within("script")?;
        if self.script_again.is_some() && role == Role::Client {
            return Err(Problem::of_field(
                "script_again",
                "`script_again` of a client, which makes one connection",
            ));
        }
        let again = self.script_again.map(|again| reader.read_all(again).within("script_again"));
        let steps_again = again.transpose()?;
        let ending_reader = EndingReader { output: output.as_ref(), classes, rule };
        let endings = each_item(endings, |ending| ending.read(&ending_reader)).within("expect")?;
        let beside = self.beside.map(|written| beside(written, &reader, call)).transpose()?;
        let limit = match role {
            Role::Client => call.timeout,
            Role::Server => call.timeout + TIME_AFTER_DEADLINE,
        };
        let greets = self.greeting.unwrap_or(true);
        check(role, greets, limit, &steps).within("script")?;
        if let Some(again) = &steps_again {
            check(role, greets, limit, again).within("script_again")?;
        }
        let plain = |steps: Vec<(usize, Step)>| steps.into_iter().map(|(_, step)| step).collect();
        let steps: Vec<Step> = plain(steps);
        Ok(Script {
            role,
            steps_again: steps_again.map_or_else(|| steps.clone(), plain),
            steps,
            greets,
            omits: self.omits,
            endings,
            beside,
        })
    }
}

fn is_told_to_a_client(field: &str) -> bool {
    fields_of::<CallOptions>().contains(&field)
}

fn beside(written: WrittenBeside, reader: &StepReader<'_>, call: &Call) -> Result<Beside, Problem> {
    let Some(descriptor) = call.method.descriptor.as_ref().filter(|_| reader.role == Role::Client)
    else {
        return Err(Problem::of_field(
            "beside",
            "`beside` needs a scripted client and a method that the proto has",
        ));
    };
    let read = |value: Value| read_message(&descriptor.output(), &value);
    let messages = each_item(written.messages, read).within("messages").within("beside")?;
    let kind = EndingKind::Status(vec![Code::OK]);
    Ok(Beside {
        steps: reader.ordinary_request(call),
        ending: Ending { messages: Some(messages), ..Ending::of(kind) },
        // What a script waits for may be over soon; an ordinary call gets its time.
        limit: call.timeout.max(DEFAULT_TIMEOUT),
    })
}
