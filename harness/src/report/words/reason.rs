//! Why a trial came to its verdict, in one line.

use super::finding;
use crate::{
    judge::{Judgement, Verdict},
    suite::Case,
    text::{count, list},
};

/// How many findings are told; the others are counted.
const MOST_TOLD: usize = 3;

/// Why; empty for a pass.
#[must_use]
pub fn reason(case: &Case, judgement: &Judgement) -> String {
    if judgement.verdict == Verdict::Fixed {
        let places: Vec<String> =
            judgement.passes.iter().map(|known| known.place.to_string()).collect();
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        return format!(
            "passes, and {} lists it as a known failure; `crosswire known prune` removes the entry if all that it covers passes",
            list(&places)
        );
    }
    let deciding: Vec<_> = judgement.deciding().collect();
    let runs: usize = judgement.runs.values().sum();
    let failed = judgement.runs.iter().filter(|(verdict, _)| verdict.is_unexpected());
    let failed: usize = failed.map(|(_, number)| number).sum();
    let often = match judgement.verdict {
        Verdict::Flaky => format!("in {failed} of {}: ", count(runs, "run")),
        _ => String::new(),
    };
    let mut told: Vec<String> = deciding
        .iter()
        .take(MOST_TOLD)
        .map(|one| match one.call {
            Some(call) if case.calls.len() > 1 => format!("call {call}: {}", finding(one)),
            _ => finding(one),
        })
        .collect();
    let more = (deciding.len() + judgement.more_findings).saturating_sub(told.len());
    if more > 0 {
        told.push(format!("and {}", count(more, "more finding")));
    }
    let known: Vec<String> = judgement
        .findings
        .iter()
        .filter(|one| judgement.verdict.is_unexpected() && one.known().is_some())
        .filter_map(|one| Some(one.known()?.place.to_string()))
        .collect();
    if let Some(first) = known.first() {
        let rest = count(known.len(), "other finding");
        told.push(format!("{first} explains {rest}, and not this"));
    }
    often + &told.join("; ")
}
