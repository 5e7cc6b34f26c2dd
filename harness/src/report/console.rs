//! What a run prints at its end: an example of each cause, the matrix, all causes, the sums.

mod causes;

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::{RanAgain, Summary, words};
use crate::{
    contract::Contract,
    finding::{Effect, Finding, Side},
    judge::{Blame, Verdict},
    manifest::SCRIPTED,
    plan::Plan,
    results::{Counts, Record, Results, causes},
    rules,
    text::{count, list, printable, shorten},
};

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
        let causes = causes(records);
        self.examples(&causes, records)?;
        let remarks = remarks(records, summary);
        if !remarks.is_empty() {
            writeln!(self.out, "\n{}", remarks.join("\n"))?;
        }
        self.repetitions(records)?;
        self.matrix(results)?;
        self.identities(summary)?;
        self.table(&causes, records)?;
        if let Some(timings) = &summary.timings {
            timings.write(&mut self.out, self.plan, records)?;
        }
        let read_calls = records.iter().map(|record| record.judgement.read_calls).sum();
        self.sums(summary, read_calls)
    }

    /// Which trials did not come to the same in every run, where there was more than one.
    fn repetitions(&mut self, records: &[Record<'_>]) -> io::Result<()> {
        let runs = |record: &&Record<'_>| record.judgement.runs.values().sum::<usize>();
        let repeated: Vec<&Record<'_>> = records.iter().filter(|one| runs(one) > 1).collect();
        let Some(most) = repeated.iter().map(runs).max() else { return Ok(()) };
        let flaky: Vec<&&Record<'_>> =
            repeated.iter().filter(|record| record.judgement.runs.len() > 1).collect();
        let (steady, trials) = (repeated.len() - flaky.len(), count(repeated.len(), "trial"));
        writeln!(
            self.out,
            "\n{HEAD}repeat{HEAD:#}    {most} runs of {trials}: {steady} came to the same each time, {} did not",
            flaky.len()
        )?;
        for record in flaky {
            let runs = record.judgement.runs.iter().map(|(verdict, number)| {
                let style = style_of(*verdict);
                format!("{style}{number} {}{style:#}", verdict.name())
            });
            let runs = runs.collect::<Vec<_>>().join(", ");
            let (case, server, client) = (&record.case.name, record.server, record.client);
            writeln!(self.out, "  {runs}: {case} (server {server}, client {client})")?;
        }
        Ok(())
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

    /// What stands behind the names, where the peers or the manifest say it.
    fn identities(&mut self, summary: &Summary) -> io::Result<()> {
        let peers = summary.identities.iter();
        let peers: Vec<String> =
            peers.map(|(peer, identity)| printable(&format!("{peer} is {identity}"))).collect();
        if peers.is_empty() {
            return Ok(());
        }
        writeln!(self.out, "\n{}", peers.join(", "))
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
    remarks.extend(known_failures(&of(Verdict::Known).collect::<Vec<_>>()));
    remarks.extend(of(Verdict::Fixed).map(|record| {
        let (server, client) = (record.server, record.client);
        let reason = words::reason(record.case, record.judgement);
        let case = &record.case.name;
        format!("{BAD}fixed{BAD:#}: {case} (server {server}, client {client}): {reason}")
    }));
    remarks.extend(passes(records));
    remarks.extend(waived(records));
    remarks.extend(listed_violations(records));
    let unread: usize = records.iter().map(|record| record.judgement.unread_calls).sum();
    if unread > 0 {
        let calls = count(unread, "call");
        remarks.push(format!(
            "{ODD}not read{ODD:#}: {calls}: not all that passed was read, so no rule of the wire was applied"
        ));
    }
    remarks.extend(ran_again(&summary.again));
    for (verdict, style) in [(Verdict::Unsupported, ODD), (Verdict::Blocked, BAD)] {
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for record in of(verdict) {
            *reasons.entry(words::reason(record.case, record.judgement)).or_default() += 1;
        }
        // What blocks a whole peer is said below, with its name.
        reasons.retain(|reason, _| !summary.blocked.values().any(|why| printable(why) == *reason));
        for (reason, number) in reasons {
            let (name, trials) = (verdict.name(), count(number, "trial"));
            remarks.push(format!("{style}{name}{style:#}: {trials}: {reason}"));
        }
    }
    for note in &summary.notes {
        let (server, client) = (&note.server, &note.client);
        let what = format!("{} {} {}", note.peer(), note.role, printable(&note.text));
        remarks.push(format!("{ODD}note{ODD:#}: {what} (server {server}, client {client})"));
    }
    remarks.extend(summary.stale.iter().map(|stale| format!("{BAD}stale{BAD:#}: {stale}")));
    for (peer, why) in &summary.blocked {
        remarks.push(format!("{BAD}blocked{BAD:#}: {peer}: {}", printable(why)));
    }
    remarks
}

/// Known failures: a line each, or how many there are.
fn known_failures(records: &[&Record<'_>]) -> Vec<String> {
    let mut groups: Vec<(String, String, Vec<&Record<'_>>)> = Vec::new();
    for record in records {
        let known = record.judgement.known();
        let known: Vec<String> =
            known.iter().map(|known| format!("{} ({})", known.reason, known.link)).collect();
        let (name, known) = (record.case.name.clone(), known.join("; "));
        match groups.iter_mut().find(|group| group.0 == name && group.1 == known) {
            Some((.., group)) => group.push(record),
            None => groups.push((name, known, vec![record])),
        }
    }
    if groups.len() > MOST_KNOWN {
        let trials = count(records.len(), "trial");
        let remark = "`crosswire list known` says of what and why";
        return vec![format!("{ODD}known{ODD:#}: {trials}; {remark}")];
    }
    let say = |(name, known, group): &(String, String, Vec<&Record<'_>>)| {
        let (place, known) = (cells_of(group), printable(known));
        format!("{ODD}known{ODD:#}: {name} with {place}: {known}")
    };
    groups.iter().map(say).collect()
}

/// What ran again, and what counts.
fn ran_again(again: &RanAgain) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |line: String| lines.push(format!("{ODD}again{ODD:#}: {line}"));
    if again.lost > 0 {
        add(format!(
            "{} had lost a connection that trials share, and ran again on a fresh one, which counts",
            count(again.lost, "trial")
        ));
    }
    for (case, server, client) in &again.charged {
        add(format!(
            "{case} (server {server}, client {client}) is charged with such a connection, although it passes alone: it was the last to send, and nothing else costs the connection again"
        ));
    }
    if again.lagged > 0 {
        add(format!(
            "{} failed by a clock while the machine had too much to do or the peers had just started, and ran again alone, which counts",
            count(again.lagged, "trial")
        ));
    }
    lines
}

/// Trials that pass although the list of public libraries says that they fail: it may be
/// too old, or the library mended.
fn passes(records: &[Record<'_>]) -> Vec<String> {
    let mut passes: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for record in records.iter().filter(|record| record.judgement.verdict == Verdict::Pass) {
        for known in &record.judgement.passes {
            *passes.entry((&known.reason, &known.link)).or_default() += 1;
        }
    }
    if passes.len() > MOST_KNOWN {
        let trials = count(passes.values().sum(), "trial");
        return vec![format!(
            "{ODD}note{ODD:#}: {trials} pass, and the built-in list says that they fail; results.jsonl names them"
        )];
    }
    let say = |((reason, link), number): (&(&str, &str), &usize)| {
        let (verb, trials) =
            (if *number == 1 { "passes" } else { "pass" }, count(*number, "trial"));
        let known = printable(&format!("{reason} ({link})"));
        format!("{ODD}note{ODD:#}: {trials} {verb}, and the built-in list says: {known}")
    };
    passes.iter().map(say).collect()
}

/// Broken rules that their peers waive, by rule and peer.
fn waived(records: &[Record<'_>]) -> Vec<String> {
    let mut waived: BTreeMap<(&str, String, &str), usize> = BTreeMap::new();
    for record in records {
        for finding in &record.judgement.findings {
            if let (Effect::Waived(why), Some(rule)) = (&finding.effect, finding.rule()) {
                *waived.entry((rule, broken_by(record, finding), why)).or_default() += 1;
            }
        }
    }
    let say = |((rule, peer, why), number): ((&str, String, &str), usize)| {
        let times = count(number, "time");
        format!("{ODD}waived{ODD:#}: {rule}, by {peer}, {times}: {}", printable(why))
    };
    waived.into_iter().map(say).collect()
}

/// The rules that were broken without failing a trial, by rule and peer.
fn listed_violations(records: &[Record<'_>]) -> Vec<String> {
    let mut listed: BTreeMap<(&str, String), (usize, &Finding)> = BTreeMap::new();
    for record in records.iter().filter(|record| record.judgement.verdict == Verdict::Pass) {
        let of_effect = record.judgement.findings.iter().filter(|f| f.effect == Effect::Listed);
        for finding in of_effect {
            let Some(rule) = finding.rule() else { continue };
            let entry = listed.entry((rule, broken_by(record, finding)));
            entry.or_insert((0, finding)).0 += 1;
        }
    }
    listed
        .into_iter()
        .map(|((_, peer), (number, finding))| {
            let violation = finding.violation.as_ref().map(words::violation).unwrap_or_default();
            let (times, what) = (count(number, "time"), printable(&violation));
            format!("{ODD}listed{ODD:#}: {peer}, {times}, such as {what}")
        })
        .collect()
}

/// The peer that broke a rule, with its role.
fn broken_by(record: &Record<'_>, finding: &Finding) -> String {
    match finding.side {
        Some(Side::Server) => format!("{} server", record.server),
        Some(Side::Client) => format!("{} client", record.client),
        _ => "nobody".to_owned(),
    }
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
    let evidence = words::evidence(blame, record.server, record.client);
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
