//! `results.jsonl`: a header, a line for each trial, a footer.
//!
//! While a run goes on, lines are appended as trials end, so that a harness that
//! is killed leaves what it saw: a file without a footer. At the end the file is
//! written anew in the plan's order, with blame, and takes the first one's place.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::Serialize as _;
use serde_json::{Serializer, Value, json, ser::Formatter};

use super::Summary;
use super::words;
use crate::{
    finding::{Effect, Explanation, Finding},
    guard::Guard,
    identity::Identity,
    judge::{Judgement, Verdict},
    output,
    plan::Plan,
    results::{Cause, Record, causes},
    rules::Violation,
    text::is_unsafe,
};

/// In the header of a run in progress, the number of its process.
const PROCESS: &str = "process";

/// How long a header may be that is read: thousands of peers are not in it.
const MOST_HEADER_BYTES: u64 = 1 << 20;

/// The file of a run in progress.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: BufWriter<File>,
    started: SystemTime,
}

impl JsonLines {
    /// Creates the file with its header.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path, plan: &Plan, started: SystemTime) -> io::Result<Self> {
        let mut file = BufWriter::new(output::create(path)?);
        let mut header = header(plan, None, started);
        header["run"][PROCESS] = Guard::process().into();
        write_line(&mut file, &header)?;
        file.flush()?;
        Ok(Self { path: path.to_owned(), file, started })
    }

    /// Appends a trial as it ends.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&mut self, record: &Record<'_>) -> io::Result<()> {
        write_line(&mut self.file, &trial(record, None))
    }

    /// Hands what was appended to the system, so that it outlives the harness.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Puts the whole report in the file's place.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(
        mut self,
        plan: &Plan,
        records: &[Record<'_>],
        summary: &Summary,
    ) -> io::Result<()> {
        self.file.flush()?;
        let unfinished = self.path.with_extension("jsonl.unfinished");
        let mut file = BufWriter::new(output::create(&unfinished)?);
        write_all(&mut file, plan, records, summary, self.started)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(unfinished, &self.path)
    }
}

fn write_all(
    out: &mut impl Write,
    plan: &Plan,
    records: &[Record<'_>],
    summary: &Summary,
    started: SystemTime,
) -> io::Result<()> {
    write_line(out, &header(plan, Some(summary), started))?;
    let causes = causes(records);
    let mut cause_of = vec![None; records.len()];
    for cause in &causes {
        cause.trials.iter().for_each(|trial| cause_of[*trial] = Some(cause));
    }
    for (record, cause) in records.iter().zip(cause_of) {
        write_line(out, &trial(record, cause))?;
    }
    for cause in &causes {
        write_line(out, &json!({ "cause": cause_value(cause) }))?;
    }
    for note in &summary.notes {
        let (server, client) = (&note.server, &note.client);
        let role = note.role.to_string();
        let value = json!({ "server": server, "client": client, "role": role, "text": note.text });
        write_line(out, &json!({ "note": value }))?;
    }
    write_line(out, &footer(summary))
}

fn write_line(out: &mut impl Write, value: &Value) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Escaping))?;
    out.write_all(b"\n")
}

/// Escapes what a reader's terminal must not see as it is, and JSON may hold.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, character)) = rest.char_indices().find(|&(_, c)| is_unsafe(c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + character.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }
}

/// The process whose run writes to this file; `None` if none does, or it does not say.
#[must_use]
pub fn writer(path: &Path) -> Option<u64> {
    let mut header = String::new();
    let file = File::open(path).ok()?.take(MOST_HEADER_BYTES);
    BufReader::new(file).read_line(&mut header).ok()?;
    let header: Value = serde_json::from_str(&header).ok()?;
    header["run"][PROCESS].as_u64()
}

fn header(plan: &Plan, summary: Option<&Summary>, started: SystemTime) -> Value {
    let mut peers: Vec<Value> = Vec::new();
    for peer in plan.cells.iter().flat_map(|cell| [&cell.server, &cell.client]) {
        if peers.iter().any(|known| known["name"] == peer.name.as_str()) {
            continue;
        }
        let mut value = json!({ "name": peer.name });
        if let Some(language) = &peer.language {
            value["language"] = language.as_str().into();
        }
        if let Some(Identity { implementation, version }) =
            summary.and_then(|summary| summary.identities.get(&peer.name))
        {
            value["implementation"] = implementation.as_str().into();
            if let Some(version) = version {
                value["version"] = version.as_str().into();
            }
        }
        if let Some(hello) = summary.and_then(|summary| summary.hellos.get(&peer.name)) {
            value["features"] = hello.features.iter().map(|feature| feature.name()).collect();
        }
        if let Some(why) = summary.and_then(|summary| summary.blocked.get(&peer.name)) {
            value["blocked"] = why.as_str().into();
        }
        peers.push(value);
    }
    json!({ "run": {
        "crosswire": env!("CARGO_PKG_VERSION"),
        "started": humantime::format_rfc3339_seconds(started).to_string(),
        "cells": plan.cells.len(),
        "trials": plan.trial_count(),
        "peers": peers,
    } })
}

