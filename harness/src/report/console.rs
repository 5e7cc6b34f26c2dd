//! What a run prints at its end: the matrix, a block for each failure, the sums.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::Summary;
use crate::{
    contract::Contract,
    judge::{Blame, Side, Verdict},
    manifest::SCRIPTED,
    plan::Plan,
    results::{Counts, Record, Results},
    role::Role,
    rules::{self, Violation},
    text::{count, list, printable, shorten},
    words,
};

/// How many failures are shown whole; the rest is in the files.
const MOST_BLOCKS: usize = 20;

/// How many known failures are named; of more, only their number is said.
const MOST_KNOWN: usize = 10;

/// How much of an expected or actual value is shown.
const SHOWN_VALUE: usize = 400;

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const ODD: Style = AnsiColor::Yellow.on_default();
const HEAD: Style = Style::new().bold();

/// Writes to the console. The writer decides whether styles are kept.
#[derive(Debug)]
pub struct Console<'a, W> {
    /// Where to.
    pub out: W,
    /// What was planned.
    pub plan: &'a Plan,
    /// Where the rules are explained.
    pub contract: &'a Contract,
    /// The report's folder.
    pub folder: &'a Path,
    /// How to run one failure again.
    pub rerun: Rerun,
}

/// The start of a command that runs a part of this run again.
#[derive(Debug, Clone)]
pub struct Rerun {
    /// Such as `target/debug/crosswire run --strict`.
    pub command: String,
    /// What selects the trials of a cell, as this run was told: a word for the shell that
    /// follows the others, or nothing.
    pub selection: String,
}

