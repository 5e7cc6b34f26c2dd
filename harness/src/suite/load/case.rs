//! Reads cases, and checks what concerns a case as a whole.

use std::{sync::Arc, time::Duration};

use prost_reflect::MethodDescriptor;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    call::{CALL_FIELDS, read_call, read_duration},
    check_name,
};
use crate::{
    contract::Contract,
    input::{BadInput, Place, unknown_field},
    role::Role,
    suite::{
        case::{Call, Case, Seen},
        class::{Classes, Extent},
        each::each,
        expand::expand,
        fault::{Action, Fault},
        json::from_json,
        script::{RawScript, SCRIPT_FIELDS, Script},
        tls::{Tls, TlsTap},
    },
    text,
};

/// Longer than anything that comes late; the cell waits for it.
const MAX_LINGER: Duration = Duration::from_secs(60);

/// Turns the values of one suite into cases.
pub(super) struct CaseReader<'a> {
    pub(super) suite: &'a str,
    pub(super) methods: Vec<MethodDescriptor>,
    pub(super) contract: &'a Contract,
    pub(super) classes: &'a Classes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: String,
    rule: String,
    why: String,
    source: Option<String>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    alone: bool,
    #[serde(default)]
    pristine: bool,
    #[serde(default)]
    sequential: bool,
    linger: Option<String>,
    server_memory_bytes: Option<u64>,
    fault: Option<Fault>,
    tls: Option<Tls>,
    calls: Option<Vec<Map<String, Value>>>,
}

/// The fields that belong to a case as a whole; the others are its calls'.
const CASE_FIELDS: [&str; 13] = [
    "name",
    "rule",
    "why",
    "source",
    "needs",
    "alone",
    "pristine",
    "sequential",
    "linger",
    "server_memory_bytes",
    "fault",
    "tls",
    "calls",
];

impl CaseReader<'_> {
    /// The case that stands here, or the cases if it has `each`.
    pub(super) fn read_all(&self, place: &Place, value: Value) -> Result<Vec<Arc<Case>>, BadInput> {
        let name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
        let bad = |name: Option<String>, problem: String| match name {
            Some(name) => BadInput::new(place.clone(), format_args!("case `{name}`: {problem}")),
            None => BadInput::new(place.clone(), problem),
        };
        let written = name(&value);
        let values = each(value).map_err(|problem| bad(written, problem))?;
        let read = |(row, value): (String, Value)| {
            let name = name(&value);
            let case = self.read(place.clone(), value).map(Arc::new);
            case.map_err(|problem| bad(name, format!("{row}{problem}")))
        };
        values.into_iter().map(read).collect()
    }

    fn read(&self, place: Place, value: Value) -> Result<Case, String> {
        let Value::Object(mut fields) = expand(value)? else {
            return Err("a case is a table".to_owned());
        };
        // What stands on the case itself is the default of each of its calls.
        let mut own = Map::new();
        for key in CASE_FIELDS {
            own.extend(fields.remove_entry(key));
        }
        let mut raw: RawCase = from_json(Value::Object(own))?;
        check_name("case", &raw.name)?;
        if self.contract.rule(&raw.rule).is_none() {
            return Err(format!(
                "rule `{}` is not in the contract; `crosswire list rules` shows what there is",
                raw.rule
            ));
        }
        let script = RawScript::take(&mut fields)?;
        check_fields(&fields)?;
        if let Some(script) = &script {
            check_scripted(&raw, script.role())?;
        }
        let endings = script.as_ref().map(|script| script.take_endings(&mut fields)).transpose()?;
        self.write_out_classes(&mut fields, &raw.rule)?;
        for call in raw.calls.iter_mut().flatten() {
            self.write_out_classes(call, &raw.rule)?;
        }
        let calls = self.read_calls(fields, raw.calls.take())?;
        let script = script.map(|script| {
            let call = calls.first().ok_or("`calls` is empty")?;
            script.read(endings.unwrap_or_default(), call, self.classes, &raw.rule)
        });
        let script = script.transpose()?.map(Arc::new);
        self.check_outcomes(&raw, script.as_deref(), &calls)?;
        let linger = read_duration("linger", raw.linger.take())?.unwrap_or_default();
        check_together(&raw, &calls, linger)?;
        Ok(Case {
            name: format!("{}/{}", self.suite, raw.name),
            rule: raw.rule,
            why: raw.why,
            source: raw.source,
            place,
            needs: raw.needs,
            is_alone: raw.alone,
            // A scripted client marks nothing: all that it sends is in its script.
            is_pristine: raw.pristine || script.as_ref().is_some_and(|s| s.role == Role::Client),
            is_sequential: raw.sequential,
            linger,
            server_memory_bytes: raw.server_memory_bytes,
            fault: raw.fault,
            tls: raw.tls,
            script,
            calls,
        })
    }

    /// Puts the codes of a class in the place of its name, in what a client is to report.
    fn write_out_classes(&self, call: &mut Map<String, Value>, rule: &str) -> Result<(), String> {
        let code = call.get_mut("expect").and_then(|expect| expect.get_mut("code"));
        let Some(code) = code else { return Ok(()) };
        let is_class = |name: &&str| name.starts_with(|first: char| first.is_ascii_lowercase());
        let names = match code {
            Value::Array(names) => std::mem::take(names),
            _ => vec![code.take()],
        };
        let mut all: Vec<Value> = Vec::new();
        for name in names {
            let Some(class) = name.as_str().filter(is_class) else {
                all.push(name);
                continue;
            };
            let codes = self.classes.codes(class, rule);
            let codes = codes.map_err(|why| format!("expect.code: {why}"))?;
            all.extend(codes.iter().map(|code| code.to_string().into()));
        }
        *code = Value::Array(all);
        Ok(())
    }

    /// What may come of a script, beside what may come by its rule. (An ordinary case's outcome
    /// is the service's, which no class describes.)
    fn check_outcomes(
        &self,
        raw: &RawCase,
        script: Option<&Script>,
        calls: &[Call],
    ) -> Result<(), String> {
        let Some(script) = script else { return Ok(()) };
        let check = |outcomes: &Extent| {
            let is_reported = script.role == Role::Server;
            self.classes.check(&raw.rule, outcomes, is_reported, raw.source.is_some())
        };
        if script.role == Role::Client {
            let mut outcomes = Extent::default();
            script.endings.iter().for_each(|ending| outcomes.add(&ending.kind.extent()));
            return check(&outcomes);
        }
        // Of several calls, one is what the case is about.
        let mut checked = calls.iter().map(|call| check(&Extent::of_codes(&call.expect.codes)));
        let first = checked.next().unwrap_or(Ok(()));
        if checked.any(|fits| fits.is_ok()) { Ok(()) } else { first }
    }

    /// The calls, with what stands on the case itself as each one's default.
    fn read_calls(
        &self,
        fields: Map<String, Value>,
        calls: Option<Vec<Map<String, Value>>>,
    ) -> Result<Vec<Call>, String> {
        let Some(calls) = calls else {
            return Ok(vec![read_call(&self.methods, fields)?]);
        };
        if calls.is_empty() {
            return Err("`calls` is empty".to_owned());
        }
        let read = |(index, call)| {
            let mut merged = fields.clone();
            merged.extend(call);
            read_call(&self.methods, merged).map_err(|problem| format!("calls[{index}]: {problem}"))
        };
        calls.into_iter().enumerate().map(read).collect()
    }
}

