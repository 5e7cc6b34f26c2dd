//! The tables: on the console as the run ends, and in `docs/detection.md`.

use std::fmt::Write as _;

use mutants::mutant::Layer;

use crate::{
    manifest::{Role, Subject},
    unproven::Proof,
    verdict::{Outcome, Row},
};

/// What stands above the tables of the page.
const INTRODUCTION: &str = "\
# Detection

What the harness finds. `harness/tests/mutants` is a peer with a stack of its own, from
HTTP/2 frames to the services, that deviates at one place when it is told to: a
*mutant* has one planted defect, an *equivalent* is unusual and lawful. Each meets the
Rust reference peer, as the server, as the client, or as both, in one run of the suites
over plaintext. Equivalents meet all of the harness's scripts, too, but for the one that
needs server reflection, which the peer does not offer; so do the peer without a defect,
`none`, and those mutants that no well-behaved partner can tell for sure.

A mutant is killed if a trial fails, the side that it is on is blamed, and the other side
never is; an equivalent passes if nothing fails. `make mutants` runs all of it, ends with
an error if anything is not as it should be, and writes this page. `make mutants
ARGS='ddof-one pads-data'` runs some of them and leaves the page alone.

The case is one that finds the mutant, and the rule is one that it broke there, of the
wire or the case's own ([the contract](contract.md)). Both stay from run to run as long
as they are true; a new mutant gets the first of them, in the suites' order.

A scripted case that no mutant fails proves nothing: whatever its peer does, it passes.
So in the end the mutants meet the scripts that nobody has failed yet, group by group,
until each has been failed or has met them all; what is left is listed below, and is an
error. It is the case's own outcomes that must fail. A rule of the wire that a mutant
breaks everywhere says nothing of a case, nor does a mutant that fails all that it meets.
";

/// In the order of their tables.
const LAYERS: [Layer; 6] =
    [Layer::Detector, Layer::Fibonacci, Layer::Messages, Layer::Grpc, Layer::Http2, Layer::Streams];

/// The page.
pub(crate) fn markdown(rows: &[Row], proof: &Proof) -> String {
    let mut page = format!("{INTRODUCTION}\n{}\n\n{}", totals(rows), in_words(proof));
    for layer in LAYERS {
        let _ = write!(page, "\n## {}\n\n", title(layer));
        page.push_str("| mutant | side | what it does | outcome | case | rule |\n");
        page.push_str("| --- | --- | --- | --- | --- | --- |\n");
        for row in rows.iter().filter(|row| is_of(row, layer, false)) {
            let (outcome, case, rule) = outcome(row);
            let (name, what) = (row.subject.name(), what(row));
            let role = row.role;
            let _ = writeln!(page, "| {name} | {role} | {what} | {outcome} | {case} | {rule} |");
        }
    }
    page.push_str("\n## Equivalents\n\n| equivalent | layer | side | what it does | outcome |\n");
    page.push_str("| --- | --- | --- | --- | --- |\n");
    for row in rows.iter().filter(|row| row.subject.is_lawful()) {
        let (outcome, _, _) = outcome(row);
        let (name, layer) = (row.subject.name(), layer_of(row).map_or("", title));
        let _ = writeln!(page, "| {name} | {layer} | {} | {} | {outcome} |", row.role, what(row));
    }
    page
}

/// What the scripts are worth, for whoever waits for it.
pub(crate) fn proof(proof: &Proof) -> String {
    format!("\n{}", in_words(proof))
}

fn in_words(proof: &Proof) -> String {
    let proven = proof.scripts - proof.unproven.len();
    let mut text =
        format!("{proven} of {} scripted cases are failed by a mutant.\n", proof.scripts);
    if !proof.unproven.is_empty() {
        text.push_str("These prove nothing:\n\n");
    }
    for script in &proof.unproven {
        let _ = writeln!(text, "- {} (of a {})", script.case, script.role);
    }
    text
}

