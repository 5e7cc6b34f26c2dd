//! `crosswire known`: changes the list of known failures.

use std::{collections::BTreeSet, path::Path};

use serde::Deserialize;

use super::{CommandError, print, report_folder};
use crate::{
    command_line::{KnownAddArgs, KnownPruneArgs},
    exit::Exit,
    input::{BadInput, OneOrMore, read_text},
    known::{self, Known},
    plan::Selection,
    project::Project,
    text::count,
};

pub(super) fn add(project: &Project, arguments: &KnownAddArgs) -> Result<Exit, CommandError> {
    let path = list_path(project)?;
    let new = Known {
        server: arguments.server.clone(),
        client: arguments.client.clone(),
        case: arguments.case.clone(),
        message: OneOrMore(arguments.message.clone()),
        rules: arguments.rules.clone(),
        reason: arguments.reason.clone(),
        link: arguments.link.clone(),
        place: Known::nowhere(),
    };
    known::add(path, &new)?;
    let project = Project::load(Some(&project.manifest.path))?;
    let defects = project.known_defects();
    for defect in &defects {
        eprintln!("crosswire: {defect}");
    }
    if !defects.is_empty() {
        known::remove(path, &[project.known.entries.len() - 1])?;
        return Ok(Exit::StaleKnown);
    }
    print(&format!("added to {}\n", path.display()))?;
    Ok(Exit::Success)
}

pub(super) fn prune(project: &Project, arguments: &KnownPruneArgs) -> Result<Exit, CommandError> {
    let path = list_path(project)?;
    let plan = project.plan(&Selection::everything());
    let last_run = LastRun::read(report_folder(project, arguments.report.as_ref()))?;
    let mut over = Vec::new();
    let mut text = String::new();
    for (position, entry) in project.known.entries.iter().enumerate() {
        let trials: Vec<_> =
            plan.names().filter(|(s, c, case)| entry.matches(s, c, case)).collect();
        let fixed = trials.iter().filter(|trial| last_run.has_fixed(**trial)).count();
        if fixed == trials.len() {
            over.push(position);
        } else if fixed > 0 {
            text.push_str(&format!(
                "kept {}: {fixed} of its {} are fixed; narrow its patterns\n",
                entry.place,
                count(trials.len(), "trial")
            ));
        }
    }
    known::remove(path, &over)?;
    let noun = if over.len() == 1 { "entry" } else { "entries" };
    text.push_str(&format!("removed {} {noun} from {}\n", over.len(), path.display()));
    print(&text)?;
    Ok(Exit::Success)
}

fn list_path(project: &Project) -> Result<&Path, BadInput> {
    project.manifest.known.as_deref().ok_or_else(|| {
        let problem = "names no list of known failures; add `known = \"known.toml\"` to it";
        BadInput::new(project.manifest.path.as_path(), problem)
    })
}

/// The trials that the last run found fixed; none if there was no run.
struct LastRun {
    fixed: BTreeSet<(String, String, String)>,
}

#[derive(Deserialize)]
struct Line {
    trial: Option<Trial>,
}

#[derive(Deserialize)]
struct Trial {
    server: String,
    client: String,
    case: String,
    verdict: String,
}

impl LastRun {
    fn read(folder: &Path) -> Result<Self, BadInput> {
        let path = folder.join("results.jsonl");
        let mut fixed = BTreeSet::new();
        if path.exists() {
            for line in read_text(&path)?.lines() {
                let line: Line = serde_json::from_str(line).map_err(|error| {
                    BadInput::new(path.as_path(), format_args!("no report of a run: {error}"))
                })?;
                if let Some(trial) = line.trial.filter(|trial| trial.verdict == "fixed") {
                    fixed.insert((trial.server, trial.client, trial.case));
                }
            }
        }
        Ok(Self { fixed })
    }

    fn has_fixed(&self, (server, client, case): (&str, &str, &str)) -> bool {
        self.fixed.contains(&(server.to_owned(), client.to_owned(), case.to_owned()))
    }
}