fn trial(record: &Record<'_>, cause: Option<&Cause<'_>>) -> Value {
    let judgement = record.judgement;
    let mut value = json!({
        "server": record.server,
        "client": record.client,
        "case": record.case.name,
        "rule": record.case.rule,
        "verdict": judgement.verdict.name(),
        "duration_us": u64::try_from(record.duration.as_micros()).unwrap_or(u64::MAX),
    });
    let reason = words::reason(record.case, judgement);
    if !reason.is_empty() {
        value["reason"] = reason.into();
    }
    if let Some(found) = judgement.findings.iter().find(|found| found.effect != Effect::Listed) {
        value["short"] = words::headline(found).into();
    }
    if let Some(blame) = &record.blame {
        value["blame"] = blame.side.to_string().into();
        value["evidence"] = words::evidence(blame, record.server, record.client).into();
    }
    if let Some(cause) = cause {
        value["cause"] = cause.id.as_str().into();
    }
    for (key, entries) in [("known", judgement.known()), ("passes", passes(judgement))] {
        if !entries.is_empty() {
            value[key] = entries.into_iter().map(explanation).collect();
        }
    }
    if let Some(expected) = &judgement.expected {
        value["expected"] = expected.clone();
    }
    if let Some(actual) = &judgement.actual {
        value["actual"] = actual.clone();
    }
    if !judgement.findings.is_empty() {
        value["findings"] = judgement.findings.iter().map(finding).collect();
    }
    if judgement.more_findings > 0 {
        value["more_findings"] = judgement.more_findings.into();
    }
    if judgement.unread_calls > 0 {
        value["unread_calls"] = judgement.unread_calls.into();
    }
    if !judgement.runs.is_empty() {
        let runs = judgement.runs.iter().map(|(verdict, number)| (verdict.name(), *number));
        value["runs"] = runs.collect::<BTreeMap<_, _>>().into_iter().collect();
    }
    if let Some(trace) = record.trace {
        value["trace"] = trace.path.display().to_string().into();
    }
    json!({ "trial": value })
}

fn passes(judgement: &Judgement) -> Vec<&Explanation> {
    judgement.passes.iter().map(|known| &**known).collect()
}

fn explanation(known: &Explanation) -> Value {
    let Explanation { reason, link, place } = known;
    json!({ "place": place.to_string(), "reason": reason, "link": link })
}

/// A finding as data, with its words at the end.
fn finding(finding: &Finding) -> Value {
    let Finding { kind, violation, side, field, expected, got, call, effect } = finding;
    let mut value = json!({ "kind": kind.name() });
    if let Some(Violation { rule, level, .. }) = violation {
        value["rule"] = (*rule).into();
        value["level"] = level.to_string().into();
    }
    if let Some(side) = side {
        value["side"] = side.to_string().into();
    }
    if let Some(field) = field {
        value["field"] = field.as_str().into();
    }
    for (key, one) in [("expected", expected), ("got", got)] {
        if !one.is_null() {
            value[key] = one.clone();
        }
    }
    if let Some(call) = call {
        value["call"] = (*call).into();
    }
    if let Some(Violation { transcript, breach, .. }) = violation {
        value["transcript"] = (*transcript).into();
        value["at_byte"] = breach.offset.into();
        value["bytes"] = breach.bytes.escape_ascii().to_string().into();
        value["bytes_of"] = breach.bytes_of.to_string().into();
    }
    match effect {
        Effect::Fails => value["effect"] = "fails".into(),
        Effect::Listed => value["effect"] = "listed".into(),
        Effect::Known(known) => {
            value["effect"] = "known".into();
            value["known"] = known.place.to_string().into();
        }
        Effect::Waived(why) => {
            value["effect"] = "waived".into();
            value["why"] = why.as_str().into();
        }
    }
    value["words"] = words::finding(finding).into();
    value
}

fn cause_value(cause: &Cause<'_>) -> Value {
    let Cause { id, whose, side, finding, trials } = cause;
    let mut value = json!({ "id": id, "trials": trials.len(), "side": side.to_string() });
    if !whose.is_empty() {
        value["whose"] = whose.as_str().into();
    }
    value["kind"] = finding.kind.name().into();
    if let Some(rule) = finding.rule() {
        value["rule"] = rule.into();
    }
    value["words"] = words::headline(finding).into();
    value
}

fn footer(summary: &Summary) -> Value {
    let millis =
        |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let counts = &summary.counts;
    let mut value = json!({ "trials": counts.judged() + counts.not_run });
    for verdict in Verdict::ALL {
        value[verdict.name()] = counts.of(verdict).into();
    }
    value["not_run"] = counts.not_run.into();
    if let Some(why) = &summary.stopped {
        value["stopped"] = why.as_str().into();
    }
    value["elapsed_ms"] = millis(summary.elapsed).into();
    value["build_ms"] = millis(summary.build).into();
    value["start_ms"] = millis(summary.times.start).into();
    value["calls_ms"] = millis(summary.times.calls).into();
    value["stop_ms"] = millis(summary.times.stop).into();
    if !summary.stale.is_empty() {
        let entry = |stale: &crate::known::Stale| json!({ "place": stale.place.to_string(), "why": stale.why.to_string() });
        value["stale"] = summary.stale.iter().map(entry).collect();
    }
    value["exit"] = summary.exit.code().into();
    json!({ "summary": value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped_and_read_back() {
        for (text, expected) in [
            ("żółw 温度 \"\\\n", r#""żółw 温度 \"\\\n""#),
            ("\u{9b}2J", r#""\u009b2J""#),
            ("a\u{202e}b\u{2066}", r#""a\u202eb\u2066""#),
            ("\u{7f}\u{feff}", r#""\u007f\ufeff""#),
            ("\u{e0041}", r#""\udb40\udc41""#),
        ] {
            let mut line = Vec::new();
            write_line(&mut line, &text.into()).unwrap();
            assert_eq!(String::from_utf8(line.clone()).unwrap().trim_end(), expected);
            assert_eq!(serde_json::from_slice::<Value>(&line).unwrap(), text);
        }
    }
}