/// The case and the rule that the page names for a mutant in a role.
pub(crate) fn named<'a>(page: &'a str, name: &str, role: Role) -> Option<(&'a str, &'a str)> {
    let row = page.lines().find_map(|line| {
        let line = line.strip_prefix("| ")?.strip_prefix(name)?.strip_prefix(" | ")?;
        line.strip_prefix(&role.to_string())?.strip_prefix(" | ")
    })?;
    let mut cells = row.trim_end_matches(" |").rsplit(" | ");
    let (rule, case) = (cells.next()?, cells.next()?);
    (!case.is_empty()).then_some((case, rule))
}

/// The tables for whoever waits for them, with how many trials failed, and then what
/// is not as it should be.
pub(crate) fn console(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let (outcome, case, rule) = outcome(row);
        let layer = layer_of(row).map_or("", title);
        let (name, role) = (row.subject.name(), row.role.to_string());
        let _ = write!(text, "{layer:<10} {name:<30} {role:<7} {outcome:<15} ");
        let _ = writeln!(text, "{:>3} of {:>4} failed  {rule:<8} {case}", row.failed, row.trials);
    }
    for row in rows.iter().filter(|row| !row.is_right()) {
        let (outcome, case, _) = outcome(row);
        let (name, role) = (row.subject.name(), row.role);
        let _ = writeln!(text, "\n{name} as {role}: {outcome} {case}\n  {}", what(row));
        if let Outcome::Killed(killer)
        | Outcome::BlamedNobody(killer)
        | Outcome::BlamedWrongly(killer) = &row.outcome
        {
            let _ = writeln!(text, "  {}", killer.reason);
        }
    }
    let _ = writeln!(text, "\n{}", totals(rows));
    text
}

fn totals(rows: &[Row]) -> String {
    let count = |is_lawful: bool, is_counted: &dyn Fn(&Row) -> bool| {
        rows.iter().filter(|row| row.subject.is_lawful() == is_lawful && is_counted(row)).count()
    };
    let (mutants, killed) = (count(false, &|_| true), count(false, &Row::is_right));
    let (equivalents, passed) = (count(true, &|_| true), count(true, &Row::is_right));
    let alarms = equivalents - passed;
    let plural = if alarms == 1 { "" } else { "s" };
    format!(
        "{killed} of {mutants} killed, {passed} of {equivalents} equivalents pass, {alarms} false alarm{plural}."
    )
}

/// The outcome in words, with the case and the rule that found it.
fn outcome(row: &Row) -> (&'static str, &str, &str) {
    match &row.outcome {
        Outcome::Killed(killer) if row.subject.is_lawful() => {
            ("FALSE ALARM", &killer.case, &killer.rule)
        }
        Outcome::Killed(killer) => ("killed", &killer.case, &killer.rule),
        Outcome::Passed if row.subject.is_lawful() => ("passes", "", ""),
        Outcome::Passed => ("SURVIVED", "", ""),
        Outcome::BlamedNobody(killer) => ("BLAMED NOBODY", &killer.case, &killer.rule),
        Outcome::BlamedWrongly(killer) => ("BLAMED WRONGLY", &killer.case, &killer.rule),
        Outcome::NotTried => ("NOT TRIED", "", ""),
    }
}

fn is_of(row: &Row, layer: Layer, is_lawful: bool) -> bool {
    layer_of(row) == Some(layer) && row.subject.is_lawful() == is_lawful
}

fn layer_of(row: &Row) -> Option<Layer> {
    match row.subject {
        Subject::Correct => None,
        Subject::Mutant(entry) => Some(entry.layer),
    }
}

fn what(row: &Row) -> &'static str {
    match row.subject {
        Subject::Correct => "does everything as it should be done",
        Subject::Mutant(entry) => entry.what,
    }
}

const fn title(layer: Layer) -> &'static str {
    match layer {
        Layer::Detector => "Detector",
        Layer::Fibonacci => "Fibonacci",
        Layer::Messages => "Messages",
        Layer::Grpc => "gRPC",
        Layer::Http2 => "HTTP/2",
        Layer::Streams => "Streams",
    }
}
