//! Reads cases, and checks what concerns a case as a whole.

use std::{sync::Arc, time::Duration};

use prost_reflect::MethodDescriptor;
use serde_json::{Map, Value};

use super::{
    call::{is_of_a_call, read_call},
    check_name,
    defaults::Defaults,
    fields::{WrittenCalls, case_fields},
    head::WrittenHead,
    origin::Origin,
};
use crate::{
    contract::Contract,
    feature::ServerFeature,
    input::{BadInput, Place, unknown_field},
    role::Role,
    suite::{
        call::Call,
        case::{Case, CaseHead},
        channel::Place as AddressPlace,
        class::{Classes, Extent},
        each::each,
        expand::expand,
        expect::Seen,
        fault::{Action, Fault},
        problem::{Problem, Within as _},
        script::WrittenScript,
        table::{fields_of, take, take_if_any},
        tls::TlsTap,
    },
    text,
};

/// Longer than anything that comes late; the cell waits for it.
const MAX_LINGER: Duration = Duration::from_secs(60);

/// Whether a case is wanted, and so more of it than its head is read.
pub(super) type Wants<'a> = dyn Fn(&CaseHead) -> bool + Sync + 'a;

/// Turns the values of one suite into cases.
pub(super) struct CaseReader<'a> {
    pub(super) suite: &'a str,
    pub(super) defaults: &'a Defaults,
    pub(super) methods: Vec<MethodDescriptor>,
    pub(super) contract: &'a Contract,
    pub(super) classes: &'a Classes,
    /// The features that the manifest lists.
    pub(super) features: &'a [ServerFeature],
    /// Of which cases more than the head is read.
    pub(super) wants: &'a Wants<'a>,
}