impl<W: Write> Console<'_, W> {
    /// Writes all of it.
    ///
    /// # Errors
    /// The writer fails.
    pub fn write(
        mut self,
        results: &Results,
        records: &[Record<'_>],
        summary: &Summary,
    ) -> io::Result<()> {
        self.failures(records)?;
        let remarks = remarks(records, summary);
        if !remarks.is_empty() {
            writeln!(self.out, "\n{}", remarks.join("\n"))?;
        }
        self.matrix(results)?;
        let read_calls = records.iter().map(|record| record.judgement.read_calls).sum();
        self.sums(summary, read_calls)
    }

    fn matrix(&mut self, results: &Results) -> io::Result<()> {
        let (mut servers, mut clients): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        for cell in &self.plan.cells {
            for (names, name) in
                [(&mut servers, &cell.server.name), (&mut clients, &cell.client.name)]
            {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        }
        // The harness itself stands last, whatever was selected.
        servers.sort_by_key(|name| *name == SCRIPTED);
        clients.sort_by_key(|name| *name == SCRIPTED);
        let text = |server: &str, client: &str| {
            let mut cells = self.plan.cells.iter();
            let index = cells.position(|c| c.server.name == server && c.client.name == client)?;
            Some(cell_text(&results.cell_counts(index)))
        };
        let table: Vec<Vec<(String, Style)>> = servers
            .iter()
            .map(|server| {
                let cell =
                    |client: &&str| text(server, client).unwrap_or(("-".to_owned(), Style::new()));
                clients.iter().map(cell).collect()
            })
            .collect();
        let first =
            servers.iter().map(|s| s.chars().count()).max().unwrap_or(0).max(MATRIX_CORNER.len());
        let widths: Vec<usize> = (0..clients.len())
            .map(|column| {
                let cells = table.iter().map(|row| row[column].0.chars().count());
                cells.max().unwrap_or(0).max(clients[column].chars().count())
            })
            .collect();
        write!(self.out, "\n{MATRIX_CORNER:first$}")?;
        for (client, width) in clients.iter().zip(&widths) {
            write!(self.out, "  {HEAD}{client:width$}{HEAD:#}")?;
        }
        writeln!(self.out)?;
        for (server, row) in servers.iter().zip(&table) {
            write!(self.out, "{HEAD}{server:first$}{HEAD:#}")?;
            for ((text, style), width) in row.iter().zip(&widths) {
                write!(self.out, "  {style}{text:width$}{style:#}")?;
            }
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn failures(&mut self, records: &[Record<'_>]) -> io::Result<()> {
        let failures = records.iter().filter(|record| record.judgement.verdict.is_unexpected());
        let groups = grouped(failures);
        for group in groups.iter().take(MOST_BLOCKS) {
            self.failure(group)?;
        }
        if groups.len() > MOST_BLOCKS {
            let more = count(groups.len() - MOST_BLOCKS, "more failure");
            let file = self.folder.join("results.jsonl");
            writeln!(self.out, "\n{BAD}{more}{BAD:#} in {}", file.display())?;
        }
        Ok(())
    }

    fn failure(&mut self, group: &[&Record<'_>]) -> io::Result<()> {
        let [first, ..] = group else { return Ok(()) };
        let (case, judgement) = (first.case, first.judgement);
        let verdict = judgement.verdict.name().to_uppercase();
        let place = cells_of(group);
        writeln!(self.out, "\n{BAD}{verdict}{BAD:#} {HEAD}{}{HEAD:#} with {place}", case.name)?;
        if let Some(rule) = self.contract.rule(&case.rule) {
            self.line("rule", &format!("{} ({}) {}", rule.id, rule.level, rule.text))?;
        }
        self.line("why", &case.why)?;
        self.line("reason", &judgement.reason)?;
        if let Some(expected) = &judgement.expected {
            self.line("expected", &shown(expected))?;
        }
        if let Some(actual) = &judgement.actual {
            self.line("actual", &shown(actual))?;
        }
        if let Some(blame) = &first.blame {
            self.line("blame", &blame_text(blame, first))?;
        }
        if let Some(trace) = first.trace {
            for (index, line) in trace.excerpt.iter().enumerate() {
                self.line(if index == 0 { "wire" } else { "" }, line)?;
            }
            self.line("trace", &trace.path.display().to_string())?;
        }
        let logs = self.folder.join("logs").join(format!("{}+{}", first.server, first.client));
        self.line("logs", &logs.display().to_string())?;
        let Rerun { command, selection } = &self.rerun;
        let cell = format!("{command} --server {} --client {}", first.server, first.client);
        let again = match judgement.is_answered_alone {
            // It takes what ran beside it.
            true => format!("{cell}{selection}"),
            false => format!("{cell} -E 'case({})'", case.name),
        };
        self.line("again", &again)
    }

    fn line(&mut self, label: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "  {label:9} {}", printable(text))
    }

    fn sums(&mut self, summary: &Summary, read_calls: usize) -> io::Result<()> {
        let counts = &summary.counts;
        let trials = count(counts.judged() + counts.not_run, "trial");
        let mut parts: Vec<String> = counts
            .nonzero()
            .map(|(verdict, number)| {
                let style = style_of(verdict);
                format!("{style}{number} {}{style:#}", verdict.name())
            })
            .collect();
        if counts.not_run > 0 {
            parts.push(format!("{ODD}{} not run{ODD:#}", counts.not_run));
        }
        writeln!(self.out, "\n{trials}: {}", parts.join(", "))?;
        if read_calls > 0 {
            let (calls, rules) = (count(read_calls, "call"), rules::RULES.len());
            writeln!(self.out, "{calls} judged on the wire by {rules} rules")?;
        }
        if let Some(why) = &summary.stopped {
            writeln!(self.out, "{BAD}stopped early{BAD:#}: {why}")?;
        }
        let times = summary.times;
        writeln!(
            self.out,
            "{} (build {}; added up over the cells: start {}, calls {}, stop {})",
            seconds(summary.elapsed),
            seconds(summary.build),
            seconds(times.start),
            seconds(times.calls),
            seconds(times.stop)
        )?;
        writeln!(self.out, "results.jsonl, junit.xml and logs in {}", self.folder.display())
    }
}

/// What should be known and is no failure, a line each.
fn remarks(records: &[Record<'_>], summary: &Summary) -> Vec<String> {
    let of = |verdict| records.iter().filter(move |record| record.judgement.verdict == verdict);
    let mut remarks = Vec::new();
    let known = grouped(of(Verdict::Known));
    if known.len() > MOST_KNOWN {
        let trials = count(known.iter().map(Vec::len).sum(), "trial");
        remarks.push(format!(
            "{ODD}known{ODD:#}: {trials}; `crosswire list known` says of what and why"
        ));
    }
    for group in known.iter().filter(|_| known.len() <= MOST_KNOWN) {
        let known = group[0].known.map(|known| format!("{} ({})", known.reason, known.link));
        let (name, place) = (&group[0].case.name, cells_of(group));
        let known = printable(&known.unwrap_or_default());
        remarks.push(format!("{ODD}known{ODD:#}: {name} with {place}: {known}"));
    }
    remarks.extend(listed_violations(records));
    let unread: usize = records.iter().map(|record| record.judgement.unread_calls).sum();
    if unread > 0 {
        let calls = count(unread, "call");
        remarks.push(format!(
            "{ODD}not read{ODD:#}: {calls}: not all that passed was read, so no rule of the wire was applied"
        ));
    }
    for (verdict, style) in [(Verdict::Unsupported, ODD), (Verdict::Blocked, BAD)] {
        let mut reasons: BTreeMap<&String, usize> = BTreeMap::new();
        for record in of(verdict) {
            *reasons.entry(&record.judgement.reason).or_default() += 1;
        }
        // What blocks a whole peer is said below, with its name.
        reasons.retain(|reason, _| !summary.blocked.values().any(|why| why == *reason));
        for (reason, number) in reasons {
            let (name, trials, reason) =
                (verdict.name(), count(number, "trial"), printable(reason));
            remarks.push(format!("{style}{name}{style:#}: {trials}: {reason}"));
        }
    }
    for note in &summary.notes {
        let (server, client) = (&note.server, &note.client);
        let what = format!("{} {} {}", note.peer(), note.role, printable(&note.text));
        remarks.push(format!("{ODD}note{ODD:#}: {what} (server {server}, client {client})"));
    }
    for (peer, why) in &summary.blocked {
        remarks.push(format!("{BAD}blocked{BAD:#}: {peer}: {}", printable(why)));
    }
    remarks
}

/// The rules that were broken without failing a trial, by rule and peer.
fn listed_violations(records: &[Record<'_>]) -> Vec<String> {
    let mut listed: BTreeMap<(&str, String), (usize, &Violation)> = BTreeMap::new();
    for record in records.iter().filter(|record| record.judgement.verdict == Verdict::Pass) {
        for (_, violation) in &record.judgement.violations {
            let side = violation.breach.side;
            let peer = match side {
                Role::Server => record.server,
                Role::Client => record.client,
            };
            let entry = listed.entry((violation.rule, format!("{peer} {side}")));
            entry.or_insert((0, violation)).0 += 1;
        }
    }
    listed
        .into_iter()
        .map(|((_, peer), (number, violation))| {
            let (times, what) = (count(number, "time"), printable(&words::violation(violation)));
            format!("{ODD}listed{ODD:#}: {peer}, {times}, such as {what}")
        })
        .collect()
}

const MATRIX_CORNER: &str = "server \\ client";

fn cell_text(counts: &Counts) -> (String, Style) {
    let mut parts: Vec<String> =
        counts.nonzero().map(|(verdict, number)| format!("{number} {}", verdict.name())).collect();
    if counts.not_run > 0 {
        parts.push(format!("{} not run", counts.not_run));
    }
    let is_bad = counts.unexpected() > 0 || counts.of(Verdict::Blocked) > 0;
    let style = if is_bad {
        BAD
    } else if counts.not_run > 0 {
        ODD
    } else {
        GOOD
    };
    (parts.join(", "), style)
}

const fn style_of(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => GOOD,
        Verdict::Known | Verdict::Unsupported => ODD,
        _ => BAD,
    }
}

/// Failures that are the same thing seen in several cells, shown as one.
fn grouped<'a, 'b: 'a>(records: impl Iterator<Item = &'a Record<'b>>) -> Vec<Vec<&'a Record<'b>>> {
    let key = |record: &Record<'_>| {
        let side = record.blame.as_ref().map(|blame| blame.side);
        let peer = match side {
            Some(Side::Server) => Some(record.server.to_owned()),
            Some(Side::Client) => Some(record.client.to_owned()),
            _ => None,
        };
        let judgement = record.judgement;
        (record.case.name.clone(), judgement.verdict, side, peer, judgement.reason.clone())
    };
    let mut groups: Vec<(_, Vec<&Record<'_>>)> = Vec::new();
    for record in records {
        let key = key(record);
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, group)) => group.push(record),
            None => groups.push((key, vec![record])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// `server go, clients rust and python` for cells that share a side, else pairs.
fn cells_of(group: &[&Record<'_>]) -> String {
    let names = |name: fn(&Record<'_>) -> String| {
        let mut names: Vec<String> = group.iter().map(|record| name(record)).collect();
        names.sort();
        names.dedup();
        names
    };
    let say = |role: &str, names: &[String]| {
        let plural = if names.len() == 1 { "" } else { "s" };
        format!("{role}{plural} {}", list(&names.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    let servers = names(|record| record.server.to_owned());
    let clients = names(|record| record.client.to_owned());
    if servers.len() * clients.len() == group.len() {
        return format!("{}, {}", say("server", &servers), say("client", &clients));
    }
    let pairs: Vec<String> =
        group.iter().map(|record| format!("{}+{}", record.server, record.client)).collect();
    format!("server+client {}", list(&pairs.iter().map(String::as_str).collect::<Vec<_>>()))
}

fn blame_text(blame: &Blame, record: &Record<'_>) -> String {
    let evidence = &blame.evidence;
    match blame.side {
        Side::Server => format!("server {}: {evidence}", record.server),
        Side::Client => format!("client {}: {evidence}", record.client),
        Side::Unclear => format!("unclear: {evidence}"),
    }
}

fn shown(value: &Value) -> String {
    shorten(&value.to_string(), SHOWN_VALUE)
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
