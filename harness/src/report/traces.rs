//! The transcripts of trials, a file each.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::words;
use crate::{
    judge::Judgement,
    observe::{Observation, Outcome, Waited, Wire},
    output,
    plan::Cell,
    results::Trace,
    suite::Case,
    text::{count, printable},
    trace::{self, TraceInput},
};

/// The longest file of a trial. A transcript is cut in its middle and comes to far less; a
/// call that was tried again and again has many.
const MOST_TEXT_BYTES: usize = 1 << 20;

/// Writes transcripts into the report's folder.
#[derive(Debug, Clone)]
pub struct Traces {
    folder: PathBuf,
}

impl Traces {
    /// They will stand in `traces/` of the report's folder.
    #[must_use]
    pub fn new(report: &Path) -> Self {
        Self { folder: report.join("traces") }
    }

    /// Writes what passed in a trial, with the broken rules marked. `None` if nobody
    /// watched.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(
        &self,
        cell: &Cell,
        case: &Case,
        judgement: &Judgement,
        observation: &Observation,
    ) -> std::io::Result<Option<Trace>> {
        let Some(wire) = &observation.wire else { return Ok(None) };
        let waited = waited(observation, wire);
        let folder = self.folder.join(format!("{}+{}", cell.server.name, cell.client.name));
        // A case's name is made of segments; no `+` occurs in it.
        let path = folder.join(format!("{}.txt", case.name.replace('/', "+")));
        let mut text = String::new();
        let mut excerpt: Vec<String> = wire.opaque.iter().map(ToString::to_string).collect();
        // Of what passed unread, there is nothing to say of the calls.
        let calls = if excerpt.is_empty() { &case.calls[..] } else { &[] };
        if !excerpt.is_empty() {
            text = format!("{}\n{}\n", case.name, printable(&excerpt.join("\n")));
        }
        for (index, (call, transcripts)) in calls.iter().zip(&wire.calls).enumerate() {
            let heading = match case.calls.len() {
                1 => case.name.clone(),
                number => format!("{}, call {} of {number}", case.name, index + 1),
            };
            let violations = judgement.violations_of(index);
            let input = TraceInput {
                case: &heading,
                call,
                transcripts,
                violations: &violations,
                say: words::violation,
                notes: &wire.notes,
                // They are no single call's.
                asides: if index + 1 == calls.len() { &wire.asides } else { &[] },
                waited,
            };
            text.push_str(&trace::whole(&input));
            text.push('\n');
            // The first call with something to say about it speaks for the trial.
            if excerpt.is_empty() && (!violations.is_empty() || !judgement.has_violations()) {
                excerpt = trace::excerpt(&input);
            }
        }
        if let Some(end) = (0..=MOST_TEXT_BYTES).rev().find(|end| text.is_char_boundary(*end))
            && end < text.len()
        {
            let left_out = count(text.len() - end, "byte");
            text.truncate(end);
            text.push_str(&format!("\n… {left_out} left out\n"));
        }
        fs::create_dir_all(&folder)?;
        output::write(&path, &text)?;
        Ok(Some(Trace { path, excerpt }))
    }
}

/// What the case's script waits for that did not come.
fn waited<'a>(observation: &'a Observation, wire: &'a Wire) -> Option<&'a Waited> {
    let of_client = match &observation.outcome {
        Outcome::Played(played) => played.stalled.as_ref(),
        _ => None,
    };
    wire.stalled.as_ref().or(of_client).map(|stalled| &stalled.waited)
}
