//! The report of the last run, as far as other commands read it again.

use std::path::Path;

use serde::Deserialize;

use crate::input::{BadInput, read_text};

/// A line of `results.jsonl`.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) run: Option<Run>,
    pub(super) trial: Option<Trial>,
    pub(super) summary: Option<Summary>,
}

/// The header.
#[derive(Deserialize)]
pub(super) struct Run {
    pub(super) peers: Vec<RunPeer>,
}

#[derive(Deserialize)]
pub(super) struct RunPeer {
    pub(super) name: String,
    pub(super) implementation: Option<String>,
    pub(super) version: Option<String>,
}

/// A trial, as far as it says: an older report may say less.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Trial {
    pub(super) server: String,
    pub(super) client: String,
    pub(super) case: String,
    pub(super) rule: String,
    pub(super) verdict: String,
    pub(super) short: Option<String>,
    pub(super) blame: Option<String>,
    pub(super) passes: Vec<Entry>,
    pub(super) known: Vec<Entry>,
}

#[derive(Deserialize)]
pub(super) struct Summary {
    #[serde(default)]
    pub(super) stale: Vec<Entry>,
}

/// An entry of a known list.
#[derive(Deserialize)]
pub(super) struct Entry {
    pub(super) place: String,
}

/// The lines of the run that was reported to this folder last; none if there was no run.
///
/// # Errors
/// The file cannot be read, or is no report.
pub(super) fn lines(folder: &Path) -> Result<Vec<Line>, BadInput> {
    let path = folder.join("results.jsonl");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = read_text(&path)?;
    let lines = text.lines().map(|line| {
        serde_json::from_str(line).map_err(|error| {
            BadInput::new(path.as_path(), format_args!("no report of a run: {error}"))
        })
    });
    lines.collect()
}