impl CaseReader<'_> {
    /// Reads the case that stands here, or the cases if it has `each`: the heads of all, and
    /// those that are wanted.
    pub(super) fn read_all(
        &self,
        origin: &Origin<'_>,
    ) -> Result<(Vec<CaseHead>, Vec<Arc<Case>>), BadInput> {
        let heads = origin.head().and_then(|written| self.read_heads(origin, written));
        match heads {
            Some(heads) if !heads.iter().any(self.wants) => Ok((heads, Vec::new())),
            Some(heads) => {
                let cases = self.read_rows(origin, |row| (self.wants)(&heads[row]))?;
                Ok((heads, cases))
            }
            // Whoever reads all of it finds the head, or what is wrong with it.
            None => {
                let mut cases = self.read_rows(origin, |_| true)?;
                let heads: Vec<CaseHead> = cases.iter().map(|case| case.head()).collect();
                cases.retain(|case| (self.wants)(&case.head()));
                Ok((heads, cases))
            }
        }
    }

    /// The heads of the cases that stand here, unless one takes more than its own fields to be
    /// told, or something is wrong with it.
    fn read_heads(&self, origin: &Origin<'_>, written: WrittenHead) -> Option<Vec<CaseHead>> {
        let place = origin.place();
        let read = |row: WrittenHead| {
            let given = |own: Option<String>, field| {
                own.or_else(|| self.defaults.text(field).map(str::to_owned))
            };
            let rule = given(row.rule, "rule")?;
            self.contract.rule(&rule)?;
            check_name("case", &row.name).ok()?;
            let scripted = match given(row.scripted, "scripted").as_deref() {
                None => None,
                Some("client") => Some(Role::Client),
                Some("server") => Some(Role::Server),
                Some(_) => return None,
            };
            let name = format!("{}/{}", self.suite, row.name);
            let is_of_own_pair =
                row.own_pair.or_else(|| self.defaults.flag("own_pair")).unwrap_or_default();
            let (program, place) = (None, place.clone());
            Some(CaseHead { name, rule, scripted, is_of_own_pair, program, place })
        };
        written.rows()?.into_iter().map(read).collect()
    }

    /// The cases that stand here, as far as their rows are wanted.
    fn read_rows(
        &self,
        origin: &Origin<'_>,
        is_wanted: impl Fn(usize) -> bool,
    ) -> Result<Vec<Arc<Case>>, BadInput> {
        let value = origin.value()?;
        let name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
        let bad = |name: Option<String>, row: Option<usize>, problem: Problem| {
            let place = origin.place_of(&problem, row);
            let row = row.map(|row| format!("each[{row}]: ")).unwrap_or_default();
            match name {
                Some(name) => BadInput::new(place, format_args!("case `{name}`: {row}{problem}")),
                None => BadInput::new(place, format_args!("{row}{problem}")),
            }
        };
        let written = name(&value);
        let values = each(value).map_err(|problem| bad(written, None, problem))?;
        let read = |(row, value): (Option<usize>, Value)| {
            let name = name(&value);
            let case = self.read(origin.place(), value).map(Arc::new);
            case.map_err(|problem| bad(name, row, problem))
        };
        let wanted = values.into_iter().enumerate().filter(|(index, _)| is_wanted(*index));
        wanted.map(|(_, value)| read(value)).collect()
    }

    fn read(&self, place: Place, value: Value) -> Result<Case, Problem> {
        let Value::Object(mut table) = expand(value)? else {
            return Err("a case is a table".into());
        };
        self.defaults.fill(&mut table);
        // What stands on the case itself is the default of each of its calls.
        let mut case: Case = take(&mut table)?;
        let WrittenCalls { mut calls } = take(&mut table)?;
        self.check_names(&case)?;
        let script: Option<WrittenScript> = match table.keys().find(|key| is_of_a_script(key)) {
            Some(first) if !table.contains_key("scripted") => {
                return Err(Problem::of_field(
                    first,
                    format!(
                        "`{first}` without `scripted`; give `scripted = \"client\"` or `\"server\"`, whose place the harness takes"
                    ),
                ));
            }
            _ => take_if_any(&mut table)?,
        };
        if let Some(field) = table.keys().find(|field| !is_of_a_call(field)) {
            let known = [&case_fields()[..], &["each"]].concat();
            return Err(Problem::of_field(field, unknown_field(field, &known)));
        }
        if let Some(script) = &script {
            check_scripted(&case, calls.is_some(), script.role())?;
        }
        let endings = script.as_ref().map(|script| script.take_endings(&mut table)).transpose()?;
        self.write_out_classes(&mut table, &case.rule)?;
        for (index, call) in calls.iter_mut().flatten().enumerate() {
            self.write_out_classes(call, &case.rule).within(index).within("calls")?;
        }
        case.calls = self.read_calls(table, calls)?;
        let is_retried = case.channel.retries();
        case.calls.iter_mut().for_each(|call| call.is_retried = is_retried);
        check_together(&case)?;
        let script = script.map(|script| {
            let call = case.calls.first().ok_or("`calls` is empty")?;
            script.read(endings.unwrap_or_default(), call, self.classes, &case.rule)
        });
        case.script = script.transpose()?.map(Arc::new);
        self.check_outcomes(&case)?;
        case.name = format!("{}/{}", self.suite, case.name);
        case.place = place;
        // A scripted client marks nothing: all that it sends is in its script.
        case.is_pristine |= case.scripted() == Some(Role::Client);
        Ok(case)
    }

    /// What a case names must be there.
    fn check_names(&self, case: &Case) -> Result<(), Problem> {
        check_name("case", &case.name).map_err(|problem| Problem::of_field("name", problem))?;
        if self.contract.rule(&case.rule).is_none() {
            return Err(Problem::of_field(
                "rule",
                format!(
                    "rule `{}` is not in the contract; `crosswire list rules` shows what there is",
                    case.rule
                ),
            ));
        }
        case.needs
            .iter()
            .try_for_each(|feature| feature.check_needed(self.features))
            .within("needs")
    }

    /// Puts the codes of a class in the place of its name, in what a client is to report.
    fn write_out_classes(&self, call: &mut Map<String, Value>, rule: &str) -> Result<(), Problem> {
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
            let codes = codes.within("code").within("expect")?;
            all.extend(codes.iter().map(|code| code.to_string().into()));
        }
        *code = Value::Array(all);
        Ok(())
    }

    /// What may come of a script, beside what may come by its rule. (An ordinary case's outcome
    /// is the service's, which no class describes.)
    fn check_outcomes(&self, case: &Case) -> Result<(), String> {
        let Some(script) = case.script.as_deref() else { return Ok(()) };
        let check = |outcomes: &Extent| {
            let is_reported = script.role == Role::Server;
            self.classes.check(&case.rule, outcomes, is_reported, case.source.is_some())
        };
        if script.role == Role::Client {
            let mut outcomes = Extent::default();
            script.endings.iter().for_each(|ending| outcomes.add(&ending.kind.extent()));
            return check(&outcomes);
        }
        // Of several calls, one is what the case is about.
        let mut checked =
            case.calls.iter().map(|call| check(&Extent::of_codes(&call.expect.codes)));
        let first = checked.next().unwrap_or(Ok(()));
        if checked.any(|fits| fits.is_ok()) { Ok(()) } else { first }
    }

    /// The calls, with what stands on the case itself as each one's default.
    fn read_calls(
        &self,
        table: Map<String, Value>,
        calls: Option<Vec<Map<String, Value>>>,
    ) -> Result<Vec<Call>, Problem> {
        let Some(calls) = calls else {
            return Ok(vec![read_call(&self.methods, table)?]);
        };
        if calls.is_empty() {
            return Err(Problem::of_field("calls", "`calls` is empty"));
        }
        let read = |(index, call)| {
            let mut merged = table.clone();
            merged.extend(call);
            read_call(&self.methods, merged).within(index).within("calls")
        };
        calls.into_iter().enumerate().map(read).collect()
    }
}

