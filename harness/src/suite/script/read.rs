//! The fields of a case that make it a scripted one.

mod ending;
mod step;

use std::time::Duration;

use crosswire_http2::frame::{flag, kind};
use prost_reflect::MethodDescriptor;
use serde::Deserialize;
use serde_json::{Map, Value};

use self::{
    ending::{EndingReader, RawEnding},
    step::StepReader,
};
use super::{AnyOf, Awaited, Beside, Ending, EndingKind, Habit, Script, Step, TIME_AFTER_DEADLINE};
use crate::{
    role::Role,
    suite::{
        case::{Call, DEFAULT_TIMEOUT, Method},
        class::Classes,
        code::Code,
        json::{from_json, read_message},
    },
    text,
};

/// The fields that a script is made of.
pub(in crate::suite) const SCRIPT_FIELDS: [&str; 6] =
    ["scripted", "script", "script_again", "greeting", "omits", "beside"];

/// The fields of a call that a scripted client does not make.
const CALL_FIELDS: [&str; 6] =
    ["request_hex", "metadata", "compression", "cancel_after_messages", "read_delay", "pause"];

/// A script as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawScript {
    scripted: Role,
    script: Vec<Value>,
    script_again: Option<Vec<Value>>,
    greeting: Option<bool>,
    #[serde(default)]
    omits: Vec<Habit>,
    beside: Option<RawBeside>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBeside {
    messages: Vec<Value>,
}

impl RawScript {
    /// The script among a case's fields, which are taken out; `None` in an ordinary case.
    pub(in crate::suite) fn take(fields: &mut Map<String, Value>) -> Result<Option<Self>, String> {
        let mut own = Map::new();
        for key in SCRIPT_FIELDS {
            own.extend(fields.remove_entry(key));
        }
        let Some(first) = own.keys().next() else { return Ok(None) };
        if !own.contains_key("scripted") {
            return Err(format!(
                "`{first}` without `scripted`; give `scripted = \"client\"` or `\"server\"`, whose place the harness takes"
            ));
        }
        from_json(Value::Object(own)).map(Some)
    }

    /// Whose place the harness takes.
    pub(in crate::suite) const fn role(&self) -> Role {
        self.scripted
    }

    /// Takes the outcomes of a scripted client out of the case's fields, and puts there
    /// what its one call has in their place.
    pub(in crate::suite) fn take_endings(
        &self,
        fields: &mut Map<String, Value>,
    ) -> Result<Vec<RawEnding>, String> {
        if self.scripted == Role::Server {
            return match fields.get("expect") {
                Some(Value::Array(_)) => Err("expect: one table in a case of a scripted server; a list of outcomes belongs to a scripted client".to_owned()),
                Some(expect) if expect.get("status").is_some() => Err("expect: `status` belongs to a scripted client; what a real client reports is `code`".to_owned()),
                _ => Ok(Vec::new()),
            };
        }
        if let Some(field) = CALL_FIELDS.iter().find(|field| fields.contains_key(**field)) {
            return Err(format!("`{field}` in a case of a scripted client, which makes no call"));
        }
        let endings = match fields.remove("expect") {
            None => return Err("no `expect`; give the allowed outcomes".to_owned()),
            Some(Value::Array(endings)) => endings,
            Some(ending) => vec![ending],
        };
        if endings.is_empty() {
            return Err("expect: no outcome is allowed; give at least one".to_owned());
        }
        fields.insert("expect".to_owned(), serde_json::json!({ "any_messages": true }));
        let is_known = fields.get("unknown_method") != Some(&Value::Bool(true));
        if is_known && !fields.contains_key("request") {
            fields.insert("request".to_owned(), Value::Object(Map::new()));
        }
        let read = |(index, ending): (usize, Value)| {
            if ending.get("code").is_some() {
                return Err(format!(
                    "expect[{index}]: `code` belongs to a scripted server; the outcome of a scripted client is `status`"
                ));
            }
            RawEnding::from_value(ending).map_err(|why| format!("expect[{index}]: {why}"))
        };
        endings.into_iter().enumerate().map(read).collect()
    }

