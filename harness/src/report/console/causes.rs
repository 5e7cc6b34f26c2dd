//! Causes on the console: one example of each in full, and a table that a screen holds.

use std::io::{self, Write};

use super::{BAD, Console, HEAD, Rerun, blame_text, cells_of, shown, words};
use crate::{
    finding::Side,
    judge::Verdict,
    results::{Cause, Record},
    text::{count, printable, shorten},
};

/// How many causes are shown with an example; the table has more.
const MOST_EXAMPLES: usize = 20;

/// How many causes the table has: with two lines each, a screen holds them.
const MOST_IN_TABLE: usize = 20;

/// How many groups of cases are named of a cause.
const MOST_CASES: usize = 3;

/// How wide a line of the table may be.
const TABLE_CHARACTERS: usize = 110;

impl<W: Write> Console<'_, W> {
    /// One example of each cause in full, the most frequent cause first.
    pub(super) fn examples(
        &mut self,
        causes: &[Cause<'_>],
        records: &[Record<'_>],
    ) -> io::Result<()> {
        for cause in causes.iter().take(MOST_EXAMPLES) {
            self.example(cause, records)?;
        }
        if causes.len() > MOST_EXAMPLES {
            let more = count(causes.len() - MOST_EXAMPLES, "more cause");
            let file = self.folder.join("results.jsonl");
            writeln!(self.out, "\n{BAD}{more}{BAD:#} in {}", file.display())?;
        }
        Ok(())
    }

    fn example(&mut self, cause: &Cause<'_>, records: &[Record<'_>]) -> io::Result<()> {
        let trials = || cause.trials.iter().filter_map(|&trial| records.get(trial));
        let Some(first) = trials().next() else { return Ok(()) };
        let (case, judgement) = (first.case, first.judgement);
        let verdict = judgement.verdict.name().to_uppercase();
        let same: Vec<&Record<'_>> =
            trials().filter(|one| one.case.name == first.case.name).collect();
        let place = cells_of(&same);
        writeln!(self.out, "\n{BAD}{verdict}{BAD:#} {HEAD}{}{HEAD:#} with {place}", case.name)?;
        if let Some(rule) = self.contract.rule(&case.rule) {
            self.line("rule", &format!("{} ({}) {}", rule.id, rule.level, rule.text))?;
        }
        self.line("why", &case.why)?;
        self.line("reason", &words::reason(case, judgement))?;
        if let Some(expected) = &judgement.expected {
            self.line("expected", &shown(expected))?;
        }
        if let Some(actual) = &judgement.actual {
            self.line("actual", &shown(actual))?;
        }
        if let Some(blame) = &first.blame {
            self.line("blame", &blame_text(blame, first))?;
        }
        if cause.trials.len() > same.len() {
            let trials = count(cause.trials.len(), "trial");
            let cases = cases_of(trials_of(cause, records));
            self.line("cause", &format!("{}: of {trials}: {cases}", cause.id))?;
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
        let runs: usize = judgement.runs.values().sum();
        let again = match judgement.is_answered_alone {
            _ if judgement.verdict == Verdict::Flaky => {
                format!("{cell}{selection} --repeat {runs}")
            }
            // It takes what ran beside it.
            true => format!("{cell}{selection}"),
            false => format!("{cell} -E 'case({})'", case.name),
        };
        self.line("again", &again)
    }

    /// All causes, two lines each, if there are several.
    pub(super) fn table(&mut self, causes: &[Cause<'_>], records: &[Record<'_>]) -> io::Result<()> {
        if causes.len() < 2 {
            return Ok(());
        }
        let failures: usize = causes.iter().map(|cause| cause.trials.len()).sum();
        let (causes_number, failures) = (count(causes.len(), "cause"), count(failures, "failure"));
        writeln!(self.out, "\n{HEAD}{causes_number} of {failures}{HEAD:#}")?;
        for cause in causes.iter().take(MOST_IN_TABLE) {
            let number = cause.trials.len();
            let what = words::headline(cause.finding);
            let what = match (cause.side, cause.finding.rule()) {
                (Side::Unclear, _) => format!("unclear: {what}"),
                // A rule's words name the side.
                (side, _) => format!("{} {side}: {what}", cause.whose),
            };
            let what = shorten(&printable(&what), TABLE_CHARACTERS);
            writeln!(self.out, "{BAD}{number:5}{BAD:#}  {what}")?;
            let cases = cases_of(trials_of(cause, records));
            writeln!(self.out, "       {}  {}", cause.id, shorten(&cases, TABLE_CHARACTERS))?;
        }
        if causes.len() > MOST_IN_TABLE {
            let more = count(causes.len() - MOST_IN_TABLE, "more cause");
            let file = self.folder.join("results.jsonl");
            writeln!(self.out, "       {more} in {}", file.display())?;
        }
        Ok(())
    }
}

fn trials_of<'a, 'b>(
    cause: &'a Cause<'_>,
    records: &'a [Record<'b>],
) -> impl Iterator<Item = &'a Record<'b>> {
    cause.trials.iter().filter_map(|&trial| records.get(trial))
}

/// The cases of some trials: names that share all but their last segment stand together.
fn cases_of<'a>(trials: impl Iterator<Item = &'a Record<'a>>) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for record in trials {
        let name = record.case.name.as_str();
        let folder = name.rsplit_once('/').map_or(name, |(folder, _)| folder);
        match groups.iter_mut().find(|(other, _)| *other == folder) {
            Some((_, names)) => names.push(name),
            None => groups.push((folder, vec![name])),
        }
    }
    groups.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    let told = groups.iter().take(MOST_CASES).map(|(folder, names)| {
        let trials = names.len();
        let is_one = names.iter().all(|name| name == &names[0]);
        match (is_one, trials) {
            (true, 1) => names[0].to_owned(),
            (true, _) => format!("{} ({trials})", names[0]),
            (false, _) => format!("{folder}/* ({trials})"),
        }
    });
    let told: Vec<String> = told.collect();
    let more: usize = groups.iter().skip(MOST_CASES).map(|(_, names)| names.len()).sum();
    match more {
        0 => told.join(", "),
        more => format!("{}, and {more} more", told.join(", ")),
    }
}