/// The fields that are left once a case's own are taken are its calls'.
fn check_fields(fields: &Map<String, Value>) -> Result<(), String> {
    match fields.keys().find(|key| !CALL_FIELDS.contains(&key.as_str())) {
        Some(key) => Err(unknown_field(
            key,
            &[&CASE_FIELDS[..], &CALL_FIELDS, &SCRIPT_FIELDS, &["each"]].concat(),
        )),
        None => Ok(()),
    }
}

/// What a scripted case cannot have.
fn check_scripted(raw: &RawCase, role: Role) -> Result<(), String> {
    let fields = [
        ("fault", raw.fault.is_some()),
        ("tls", raw.tls.is_some()),
        ("pristine", raw.pristine),
        ("calls", raw.calls.is_some() && role == Role::Client),
    ];
    match fields.iter().find(|(_, is_given)| *is_given) {
        Some((field, _)) => Err(format!(
            "`{field}` in a case of a scripted {role}; leave it out: the script says what passes"
        )),
        None => Ok(()),
    }
}

/// What a case cannot have together, or not without something else.
fn check_together(raw: &RawCase, calls: &[Call], linger: Duration) -> Result<(), String> {
    let any_call_sees =
        |seen: fn(&Seen) -> bool| calls.iter().any(|call| call.expect.seen.iter().any(seen));
    let pings = raw.fault.as_ref().is_some_and(|fault| fault.action == Action::Ping);
    let is_read = raw.tls.as_ref().is_none_or(|tls| tls.tap == TlsTap::Ends);
    let is_about_the_call_before =
        |seen: &Seen| matches!(seen, Seen::SameConnection | Seen::NewConnection);
    let problems = [
        (
            raw.pristine && calls.len() > 1,
            "`pristine` with several `calls`: nothing would tell them apart",
        ),
        (
            raw.server_memory_bytes.is_some() && !raw.alone,
            "`server_memory_bytes` without `alone = true`: others grow it too",
        ),
        (
            calls.first().is_some_and(|call| call.expect.seen.iter().any(is_about_the_call_before))
                || (!raw.sequential && any_call_sees(is_about_the_call_before)),
            "`expect.wire` of the call before, and there is none: give `sequential = true`, and it to a later call",
        ),
        (
            !pings && any_call_sees(|seen| *seen == Seen::PingAnswered),
            "`expect.wire` has ping-answered, and no `fault` sends a PING",
        ),
        (
            !is_read && raw.fault.as_ref().is_some_and(Fault::reads_frames),
            "`fault` in frames that the tap cannot read: give `tls.tap = \"ends\"`",
        ),
        (
            !is_read && any_call_sees(|_| true),
            "`expect.wire` of what the tap cannot read: give `tls.tap = \"ends\"`",
        ),
        (
            !raw.sequential && calls.iter().any(|call| !call.pause.is_zero()),
            "`pause` without `sequential = true`: the calls start at once",
        ),
    ];
    if let Some((_, problem)) = problems.iter().find(|(is_there, _)| *is_there) {
        return Err((*problem).to_owned());
    }
    if linger > MAX_LINGER {
        return Err(format!("linger: {} at most", text::duration(MAX_LINGER)));
    }
    Ok(())
}
