//! `crosswire known`: changes the list of known failures.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use super::{
    CommandError,
    last_run::{self, Entry},
    print, report_folder,
};
use crate::{
    command_line::{KnownAddArgs, KnownPruneArgs},
    exit::Exit,
    finding::{Explanation, without_positions},
    input::BadInput,
    known::{self, Known, Whose},
    output::say,
    project::{Project, Wanted},
    role::Role,
    text::count,
};

pub(super) fn add(manifest: Option<&Path>, arguments: &KnownAddArgs) -> Result<Exit, CommandError> {
    let project = Project::load(manifest, Wanted::Nothing)?;
    let path = list_path(&project)?;
    known::add(path, &entry(arguments))?;
    let project = Project::load(Some(&project.manifest.path), Wanted::Nothing)?;
    let position = project.known.entries.len() - 1;
    let own = &project.known.entries[position].explanation.place;
    let stale = project.stale_entries();
    let stale: Vec<_> = stale.iter().filter(|stale| stale.place == *own).collect();
    for entry in &stale {
        say(&format!("crosswire: {entry}"));
    }
    if !stale.is_empty() {
        known::remove(path, &[position])?;
        return Ok(Exit::StaleKnown);
    }
    print(&format!("added to {}\n", path.display()))?;
    Ok(Exit::Success)
}

fn entry(arguments: &KnownAddArgs) -> Known {
    let whose = match &arguments.peer[..] {
        [] => Whose::Implementation {
            names: arguments.implementation.clone(),
            versions: arguments.versions.clone(),
        },
        peers => Whose::Peer(peers.to_vec()),
    };
    Known {
        whose,
        role: arguments.role.as_deref().map(|role| match role {
            "server" => Role::Server,
            _ => Role::Client,
        }),
        with: Vec::new(),
        cases: arguments.case.clone(),
        kinds: arguments.kind.clone(),
        field: arguments.field.as_deref().map(without_positions),
        got: arguments.got.clone(),
        rules: arguments.rules.clone(),
        is_of_tls: false,
        sometimes: false,
        explanation: Arc::new(Explanation {
            reason: arguments.reason.clone(),
            link: arguments.link.clone(),
            place: "known add".into(),
        }),
        is_built_in: false,
    }
}

pub(super) fn prune(
    manifest: Option<&Path>,
    arguments: &KnownPruneArgs,
) -> Result<Exit, CommandError> {
    let project = Project::load(manifest, Wanted::Nothing)?;
    let path = list_path(&project)?;
    let last_run = LastRun::read(report_folder(&project, arguments.report.as_ref()))?;
    let hopeless = project.stale_entries();
    let mut over = Vec::new();
    let mut text = String::new();
    for (position, entry) in project.known.entries.iter().enumerate() {
        let place = &entry.explanation.place;
        let name = place.to_string();
        let fixed = last_run.passes.iter().filter(|place| **place == name).count();
        let known = last_run.explained.iter().filter(|place| **place == name).count();
        let is_stale = hopeless.iter().any(|stale| stale.place == *place);
        if is_stale || last_run.stale.contains(&name) || (fixed > 0 && known == 0) {
            over.push(position);
        } else if fixed > 0 {
            text.push_str(&format!(
                "kept {place}: {fixed} of its {} are fixed; narrow its patterns\n",
                count(fixed + known, "trial")
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

/// What the last run says of entries, by their places; nothing if there was no run.
#[derive(Default)]
struct LastRun {
    /// Once for each trial that passed although the entry says that it fails.
    passes: Vec<String>,
    /// Once for each trial that the entry explains.
    explained: Vec<String>,
    /// Entries that matched nothing in a whole run.
    stale: BTreeSet<String>,
}

impl LastRun {
    fn read(folder: &Path) -> Result<Self, BadInput> {
        let mut run = Self::default();
        let places = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.place);
        for line in last_run::lines(folder)? {
            if let Some(trial) = line.trial {
                run.passes.extend(places(trial.passes));
                run.explained.extend(places(trial.known));
            }
            if let Some(summary) = line.summary {
                run.stale.extend(places(summary.stale));
            }
        }
        Ok(run)
    }
}
