//! `crosswire known`: changes the list of known failures.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use super::{CommandError, print, report_folder};
use crate::{
    command_line::{KnownAddArgs, KnownPruneArgs},
    exit::Exit,
    input::{BadInput, read_text},
    known::{self, Known, NewKnown},
    project::Project,
};

pub(super) fn add(project: &Project, arguments: &KnownAddArgs) -> Result<Exit, CommandError> {
    let path = list_path(project)?;
    let new = NewKnown {
        server: arguments.server.clone(),
        client: arguments.client.clone(),
        case: arguments.case.clone(),
        message: arguments.message.clone(),
        reason: arguments.reason.clone(),
        link: arguments.link.clone(),
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
    let folder = report_folder(project, arguments.report.as_ref());
    let last_run = read_results(&folder.join("results.jsonl"))?;
    let plan = project.plan(&crate::plan::Selection::everything());
    let names: Vec<_> = plan.names().collect();
    let is_over = |entry: &Known| {
        let mut matching = names.iter().filter(|(s, c, case)| entry.matches(s, c, case)).peekable();
        let is_stale = matching.peek().is_none();
        is_stale
            || matching.all(|(server, client, case)| {
                let key = (*server).to_owned() + "+" + client + "+" + case;
                last_run.get(&key).is_some_and(|verdict| verdict == "fixed")
            })
    };
    let entries = project.known.entries.iter().enumerate();
    let over: Vec<usize> =
        entries.filter(|(_, entry)| is_over(entry)).map(|(position, _)| position).collect();
    known::remove(path, &over)?;
    let number = over.len();
    let noun = if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") };
    print(&format!("removed {noun} from {}\n", path.display()))?;
    Ok(Exit::Success)
}

fn list_path(project: &Project) -> Result<&Path, BadInput> {
    project.manifest.known.as_deref().ok_or_else(|| {
        let problem = "names no list of known failures; add `known = \"known.toml\"` to it";
        BadInput::new(project.manifest.path.as_path(), problem)
    })
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

/// The verdicts of the last run, by server, client and case.
fn read_results(path: &Path) -> Result<BTreeMap<String, String>, BadInput> {
    let mut verdicts = BTreeMap::new();
    for line in read_text(path)?.lines() {
        let line: Line = serde_json::from_str(line)
            .map_err(|error| BadInput::new(path, format_args!("no report of a run: {error}")))?;
        if let Some(trial) = line.trial {
            verdicts.insert(trial.server + "+" + &trial.client + "+" + &trial.case, trial.verdict);
        }
    }
    Ok(verdicts)
}