fn is_of_a_script(field: &str) -> bool {
    fields_of::<WrittenScript>().contains(&field)
}

/// What a scripted case cannot have.
fn check_scripted(case: &Case, has_calls: bool, role: Role) -> Result<(), Problem> {
    let fields = [
        ("fault", case.fault.is_some()),
        ("tls", case.tls.is_some()),
        ("pristine", case.is_pristine),
        ("channel", !case.channel.is_ordinary() && role == Role::Client),
        ("server_over", !case.server_over.is_ordinary() && role == Role::Server),
        ("server_settings", !case.server_settings.is_empty() && role == Role::Server),
        ("calls", has_calls && role == Role::Client),
    ];
    match fields.iter().find(|(_, is_given)| *is_given) {
        Some((field, _)) => Err(Problem::of_field(
            field,
            format!(
                "`{field}` in a case of a scripted {role}; leave it out: the script says what passes"
            ),
        )),
        None => Ok(()),
    }
}

/// What a case cannot have together, or not without something else.
fn check_together(case: &Case) -> Result<(), Problem> {
    let calls = &case.calls;
    let any_call_sees =
        |seen: fn(&Seen) -> bool| calls.iter().any(|call| call.expect.seen.iter().any(seen));
    let pings = case.fault.as_ref().is_some_and(|fault| fault.action == Action::Ping);
    let is_read = case.tls.as_ref().is_none_or(|tls| tls.tap == TlsTap::Ends);
    let is_about_the_call_before = |seen: &Seen| {
        use Seen::{AnotherAddress, NewConnection, SameAddress, SameConnection};
        matches!(seen, SameConnection | NewConnection | AnotherAddress | SameAddress)
    };
    let problems = [
        (
            case.is_pristine && calls.len() > 1,
            "pristine",
            "`pristine` with several `calls`: nothing would tell them apart",
        ),
        (
            case.server_memory_bytes.is_some() && !case.is_alone,
            "server_memory_bytes",
            "`server_memory_bytes` without `alone = true`: others grow it too",
        ),
        (
            calls.first().is_some_and(|call| call.expect.seen.iter().any(is_about_the_call_before))
                || (!case.is_sequential && any_call_sees(is_about_the_call_before)),
            "expect",
            "`expect.wire` of the call before, and there is none: give `sequential = true`, and it to a later call",
        ),
        (
            !pings && any_call_sees(|seen| *seen == Seen::PingAnswered),
            "expect",
            "`expect.wire` has ping-answered, and no `fault` sends a PING",
        ),
        (
            !is_read && case.fault.as_ref().is_some_and(Fault::reads_frames),
            "fault",
            "`fault` in frames that the tap cannot read: give `tls.tap = \"ends\"`",
        ),
        (
            !is_read && any_call_sees(|_| true),
            "expect",
            "`expect.wire` of what the tap cannot read: give `tls.tap = \"ends\"`",
        ),
        (
            case.reconnects && !case.is_sequential,
            "reconnect",
            "`reconnect` without `sequential = true`: the calls start at once",
        ),
        (
            !case.is_sequential && calls.iter().any(|call| !call.pause.is_zero()),
            "pause",
            "`pause` without `sequential = true`: the calls start at once",
        ),
    ];
    if let Some((_, field, problem)) = problems.iter().find(|(is_there, ..)| *is_there) {
        return Err(Problem::of_field(field, *problem));
    }
    case.channel.check().map_err(|problem| Problem::of_field("channel", problem))?;
    let struck = case.fault.as_ref().and_then(|fault| fault.address);
    if struck.is_some_and(|at| case.channel.places().get(at) != Some(&AddressPlace::Server)) {
        let problem = "`address` is none of the target's at which a server is, counted from 0";
        return Err(Problem::of_field("fault", problem));
    }
    if case.linger > MAX_LINGER {
        return Err(format!("{} at most", text::duration(MAX_LINGER))).within("linger");
    }
    Ok(())
}