    /// The script of a case with these calls, the first of which names the method.
    pub(in crate::suite) fn read(
        self,
        endings: Vec<RawEnding>,
        call: &Call,
        classes: &Classes,
        rule: &str,
    ) -> Result<Script, String> {
        let Method { path, descriptor } = &call.method;
        let input = descriptor.as_ref().map(MethodDescriptor::input);
        let output = descriptor.as_ref().map(MethodDescriptor::output);
        let message = if self.scripted == Role::Client { input } else { output.clone() };
        let reader = StepReader { role: self.scripted, path, message };
        let steps = reader.read_all(self.script)?;
        if self.script_again.is_some() && self.scripted == Role::Client {
            return Err("`script_again` of a client, which makes one connection".to_owned());
        }
        let steps_again = match self.script_again {
            Some(again) => reader.read_all(again).map_err(|why| format!("script_again: {why}"))?,
            None => steps.clone(),
        };
        let ending_reader = EndingReader { output: output.as_ref(), classes, rule };
        let endings = endings
            .into_iter()
            .enumerate()
            .map(|(index, ending)| {
                ending.read(&ending_reader).map_err(|why| format!("expect[{index}]: {why}"))
            })
            .collect::<Result<Vec<Ending>, _>>()?;
        let beside = self.beside.map(|raw| beside(raw, &reader, call)).transpose()?;
        let limit = match self.scripted {
            Role::Client => call.timeout,
            Role::Server => call.timeout + TIME_AFTER_DEADLINE,
        };
        let greets = self.greeting.unwrap_or(true);
        let check = |steps: &[Step]| {
            check_streams(self.scripted, steps)?;
            check_acknowledgements(greets, steps)?;
            check_pauses(steps, limit)?;
            match self.scripted {
                Role::Client => Ok(()),
                Role::Server => check_last_pauses(steps),
            }
        };
        check(&steps)?;
        check(&steps_again).map_err(|why| format!("script_again: {why}"))?;
        Ok(Script {
            role: self.scripted,
            steps,
            steps_again,
            greets,
            omits: self.omits,
            endings,
            beside,
        })
    }
}

fn beside(raw: RawBeside, reader: &StepReader<'_>, call: &Call) -> Result<Beside, String> {
    let Some(descriptor) = call.method.descriptor.as_ref().filter(|_| reader.role == Role::Client)
    else {
        return Err("`beside` needs a scripted client and a method that the proto has".to_owned());
    };
    let read = |value: &Value| {
        read_message(&descriptor.output(), value).map_err(|why| format!("beside.messages{why}"))
    };
    let messages = raw.messages.iter().map(read).collect::<Result<_, _>>()?;
    let kind = EndingKind::Status(vec![Code::OK]);
    Ok(Beside {
        steps: reader.ordinary_request(&call.request),
        ending: Ending { messages: Some(messages), ..Ending::of(kind) },
        // What a script waits for may be over soon; an ordinary call gets its time.
        limit: call.timeout.max(DEFAULT_TIMEOUT),
    })
}

/// Pauses that leave no time for anything else.
fn check_pauses(steps: &[Step], limit: Duration) -> Result<(), String> {
    let pauses = steps.iter().filter_map(|step| match step {
        Step::Pause(pause) => Some(*pause),
        _ => None,
    });
    let pauses: Duration = pauses.sum();
    if pauses < limit {
        return Ok(());
    }
    let (pauses, limit) = (text::duration(pauses), text::duration(limit));
    Err(format!("the script pauses for {pauses}, and is over after {limit}"))
}

/// Pauses of a server that would go on when its trial is over.
fn check_last_pauses(steps: &[Step]) -> Result<(), String> {
    let is_wait = |step: &Step| matches!(step, Step::WaitFor(_) | Step::MayWaitFor(_));
    let after = steps.iter().rposition(is_wait).map_or(0, |wait| wait + 1);
    check_pauses(&steps[after..], TIME_AFTER_DEADLINE).map_err(|_| {
        let limit = text::duration(TIME_AFTER_DEADLINE);
        format!("the script pauses after its last wait for longer than its trial goes on after the calls; that is {limit}")
    })
}

/// A wait for the answer to what was not sent, which would be over at once.
fn check_acknowledgements(greets: bool, steps: &[Step]) -> Result<(), String> {
    let mut sent = if greets { vec![kind::SETTINGS] } else { Vec::new() };
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Settings(_) => sent.push(kind::SETTINGS),
            Step::Frame { kind, flags, .. } if flags & flag::ACK == 0 => sent.push(*kind),
            // Whatever they are.
            Step::Bytes(_) => sent.extend([kind::SETTINGS, kind::PING]),
            Step::WaitFor(AnyOf(awaited)) | Step::MayWaitFor(AnyOf(awaited)) => {
                let not_sent = |awaited: &&Awaited| match awaited {
                    Awaited::SettingsAck => !sent.contains(&kind::SETTINGS),
                    Awaited::PingAck => !sent.contains(&kind::PING),
                    _ => false,
                };
                if let Some(awaited) = awaited.iter().find(not_sent) {
                    return Err(format!(
                        "step {index} of the script: a wait for {awaited}, and none was sent; send one before it"
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A wait for what that side never does, and steps about a stream that is not there.
fn check_streams(role: Role, steps: &[Step]) -> Result<(), String> {
    let is_wait = |step: &Step| match step {
        Step::WaitFor(AnyOf(awaited)) | Step::MayWaitFor(AnyOf(awaited)) => {
            awaited.contains(&Awaited::Request)
        }
        _ => false,
    };
    let first_request = steps.iter().position(is_wait);
    if role == Role::Client {
        return match first_request {
            Some(index) => Err(format!(
                "step {index} of the script: `wait_for = \"request\"` belongs to a scripted server; a client is sent none"
            )),
            None => Ok(()),
        };
    }
    let before = &steps[..first_request.unwrap_or(steps.len())];
    match before.iter().position(Step::is_about_the_current_stream) {
        Some(index) => Err(format!(
            "step {index} of the script: a server has no stream before the first `wait_for = \"request\"`; wait for it, or give `stream`"
        )),
        None => Ok(()),
    }
}
